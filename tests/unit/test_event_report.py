"""A report of promotion by event has no problems if all ended as expected, and names each problem otherwise."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rehearsal.promotion.event_report import ACTS, ROLE, Act, ByEvent, EventReport
from tests.golden import Golden, listed
from tests.unit.test_promotion_report import PROMOTED

DONE = tuple(Act(name, status, f"{words} and so on", ()) for name, status, words in ACTS)
GOOD = EventReport(2.5, PROMOTED, ByEvent("d-prod", 30.5, ROLE), DONE)


def first(**changed: Any) -> EventReport:
    return replace(GOOD, acts=(replace(DONE[0], **changed), *DONE[1:]))


OTHERWISE = {
    "prod not promoted": replace(GOOD, promoted=PROMOTED[:2]),
    "another digest in prod": replace(GOOD, promoted=(*PROMOTED[:2], replace(PROMOTED[2], digest="other"))),
    "no release by an event": replace(GOOD, by_event=None),
    "another role": replace(GOOD, by_event=ByEvent("d-prod", 30.5, "strata-prod-deploy")),
    "an event that was never sent": replace(GOOD, acts=DONE[1:]),
    "another status": first(status="STARTED"),
    "other words": first(line="something else"),
    "a call that changed something": first(changes=("codedeploy CreateDeployment",)),
    "another problem": replace(GOOD, other_problems=("a denied call",)),
}


def test_a_report_has_its_documented_form(tmp_path: Path) -> None:
    GOOD.write(tmp_path / "promotion.json")
    found = json.loads((tmp_path / "promotion.json").read_text())
    assert found["by_event"] == {"deployment_id": "d-prod", "seconds": 30.5, "role": "strata-prod-promote"}
    assert {"name": "frozen", "ended": "FAILED", "calls": 0} in found["events"]
    assert found["promoted"][2]["stack"] == "prod"
    assert GOOD.problems() == []
    assert GOOD.table().row_count == len(PROMOTED) + len(ACTS)


def test_what_does_not_end_as_expected_is_a_problem(golden: Golden) -> None:
    assert {name for name, report in OTHERWISE.items() if len(report.problems()) != 1} == set()
    golden("event_problems", listed((name, report.problems()) for name, report in OTHERWISE.items()))
