"""An HTTP API in front of an alias: any client reaches it, and errors have API Gateway's form."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.conftest import REGION, Cloud, Functions

ANSWER = (
    "import json\ndef handler(event, context):\n"
    "    if event['rawPath'] == '/boom': raise RuntimeError('secret')\n"
    "    return {'statusCode': 201, 'headers': {'x-version': context.function_version}, 'body': json.dumps({\n"
    "        'arn': context.invoked_function_arn, 'body': event.get('body'), 'path': event.get('pathParameters'),\n"
    "        'account': event['requestContext']['accountId'], 'route': event['routeKey']})}\n"
)
Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def call(functions: Functions, cloud: Cloud, client: Callable[[str], Any]) -> Call:
    """A client without credentials of an HTTP API before the alias `live` of a function."""
    arn = functions.alias(functions.create(ANSWER))
    gateway = client("apigatewayv2")
    api = gateway.create_api(Name="shop", ProtocolType="HTTP")
    integration = gateway.create_integration(
        ApiId=api["ApiId"],
        IntegrationType="AWS_PROXY",
        IntegrationUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations",
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    for route in ("POST /orders", "GET /orders/{id}", "GET /boom", "GET /health"):
        gateway.create_route(ApiId=api["ApiId"], RouteKey=route, Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    host = api["ApiEndpoint"].removeprefix("http://")

    def request(method: str, path: str, body: str | None = None) -> tuple[int, Any]:
        status, text = cloud.http(method, path, body, host)
        return status, json.loads(text)

    return request


def test_a_client_without_credentials_reaches_the_alias(call: Call, account: str) -> None:
    arn = f"arn:aws:lambda:{REGION}:{account}:function:orders:live"
    assert call("POST", "/orders", '{"item": "tea"}') == (
        201,
        {"arn": arn, "body": '{"item": "tea"}', "path": None, "account": account, "route": "POST /orders"},
    )
    status, answer = call("GET", "/orders/7")
    assert (status, answer["path"], answer["body"]) == (201, {"id": "7"}, None)


def test_a_route_called_health_is_the_apis_own(call: Call) -> None:
    status, answer = call("GET", "/health")
    assert (status, answer["route"]) == (201, "GET /health")


def test_requests_follow_the_weights_of_the_alias(call: Call, functions: Functions) -> None:
    functions.publish(ANSWER.replace("201", "202"))
    functions.alias("1", {"2": 0.5})
    assert {call("POST", "/orders")[0] for _ in range(40)} == {201, 202}


def test_an_exception_is_answered_with_500_without_its_text(call: Call) -> None:
    assert call("GET", "/boom") == (500, {"message": "Internal Server Error"})


def test_a_throttled_function_is_answered_with_503(call: Call, functions: Functions) -> None:
    functions.client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=0)
    assert call("POST", "/orders") == (503, {"message": "Service Unavailable"})


def test_an_unknown_route_is_answered_with_404(call: Call) -> None:
    assert call("GET", "/nothing") == (404, {"message": "Not Found"})


def test_the_endpoint_names_the_port_of_the_cloud(cloud: Cloud, client: Callable[[str], Any]) -> None:
    api = client("apigatewayv2").create_api(Name="shop", ProtocolType="HTTP")
    port = cloud.endpoint.rpartition(":")[2]
    assert api["ApiEndpoint"] == f"http://{api['ApiId']}.execute-api.localhost:{port}"
