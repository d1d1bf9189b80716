"""When a rehearsal of the pipeline is as told, and what it says where it is not."""

from dataclasses import replace
from typing import Any

import pytest

from rehearsal.promotion.report import AFTER_DEV, TOLD, Promoted, Refused, Report
from rehearsal.promotion.stage import STACKS

PROMOTED = tuple(Promoted(stack, "digest", f"d-{stack}", "promoted") for stack in STACKS)
REFUSED = tuple(Refused(name, reason, f"because {words}", (), 2) for name, reason, words in TOLD)
ADOPTED = tuple(Promoted(stack, "next", f"e-{stack}", "promoted") for stack in AFTER_DEV)
GOOD = Report(1.5, PROMOTED, ADOPTED, REFUSED)


def test_a_report_has_the_form_that_was_asked_for() -> None:
    found = GOOD.as_json()
    assert found["promoted"][0] == {
        "stack": "dev",
        "digest": "digest",
        "deployment_id": "d-dev",
        "outcome": "promoted",
    }
    assert {"name": "older", "reason": "older", "calls": 0} in found["refused"]
    assert {"name": "unseen", "reason": "unproven", "calls": 0} in found["refused"]
    assert found["seconds"] == 1.5
    assert GOOD.problems() == []


def first(**changed: Any) -> Report:
    return replace(GOOD, refused=(replace(REFUSED[0], **changed), *REFUSED[1:]))


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (replace(GOOD, promoted=PROMOTED[:2]), "promoted: dev, staging, not dev, staging, prod in this order"),
        (replace(GOOD, promoted=(*PROMOTED[:2], replace(PROMOTED[2], digest="other"))), "promoted: 2 digests, not one"),
        (
            replace(GOOD, promoted=(replace(PROMOTED[0], outcome="unchanged"), *PROMOTED[1:])),
            "promoted: dev ended unchanged",
        ),
        (replace(GOOD, adopted=()), "adopted: nothing, not staging, prod in this order"),
        (replace(GOOD, refused=REFUSED[1:]), "older: never happened"),
        (first(reason="unproven"), "older: ended unproven"),
        (first(why="another reason"), "older: ended older (exit code 2), not older (is older than): another reason"),
        (first(code=0), "older: ended older (exit code 0)"),
        (first(changes=("codedeploy CreateDeployment",)), "was refused, but only after codedeploy CreateDeployment"),
        (replace(GOOD, amiss=("a denied call",)), "a denied call"),
    ],
)
def test_what_is_not_as_told_is_said(report: Report, said: str) -> None:
    (problem,) = report.problems()
    assert said in problem
