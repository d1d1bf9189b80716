"""Event-invoke and provisioned-concurrency configurations, as AWS's recorded answers have them."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Functions, until

CODE = "def handler(event, context):\n    raise ValueError('again')\n"


def _refused(call: Callable[..., Any], **request: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as refused:
        call(**{"FunctionName": "orders", **request})
    answer: Any = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.fixture
def one(functions: Functions) -> Functions:
    functions.create(CODE)
    functions.alias("1")
    return functions


@pytest.fixture
def arn(account: str) -> str:
    return f"arn:aws:lambda:{REGION}:{account}:function:orders"


def test_an_event_invoke_configuration_is_put_updated_listed_and_deleted(one: Functions, arn: str) -> None:
    client = one.client
    put = client.put_function_event_invoke_config(
        FunctionName="orders", MaximumEventAgeInSeconds=60, MaximumRetryAttempts=2
    )
    assert put["FunctionArn"] == f"{arn}:$LATEST"
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    updated = client.update_function_event_invoke_config(FunctionName="orders", MaximumRetryAttempts=0)
    assert (updated["MaximumEventAgeInSeconds"], updated["MaximumRetryAttempts"]) == (60, 0)
    replaced = client.put_function_event_invoke_config(FunctionName="orders", MaximumRetryAttempts=1)
    assert "MaximumEventAgeInSeconds" not in replaced
    for qualifier in ("live", "1"):
        client.put_function_event_invoke_config(FunctionName="orders", Qualifier=qualifier, MaximumRetryAttempts=1)
    listed = client.list_function_event_invoke_configs(FunctionName="orders")["FunctionEventInvokeConfigs"]
    assert [config["FunctionArn"] for config in listed] == [f"{arn}:$LATEST", f"{arn}:live", f"{arn}:1"]
    paged = client.get_paginator("list_function_event_invoke_configs").paginate(
        FunctionName="orders", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["FunctionEventInvokeConfigs"]) for page in paged] == [2, 1]
    client.delete_function_event_invoke_config(FunctionName="orders", Qualifier="live")
    missing = (404, "ResourceNotFoundException", f"The function {arn}:live doesn't have an EventInvokeConfig")
    for call in (client.get_function_event_invoke_config, client.delete_function_event_invoke_config):
        assert _refused(call, Qualifier="live") == missing
    assert _refused(client.update_function_event_invoke_config, Qualifier="live", MaximumRetryAttempts=1) == missing
    explicit = client.get_function_event_invoke_config(FunctionName="orders", Qualifier="$LATEST")
    assert explicit["MaximumRetryAttempts"] == 1


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        ({}, "InvalidParameterValueException", "You must specify at least one of error handling or destination"),
        ({"MaximumRetryAttempts": 3}, "ValidationException", "less than or equal to 2"),
        ({"MaximumEventAgeInSeconds": 59}, "ValidationException", "greater than or equal to 60"),
        ({"FunctionName": "missing", "MaximumRetryAttempts": 1}, "ResourceNotFoundException", "doesn't exist"),
        ({"Qualifier": "missing", "MaximumRetryAttempts": 1}, "ResourceNotFoundException", "doesn't exist"),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "{arn}"}}},
            "InvalidParameterValueException",
            "itself",
        ),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": "{arn}-none"}}},
            "InvalidParameterValueException",
            "orders-none is invalid",
        ),
    ],
)
def test_a_wrong_event_invoke_configuration_is_refused(
    one: Functions, arn: str, given: dict[str, Any], code: str, text: str
) -> None:
    filled = {
        key: {event: {"Destination": to["Destination"].format(arn=arn)} for event, to in value.items()}
        if isinstance(value, dict)
        else value
        for key, value in given.items()
    }
    found = _refused(one.client.put_function_event_invoke_config, **filled)
    assert found[:2] == (404 if code == "ResourceNotFoundException" else 400, code)
    assert text in found[2]


def test_an_aliass_own_number_of_retries_counts(one: Functions, client: Callable[[str], Any]) -> None:
    one.client.put_function_event_invoke_config(FunctionName="orders", Qualifier="live", MaximumRetryAttempts=0)
    client("sqs").create_queue(QueueName="dead")
    queue = client("sqs").get_queue_url(QueueName="dead")["QueueUrl"]
    target = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    one.client.update_function_event_invoke_config(
        FunctionName="orders", Qualifier="live", DestinationConfig={"OnFailure": {"Destination": target}}
    )
    one.invoke({}, InvocationType="Event")
    assert until(lambda: client("sqs").receive_message(QueueUrl=queue).get("Messages"))
    started = client("logs").filter_log_events(logGroupName="/aws/lambda/orders", filterPattern="START")["events"]
    assert len([event for event in started if event["message"].startswith("START")]) == 1


def test_provisioned_concurrency_is_put_becomes_ready_is_listed_and_deleted(one: Functions, arn: str) -> None:
    client = one.client
    put = client.put_provisioned_concurrency_config(
        FunctionName="orders", Qualifier="live", ProvisionedConcurrentExecutions=2
    )
    assert (put["Status"], put["RequestedProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 2)

    def ready() -> bool:
        found = client.get_provisioned_concurrency_config(FunctionName="orders", Qualifier="live")
        return bool(found["Status"] == "READY" and found["AvailableProvisionedConcurrentExecutions"] == 2)

    assert until(ready)
    (listed,) = client.list_provisioned_concurrency_configs(FunctionName="orders")["ProvisionedConcurrencyConfigs"]
    assert (listed["FunctionArn"], listed["Status"]) == (f"{arn}:live", "READY")
    client.delete_provisioned_concurrency_config(FunctionName="orders", Qualifier="live")
    client.delete_provisioned_concurrency_config(FunctionName="orders", Qualifier="live")
    assert _refused(client.get_provisioned_concurrency_config, Qualifier="live") == (
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )
    assert client.list_provisioned_concurrency_configs(FunctionName="orders")["ProvisionedConcurrencyConfigs"] == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Qualifier": "$LATEST"}, "InvalidParameterValueException"),
        ({"Qualifier": "9"}, "ResourceNotFoundException"),
        ({"FunctionName": "absent"}, "ResourceNotFoundException"),
        ({"ProvisionedConcurrentExecutions": 0}, "ValidationException"),
    ],
)
def test_wrong_provisioned_concurrency_is_refused(one: Functions, given: dict[str, Any], code: str) -> None:
    request = {"Qualifier": "live", "ProvisionedConcurrentExecutions": 1, **given}
    assert _refused(one.client.put_provisioned_concurrency_config, **request)[1] == code
