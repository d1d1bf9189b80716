"""`watch`: follow what is in flight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from infra.console import Exit, Json, answer
from infra.release.cli.output import ReleaseOf, Stack, answering
from infra.release.cli.progress import progress_reporter
from infra.release.cli.session import Session, open_session
from infra.release.decision import next_action
from infra.release.decision.context import Decide
from infra.release.engine import runner
from infra.release.model import serialization
from infra.release.model.outcome import Ending, Outcome


def watch(*, stack: Stack, function: ReleaseOf = "", as_json: Json = False) -> None:
    """Follow every deployment in flight to its end, from any machine. Start nothing. Ctrl-C ends only the watching.

    Meanwhile it applies the release's rules: it stops a canary without evidence, keeps the functions of a set together,
    and restores an alias that no rollback has restored.
    """
    with answering(as_json=as_json):
        release = open_session(stack, release_of=function)
        outcomes = followed(release, as_json=as_json, announces=not release.policy.wait)  # else `up` does
    answer_outcomes(outcomes, as_json=as_json)


def followed(
    release: Session, *, as_json: bool, decide: Decide = next_action.watch, announces: bool = True
) -> Mapping[str, Outcome]:
    """Follow all deployments in flight, report their progress, and return their outcomes by function.

    as_json: progress goes to standard error. decide: what the runner does meanwhile; by default it only watches.
    announces: whether it puts the event of the end; see docs/events.md.
    """
    waiting = replace(release.policy, wait=True)

    def announce(state: str, commit: str, outcomes: Sequence[Outcome]) -> None:
        if announces:
            release.aws.announce(release.stack, release.targets[0], state, commit, outcomes)

    with progress_reporter(as_json=as_json) as report:
        targets = list(release.targets)
        return runner.run(targets, waiting, release.aws, release.clock, report, decide, announce=announce)


def answer_outcomes(outcomes: Mapping[str, Outcome], *, as_json: bool) -> None:
    """Answer with the outcomes, and repeat in full those that rolled back: progress showed only their titles."""
    bad = [each.line() for each in outcomes.values() if each.ending is Ending.ROLLED_BACK]
    document = {"outcomes": {name: serialization.to_dict(each) for name, each in outcomes.items()}}
    answer(document, *bad, as_json=as_json, code=Exit.FAILED if bad else Exit.OK)
