"""Functions of any name, and bodies that are no JSON."""

import contextlib
import http.client
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Cloud, Functions

ECHO = "def handler(event, context):\n    return event\n"


@pytest.mark.parametrize(
    "name",
    [
        "url-shortener",
        "urls",
        "event-invoke-config-1",
        "provisioned-concurrency",
        "account-settings",
        "code-signing-config",
        "functions",
        "policy",
        "my-url-and-event-invoke-config",
    ],
)
def test_a_function_of_any_name_is_made_called_changed_and_deleted(functions: Functions, name: str) -> None:
    functions.create(ECHO, name)
    client = functions.client
    assert functions.invoke({"a": 1}, name, qualifier="1")["Payload"] == {"a": 1}
    functions.reconfigure(name, Timeout=7)
    assert client.get_function(FunctionName=name)["Configuration"]["Timeout"] == 7
    assert functions.publish(ECHO + "# 2\n", name) == "2"
    functions.alias("2", name=name)
    client.add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )
    assert "sns.amazonaws.com" in client.get_policy(FunctionName=name)["Policy"]
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    assert client.get_function_event_invoke_config(FunctionName=name)["MaximumRetryAttempts"] == 1
    assert client.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    assert client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=3)
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 3
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="2", ProvisionedConcurrentExecutions=1)
    assert client.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"]
    assert "CodeSigningConfigArn" not in client.get_function_code_signing_config(FunctionName=name)
    client.delete_alias(FunctionName=name, Name="live")
    client.delete_function(FunctionName=name)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_function(FunctionName=name)


def _sent(cloud: Cloud, account: str, body: bytes) -> tuple[int, str, bytes]:
    """Return an invocation with a body of bytes, which boto3 sends too, but a browser and curl write as they like."""
    url = f"{cloud.endpoint}/2015-03-31/functions/orders/invocations"
    request = AWSRequest("POST", url, data=body)
    SigV4Auth(Credentials(account, "local"), "lambda", REGION).add_auth(request)
    where = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(where.hostname or "", where.port)) as connection:
        connection.request("POST", where.path, body, dict(request.headers.items()))
        answer = connection.getresponse()
        return answer.status, answer.headers.get("x-amzn-errortype", ""), answer.read()


@pytest.mark.parametrize("body", [b"{", b"'x'", b"\xff\xfe", b"NaN", b"[1,]", b"{} {}", b"undefined"])
def test_a_body_that_is_not_json_is_refused_before_anything_runs(
    functions: Functions, cloud: Cloud, account: str, client: Any, body: bytes
) -> None:
    functions.create(ECHO)
    status, code, _ = _sent(cloud, account, body)
    assert (status, code) == (400, "InvalidRequestContentException")
    for kind in ("RequestResponse", "Event"):
        with pytest.raises(ClientError, match="InvalidRequestContentException"):
            functions.client.invoke(FunctionName="orders", Payload=body, InvocationType=kind)
    assert client("logs").describe_log_groups()["logGroups"] == []


@pytest.mark.parametrize(("body", "event"), [(b"", b"{}"), (b"null", b"null"), (b' "x" ', b'"x"'), (b"[1]", b"[1]")])
def test_any_json_is_an_event(functions: Functions, cloud: Cloud, account: str, body: bytes, event: bytes) -> None:
    functions.create(ECHO)
    assert _sent(cloud, account, body)[::2] == (200, event)


def test_a_body_over_six_megabytes_is_too_large(functions: Functions) -> None:
    functions.create(ECHO)
    with pytest.raises(ClientError, match="RequestTooLargeException") as refused:
        functions.invoke("x" * 6_300_000, qualifier="")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_qualifier_that_contradicts_the_arn_is_refused(functions: Functions) -> None:
    functions.create(ECHO)
    functions.alias("1")
    assert functions.invoke(1, "orders:live", qualifier="live")["Payload"] == 1
    with pytest.raises(ClientError, match="The derived qualifier from the function name does not match"):
        functions.invoke(1, "orders:live", qualifier="1")
