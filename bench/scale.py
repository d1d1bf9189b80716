"""Measures what a set costs as it grows: one `pulumi up` changes 1, 10 or 50 functions, whose canaries run in parallel.

Each size runs the real CLI on a cloud of its own, with a few calls to every alias. The benchmark counts the calls of
the release engine, by its user agent; it lists those of Pulumi's provider, whose rate is not ours, apart.

Rates are per simulated second. At FACTOR a call to the local cloud takes about as long on the simulated clock as a call
to AWS (4 ms, hence 40), so an engine without a rate limit would show here the rate that it has on AWS.
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
PAST_BAR = 1.1  # times; the number of a release's polls varies a little
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
    """An `up` failed or did not promote every function."""


@dataclass(frozen=True)
class Taken:
    """One `up`: its real seconds, the engine's calls, the times when CodeDeploy moved an alias, and the number of other
    calls."""

    functions: int
    seconds: float
    engine: Sequence[Call]
    shifts: Sequence[float]
    others: int

    @property
    def per_function(self) -> float:
        """Return the engine's calls per function."""
        return len(self.engine) / self.functions

    @property
    def lambda_rate(self) -> float:
        """Return the most calls of Lambda's control plane in a simulated second, CodeDeploy's UpdateAlias included."""
        apart = (*DATA_PLANE, "GetFunction")
        ours = (call.at for call in self.engine if call.service == "lambda" and call.action not in apart)
        return peak((*ours, *self.shifts), 1 / FACTOR)

    @property
    def get_function_rate(self) -> float:
        """Return the most calls of Lambda's GetFunction in a simulated second."""
        return peak((call.at for call in self.engine if call.action == "GetFunction"), 1 / FACTOR)

    def rate(self, service: str) -> float:
        """Return the most calls of a service in a simulated second."""
        return peak((call.at for call in self.engine if call.service == service), 1 / FACTOR)

    def as_json(self) -> dict[str, object]:
        """Return the form of the file. `policies`: characters of each managed policy of a stack with that many
        functions."""
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
        """Return the bar and its figure, for a person."""
        return f"{self.what}: {self.figure:.2f}, at most {self.most:g}: {'reached' if self.reached else 'MISSED'}"


def measure(size: int) -> Taken:
    """Create that many functions, change them all, and run `up`. Raises BenchError if one is not promoted."""
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
        left = [name for name, state in fleet.observe().items() if state.live in {None, before[name].live}]
        if left:
            raise BenchError(f"`pulumi up` of {size} functions left {', '.join(left)} where it was:\n{up.text}")
        engine = [call for call in made if call.by_engine]
        others = sum(not call.by_engine and call.action not in DATA_PLANE for call in made)
        return Taken(size, up.seconds, engine, list(shifts(fleet, begun)), others)


def shifts(fleet: Fleet, since: float) -> Iterator[float]:
    """Yield the times when CodeDeploy called UpdateAlias, in seconds since the epoch: at a canary's start and end."""
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
    """Return the bars of the three sizes, which are given smallest first."""
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
    """Return the table for a person: the engine's calls in total and per function, the most calls of a service in a
    second, and the calls of others."""
    shown = plain_table()
    for heading in ("functions", "seconds", "calls", "each", "Lambda", "CodeDeploy", "CloudWatch", "others"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for each in taken:
        rates = (each.lambda_rate, each.rate("codedeploy"), each.rate("cloudwatch"))
        counts = (f"{len(each.engine)}", f"{each.per_function:.1f}", *(f"{rate:g}" for rate in rates), f"{each.others}")
        shown.add_row(f"{each.functions}", f"{each.seconds:.1f}", *counts)
    return shown


def main() -> int:
    """Measure, print and write; return 0 if every bar is reached, else 1."""
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
