"""What is wrong around a stack is one clear error, and nothing is declared."""

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
    """The shared stack, whose legacy state is put right again."""
    yield bare
    legacy_state.put(bare.sandbox.aws, bare.sandbox.legacy, right(bare))


def right(bare: Stage) -> dict[str, Any]:
    return legacy_state.applied(bare.sandbox.aws)


def error(said: Said) -> str:
    """The error as one line of words. Nothing of ours may stand around it, and nothing was to be done."""
    assert said.code != 0, said.text
    assert "Traceback" not in said.text, said.text
    declared = re.findall(r"^ \+ +(\S+)", said.text.partition("Diagnostics:")[0], re.MULTILINE)
    assert set(declared) <= {"pulumi:pulumi:Stack", "pulumi:providers:aws"}, said.text
    return " ".join(said.text.partition("Diagnostics:")[2].split())


def without_output(state: dict[str, Any]) -> None:
    del state["outputs"]["table_arn"]


def without_outputs(state: dict[str, Any]) -> None:
    state["outputs"] = {}


def of_another_version(state: dict[str, Any]) -> None:
    state["version"] = 5


def of_another_account(state: dict[str, Any]) -> None:
    state["outputs"]["table_arn"]["value"] = "arn:aws:dynamodb:eu-central-1:999999999999:table/orders-prod"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without_output, "table_arn is missing"),
        (without_outputs, "it has no outputs"),
        (of_another_version, "version"),
        (of_another_account, "arn:aws:dynamodb:eu-central-1:999999999999:table/orders-prod"),
    ],
)
def test_a_legacy_state_that_does_not_hold_its_contract_is_named(legacy: Stage, spoil: Any, says: str) -> None:
    state = deepcopy(right(legacy))
    spoil(state)
    legacy_state.put(legacy.sandbox.aws, legacy.sandbox.legacy, state)
    told = error(legacy.preview())
    for part in (
        "layer data",
        "table_name, table_arn",
        f"s3://{legacy.sandbox.legacy.bucket}/data/terraform.tfstate",
        says,
    ):
        assert part in told


def test_an_empty_legacy_state_is_named(legacy: Stage) -> None:
    legacy_state.put(legacy.sandbox.aws, legacy.sandbox.legacy, b"")
    told = error(legacy.preview())
    assert "layer data" in told
    assert "data/terraform.tfstate" in told


def test_a_missing_legacy_state_is_named(legacy: Stage) -> None:
    legacy_state.remove(legacy.sandbox.aws, legacy.sandbox.legacy)
    told = error(legacy.preview())
    assert "layer data" in told
    assert "correct bucket, key or workspace of strata:data.legacy" in told


def test_a_legacy_state_in_another_workspace_is_named(bare: Stage) -> None:
    code, text = bare.sandbox.pulumi(
        "config", "set", "--stack", "prod", "--path", "strata:data.legacy.workspace", "blue"
    )
    assert code == 0, text
    try:
        told = error(bare.preview())
    finally:
        bare.reset()
    assert "layer data" in told
    assert "workspace blue" in told


def test_every_mistake_of_a_configuration_is_told_at_once(bare: Stage) -> None:
    file = bare.sandbox.scratch.project / "Pulumi.prod.yaml"
    text = file.read_text()
    spoilt = text.replace("memory: 1024", "memory: 64\n    memroy: 1024").replace("percent: 10", "percent: 100")
    spoilt = spoilt.replace("logRetentionDays: 90", "logRetentionDays: 91").replace("minutes: 10", 'minutes: "ten"')
    file.write_text(spoilt.replace('["333333333333"]', "[333333333333]"))
    try:
        told = error(bare.preview())
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
        assert key in told


def test_without_credentials_nothing_is_tried(bare: Stage) -> None:
    with bare.other_providers(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None) as env:
        told = error(bare.preview(env))
    assert "give credentials of account 333333333333" in told


def test_credentials_of_another_account_are_refused(bare: Stage) -> None:
    with bare.other_providers(AWS_ACCESS_KEY_ID="111111111111") as env:
        told = error(bare.preview(env))
    assert "111111111111" in told
    assert "333333333333" in told


def test_an_endpoint_that_is_away_is_named(bare: Stage) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and never listening: nobody answers, nobody else gets it
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with bare.other_providers(AWS_ENDPOINT_URL=away) as env:
            told = error(bare.preview(env))
    assert away in told


def test_providers_refuse_an_endpoint_off_loopback(bare: Stage) -> None:
    env = {**bare.sandbox.env, "AWS_ENDPOINT_URL": "https://dynamodb.eu-central-1.amazonaws.com"}
    command = [str(LOCAL_PYTHON), "-m", "local.providers"]
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    assert "https://dynamodb.eu-central-1.amazonaws.com" in done.stderr
    assert "loopback" in done.stderr
