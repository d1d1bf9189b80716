"""Follow what is in flight to its end: for `watch`, and for each command that starts something and waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from infra.release.cli.progress import progress_reporter
from infra.release.cli.session import Session
from infra.release.decision import next_action
from infra.release.decision.context import Decide
from infra.release.engine import runner
from infra.release.engine.runner import Report
from infra.release.model.outcome import Outcome
from infra.release.model.spec import ReleasePolicy


def followed(release: Session, *, as_json: bool, decide: Decide = next_action.watch) -> Mapping[str, Outcome]:
    """Follow all deployments in flight, print their progress, and return their outcomes by function.

    as_json: progress goes to standard error. decide: what the runner does meanwhile; by default it only watches.
    """
    with progress_reporter(as_json=as_json) as report:
        return reported(release, report, decide)


def reported(release: Session, report: Report, decide: Decide = next_action.watch) -> Mapping[str, Outcome]:
    """Follow all deployments in flight, and hand their progress to `report`. docs/events.md: who announces the end."""
    waiting, targets = replace(release.policy, wait=True), list(release.targets)

    def announce(state: str, commit: str, outcomes: Sequence[Outcome]) -> None:
        if announces(release.policy, decide):
            release.aws.announce(release.stack, targets[0], state, commit, outcomes)

    return runner.run(targets, waiting, release.aws, release.clock, report, decide, announce=announce)


def announces(policy: ReleasePolicy, decide: Decide) -> bool:
    """Whether who follows by this decision puts the event of the end: an `up` that waits for its release does itself,
    unless an operator's command ends it."""
    return decide is not next_action.watch or not policy.wait
