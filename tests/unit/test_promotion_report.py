"""A report of a pipeline rehearsal has no problems if all ended as expected, and names each problem otherwise."""

from dataclasses import replace
from typing import Any

import pytest

from rehearsal.promotion.report import AFTER_DEV, EXPECTED, Promoted, Refused, Report
from rehearsal.promotion.stage import STACKS

PROMOTED = tuple(Promoted(stack, "digest", f"d-{stack}", "promoted") for stack in STACKS)
REFUSED = tuple(Refused(name, reason, f"because {words}", (), 2) for name, reason, words in EXPECTED)
ADOPTED = tuple(Promoted(stack, "next", f"e-{stack}", "promoted") for stack in AFTER_DEV)
GOOD = Report(1.5, PROMOTED, ADOPTED, REFUSED)


def test_a_report_has_its_documented_form() -> None:
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
        (replace(GOOD, other_problems=("a denied call",)), "a denied call"),
    ],
)
def test_what_does_not_end_as_expected_is_a_problem(report: Report, said: str) -> None:
    (problem,) = report.problems()
    assert said in problem
