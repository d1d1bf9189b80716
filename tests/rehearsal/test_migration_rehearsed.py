"""`make rehearsal-migration`: every layer leaves Terraform under live traffic, once for all tests."""

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from rehearsal.environment.sandbox import REPOSITORY

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform on PATH to move its state"),
]
Found = dict[str, Any]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Found:
    file = tmp_path_factory.mktemp("migration") / "migration.json"
    command = [sys.executable, "-m", "rehearsal.migration", "--report", str(file)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=3600)
    text = done.stdout + done.stderr
    assert file.exists(), text
    found: Found = json.loads(file.read_text())
    assert (done.returncode, found["problems"]) == (0, []), text
    return found


def test_every_layer_moves_without_a_change_of_aws_or_a_failed_request(report: Found) -> None:
    nothing = ("created", "replaced", "deleted", "failed_requests")
    assert [row for row in report["layers"] if any(row[name] for name in nothing)] == []
    imported = {row["layer"]: row["imported"] for row in report["layers"] if row["to"] == "adopted"}
    assert imported == {"compute": 12, "observability": 7, "delivery": 5, "data": 1, "identity": 6}
    assert {row["layer"] for row in report["layers"] if row["to"] == "managed"} == set(imported)


def test_no_order_is_lost(report: Found) -> None:
    assert report["orders"]["acknowledged"] > 0
    assert (report["orders"]["lost"], report["orders"]["failed_requests"]) == (0, 0)


def test_one_move_is_killed_and_goes_on_and_one_comes_back(report: Found) -> None:
    assert (report["interrupted"]["killed"], report["interrupted"]["resumed"]) == (True, True)
    assert (report["back"]["from"], report["back"]["to"]) == ("adopted", "legacy")


def test_the_releases_between_and_after_the_moves_are_canaries(report: Found) -> None:
    assert report["releases"] == ["managed: promoted (verdict)", "release: promoted (verdict)"]
