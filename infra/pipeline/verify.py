"""`landed`: whether the traffic is on what was deployed; the last word of `make deploy`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import typer

from infra.pipeline.output import BAD, PipelineError, Stack, answering
from infra.release.cli.session import opened
from infra.release.decision import proven
from infra.release.model.commands import HISTORY, UNSTICK, WATCH
from infra.release.model.observation import Observation
from infra.release.model.spec import Target


def landed(*, stack: Stack) -> None:
    """End well only where each function's alias is whole, on what the stack wants, and nothing is in flight.

    `pulumi up` and `watch` have said so already where they waited. This asks AWS once more, whatever the stack is
    configured to wait for, so that no job is green on a promise.
    """
    with answering():
        release = opened(stack)
        seen = release.look()
        if wrong := [*missing(seen), *unproved(release.targets, seen)]:
            raise PipelineError("; ".join(wrong), BAD)
        for name, each in seen.items():
            typer.echo(f"{name}: all traffic is on version {each.live.number}, fingerprint {each.live.fingerprint}")


def unproved(targets: Iterable[Target], seen: Mapping[str, Observation]) -> Iterator[str]:
    """What has all traffic without proof: an alias that was moved to it, or made anew on it."""
    for target in targets:
        for why in proven.missing(target, seen[target.function]):
            yield f"{target.function}: {why}; release it by `pulumi up`"


def missing(seen: Mapping[str, Observation]) -> Iterator[str]:
    """Why traffic is not where the stack wants it, function by function."""
    for name, each in seen.items():
        if each.in_flight is not None:
            yield f"{name}: {each.in_flight.id} is in flight; follow it by {WATCH}"
        elif each.alias.shifted is not None:
            yield f"{name}: the alias is on {each.alias}; see what {UNSTICK} says of it"
        elif each.live.fingerprint != each.wanted.fingerprint:
            yield (
                f"{name}: the alias is on version {each.live.number}, fingerprint {each.live.fingerprint}; the stack "
                f"wants {each.wanted.number}, fingerprint {each.wanted.fingerprint}; {HISTORY} tells what became of it"
            )
