"""Published versions: their names, their immutability, and when none is made."""

import base64
import hashlib

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Functions, archive

ONE = "def handler(event, context):\n    return 1\n"
TWO = "def handler(event, context):\n    return 2\n"


def test_create_answers_the_functions_arn_and_update_the_versions(functions: Functions, account: str) -> None:
    arn = f"arn:aws:lambda:{REGION}:{account}:function:orders"
    made = functions.client.create_function(
        FunctionName="orders",
        Runtime="python3.11",
        Handler="app.handler",
        Role=functions.role(),
        Code={"ZipFile": archive(ONE)},
        Publish=True,
    )
    assert (made["Version"], made["FunctionArn"], made["State"]) == ("1", arn, "Pending")
    functions._wait("orders")
    made = functions.client.update_function_code(FunctionName="orders", ZipFile=archive(TWO), Publish=True)
    assert (made["Version"], made["FunctionArn"], made["State"]) == ("2", f"{arn}:2", "Active")
    assert functions.invoke(qualifier="2")["Payload"] == 2
    for qualifier in ("1", "2", "$LATEST"):
        config = functions.client.get_function_configuration(FunctionName="orders", Qualifier=qualifier)
        assert (config["Version"], config["FunctionArn"]) == (qualifier, f"{arn}:{qualifier}")


def test_an_alias_shows_the_configuration_of_its_version_under_its_own_arn(functions: Functions, account: str) -> None:
    functions.create(ONE, MemorySize=128)
    functions.reconfigure(MemorySize=512)
    functions.publish(TWO)
    functions.alias("1", {"2": 0.9})
    for _ in range(5):
        config = functions.client.get_function_configuration(FunctionName="orders", Qualifier="live")
        assert (config["Version"], config["MemorySize"]) == ("1", 128)
        assert config["FunctionArn"] == f"arn:aws:lambda:{REGION}:{account}:function:orders:live"


def test_the_digest_is_the_sha256_of_the_zip(functions: Functions) -> None:
    functions.create(ONE)
    expected = base64.b64encode(hashlib.sha256(archive(ONE)).digest()).decode()
    config = functions.client.get_function_configuration(FunctionName="orders", Qualifier="1")
    assert (config["CodeSha256"], config["State"]) == (expected, "Active")


def test_a_version_keeps_its_code_and_configuration(functions: Functions) -> None:
    functions.create(ONE, Environment={"Variables": {"A": "1"}})
    functions.reconfigure(Environment={"Variables": {"A": "2"}})
    functions.publish(TWO)
    assert functions.invoke(qualifier="1")["Payload"] == 1
    assert functions.invoke(qualifier="2")["Payload"] == 2
    config = functions.client.get_function_configuration(FunctionName="orders", Qualifier="1")
    assert config["Environment"]["Variables"] == {"A": "1"}


def test_nothing_new_is_published_where_code_and_configuration_are_those_of_the_last_version(
    functions: Functions,
) -> None:
    functions.create(ONE, MemorySize=128)
    assert functions.client.publish_version(FunctionName="orders")["Version"] == "1"
    assert functions.publish(ONE) == "1"
    functions.reconfigure(MemorySize=128)
    assert functions.client.publish_version(FunctionName="orders")["Version"] == "1"
    functions.reconfigure(MemorySize=256)
    assert functions.client.publish_version(FunctionName="orders")["Version"] == "2"
    assert functions.publish(TWO) == "3"


def test_older_code_makes_a_new_version_since_only_the_last_one_counts(functions: Functions) -> None:
    functions.create(ONE)
    assert functions.publish(TWO) == "2"
    assert functions.publish(ONE) == "3"


def test_publishing_another_code_than_expected_is_refused(functions: Functions) -> None:
    functions.create(ONE)
    with pytest.raises(ClientError, match=r"CodeSHA256 \(other\) is different from current CodeSHA256 in \$LATEST"):
        functions.client.publish_version(FunctionName="orders", CodeSha256="other")


def test_a_new_function_is_pending_and_soon_active(functions: Functions) -> None:
    made = functions.client.create_function(
        FunctionName="orders",
        Runtime="python3.11",
        Handler="app.handler",
        Role=functions.role(),
        Code={"ZipFile": archive(ONE)},
    )
    assert (made["State"], made["Version"]) == ("Pending", "$LATEST")
    assert "LastUpdateStatus" not in made
    functions.client.get_waiter("function_active_v2").wait(FunctionName="orders")


def test_a_list_of_versions_gives_each_its_own_arn(functions: Functions, account: str) -> None:
    functions.create(ONE)
    listed = functions.client.list_versions_by_function(FunctionName="orders")["Versions"]
    arn = f"arn:aws:lambda:{REGION}:{account}:function:orders"
    assert [version["FunctionArn"] for version in listed] == [f"{arn}:$LATEST", f"{arn}:1"]


def test_a_version_that_is_not_there_is_named_in_the_error(functions: Functions, account: str) -> None:
    functions.create(ONE)
    for call in (functions.client.get_function, functions.client.get_function_configuration):
        with pytest.raises(
            ClientError, match=f"Function not found: arn:aws:lambda:{REGION}:{account}:function:orders:9"
        ):
            call(FunctionName="orders", Qualifier="9")


def test_a_version_that_an_alias_needs_cannot_be_deleted(functions: Functions) -> None:
    functions.create(ONE)
    functions.publish(TWO)
    functions.alias("1", {"2": 0.1})
    for version in ("1", "2"):
        with pytest.raises(ClientError, match="ResourceConflictException"):
            functions.client.delete_function(FunctionName="orders", Qualifier=version)
