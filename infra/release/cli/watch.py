"""`watch`: follow what is in flight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from infra.console import Exit, Json, answer
from infra.release.cli.output import Stack, answering
from infra.release.cli.progress import progress_reporter
from infra.release.cli.session import Opened, opened
from infra.release.decision import next_action
from infra.release.decision.context import Decide
from infra.release.engine import runner
from infra.release.model import serialization
from infra.release.model.outcome import Ending, Outcome


def watch(*, stack: Stack, as_json: Json = False) -> None:
    """Follow what is in flight to its end, from any machine; start nothing. Ctrl-C ends the watching, nothing else.

    What the rules of the release ask for is done meanwhile: a canary without evidence is stopped, a set goes together,
    and an alias that no rollback mended is restored.
    """
    with answering(as_json=as_json):
        outcomes = followed(opened(stack), as_json=as_json)
    told(outcomes, as_json=as_json)


def followed(release: Opened, *, as_json: bool, decide: Decide = next_action.watch) -> Mapping[str, Outcome]:
    """The end of all that is in flight, told as it comes; on standard error where a program reads the answer.

    decide: what is done meanwhile, where that is more than to watch.
    """
    waiting = replace(release.policy, wait=True)
    with progress_reporter(as_json=as_json) as tell:
        return runner.run(list(release.targets), waiting, release.aws, release.clock, tell, decide)


def told(outcomes: Mapping[str, Outcome], *, as_json: bool) -> None:
    """Answer with outcomes; those that went back were told with their title alone, so here they come in full."""
    bad = [each.line() for each in outcomes.values() if each.ending is Ending.ROLLED_BACK]
    document = {"outcomes": {name: serialization.plain(each) for name, each in outcomes.items()}}
    answer(document, *bad, as_json=as_json, code=Exit.FAILED if bad else Exit.OK)
