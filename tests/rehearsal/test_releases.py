"""`pulumi up` and `preview` agree with what is live, whatever happened before."""

import pytest

from rehearsal import commits
from rehearsal.environment import sandbox
from tests.rehearsal.stage import FACTOR, Stage

RELEASE = "strata:release:Release::release"


def test_after_a_rollback_only_the_release_is_left_to_do_and_a_fixed_version_is_promoted(stage: Stage) -> None:
    live = stage.live()
    stage.sandbox.apply(commits.BAD)
    with stage.traffic():
        said = stage.up()
        assert said.code != 0, said.text
        assert "rolled back (verdict)" in said.text
        assert f'\n    dashboard    : "{stage.sandbox.outputs()["dashboard"]}"' in said.text
        assert "\n  - " not in said.text.partition("\nOutputs:")[2], "an output is shown as deleted"
        assert stage.live() == live
        assert stage.planned() == {RELEASE: "update"}
        stage.sandbox.apply(commits.FIXED)
        said = stage.up()
    assert said.code == 0, said.text
    assert stage.sandbox.outputs()["live_versions"][stage.target()["function"]] == stage.live()
    assert stage.live() not in {None, live}
    assert stage.planned() == {}


@pytest.mark.faults
def test_an_alias_moved_by_hand_is_drift_of_the_release_and_is_released_over(stage: Stage) -> None:
    target = stage.target()
    first, digests = "1", stage.sandbox.aws.digests(target["function"])
    live = stage.live()
    if live is None or digests[live] == digests[first]:
        stage.sandbox.apply(commits.GOOD)
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


@pytest.mark.faults
def test_a_first_version_that_cannot_be_imported_gets_no_route() -> None:
    with sandbox.running(FACTOR) as running:
        stage = Stage(running)
        running.apply(commits.CANNOT_IMPORT)
        said = stage.up()
        assert said.code != 0
        assert "No module named 'strata_module_left_behind'" in said.text
        gateway = running.aws.client("apigatewayv2")
        routes = [
            route for api in gateway.get_apis()["Items"] for route in gateway.get_routes(ApiId=api["ApiId"])["Items"]
        ]
        assert routes == []
        running.apply(commits.CANNOT_IMPORT.going_back())
        said = stage.up()
        assert said.code == 0, said.text
        assert stage.live() is not None


def test_a_version_that_cannot_be_imported_never_has_traffic_and_its_error_is_reported(stage: Stage) -> None:
    live = stage.live()
    stage.sandbox.apply(commits.CANNOT_IMPORT)
    with stage.traffic():
        said = stage.up()
    assert said.code != 0, said.text
    lines = [line.strip() for line in said.text.splitlines() if "rolled back (hook): " in line]
    assert lines, said.text
    assert lines[-1].startswith(f"error: {stage.target()['function']} {live} -> "), said.text
    assert "Unable to import module 'app.orders.main'" in lines[-1]
    assert stage.live() == live
