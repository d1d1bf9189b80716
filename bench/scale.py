"""What a set costs as it grows: one `pulumi up` that changes 1, 10 or 50 functions, their canaries side by side.

Each is the real CLI on a cloud of its own, with a few calls to every alias. Counted are the calls of the release
engine, by its user agent; those of Pulumi's provider, whose rate is not ours, stand beside them.

Rates are per simulated second. At FACTOR a call to the local cloud takes about as long, on the simulated clock, as one
to AWS does (4 ms, hence 40): an engine that does not hold itself back shows here what it would do there.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import calls, past, policies
from bench.calls import Call, peak
from infra.console import plain_table
from rehearsal.environment import sandbox
from rehearsal.fleet.callers import Callers
from rehearsal.fleet.driver import Fleet
from rehearsal.fleet.members import names

RESULT = Path(".bench/scale.json")
FACTOR = 10.0  # simulated seconds per real one
SIZES = (1, 10, 50)
PASTS = (10, 1000)
PAST_BAR = 1.1  # times; the looks of a release are not the same number each time
CALLERS = 0.5  # calls per real second and function
SHIFT = "AllowTraffic"  # the lifecycle event in which CodeDeploy moves an alias

TIME_BAR = 5.0  # times; 50 functions over 10
LINEAR_BAR = 1.2  # times; calls per function at 50 over those at 10, and over those at 1
# Requests a second, of an account and region:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LAMBDA_BAR = 15.0  # the control plane but for GetFunction
GET_FUNCTION_BAR = 100.0
CODEDEPLOY_BAR = 5.0  # AWS publishes none; ours
DATA_PLANE = ("Invoke", "InvokeAsync", "InvokeWithResponseStream")


class BenchError(Exception):
    """An `up` that did not do what is measured."""


@dataclass(frozen=True)
class Taken:
    """One `up`: real seconds, the engine's calls, when CodeDeploy moved an alias, and how many calls others made."""

    functions: int
    seconds: float
    engine: Sequence[Call]
    shifts: Sequence[float]
    others: int

    @property
    def per_function(self) -> float:
        """The engine's calls for each function."""
        return len(self.engine) / self.functions

    @property
    def lambda_rate(self) -> float:
        """The most calls of Lambda's control plane in a simulated second; CodeDeploy's UpdateAlias counts with ours."""
        apart = (*DATA_PLANE, "GetFunction")
        ours = (call.at for call in self.engine if call.service == "lambda" and call.action not in apart)
        return peak((*ours, *self.shifts), 1 / FACTOR)

    @property
    def get_function_rate(self) -> float:
        """The most calls of Lambda's GetFunction in a simulated second."""
        return peak((call.at for call in self.engine if call.action == "GetFunction"), 1 / FACTOR)

    def rate(self, service: str) -> float:
        """The most calls of a service in a simulated second."""
        return peak((call.at for call in self.engine if call.service == service), 1 / FACTOR)

    def as_json(self) -> dict[str, object]:
        """The file's form. `policies`: characters of each managed policy of a stack of so many functions."""
        measured = {"functions": self.functions, "seconds": self.seconds, "api_calls": len(self.engine)}
        return {**measured, "policies": policies.sizes(self.functions)}


@dataclass(frozen=True)
class Bar:
    """A figure that must not be above `most`."""

    what: str
    figure: float
    most: float

    @property
    def reached(self) -> bool:
        return self.figure <= self.most

    def line(self) -> str:
        """For a person."""
        return f"{self.what}: {self.figure:.2f}, at most {self.most:g}: {'reached' if self.reached else 'MISSED'}"


def measure(size: int) -> Taken:
    """Create that many functions, change them all, and `up`. Raises BenchError where one is not promoted."""
    with sandbox.running(FACTOR) as stage:
        fleet = Fleet(stage, names(size))
        fleet.create()
        fleet.edit(2)
        before, begun = fleet.observe(), time.time()
        functions = [target["function"] for target in fleet.targets.values()]
        alias = next(iter(fleet.targets.values()))["alias"]
        calls.clear(stage.endpoint)
        with Callers(stage.aws.client("lambda"), functions, alias, CALLERS * size):
            up = fleet.up()
        made = calls.made(stage.endpoint)
        if up.exit_code != 0:
            raise BenchError(f"`pulumi up` of {size} functions exited {up.exit_code}:\n{up.text}")
        left = [name for name, seen in fleet.observe().items() if seen.live in {None, before[name].live}]
        if left:
            raise BenchError(f"`pulumi up` of {size} functions left {', '.join(left)} where it was:\n{up.text}")
        engine = [call for call in made if call.by_engine]
        others = sum(not call.by_engine and call.action not in DATA_PLANE for call in made)
        return Taken(size, up.seconds, engine, list(shifts(fleet, begun)), others)


def shifts(fleet: Fleet, since: float) -> Iterator[float]:
    """When CodeDeploy called UpdateAlias, in seconds since the epoch: as a canary begins, and as it ends."""
    client = fleet.sandbox.aws.client("codedeploy")
    for target in fleet.targets.values():
        group = {"applicationName": target["application"], "deploymentGroupName": target["group"]}
        pages = client.get_paginator("list_deployments").paginate(**group, createTimeRange={"start": since})
        for id_ in [id_ for page in pages for id_ in page["deployments"]]:
            name = f"{target['function']}:{target['alias']}"
            found = client.get_deployment_target(deploymentId=id_, targetId=name)["deploymentTarget"]["lambdaTarget"]
            for event in found["lifecycleEvents"]:
                if event["lifecycleEventName"] == SHIFT:
                    yield from (event[at].timestamp() for at in ("startTime", "endTime") if at in event)


def bars(taken: Sequence[Taken]) -> list[Bar]:
    """What must hold of the three, smallest first."""
    one, ten, fifty = taken
    return [
        Bar("seconds, 50 functions over 10", fifty.seconds / ten.seconds, TIME_BAR),
        Bar("calls per function, 50 over 10", fifty.per_function / ten.per_function, LINEAR_BAR),
        Bar("calls per function, 50 over 1", fifty.per_function / one.per_function, LINEAR_BAR),
        Bar("Lambda's control plane, calls a second", max(each.lambda_rate for each in taken), LAMBDA_BAR),
        Bar("GetFunction, calls a second", max(each.get_function_rate for each in taken), GET_FUNCTION_BAR),
        Bar("the largest managed policy, characters", max(policies.sizes(fifty.functions).values()), policies.BAR),
        Bar("CodeDeploy, calls a second", max(each.rate("codedeploy") for each in taken), CODEDEPLOY_BAR),
    ]


def table(taken: Sequence[Taken]) -> Table:
    """For a person: the engine's calls, all and for each function, the most of a service in a second, others' calls."""
    shown = plain_table()
    for heading in ("functions", "seconds", "calls", "each", "Lambda", "CodeDeploy", "CloudWatch", "others"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for each in taken:
        rates = (each.lambda_rate, each.rate("codedeploy"), each.rate("cloudwatch"))
        counts = (f"{len(each.engine)}", f"{each.per_function:.1f}", *(f"{rate:g}" for rate in rates), f"{each.others}")
        shown.add_row(f"{each.functions}", f"{each.seconds:.1f}", *counts)
    return shown


def main() -> int:
    """Measure, print and write; 0 when every bar is reached."""
    console = Console(highlight=False)
    taken = [measure(size) for size in SIZES]
    RESULT.parent.mkdir(exist_ok=True)
    before = [past.measure(deployments) for deployments in PASTS]
    RESULT.write_text(
        json.dumps([*(each.as_json() for each in taken), *(each.as_json() for each in before)], indent=2) + "\n"
    )
    console.print(table(taken))
    for one in before:
        console.print(f"after {one.deployments} deployments: {one.calls} calls")
    few, many = before
    found = [*bars(taken), Bar("calls, after 1000 deployments over after 10", many.calls / few.calls, PAST_BAR)]
    for bar in found:
        console.print(bar.line())
    return 0 if all(bar.reached for bar in found) else 1
