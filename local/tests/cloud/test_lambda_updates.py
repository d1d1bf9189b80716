"""Lambda refuses changes while a function is created or updated, as AWS's page on function states says.

The cloud of these tests runs in real time, in which an update takes two seconds.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Cloud, Functions, archive, start_cloud, stop_cloud, until

ONE = "def handler(event, context):\n    return 1\n"
TWO = "def handler(event, context):\n    return 2\n"


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    process, running = start_cloud(tmp_path_factory.mktemp("slow"), factor=1)
    yield running
    stop_cloud(process)


@pytest.fixture
def functions(slow: Cloud, account: str) -> Functions:
    return Functions(lambda service: slow.client(service, account), account)


@pytest.fixture
def arn(account: str) -> str:
    return f"arn:aws:lambda:{REGION}:{account}:function:orders"


def _conflict(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    answer: Any = refused.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ResourceConflictException", 409)
    return str(answer["Error"]["Message"])


def test_while_an_update_is_in_progress_the_next_one_is_refused_and_calls_get_the_code_of_before(
    functions: Functions, arn: str
) -> None:
    functions.create(ONE, Environment={"Variables": {"A": "1"}})
    client = functions.client
    before = client.get_function_configuration(FunctionName="orders")["RevisionId"]
    begun = client.update_function_code(FunctionName="orders", ZipFile=archive(TWO))
    assert (begun["State"], begun["LastUpdateStatus"]) == ("Active", "InProgress")
    text = f"The operation cannot be performed at this time. An update is in progress for resource: {arn}"
    assert functions.invoke(qualifier="")["Payload"] == 1
    assert _conflict(client.update_function_code, FunctionName="orders", ZipFile=archive(ONE)) == text
    assert _conflict(client.update_function_configuration, FunctionName=arn, Timeout=5) == text
    assert _conflict(client.publish_version, FunctionName="orders") == text
    assert _conflict(client.tag_resource, Resource=arn, Tags={"a": "b"}) == text
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    client.get_waiter("function_updated_v2").wait(FunctionName="orders", WaiterConfig={"Delay": 1})
    ended = client.get_function_configuration(FunctionName="orders")
    assert (ended["State"], ended["LastUpdateStatus"]) == ("Active", "Successful")
    assert len({before, begun["RevisionId"], ended["RevisionId"]}) == 3
    assert functions.invoke(qualifier="")["Payload"] == 2
    assert client.publish_version(FunctionName="orders")["Version"] == "2"


def test_a_new_function_can_neither_be_called_nor_changed_until_it_is_active(functions: Functions) -> None:
    client = functions.client
    client.create_function(
        FunctionName="orders",
        Runtime="python3.11",
        Handler="app.handler",
        Role=functions.role(),
        Code={"ZipFile": archive(ONE)},
        Publish=True,
    )
    text = "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    assert _conflict(client.invoke, FunctionName="orders") == text
    assert _conflict(client.invoke, FunctionName="orders", InvocationType="Event") == text
    assert _conflict(client.update_function_code, FunctionName="orders", ZipFile=archive(TWO)) == text
    assert _conflict(client.publish_version, FunctionName="orders") == text
    client.get_waiter("function_active_v2").wait(FunctionName="orders", WaiterConfig={"Delay": 1})
    assert functions.invoke(qualifier="1")["Payload"] == 1


def test_a_deleted_function_can_be_made_anew_while_its_update_was_in_progress(functions: Functions) -> None:
    functions.create(ONE)
    functions.client.update_function_configuration(FunctionName="orders", Timeout=5)
    functions.client.delete_function(FunctionName="orders")
    functions.create(TWO)
    assert functions.invoke(qualifier="")["Payload"] == 2
    assert until(
        lambda: (
            functions.client.get_function(FunctionName="orders")["Configuration"]["LastUpdateStatus"] == "Successful"
        )
    )
