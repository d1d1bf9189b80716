"""What the operator's command reads of a stack's release."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from infra.release.cli import stack_state
from infra.release.cli.session import open_session
from infra.release.model.spec import ReleaseError
from tests.unit.seen import POLICY, TARGET
from tests.unit.states import release, stack

INPUTS = {"region": "eu-west-1", "targets": [asdict(TARGET)], "policy": asdict(POLICY)}
OTHER = {**INPUTS, "region": "us-east-1"}
ENCRYPTED = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `pulumi` that prints the folder's state.json, and keeps what was typed in `typed`."""
    (tmp_path / "pulumi").write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/typed\ncat {tmp_path}/state.json\n')
    (tmp_path / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def found(state: dict[str, Any]) -> dict[str, Any]:
    (only,) = stack_state.in_state(state)
    return dict(only)


def test_a_command_opens_the_release_of_the_stacks_state_by_one_call(pulumi: Path) -> None:
    (pulumi / "state.json").write_text(json.dumps(stack(release(INPUTS))))
    release_ = open_session("prod", following=True)
    assert (release_.region, release_.targets, release_.policy) == ("eu-west-1", (TARGET,), POLICY)
    assert (pulumi / "typed").read_text() == "stack export --stack prod\n"


def test_the_state_of_an_older_program_has_only_the_output() -> None:
    assert found(stack(outputs={"release": INPUTS}))["region"] == "eu-west-1"


def test_the_outputs_are_those_of_the_stack_itself() -> None:
    assert stack_state.outputs(stack(release(INPUTS), outputs={"api_url": "x"})) == {"api_url": "x"}
    assert stack_state.outputs(stack(release(INPUTS))) == {}
    assert stack_state.outputs({}) == {}


def test_the_resource_goes_before_an_output_of_an_older_program() -> None:
    assert found(stack(release(INPUTS), outputs={"release": OTHER}))["region"] == "eu-west-1"


def test_the_table_of_orders_is_the_one_that_the_program_exported(pulumi: Path) -> None:
    for given, table in (({"table_name": "orders-prod"}, "orders-prod"), ({}, ""), ({"table_name": ENCRYPTED}, "")):
        (pulumi / "state.json").write_text(json.dumps(stack(release(INPUTS), outputs=given)))
        assert open_session("prod").table == table


def test_a_release_that_is_about_to_be_deleted_is_not_the_stacks() -> None:
    assert found(stack(release(OTHER, delete=True), release(INPUTS)))["region"] == "eu-west-1"


def test_what_only_an_update_needs_is_left_out_and_may_be_secret() -> None:
    target = {**asdict(TARGET), "configuration": ENCRYPTED, "probe": "{}"}
    (read,) = found(stack(release({**INPUTS, "targets": [target]}, outputs={"targets": ENCRYPTED})))["targets"]
    assert target.keys() - read.keys() == {"configuration", "probe"}


@pytest.mark.parametrize(
    "state", [{"version": 3, "deployment": {"manifest": {}}}, stack(), stack(outputs={"api_url": "x"})]
)
def test_a_stack_without_a_release_is_an_error_with_the_remedy(pulumi: Path, state: dict[str, Any]) -> None:
    (pulumi / "state.json").write_text(json.dumps(state))
    with pytest.raises(ReleaseError, match=r"^stack prod has no release: its state holds no .*; run `pulumi up`"):
        stack_state.release("prod")


def test_of_several_releases_a_command_opens_the_one_with_the_function(pulumi: Path) -> None:
    other = {**INPUTS, "region": "us-east-1", "targets": [asdict(replace(TARGET, function="shop-greet"))]}
    (pulumi / "state.json").write_text(json.dumps(stack(release(INPUTS), release(other))))
    assert open_session("prod", "shop-greet").region == "us-east-1"
    assert open_session("prod", release_of=TARGET.function).region == "eu-west-1"
    with pytest.raises(ReleaseError, match=r"^stack prod has 2 releases, of .*shop-greet.*, and none is named; give"):
        open_session("prod")
    with pytest.raises(ReleaseError, match=r"and 'shop' is in none of them; give one of these functions by --function"):
        open_session("prod", "shop")


def test_a_stack_that_pulumi_cannot_export_is_an_error_in_its_words(pulumi: Path) -> None:
    (pulumi / "pulumi").write_text("#!/bin/sh\necho \"error: no stack named 'prod' found\" >&2\nexit 255\n")
    with pytest.raises(ReleaseError, match=r"^stack prod has no release: error: no stack named 'prod' found; run"):
        stack_state.release("prod")


def test_a_missing_pulumi_is_an_error_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ReleaseError, match="is not on PATH"):
        stack_state.release("prod")
