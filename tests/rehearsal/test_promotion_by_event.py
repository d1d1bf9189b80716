"""`make rehearsal-promotion EVENTS=1 ENFORCE=1`: staging's successes release prod, once for all tests."""

from typing import Any

import pytest

from rehearsal.promotion.event_report import ACTS, ROLE
from rehearsal.promotion.stage import STACKS
from tests.rehearsal.conftest import rehearse_promotion

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return rehearse_promotion(tmp_path_factory.mktemp("events") / "promotion.json", "--events", "--enforce")


def test_a_success_in_staging_releases_prod_without_a_job(report: dict[str, Any]) -> None:
    assert tuple(one["stack"] for one in report["promoted"]) == STACKS
    assert len({one["digest"] for one in report["promoted"]}) == 1
    assert report["by_event"]["role"] == ROLE
    assert report["by_event"]["deployment_id"] == report["promoted"][-1]["deployment_id"]


def test_no_other_event_changes_anything(report: dict[str, Any]) -> None:
    assert [(one["name"], one["ended"]) for one in report["events"]] == [(name, status) for name, status, _ in ACTS]
    assert {one["calls"] for one in report["events"]} == {0}
