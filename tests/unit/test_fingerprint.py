"""What makes two versions one release: code and published configuration, and nothing besides."""

from typing import Any

import pytest

from infra.release.model.fingerprint import version

CONFIGURATION: dict[str, Any] = {  # as GetFunctionConfiguration answers
    "FunctionName": "strata-prod-orders",
    "FunctionArn": "arn:aws:lambda:eu-central-1:333333333333:function:strata-prod-orders:7",
    "Runtime": "python3.11",
    "Role": "arn:aws:iam::333333333333:role/strata-prod-orders-execution",
    "Handler": "app.orders.main.handler",
    "CodeSize": 123456,
    "Description": "",
    "Timeout": 10,
    "MemorySize": 512,
    "LastModified": "2026-11-24T17:20:50.000+0000",
    "CodeSha256": "A" * 43 + "=",
    "Version": "7",
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""},
    "Environment": {"Variables": {"TABLE_NAME": "strata-prod-orders", "POWERTOOLS_LOG_LEVEL": "INFO"}},
    "TracingConfig": {"Mode": "PassThrough"},
    "RevisionId": "1-2-3",
    "State": "Active",
    "Layers": [{"Arn": "arn:aws:lambda:eu-central-1:333333333333:layer:tools:3", "CodeSize": 9}],
    "PackageType": "Zip",
    "Architectures": ["x86_64"],
    "EphemeralStorage": {"Size": 512},
    "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    "RuntimeVersionConfig": {"RuntimeVersionArn": "arn:aws:lambda:eu-central-1::runtime:abc"},
    "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/strata-prod-orders"},
}
BASE = version(CONFIGURATION)


def changed(**values: Any) -> dict[str, Any]:
    return {**CONFIGURATION, **values}


def test_a_version_has_its_number_and_its_digest() -> None:
    assert (BASE.number, BASE.digest) == ("7", "A" * 43 + "=")


@pytest.mark.parametrize(
    "values",
    [
        {"Version": "8", "FunctionArn": "another", "RevisionId": "9", "LastModified": "later"},
        {"Description": "words"},
        {"State": "Inactive"},
        {"RuntimeVersionConfig": {"RuntimeVersionArn": "arn:aws:lambda:eu-central-1::runtime:def"}},
        {"VpcConfig": {}},
        {"DeadLetterConfig": {"TargetArn": ""}},
        {"KMSKeyArn": ""},
        {"SnapStart": {"ApplyOn": "None", "OptimizationStatus": "On"}},
    ],
)
def test_what_runs_nothing_leaves_the_fingerprint_alone(values: dict[str, Any]) -> None:
    assert version(changed(**values)).fingerprint == BASE.fingerprint


@pytest.mark.parametrize(
    "values",
    [
        {"CodeSha256": "B" * 43 + "="},
        {"Runtime": "python3.12"},
        {"Handler": "app.other.handler"},
        {"Timeout": 11},
        {"MemorySize": 513},
        {"Architectures": ["arm64"]},
        {"Role": "arn:aws:iam::333333333333:role/other"},
        {"Environment": {"Variables": {"TABLE_NAME": "strata-prod-orders", "POWERTOOLS_LOG_LEVEL": "DEBUG"}}},
        {"Environment": {"Variables": {"TABLE_NAME": "strata-prod-orders", "POWERTOOLS_LOG_LEVEL": ""}}},
        {"Environment": {"Variables": {"TABLE_NAME": "strata-prod-orders"}}},
        {"Layers": [{"Arn": "arn:aws:lambda:eu-central-1:333333333333:layer:tools:4"}]},
        {"TracingConfig": {"Mode": "Active"}},
        {"EphemeralStorage": {"Size": 1024}},
        {"SnapStart": {"ApplyOn": "PublishedVersions"}},
        {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:eu-central-1:333333333333:dead"}},
    ],
)
def test_what_runs_differently_has_another_fingerprint(values: dict[str, Any]) -> None:
    assert version(changed(**values)).fingerprint != BASE.fingerprint


def test_a_variable_set_to_nothing_is_not_one_left_out() -> None:
    empty = version(changed(Environment={"Variables": {"A": ""}}))
    assert empty.fingerprint != version(changed(Environment={"Variables": {}})).fingerprint


STAGING = changed(
    Role="arn:aws:iam::222222222222:role/strata-staging-orders-execution",
    Environment={"Variables": {"TABLE_NAME": "strata-staging-orders", "POWERTOOLS_LOG_LEVEL": "DEBUG"}},
    Layers=[{"Arn": "arn:aws:lambda:eu-west-1:222222222222:layer:tools:3"}],
    LoggingConfig={"LogFormat": "Text", "LogGroup": "/aws/lambda/strata-staging-orders"},
)


def test_the_same_code_in_another_stack_keeps_the_contract_and_not_the_fingerprint() -> None:
    assert version(STAGING).contract == BASE.contract
    assert version(STAGING).fingerprint != BASE.fingerprint


@pytest.mark.parametrize(
    "values",
    [
        {"MemorySize": 1024},
        {"Environment": {"Variables": {"TABLE_NAME": "x"}}},
        {"Layers": [{"Arn": "arn:aws:lambda:eu-west-1:222222222222:layer:tools:4"}]},
        {"LoggingConfig": {"LogFormat": "JSON", "LogGroup": "g"}},
    ],
)
def test_what_must_be_the_same_in_every_stack_changes_the_contract(values: dict[str, Any]) -> None:
    assert version({**STAGING, **values}).contract != BASE.contract


def test_a_bare_answer_is_enough() -> None:
    assert version({"Version": "1", "CodeSha256": "A" * 43 + "="}).fingerprint
