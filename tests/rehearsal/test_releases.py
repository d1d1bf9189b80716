"""`pulumi up` and `preview` tell the truth about what is live, whatever happened before."""

import time
from pathlib import Path

from rehearsal import edits, sandbox
from rehearsal.processes import Program
from rehearsal.sandbox import STACK
from tests.rehearsal.conftest import FACTOR, Stage

RELEASE = "strata:release:Release::release"


def test_after_a_rollback_only_the_release_is_left_to_do_and_a_fixed_version_is_promoted(fresh: Stage) -> None:
    live = fresh.live()
    fresh.sandbox.apply(edits.BAD)
    with fresh.traffic():
        said = fresh.up()
        assert said.code != 0
        assert "rolled back (verdict)" in said.text
        assert fresh.live() == live
        assert fresh.planned() == {RELEASE: "update"}
        fresh.sandbox.apply(edits.FIXED)
        said = fresh.up()
    assert said.code == 0, said.text
    assert fresh.sandbox.outputs()["live_versions"] == {fresh.target()["function"]: fresh.live()}
    assert fresh.live() not in {None, live}
    assert fresh.planned() == {}


def test_an_alias_moved_by_hand_is_drift_of_the_release_and_is_released_over(fresh: Stage) -> None:
    target, live = fresh.target(), fresh.live()
    versions = fresh.sandbox.aws.versions(target["function"])
    elsewhere = next(version for version in versions if version != live)
    aws = fresh.sandbox.aws.client("lambda")
    aws.update_alias(FunctionName=target["function"], Name=target["alias"], FunctionVersion=elsewhere)
    assert fresh.planned() == {RELEASE: "update"}
    said = fresh.preview()
    assert elsewhere in said.text
    with fresh.traffic():
        said = fresh.up()
    assert said.code == 0, said.text
    assert fresh.live() == live
    assert fresh.planned() == {}


def test_a_version_that_cannot_be_imported_is_rolled_back_with_its_errors_last_line(fresh: Stage) -> None:
    live = fresh.live()
    fresh.sandbox.apply(edits.CANNOT_IMPORT)
    with fresh.traffic():
        said = fresh.up()
    assert said.code != 0
    (line,) = [line for line in said.text.splitlines() if "rolled back (" in line and "error" in line.lower()][-1:]
    assert "No module named 'strata_module_left_behind'" in line
    assert fresh.live() == live


def test_a_first_version_that_cannot_be_imported_is_served_to_nobody() -> None:
    with sandbox.running(FACTOR) as running:
        stage = Stage(running)
        running.apply(edits.CANNOT_IMPORT)
        said = stage.up()
        assert said.code != 0
        assert "No module named 'strata_module_left_behind'" in said.text
        gateway = running.aws.client("apigatewayv2")
        routes = [
            route for api in gateway.get_apis()["Items"] for route in gateway.get_routes(ApiId=api["ApiId"])["Items"]
        ]
        assert routes == []
        running.apply(edits.CANNOT_IMPORT.undone())
        said = stage.up()
        assert said.code == 0, said.text
        assert stage.live() is not None


def test_an_up_that_was_killed_is_taken_up_by_the_next_one(fresh: Stage, tmp_path: Path) -> None:
    live, target = fresh.live(), fresh.target()
    fresh.sandbox.apply(edits.GOOD)
    before = {one.id for one in fresh.sandbox.aws.deployments(target["application"], target["group"])}
    with fresh.traffic():
        log = tmp_path / "log"
        command = ["pulumi", "up", "--stack", STACK]
        env, cwd = fresh.sandbox.env, fresh.sandbox.scratch.project
        with Program(command, env=env, cwd=cwd, log=log, grace=0) as killed:
            deadline = time.monotonic() + 60
            while not (begun := _deployments(fresh, target) - before):
                assert killed.exit_code is None, killed.last_words()
                assert time.monotonic() < deadline, killed.last_words()
                time.sleep(0.1)
        code, text = fresh.sandbox.pulumi("cancel", "--yes", STACK)
        assert code == 0, text
        said = fresh.up()
    assert said.code == 0, said.text
    assert _deployments(fresh, target) - before == begun, "a second deployment was started"
    assert fresh.live() not in {None, live}


def _deployments(stage: Stage, target: dict[str, str]) -> set[str]:
    return {one.id for one in stage.sandbox.aws.deployments(target["application"], target["group"])}
