"""Shared by the tests of `app.orders`: a table in memory, payload 2.0 events, and the real handler on that table."""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from app.orders import service, store
from app.orders.receipts import Signer

AN_ORDER: dict[str, Any] = {
    "customer_id": "c-1842",
    "currency": "EUR",
    "items": [
        {"sku": "MUG-WHITE", "quantity": 2},
        {"sku": "TEA.GREEN", "quantity": 1},
    ],
}

PRICED = [{**item, "unit_price_cents": cents} for item, cents in zip(AN_ORDER["items"], (1250, 799), strict=True)]
"""The items of AN_ORDER as an order has them."""

# Powertools' condition for taking an idempotency record; the fake knows it by heart, so that another one fails loudly.
TAKE_RECORD = (
    "attribute_not_exists(#id) OR #expiry < :now OR (#status = :inprogress"
    " AND attribute_exists(#in_progress_expiry) AND #in_progress_expiry < :now_in_millis)"
)
MODEL = botocore.session.get_session().get_service_model("dynamodb")


class ConditionalCheckFailedException(ClientError):  # noqa: N818 - DynamoDB's name
    """Return the error as boto3 raises it."""


def named(parameters: dict[str, Any]) -> str:
    """Return the `id` of the item that a call is about."""
    key = parameters["Key"] if "Key" in parameters else parameters["Item"]
    return str(key["id"]["S"])


def undisturbed(operation: str, parameters: dict[str, Any]) -> None:
    """A call that nothing happens around."""


class FakeDynamoDB:
    """The part of a boto3 DynamoDB client that the app uses, in memory; it refuses what botocore would refuse.

    `before` and `after` are called with (operation, parameters) around each call: a test raises or asserts from there.
    """

    class exceptions:  # noqa: N801 - boto3's name
        """The exceptions of a boto3 client."""

        ConditionalCheckFailedException = ConditionalCheckFailedException

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.before: Callable[[str, dict[str, Any]], None] = undisturbed
        self.after: Callable[[str, dict[str, Any]], None] = undisturbed

    @property
    def orders(self) -> list[dict[str, Any]]:
        return [item for name, item in self.items.items() if name.startswith("ord_")]

    @property
    def claims(self) -> list[dict[str, Any]]:
        return [item for name, item in self.items.items() if name.startswith("claim#")]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [item for name, item in self.items.items() if name.startswith("idempotency#")]

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        assert parameters["ConsistentRead"] is True, "an acknowledged order must be seen by the next read"
        return self._call("GetItem", parameters, self._get)

    def put_item(self, **parameters: Any) -> dict[str, Any]:
        return self._call("PutItem", parameters, self._put)

    def update_item(self, **parameters: Any) -> dict[str, Any]:
        return self._call("UpdateItem", parameters, self._update)

    def delete_item(self, **parameters: Any) -> dict[str, Any]:
        return self._call("DeleteItem", parameters, self._delete)

    def _call(
        self, operation: str, parameters: dict[str, Any], act: Callable[[str, dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        self.calls.append(operation)
        self.before(operation, parameters)
        shape = MODEL.operation_model(operation).input_shape
        assert shape
        report = ParamValidator().validate(parameters, shape)
        assert not report.has_errors(), report.generate_report()
        assert parameters["TableName"] == "orders"
        answer = act(named(parameters), parameters)
        self.after(operation, parameters)
        return answer

    def _get(self, key: str, _: dict[str, Any]) -> dict[str, Any]:
        return {"Item": copy.deepcopy(self.items[key])} if key in self.items else {}

    def _put(self, key: str, parameters: dict[str, Any]) -> dict[str, Any]:
        old = self.items.get(key)
        if old is not None and not self._may_replace(old, parameters):
            assert parameters["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
            error = {"Error": {"Code": "ConditionalCheckFailedException", "Message": "The conditional request failed"}}
            raise ConditionalCheckFailedException({**error, "Item": copy.deepcopy(old)}, "PutItem")  # type: ignore[typeddict-item]
        self.items[key] = copy.deepcopy(parameters["Item"])
        return {}

    def _may_replace(self, old: dict[str, Any], parameters: dict[str, Any]) -> bool:
        if parameters["ConditionExpression"] == "attribute_not_exists(id)":
            return False
        assert parameters["ConditionExpression"] == TAKE_RECORD
        values = parameters["ExpressionAttributeValues"]
        lapses = int(old.get("in_progress_expiration", {"N": "0"})["N"])
        lapsed = "in_progress_expiration" in old and lapses < int(values[":now_in_millis"]["N"])
        expired = int(old["expiration"]["N"]) < int(values[":now"]["N"])
        return expired or (old["status"] == values[":inprogress"] and lapsed)

    def _delete(self, key: str, _: dict[str, Any]) -> dict[str, Any]:
        self.items.pop(key, None)
        return {}

    def _update(self, key: str, parameters: dict[str, Any]) -> dict[str, Any]:
        sets = re.fullmatch(r"SET (.*)", parameters["UpdateExpression"])
        assert sets
        item = self.items.setdefault(key, {"id": {"S": key}})
        for assignment in sets[1].split(", "):
            name, value = assignment.split(" = ")
            item[parameters["ExpressionAttributeNames"][name]] = parameters["ExpressionAttributeValues"][value]
        return {}


@dataclass
class Context:
    """The part of Lambda's context that the app and Powertools read."""

    function_version: str = "7"
    function_name: str = "strata-test-orders"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:111111111111:function:strata-test-orders:live"
    aws_request_id: str = "6f1c3c1e-0000-4000-8000-000000000001"
    remaining_ms: int = 9_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@dataclass(frozen=True)
class Answer:
    """An answer of the handler, its body parsed."""

    status: int
    headers: dict[str, str]
    text: str
    body: Any = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", json.loads(self.text))

    @property
    def fields(self) -> set[str]:
        """The fields that the errors name."""
        return {error["field"] for error in self.body["errors"]}


class Service:
    """The real handler on a fake table."""

    def __init__(self, signer: Signer | None = None) -> None:
        self.client = FakeDynamoDB()
        self.handler = service.build(store.Table("orders", self.client), signer)  # type: ignore[arg-type]

    def call(self, event: dict[str, Any], context: Context | None = None) -> Answer:
        raw = self.handler(event, context or Context())  # type: ignore[arg-type]
        json.dumps(raw)  # what Lambda does with it
        assert raw["isBase64Encoded"] is False
        return Answer(raw["statusCode"], raw["headers"], raw["body"])

    def post(self, body: Any = AN_ORDER, key: str | None = "key-1", context: Context | None = None) -> Answer:
        """POST /orders; the body is serialised unless it is text or None."""
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        headers = {} if key is None else {"idempotency-key": key}
        return self.call(event("POST", "/orders", text, headers), context)

    def get(self, order_id: str, context: Context | None = None) -> Answer:
        return self.call(event("GET", f"/orders/{order_id}"), context)


def authorized(event: dict[str, Any], **claims: str) -> dict[str, Any]:
    """The event of a caller whose token an authorizer of the API has checked.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    """
    context = {**event["requestContext"], "authorizer": {"jwt": {"claims": claims, "scopes": None}}}
    return {**event, "requestContext": context}


def event(method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """A payload 2.0 event as an HTTP API sends it; like there, `body` is absent where the request has none.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    sent: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "api.example", **(headers or {})},
        "requestContext": {
            "accountId": "111111111111",
            "apiId": "api1234567",
            "domainName": "api.example",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.7",
                "userAgent": "tests",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1767225600000,
        },
        "isBase64Encoded": False,
    }
    return sent if body is None else {**sent, "body": body}


_names = iter(range(10**6))


def start(monkeypatch: pytest.MonkeyPatch, signer: Signer | None = None) -> Service:
    """A service of its own. Its logger is named by the service and keeps the standard output it was made with: a test
    that reads the log asks for `capsys` first."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"orders-{next(_names)}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Strata")
    return Service(signer)
