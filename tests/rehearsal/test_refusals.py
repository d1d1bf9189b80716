"""A wrong set-up of a stack is one clear error, and no resource is declared."""

import re
import socket
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from rehearsal.environment import legacy_state
from rehearsal.environment.sandbox import LOCAL_PYTHON, REPOSITORY
from tests.rehearsal.stage import Said, Stage


@pytest.fixture
def legacy(bare: Stage) -> Iterator[Stage]:
    """The shared stack, whose legacy state is restored afterwards."""
    yield bare
    legacy_state.put(bare.sandbox.aws, bare.sandbox.legacy, right(bare))


def right(bare: Stage) -> dict[str, Any]:
    return legacy_state.applied(bare.sandbox.aws)


def error(said: Said) -> str:
    """Return the error as one line; check that it has no traceback of ours and that no resource was declared."""
    assert said.code != 0, said.text
    assert "Traceback" not in said.text, said.text
    declared = re.findall(r"^ \+ +(\S+)", said.text.partition("Diagnostics:")[0], re.MULTILINE)
    assert set(declared) <= {"pulumi:pulumi:Stack", "pulumi:providers:aws"}, said.text
    return " ".join(said.text.partition("Diagnostics:")[2].split())


def without_output(state: dict[str, Any]) -> None:
    del state["outputs"]["table_arn"]


def without_stream(state: dict[str, Any]) -> None:
    del state["outputs"]["table_stream_arn"]


def without_outputs(state: dict[str, Any]) -> None:
    state["outputs"] = {}


def of_another_version(state: dict[str, Any]) -> None:
    state["version"] = 5


def of_another_account(state: dict[str, Any]) -> None:
    state["outputs"]["table_arn"]["value"] = "arn:aws:dynamodb:eu-central-1:999999999999:table/orders-prod"


@pytest.mark.parametrize(
    ("corrupt", "says"),
    [
        (without_output, "table_arn is missing"),
        pytest.param(without_stream, "table_stream_arn is missing", marks=pytest.mark.faults),
        pytest.param(without_outputs, "it has no outputs", marks=pytest.mark.faults),
        pytest.param(of_another_version, "version", marks=pytest.mark.faults),
        (of_another_account, "arn:aws:dynamodb:eu-central-1:999999999999:table/orders-prod"),
    ],
)
def test_a_legacy_state_that_does_not_hold_its_contract_is_named(legacy: Stage, corrupt: Any, says: str) -> None:
    state = deepcopy(right(legacy))
    corrupt(state)
    legacy_state.put(legacy.sandbox.aws, legacy.sandbox.legacy, state)
    message = error(legacy.preview())
    for part in (
        "layer data",
        "table_name, table_arn",
        f"s3://{legacy.sandbox.legacy.bucket}/data/terraform.tfstate",
        says,
    ):
        assert part in message


@pytest.mark.faults
def test_an_empty_legacy_state_is_named(legacy: Stage) -> None:
    legacy_state.put(legacy.sandbox.aws, legacy.sandbox.legacy, b"")
    message = error(legacy.preview())
    assert "layer data" in message
    assert "data/terraform.tfstate" in message


def test_a_missing_legacy_state_is_named(legacy: Stage) -> None:
    legacy_state.remove(legacy.sandbox.aws, legacy.sandbox.legacy)
    message = error(legacy.preview())
    assert "layer data" in message
    assert "correct bucket, key or workspace of strata:data.legacy" in message


@pytest.mark.faults
def test_a_legacy_state_in_another_workspace_is_named(bare: Stage) -> None:
    code, text = bare.sandbox.pulumi(
        "config", "set", "--stack", "prod", "--path", "strata:data.legacy.workspace", "blue"
    )
    assert code == 0, text
    try:
        message = error(bare.preview())
    finally:
        bare.reset()
    assert "layer data" in message
    assert "workspace blue" in message


def test_all_mistakes_of_a_configuration_are_reported_at_once(bare: Stage) -> None:
    file = bare.sandbox.scratch.project / "Pulumi.prod.yaml"
    text = file.read_text()
    wrong = text.replace("memory: 1024", "memory: 64\n    memroy: 1024").replace("percent: 10", "percent: 100")
    wrong = wrong.replace("logRetentionDays: 90", "logRetentionDays: 91").replace("minutes: 10", 'minutes: "ten"')
    file.write_text(wrong.replace('["333333333333"]', "[333333333333]"))
    try:
        message = error(bare.preview())
    finally:
        file.write_text(text)
    for key in (
        "strata:compute.memory is 64",
        "strata:compute.memroy",
        "strata:delivery.curve.percent is 100",
        "strata:delivery.curve.minutes is",
        "strata:observability.logRetentionDays is 91",
        "strata:account.allowedAccountIds",
    ):
        assert key in message


def test_without_credentials_nothing_is_tried(bare: Stage) -> None:
    with bare.other_providers(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None) as env:
        message = error(bare.preview(env))
    assert "give credentials of account 333333333333" in message


def test_credentials_of_another_account_are_refused(bare: Stage) -> None:
    with bare.other_providers(AWS_ACCESS_KEY_ID="111111111111") as env:
        message = error(bare.preview(env))
    assert "111111111111" in message
    assert "333333333333" in message


def test_an_endpoint_that_is_away_is_named(bare: Stage) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with bare.other_providers(AWS_ENDPOINT_URL=away) as env:
            message = error(bare.preview(env))
    assert away in message


def test_providers_refuse_an_endpoint_off_loopback(bare: Stage) -> None:
    env = {**bare.sandbox.env, "AWS_ENDPOINT_URL": "https://dynamodb.eu-central-1.amazonaws.com"}
    command = [str(LOCAL_PYTHON), "-m", "local.providers"]
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    assert "https://dynamodb.eu-central-1.amazonaws.com" in done.stderr
    assert "loopback" in done.stderr
