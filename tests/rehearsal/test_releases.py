"""`pulumi up` and `preview` tell the truth about what is live, whatever happened before."""

import time
from pathlib import Path

from rehearsal import edits, sandbox
from rehearsal.processes import Program
from rehearsal.sandbox import STACK
from rehearsal.scratch import Edit
from tests.rehearsal.conftest import FACTOR, Stage

RELEASE = "strata:release:Release::release"
ANOTHER = Edit("Say that all is well", edits.GOOD.file, '"status": "ok"', '"detail": "all is well", "status": "ok"')


def test_after_a_rollback_only_the_release_is_left_to_do_and_a_fixed_version_is_promoted(stage: Stage) -> None:
    live = stage.live()
    stage.sandbox.apply(edits.BAD)
    with stage.traffic():
        said = stage.up()
        assert said.code != 0
        assert "rolled back (verdict)" in said.text
        assert stage.live() == live
        assert stage.planned() == {RELEASE: "update"}
        stage.sandbox.apply(edits.FIXED)
        said = stage.up()
    assert said.code == 0, said.text
    assert stage.sandbox.outputs()["live_versions"] == {stage.target()["function"]: stage.live()}
    assert stage.live() not in {None, live}
    assert stage.planned() == {}


def test_an_alias_moved_by_hand_is_drift_of_the_release_and_is_released_over(stage: Stage) -> None:
    target = stage.target()
    first, digests = "1", stage.sandbox.aws.digests(target["function"])
    live = stage.live()
    if live is None or digests[live] == digests[first]:
        stage.sandbox.apply(edits.GOOD)
        with stage.traffic():
            assert stage.up().code == 0
        live = stage.live()
    aws = stage.sandbox.aws.client("lambda")
    aws.update_alias(FunctionName=target["function"], Name=target["alias"], FunctionVersion=first)
    assert stage.planned() == {RELEASE: "update"}
    assert "alias live is on version 1" in stage.preview().text
    with stage.traffic():
        said = stage.up()
    assert said.code == 0, said.text
    assert stage.live() == live
    assert stage.planned() == {}


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


def test_an_up_that_was_killed_is_taken_up_by_the_next_one(stage: Stage, tmp_path: Path) -> None:
    live, target = stage.live(), stage.target()
    stage.sandbox.apply(ANOTHER)
    before = {one.id for one in stage.sandbox.aws.deployments(target["application"], target["group"])}
    with stage.traffic():
        log = tmp_path / "log"
        command = ["pulumi", "up", "--stack", STACK]
        env, cwd = stage.sandbox.env, stage.sandbox.scratch.project
        with Program(command, env=env, cwd=cwd, log=log, grace=0) as killed:
            deadline = time.monotonic() + 60
            while not (begun := _deployments(stage, target) - before):
                assert killed.exit_code is None, killed.last_words()
                assert time.monotonic() < deadline, killed.last_words()
                time.sleep(0.1)
        code, text = stage.sandbox.pulumi("cancel", "--yes", STACK)
        assert code == 0, text
        said = stage.up()
    assert said.code == 0, said.text
    assert _deployments(stage, target) - before == begun, "a second deployment was started"
    assert stage.live() not in {None, live}


def test_a_version_that_cannot_be_imported_is_rolled_back_with_its_errors_last_line(stage: Stage) -> None:
    live = stage.live()
    stage.sandbox.apply(edits.CANNOT_IMPORT)
    with stage.traffic():
        said = stage.up()
    assert said.code != 0
    lines = [line.strip() for line in said.text.splitlines() if "rolled back (verdict): " in line]
    assert lines[-1].startswith(f"error: {stage.target()['function']} {live} -> ")
    assert "No module named 'strata_module_left_behind'" in lines[-1]
    assert stage.live() == live


def _deployments(stage: Stage, target: dict[str, str]) -> set[str]:
    return {one.id for one in stage.sandbox.aws.deployments(target["application"], target["group"])}
