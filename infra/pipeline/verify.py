"""`landed`, the last step of `make deploy`, verifies that all traffic is on the deployed versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import typer

from infra.console import FailedError
from infra.pipeline.output import Stack, answering
from infra.release.cli.session import open_session
from infra.release.decision import proven
from infra.release.model.commands import HISTORY, UNSTICK, WATCH
from infra.release.model.observation import Seen
from infra.release.model.spec import Target


def landed(*, stack: Stack) -> None:
    """Exit with 0 only if each alias has all its traffic on the version that the stack wants, and nothing is in flight.

    `pulumi up` and `watch` check the same if they wait. This command asks AWS again, whatever the stack is configured
    to wait for, so that no job succeeds before its traffic has shifted.
    """
    with answering():
        release = open_session(stack)
        seen = release.observe()
        if wrong := [*missing(seen), *unproved(release.targets, seen)]:
            raise FailedError("; ".join(wrong))
        for name, each in seen.items():
            typer.echo(f"{name}: all traffic is on version {each.live.number}, fingerprint {each.live.fingerprint}")


def unproved(targets: Iterable[Target], seen: Seen) -> Iterator[str]:
    """Yield an error for each version that has all traffic unproven: its alias was moved or recreated by hand."""
    for target in targets:
        for why in proven.missing(target, seen[target.function]):
            yield f"{target.function}: {why}; release it by `pulumi up`"


def missing(seen: Seen) -> Iterator[str]:
    """Yield an error for each function whose traffic is not on the version that the stack wants."""
    for name, each in seen.items():
        if each.in_flight is not None:
            yield f"{name}: {each.in_flight.id} is in flight; follow it by {WATCH}"
        elif each.alias.shifted is not None:
            yield f"{name}: the alias is on {each.alias}; run {UNSTICK}, which shows the remedy"
        elif each.live.fingerprint != each.wanted.fingerprint:
            yield (
                f"{name}: the alias is on version {each.live.number}, fingerprint {each.live.fingerprint}; the stack "
                f"wants {each.wanted.number}, fingerprint {each.wanted.fingerprint}; {HISTORY} shows how that ended"
            )
