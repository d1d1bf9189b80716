"""What the page of a stack's releases and the viewer read of a real rollback, from the local cloud's own records."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

from infra.release.cli.reader import Reader
from infra.release.cli.session import Session
from infra.release.reports.page.model import Kind
from local.tests.cloud.conftest import REGION, ROOT, until
from tests.cloud.test_release_command import state
from tests.cloud.test_release_engine import BAD, POLICY, World, cloud, live, world

__all__ = ["cloud", "live", "world"]  # fixtures


def reader(world: World, version: str) -> Reader:
    session = Session("prod", REGION, (world.target(version),), POLICY, world.clock)
    return Reader("prod", "", lambda _stack, _function: session)


def test_a_rollback_is_seen_live_and_in_the_story_as_the_records_have_it(live: World, tmp_path: Path) -> None:
    version = live.functions.publish(BAD)
    seeing = reader(live, version)
    with live.traffic():
        released = threading.Thread(target=live.release, args=(version,))
        released.start()
        during = until(lambda: next((each for each in seeing.read().functions if len(each.shares) == 2), None))
        released.join()
    assert seeing.read().problem == ""
    assert {each.version for each in during.shares} == {"1", version}
    assert sum(each.share for each in during.shares) == 1
    assert during.deployment.startswith("d-")
    [after] = seeing.last.functions
    assert [each.share for each in after.shares] == [1.0]
    assert (after.ledger[0].ending, after.ledger[0].reason) == ("rolled back", "verdict")
    kinds = [mark.kind for mark in after.chart.marks]
    assert [kind for kind in kinds if kind in {Kind.SHIFT, Kind.ALARM, Kind.ROLLBACK}] == [
        *(Kind.SHIFT, Kind.ALARM, Kind.ROLLBACK)
    ]
    canary = next(each for each in after.chart.series if each.version == version)
    assert sum(canary.errors) > 0
    assert all(sum(each.errors) == 0 for each in after.chart.series if each.version != version)
    assert {each.name: each.status for each in after.phases}["AllowTraffic"] == "Failed"
    the_story_is_the_same(live, version, tmp_path, errors=sum(canary.errors))


def the_story_is_the_same(world: World, version: str, folder: Path, *, errors: int) -> None:
    file = folder / "out/report.html"
    pulumi = folder / "pulumi"
    document = state(world, version)
    pulumi.write_text(f"#!{sys.executable}\nimport json\nprint(json.dumps({document!r}))\n")
    pulumi.chmod(0o755)
    env = {**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "STRATA_CLOCK_RATE": f"{world.cloud.factor:g}"}
    command = [sys.executable, "-m", "infra.release", "history", "--stack", "prod", "--json", "--page", str(file)]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    text = file.read_text()
    assert "rolled back (verdict)" in text
    assert "an alarm stopped it" in text
    found = re.search(rf"version {version}: \d+ requests, (\d+) errors", text)
    assert found
    assert int(found[1]) == errors


def test_a_cloud_that_is_gone_is_said_and_reading_goes_on(live: World) -> None:
    seeing = reader(live, "1")
    assert seeing.read().problem == ""
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    try:
        gone = Reader("prod", "", lambda _s, _f: Session("prod", REGION, (live.target("1"),), POLICY, live.clock))
        gone.last = seeing.last
        found = gone.read()
    finally:
        os.environ["AWS_ENDPOINT_URL"] = endpoint
    assert "AWS does not answer" in found.problem
    assert found.functions == seeing.last.functions
    assert gone.read().problem == ""
