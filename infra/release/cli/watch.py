"""`watch`: follow what is in flight."""

from __future__ import annotations

from collections.abc import Mapping

from infra.console import Exit, Json, answer
from infra.release.cli import live_screen
from infra.release.cli.abort import Aborted, answer_aborted
from infra.release.cli.following import followed
from infra.release.cli.output import ReleaseOf, Stack, answering
from infra.release.cli.session import open_session
from infra.release.model import serialization
from infra.release.model.outcome import Ending, Outcome


def watch(*, stack: Stack, function: ReleaseOf = "", as_json: Json = False) -> None:
    """Follow every deployment in flight to its end, from any machine. Start nothing. Ctrl-C ends only the watching.

    Meanwhile it applies the release's rules: it stops a canary without evidence, keeps the functions of a set together,
    and restores an alias that no rollback has restored. On a terminal it is a screen, on which q ends the watching, and
    a asks for a reason and aborts.
    """
    with answering(as_json=as_json):
        release = open_session(stack, release_of=function)
        if not as_json and live_screen.possible():
            found = live_screen.watched(release)
        else:
            found = followed(release, as_json=as_json)
    if isinstance(found, Aborted):
        answer_aborted(found, as_json=as_json)
    else:
        _answer(found, as_json=as_json)


def _answer(outcomes: Mapping[str, Outcome], *, as_json: bool) -> None:
    """Answer with the outcomes, and repeat in full those that rolled back: progress showed only their titles."""
    bad = [each.line() for each in outcomes.values() if each.ending is Ending.ROLLED_BACK]
    document = {"outcomes": {name: serialization.to_dict(each) for name, each in outcomes.items()}}
    answer(document, *bad, as_json=as_json, code=Exit.FAILED if bad else Exit.OK)
