"""The secrets layer, and what other layers hear of it: a name."""

import json
from typing import Any

import pytest

from infra.config import Secret, SecretsConfig
from infra.layers.secrets import Secrets
from infra.naming import AwsLocation, Names
from tests.layers.recorder import ACCOUNT, REGION, Recorder, record
from tests.layers.test_program import run

NAMES = Names("strata", "prod")
KEY = "fixture-key-of-thirty-two-characters-or-more"
PARAMETER = "ssm/parameter:Parameter"


def declare(config: SecretsConfig) -> Recorder:
    return record(lambda: Secrets("secrets", names=NAMES, config=config))


def plain(value: Any) -> Any:
    """Return the value below the engine's mark of a secret."""
    return value["value"] if isinstance(value, dict) and "value" in value else value


def test_a_key_is_an_encrypted_parameter_of_the_stacks_own() -> None:
    inputs = declare(SecretsConfig(receipt_key=Secret(KEY))).one(PARAMETER).inputs
    assert (inputs["name"], inputs["type"]) == ("/strata/prod/receipt-key", "SecureString")
    assert plain(inputs["value"]) == KEY


def test_its_value_stays_a_secret_among_the_outputs() -> None:
    assert "value" in declare(SecretsConfig(receipt_key=Secret(KEY))).one(PARAMETER).secret_outputs


def test_without_a_key_nothing_is_declared() -> None:
    assert declare(SecretsConfig()).of(PARAMETER) == []


@pytest.fixture
def signing(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(["strata:secrets"]))
    return run("prod", monkeypatch, secrets={"receiptKey": KEY})[0]


def test_the_function_gets_only_the_parameters_name(signing: Recorder) -> None:
    variables = signing.named("compute-orders").inputs["environment"]["variables"]
    assert variables["RECEIPT_KEY_PARAMETER"] == "/strata/prod/receipt-key"


def test_nothing_but_the_parameter_has_the_key(signing: Recorder) -> None:
    holders = [each.name for each in signing if KEY in json.dumps(each.inputs, default=str)]
    assert holders == ["secrets-receipt-key"]


def test_the_function_may_read_exactly_that_parameter(signing: Recorder) -> None:
    calls = json.loads(signing.named("compute-orders-calls").inputs["policy"])["Statement"]
    read = [each for each in calls if "ssm:GetParameter" in each["Action"]]
    arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/strata/prod/receipt-key"
    assert [(each["Action"], each["Resource"]) for each in read] == [(["ssm:GetParameter"], [arn])]


def test_the_function_waits_for_the_parameter(signing: Recorder) -> None:
    assert "secrets-receipt-key" in signing.named("compute-orders").after


def test_the_function_of_a_stack_without_a_key_gets_no_parameter_and_may_read_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded, _ = run("prod", monkeypatch)
    assert "RECEIPT_KEY_PARAMETER" not in recorded.named("compute-orders").inputs["environment"]["variables"]
    assert "ssm:" not in recorded.named("compute-orders-calls").inputs["policy"]


def test_the_release_compares_the_parameters_name_and_not_its_value(signing: Recorder) -> None:
    named = {
        each["function"]: "/strata/prod/receipt-key" in json.dumps(each)
        for each in signing.named("release").inputs["targets"]
    }
    assert named == {"strata-prod-orders": True, "strata-prod-fulfilment": False}


def test_the_arn_of_a_parameter_has_one_slash_before_its_path() -> None:
    place = AwsLocation("aws", REGION, ACCOUNT)
    assert place.parameter_arn("/a/b") == f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/a/b"
