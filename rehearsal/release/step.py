"""One step of a rehearsal: a `pulumi up`, and its result for each service of the release set. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rehearsal.environment.sandbox import ORDERS
from rehearsal.observe.aws_records import Deployment, Errors, FunctionState, newest
from rehearsal.observe.outcome import outcome
from rehearsal.observe.traffic import Sent, share_of
from rehearsal.release.report import Bystander

NOTHING, NO_ERRORS = FunctionState(None, ()), Errors(0, {})


@dataclass
class Step:
    """One `pulumi up`: its name, each service's state before it, its start (at the edge of a metric period), the
    service whose release it is about, and its result."""

    name: str
    before: Mapping[str, FunctionState]
    start: float
    service: str = ORDERS
    exit_code: int = 0
    seconds: float = 0.0
    text: str = ""

    def state(self, service: str) -> FunctionState:
        """Return that service's state before the step."""
        return self.before.get(service, NOTHING)


def bystanders(step: Step, after: Mapping[str, FunctionState], errors: Mapping[str, Errors]) -> Iterator[Bystander]:
    """Yield the result of a step for each service that it is not about."""
    for service, state in after.items():
        if service != step.service:
            before = step.state(service)
            deployment = newest(before.deployments, state.deployments)
            ended = outcome(before, state)
            id_ = deployment.id if deployment else None
            yield Bystander(step.name, service, ended, before.live, state.live, id_, errors[service].total)


def canary_share(deployment: Deployment, sent: Sequence[Sent], *, canary_failed: bool) -> float | None:
    """Return the canary's share of the requests during the split, to a hundredth of a percent; None without a split.
    `canary_failed`: Lambda counts errors of the canary; if it counts none, the version before it failed."""
    failing = deployment.canary if canary_failed else deployment.stable
    share = share_of(deployment.canary, sent, failing=failing)
    return None if share is None else round(share, 4)
