"""`make rehearsal-promotion EVENTS=1 ENFORCE=1`: staging's successes release prod, once for all tests."""

import json
import subprocess
import sys
from typing import Any

import pytest

from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.promotion.event_report import ACTS, ROLE
from rehearsal.promotion.stage import STACKS

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("events") / "promotion.json"
    command = [sys.executable, "-m", "rehearsal.promotion", "--events", "--enforce", "--report", str(file)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=3600)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    assert "All as expected" in text
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_a_success_in_staging_releases_prod_without_a_job(report: dict[str, Any]) -> None:
    assert tuple(one["stack"] for one in report["promoted"]) == STACKS
    assert len({one["digest"] for one in report["promoted"]}) == 1
    assert report["by_event"]["role"] == ROLE
    assert report["by_event"]["deployment_id"] == report["promoted"][-1]["deployment_id"]


def test_no_other_event_changes_anything(report: dict[str, Any]) -> None:
    assert [(one["name"], one["ended"]) for one in report["events"]] == [(name, status) for name, status, _ in ACTS]
    assert {one["calls"] for one in report["events"]} == {0}
