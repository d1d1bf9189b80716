"""Measures what a set costs as it grows: one `pulumi up` changes 1, 10 or 50 services, whose canaries run in parallel.

Each size runs the real CLI on the product's own program, on a cloud of its own. `make service` wrote the services, one
in five in TypeScript, and each route has a few callers. The benchmark counts the calls of the release engine, by its
user agent; it lists those of Pulumi's provider, whose rate is not ours, apart. The sizes preview their changes in turn,
since a preview takes seconds, and a busy machine as many more; the fastest of each counts.

Rates are per simulated second. At FACTOR a call to the local cloud takes about as long on the simulated clock as a call
to AWS (4 ms, hence 40), so an engine without a rate limit would show here the rate that it has on AWS.
"""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import calls, past, policies
from bench.calls import Call, peak
from infra.console import plain_table
from infra.services import NODE, PYTHON
from rehearsal.environment import sandbox
from rehearsal.generated.callers import Callers
from rehearsal.generated.stack import GeneratedStack

RESULT = Path(".bench/scale.json")
FACTOR = 10.0  # simulated seconds per real one
SIZES = (1, 10, 50)
PASTS = (10, 1000)
PAST_BAR = 1.1  # times; the number of a release's polls varies a little
CALLERS = 0.5  # calls per real second and service
NODE_EVERY = 5  # one service in so many is in TypeScript
PREVIEWS = 3
SHIFT = "AllowTraffic"  # the lifecycle event in which CodeDeploy moves an alias

TIME_BAR = 5.0  # times; 50 functions over 10
PREVIEW_BAR = 3.0  # times; a preview of 50 over one of 1
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
    """One `up`: its real seconds and its preview's, the engine's calls, the times when CodeDeploy moved an alias, and
    the number of other calls."""

    functions: int
    seconds: float
    preview_seconds: float
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
        services."""
        measured = {"functions": self.functions, "seconds": self.seconds, "preview_seconds": self.preview_seconds}
        return {**measured, "api_calls": len(self.engine), "policies": policies.sizes(self.functions)}


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


def runtimes(size: int) -> dict[str, str]:
    """Return the runtime of so many services, by name: `service01`, `service02` ..."""
    numbers = range(1, size + 1)
    return {f"service{number:02}": PYTHON if number % NODE_EVERY else NODE for number in numbers}


@contextlib.contextmanager
def changed(size: int) -> Iterator[GeneratedStack]:
    """Create that many services on a cloud of their own, and change them all."""
    with sandbox.running(FACTOR) as stage:
        stack = GeneratedStack(stage, runtimes(size))
        stack.create()
        stack.edit(2)
        yield stack


def previews(stacks: Mapping[int, GeneratedStack]) -> dict[int, float]:
    """Preview every stack in turn, PREVIEWS times; return the seconds of the fastest by size. Raises BenchError if one
    fails."""
    seconds: dict[int, list[float]] = {size: [] for size in stacks}
    for _ in range(PREVIEWS):
        for size, stack in stacks.items():
            one = stack.preview()
            if one.exit_code != 0:
                raise BenchError(f"`pulumi preview` of {size} services exited {one.exit_code}:\n{one.text}")
            seconds[size].append(one.seconds)
    return {size: min(each) for size, each in seconds.items()}


def measure(size: int, stack: GeneratedStack, preview_seconds: float) -> Taken:
    """Run `up` of the changed services. Raises BenchError if one is not promoted."""
    before, begun = stack.observe(), time.time()
    api_url, endpoint = stack.api_url, stack.sandbox.endpoint
    calls.clear(endpoint)
    with Callers(api_url, list(stack.runtimes), CALLERS * size):
        up = stack.up()
    made = calls.made(endpoint)
    if up.exit_code != 0:
        raise BenchError(f"`pulumi up` of {size} services exited {up.exit_code}:\n{up.text}")
    left = [name for name, state in stack.observe().items() if state.live in {None, before[name].live}]
    if left:
        raise BenchError(f"`pulumi up` of {size} services left {', '.join(left)} where it was:\n{up.text}")
    engine = [call for call in made if call.by_engine]
    others = sum(not call.by_engine and call.action not in DATA_PLANE for call in made)
    return Taken(size, up.seconds, preview_seconds, engine, list(shifts(stack, begun)), others)


def shifts(stack: GeneratedStack, since: float) -> Iterator[float]:
    """Yield the times when CodeDeploy called UpdateAlias, in seconds since the epoch: at a canary's start and end."""
    client = stack.aws.client("codedeploy")
    for target in stack.targets.values():
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
        Bar("seconds of a preview, 50 functions over 1", fifty.preview_seconds / one.preview_seconds, PREVIEW_BAR),
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
    for heading in ("functions", "seconds", "preview", "calls", "each", "Lambda", "CodeDeploy", "CloudWatch", "others"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for each in taken:
        rates = (each.lambda_rate, each.rate("codedeploy"), each.rate("cloudwatch"))
        counts = (f"{len(each.engine)}", f"{each.per_function:.1f}", *(f"{rate:g}" for rate in rates), f"{each.others}")
        shown.add_row(f"{each.functions}", f"{each.seconds:.1f}", f"{each.preview_seconds:.1f}", *counts)
    return shown


def main() -> int:
    """Measure, print and write; return 0 if every bar is reached, else 1."""
    console = Console(highlight=False)
    with contextlib.ExitStack() as opened:
        stacks = {size: opened.enter_context(changed(size)) for size in SIZES}
        fastest = previews(stacks)
        taken = [measure(size, stack, fastest[size]) for size, stack in stacks.items()]
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
