"""A smoke order is placed by the real code and leaves no trace; no client can place one."""

import copy
import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from app.orders import orders
from app.orders.smoke_orders import MARK
from tests.unit.orders_kit import AN_ORDER, Context, Service, event, named, start


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Service:
    return start(monkeypatch)


def smoke(body: Any = AN_ORDER, key: str = "key-1") -> dict[str, Any]:
    return {**event("POST", "/orders", json.dumps(body), {"idempotency-key": key}), MARK: True}


def test_a_smoke_order_is_placed_completely_and_the_table_is_then_as_it_was(api: Service) -> None:
    api.post(key="key-of-a-customer")
    before = copy.deepcopy(api.client.items)
    held: list[set[str]] = []
    api.client.after = lambda operation, _: held.append({operation, *api.client.items})
    assert api.call(smoke()).status == 201
    placed = {name[:4] for name in set().union(*held) - before.keys() if "#" in name or name.startswith("ord_")}
    assert placed == {"ord_", "clai", "idem"}
    assert api.client.calls[4:] == [
        *["DeleteItem", "DeleteItem", "DeleteItem"],  # what a run that died left
        *["PutItem", "PutItem", "PutItem", "UpdateItem"],  # what a customer's order does
        *["DeleteItem", "DeleteItem", "DeleteItem"],
    ]
    assert api.client.items == before


def test_a_smoke_order_is_marked_in_the_table_and_a_customers_is_not(api: Service) -> None:
    marks: list[tuple[str, bool]] = []

    def placed(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "PutItem" and named(parameters).startswith("ord_"):
            marks.append((named(parameters), parameters["Item"].get("smoke") == {"BOOL": True}))

    api.client.before = placed
    smoked, customers = api.call(smoke()).body["id"], api.post().body["id"]
    assert marks == [(smoked, True), (customers, False)]


def test_a_smoke_order_can_be_placed_again_and_is_a_new_one(api: Service) -> None:
    first, second = api.call(smoke()), api.call(smoke({**AN_ORDER, "currency": "CHF"}))
    assert (first.status, second.status) == (201, 201)
    assert second.body["currency"] == "CHF"
    assert api.client.items == {}


@pytest.mark.parametrize(("operation", "of_order"), [("PutItem", False), ("PutItem", True), ("UpdateItem", False)])
def test_a_smoke_order_that_fails_halfway_leaves_no_trace_either(api: Service, operation: str, of_order: bool) -> None:
    failed: list[str] = []

    def fail(called: str, parameters: dict[str, Any]) -> None:
        if called == operation and named(parameters).startswith("ord_") is of_order and not failed:
            failed.append(called)
            raise EndpointConnectionError(endpoint_url="https://dynamodb.example")

    api.client.after = fail
    with pytest.raises(Exception, match=r"dynamodb\.example|idempotency"):
        api.call(smoke())
    assert api.client.items == {}


def test_the_next_run_removes_what_an_aborted_run_left(api: Service) -> None:
    class Killed(BaseException):
        """No code of the invocation runs any more."""

    def die(called: str, _: dict[str, Any]) -> None:
        if called in {"UpdateItem", "DeleteItem"} and api.client.items:
            raise Killed

    api.client.before = die
    with pytest.raises(Killed):
        api.call(smoke())
    assert len(api.client.items) == 3
    api.client.before = lambda *_: None
    assert api.call(smoke()).status == 201
    assert api.client.items == {}


def test_the_order_of_a_customer_with_the_same_key_is_another_and_stays(api: Service) -> None:
    made = api.post(key="key-1")
    tried = api.call(smoke(key="key-1"))
    assert tried.body["id"] != made.body["id"]
    assert api.get(made.body["id"]).text == made.text
    assert len(api.client.records) == 1


def test_a_smoke_order_is_not_counted_and_not_logged_as_created(
    api: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    api.call(smoke())
    out = capsys.readouterr().out
    assert "OrdersCreated" not in out
    assert "order created" not in out
    api.post()
    assert "OrdersCreated" in capsys.readouterr().out


def test_a_refused_smoke_order_touches_nothing(api: Service) -> None:
    assert api.call(smoke({**AN_ORDER, "items": []})).status == 400
    assert api.client.calls == []


@pytest.mark.parametrize(
    "forged",
    [
        {"headers": {"smoke": "true", "idempotency-key": "key-1"}},
        {"queryStringParameters": {"smoke": "true"}, "rawQueryString": "smoke=true"},
        {"cookies": ["smoke=true"]},
        {"pathParameters": {"smoke": "true"}},
        {"stageVariables": {"smoke": "true"}},
        {"smoke": "true"},
        {"smoke": 1},
    ],
    ids=str,
)
def test_nothing_that_a_client_can_send_makes_its_order_a_smoke_order(api: Service, forged: dict[str, Any]) -> None:
    sent = event("POST", "/orders", json.dumps(AN_ORDER), {"idempotency-key": "key-1"})
    assert api.call({**sent, **forged}).status == 201
    assert len(api.client.orders) == 1


def test_a_mark_in_the_body_is_a_mistake(api: Service) -> None:
    assert api.post({**AN_ORDER, "smoke": True}).fields == {"smoke"}


def test_no_key_of_a_client_is_a_smoke_events(api: Service) -> None:
    assert api.post(key="smoke key-1").status == 400
    assert orders.claim_name("smoke key-1") != orders.claim_name("key-1")


def test_the_lock_of_a_smoke_order_ends_with_its_invocation(api: Service) -> None:
    assert api.call(smoke(), Context(remaining_ms=1)).status == 201
