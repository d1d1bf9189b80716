"""A report of a pipeline rehearsal has no problems if all ended as expected, and names each problem otherwise."""

from dataclasses import replace
from typing import Any

from rehearsal.promotion.report import AFTER_DEV, EXPECTED, Promoted, Refused, Report
from rehearsal.promotion.stage import STACKS
from tests.golden import Golden, listed

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


OTHERWISE = {
    "prod not promoted": replace(GOOD, promoted=PROMOTED[:2]),
    "another digest in prod": replace(GOOD, promoted=(*PROMOTED[:2], replace(PROMOTED[2], digest="other"))),
    "dev unchanged": replace(GOOD, promoted=(replace(PROMOTED[0], outcome="unchanged"), *PROMOTED[1:])),
    "nothing adopted": replace(GOOD, adopted=()),
    "no refusal": replace(GOOD, refused=REFUSED[1:]),
    "refused for another reason": first(reason="unproven"),
    "refused in other words": first(why="another reason"),
    "refused with exit code 0": first(code=0),
    "refused after a call": first(changes=("codedeploy CreateDeployment",)),
    "another problem": replace(GOOD, other_problems=("a denied call",)),
}


def test_what_does_not_end_as_expected_is_a_problem(golden: Golden) -> None:
    assert {name for name, report in OTHERWISE.items() if len(report.problems()) != 1} == set()
    golden("promotion_problems", listed((name, report.problems()) for name, report in OTHERWISE.items()))
