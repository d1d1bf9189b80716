"""Aliases: what Lambda accepts, and which version a call gets."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Functions

VERSION = "def handler(event, context):\n    return {}\n"


@pytest.fixture
def three(functions: Functions) -> Functions:
    """A function with the versions 1, 2 and 3; each answers with its number."""
    functions.create(VERSION.format(1))
    assert functions.publish(VERSION.format(2)) == "2"
    assert functions.publish(VERSION.format(3)) == "3"
    return functions


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """Code and message of the error with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_alias_without_weights_gives_all_calls_to_its_version(three: Functions) -> None:
    three.alias("2")
    answers = [three.invoke() for _ in range(20)]
    assert {answer["Payload"] for answer in answers} == {2}
    assert {answer["ExecutedVersion"] for answer in answers} == {"2"}


def test_a_weighted_alias_shares_the_calls_and_says_which_version_ran(three: Functions) -> None:
    three.alias("1", {"3": 0.3})
    answers = [three.invoke() for _ in range(300)]
    assert {(answer["ExecutedVersion"], answer["Payload"]) for answer in answers} == {("1", 1), ("3", 3)}
    share = sum(answer["ExecutedVersion"] == "3" for answer in answers) / 300
    assert 0.3 - 0.11 < share < 0.3 + 0.11  # four standard deviations


@pytest.mark.parametrize(("weight", "version"), [(0.0, "1"), (1.0, "2")])
def test_a_weight_of_nothing_and_of_all_is_taken_at_its_word(three: Functions, weight: float, version: str) -> None:
    three.alias("1", {"2": weight})
    assert {three.invoke()["ExecutedVersion"] for _ in range(25)} == {version}


def test_a_call_by_version_or_without_qualifier_is_not_routed(three: Functions) -> None:
    three.alias("1", {"2": 0.5})
    assert {three.invoke(qualifier="3")["ExecutedVersion"] for _ in range(5)} == {"3"}
    assert {three.invoke(qualifier="")["ExecutedVersion"] for _ in range(5)} == {"$LATEST"}


def test_moving_an_alias_acts_on_the_next_call(three: Functions) -> None:
    three.alias("1")
    assert three.invoke()["Payload"] == 1
    three.alias("3", {"2": 1.0})
    assert three.invoke()["Payload"] == 2
    three.alias("3")
    assert three.invoke()["Payload"] == 3
    assert "RoutingConfig" not in three.client.get_alias(FunctionName="orders", Name="live")


@pytest.mark.parametrize("operation", ["create_alias", "update_alias"])
@pytest.mark.parametrize(
    ("version", "weights", "expected"),
    [
        ("9", {}, "ResourceNotFoundException: Function not found: {arn}:9"),
        ("1", {"9": 0.1}, "ResourceNotFoundException: Function not found: {arn}:9"),
        (
            "1",
            {"2": 0.1, "3": 0.1},
            "InvalidParameterValueException: Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        (
            "$LATEST",
            {"1": 0.1},
            "InvalidParameterValueException: $LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            "1",
            {"$LATEST": 0.1},
            "InvalidParameterValueException: $LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            "1",
            {"1": 0.1},
            "InvalidParameterValueException: Invalid function version 1. "
            "Function version 1 is already included in routing configuration.",
        ),
        ("1", {"2": 1.1}, "ValidationException: 1 validation error detected: Value '{{2=1.1}}' at"),
    ],
)
def test_an_alias_that_lambda_refuses_is_refused_and_nothing_changes(
    three: Functions, operation: str, version: str, weights: dict[str, float], expected: str
) -> None:
    if operation == "update_alias":
        three.alias("2")
    arn = three.client.get_function_configuration(FunctionName="orders")["FunctionArn"]
    code, message = refusal(
        getattr(three.client, operation),
        FunctionName="orders",
        Name="live",
        FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": weights},
    )
    assert f"{code}: {message}".startswith(expected.format(arn=arn))
    aliases = three.client.list_aliases(FunctionName="orders")["Aliases"]
    assert [alias["FunctionVersion"] for alias in aliases] == (["2"] if operation == "update_alias" else [])


def test_an_update_of_the_version_alone_is_checked_against_the_weights_in_force(three: Functions) -> None:
    three.alias("1", {"2": 0.1})
    code, _ = refusal(three.client.update_alias, FunctionName="orders", Name="live", FunctionVersion="2")
    assert code == "InvalidParameterValueException"
    three.client.update_alias(FunctionName="orders", Name="live", FunctionVersion="3")
    alias = three.client.get_alias(FunctionName="orders", Name="live")
    assert (alias["FunctionVersion"], alias["RoutingConfig"]) == ("3", {"AdditionalVersionWeights": {"2": 0.1}})


def test_versions_with_different_roles_do_not_share_an_alias(functions: Functions) -> None:
    functions.create(VERSION.format(1))
    functions.reconfigure(Role=functions.role("another"))
    functions.publish(VERSION.format(2))
    functions.alias("1")
    code, message = refusal(functions.alias, version="1", weights={"2": 0.1})
    assert code == "InvalidParameterValueException"
    assert message == "Specified versions must be associated with the same execution role"
    functions.alias("2")


def test_versions_with_different_dead_letter_queues_do_not_share_an_alias(
    functions: Functions, client: Callable[[str], Any], account: str
) -> None:
    functions.create(VERSION.format(1))
    client("sqs").create_queue(QueueName="dead")
    functions.reconfigure(DeadLetterConfig={"TargetArn": f"arn:aws:sqs:{REGION}:{account}:dead"})
    functions.publish(VERSION.format(2))
    code, message = refusal(functions.alias, version="1", weights={"2": 0.1})
    assert code == "InvalidParameterValueException"
    assert "dead letter" in message


@pytest.mark.parametrize("name", ["12", "with space", "a:b"])
def test_a_name_that_could_be_taken_for_a_version_is_refused(three: Functions, name: str) -> None:
    code, message = refusal(three.client.create_alias, FunctionName="orders", Name=name, FunctionVersion="1")
    assert code == "ValidationException"
    assert name in message


def test_an_update_with_a_stale_revision_is_refused(three: Functions) -> None:
    three.alias("1")
    first = three.client.get_alias(FunctionName="orders", Name="live")["RevisionId"]
    second = three.client.update_alias(FunctionName="orders", Name="live", FunctionVersion="2", RevisionId=first)
    assert second["RevisionId"] != first
    code, _ = refusal(
        three.client.update_alias, FunctionName="orders", Name="live", FunctionVersion="3", RevisionId=first
    )
    assert code == "PreconditionFailedException"
    assert three.client.get_alias(FunctionName="orders", Name="live")["FunctionVersion"] == "2"


def test_reserved_concurrency_of_nothing_throttles_every_way_to_call(three: Functions) -> None:
    three.alias("1", {"2": 0.5})
    three.client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=0)
    for qualifier in ("live", "1", ""):
        code, _ = refusal(three.invoke, qualifier=qualifier)
        assert code == "TooManyRequestsException"
    three.client.delete_function_concurrency(FunctionName="orders")
    assert three.invoke()["Payload"] in {1, 2}


def test_a_dry_run_executes_nothing(three: Functions, client: Callable[[str], Any]) -> None:
    three.alias("1")
    assert three.invoke(InvocationType="DryRun")["StatusCode"] == 204
    assert client("logs").describe_log_groups()["logGroups"] == []


def test_an_alias_in_one_account_is_unknown_in_another(three: Functions, cloud: Any) -> None:
    three.alias("1")
    other = cloud.client("lambda", "999999999999")
    code, _ = refusal(other.invoke, FunctionName="orders", Qualifier="live")
    assert code == "ResourceNotFoundException"
