"""A right body is taken, every mistake in another is reported, and no body makes the app raise."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.orders import schema
from app.orders.prices import CURRENCIES, PRICES
from tests.unit.orders_kit import AN_ORDER, Answer, Service, event, start

ITEM = AN_ORDER["items"][0]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Service:
    return start(monkeypatch)


def reasons(answer: Answer) -> dict[str, str]:
    assert answer.status == 400
    return {error["field"]: error["reason"] for error in answer.body["errors"]}


def test_all_mistakes_are_reported_at_once_by_field_and_reason(api: Service) -> None:
    body = {
        "customer_id": "jane doe",
        "currency": "BTC",
        "items": [
            {"sku": "KETTLE", "quantity": 0},
            "a mug",
            {"sku": 5, "colour": "white"},
        ],
        "note": "gift",
    }
    assert reasons(api.post(body)) == {
        "customer_id": 'must match pattern ^[A-Za-z0-9_-]{1,64}$, not "jane doe"',
        "currency": "must be one of ['CHF', 'EUR', 'GBP', 'USD'], not \"BTC\"",
        "items[0].quantity": "must be bigger than or equal to 1, not 0",
        "items[1]": 'must be object, not "a mug"',
        "items[2].sku": f"must be one of {list(PRICES)}, not 5",
        "items[2].quantity": "is missing",
        "items[2].colour": "is not known; known are sku, quantity",
        "note": "is not known; known are customer_id, currency, items",
    }
    assert api.client.calls == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quantity": 2.0}, "items[0].quantity"),
        ({"quantity": 1e3}, "items[0].quantity"),
        ({"quantity": True}, "items[0].quantity"),
        ({"quantity": "2"}, "items[0].quantity"),
        ({"quantity": None}, "items[0].quantity"),
        ({"quantity": 1001}, "items[0].quantity"),
        ({"quantity": 10**4000}, "items[0].quantity"),
        ({"quantity": float("nan")}, "body"),
        ({"quantity": float("inf")}, "body"),
        ({"unit_price_cents": 1250}, "items[0].unit_price_cents"),
        ({"sku": "GOLD"}, "items[0].sku"),
        ({"sku": ["KETTLE"]}, "items[0].sku"),
        ({"sku": ""}, "items[0].sku"),
        ({"sku": "x" * 41}, "items[0].sku"),
        ({"sku": "line\n"}, "items[0].sku"),
        ({"sku": "\ud800"}, "items[0].sku"),
        ({"\ud800": 1}, "items[0].\ud800"),
    ],
    ids=str,
)
def test_an_item_out_of_bounds_is_refused(api: Service, change: dict[str, Any], field: str) -> None:
    assert set(reasons(api.post({**AN_ORDER, "items": [{**ITEM, **change}]}))) == {field}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "body"),
        ("", "body"),
        ("{", "body"),
        ("nonsense", "body"),
        ("[" * 10_000, "body"),
        ('{"a":' * 2_000, "body"),
        ("1" * 5_000, "body"),
        ("1e99999999999999999999", "body"),
        ("NaN", "body"),
        ("\ufeff{}", "body"),
        ('"\ud800"', "body"),
        ("null", "body"),
        ("[]", "body"),
        ("3.5", "body"),
        ('{"customer_id": "a", "currency": "EUR", "items": []}', "items"),
        ('{"customer_id": "a", "currency": "EUR", "items": {}}', "items"),
        (
            '{"customer_id": "a", "currency": "eur", "items": [{"sku": "KETTLE", "quantity": 1}]}',
            "currency",
        ),
        (
            '{"customer_id": "a", "currency": ["EUR"], "items": [{"sku": "KETTLE", "quantity": 1}]}',
            "currency",
        ),
        (
            '{"customer_id": "a\\n", "currency": "EUR", "items": [{"sku": "KETTLE", "quantity": 1}]}',
            "customer_id",
        ),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_body_that_is_no_order_is_refused(api: Service, body: str | None, field: str) -> None:
    assert set(reasons(api.post(body))) == {field}


def test_an_empty_object_lacks_every_field(api: Service) -> None:
    assert reasons(api.post({})) == dict.fromkeys(("customer_id", "currency", "items"), "is missing")


def test_one_item_more_than_fifty_is_refused(api: Service) -> None:
    assert api.post({**AN_ORDER, "items": [ITEM] * 50}).status == 201
    assert set(reasons(api.post({**AN_ORDER, "items": [ITEM] * 51}, key="b"))) == {"items"}


def test_a_body_over_the_bound_is_refused_with_both_numbers(api: Service) -> None:
    text = json.dumps(AN_ORDER)
    padding = schema.LARGEST_BODY - len(text)
    assert api.post(text + " " * padding).status == 201
    reason = reasons(api.post(text + " " * (padding + 1), key="b"))["body"]
    assert "16385 bytes" in reason
    assert "at most 16384" in reason


def test_the_answer_to_the_worst_body_stays_small(api: Service) -> None:
    """An answer over 6 MB would be an error of the function, made by a caller."""
    many = json.dumps({**AN_ORDER, "items": [{}] * 5_000}, separators=(",", ":"))
    assert len(many) < schema.LARGEST_BODY
    answer = api.post(many)
    assert answer.status == 400
    assert len(answer.text) < 2_000_000


@pytest.mark.parametrize("content", ["not base64!", base64.b64encode(b"\xff\xfe{}").decode()])
def test_base64_that_holds_no_text_is_refused(api: Service, content: str) -> None:
    sent = event("POST", "/orders", content, {"idempotency-key": "k"})
    sent["isBase64Encoded"] = True
    assert set(reasons(api.call(sent))) == {"body"}


names = st.text(max_size=6) | st.sampled_from(
    ["customer_id", "currency", "items", "sku", "quantity", "unit_price_cents"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)
items = st.fixed_dictionaries(
    {
        "sku": st.sampled_from(sorted(PRICES)),
        "quantity": st.integers(1, 1000),
    }
)
right = st.fixed_dictionaries(
    {
        "customer_id": st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
        "currency": st.sampled_from(CURRENCIES),
        "items": st.lists(items, min_size=1, max_size=50),
    }
)


@st.composite
def nearly_right(draw: st.DrawFn) -> Any:
    """A right order with one value replaced, added or removed somewhere."""
    order: dict[str, Any] = draw(right)
    place: dict[str, Any] = draw(st.sampled_from([order, order["items"][0]]))
    name = draw(st.sampled_from(sorted(place)) | names)
    if draw(st.booleans()):
        place[name] = draw(values)
    else:
        place.pop(name, None)
    return order


many = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@many
@given(order=right)
def test_every_right_order_is_taken_as_it_is(api: Service, order: dict[str, Any]) -> None:
    made = api.post(order, key=f"key-{len(api.client.items)}")
    assert made.status == 201
    asked = [{name: item[name] for name in ("sku", "quantity")} for item in made.body["items"]]
    assert {**{name: made.body[name] for name in order}, "items": asked} == order
    assert api.get(made.body["id"]).text == made.text


@many
@given(body=st.text(st.characters()) | st.builds(json.dumps, values | nearly_right()))
def test_no_body_makes_the_app_raise(api: Service, body: str) -> None:
    answer = api.post(body, key=f"key-{len(api.client.items)}")
    assert answer.status in (201, 400)
    if answer.status == 400:
        assert answer.body["errors"]
        assert all(error["reason"] for error in answer.body["errors"])


@many
@given(content=st.binary() | st.builds(lambda value: json.dumps(value).encode(), nearly_right()))
def test_no_bytes_make_the_app_raise(api: Service, content: bytes) -> None:
    sent = event(
        "POST", "/orders", base64.b64encode(content).decode(), {"idempotency-key": f"k{len(api.client.items)}"}
    )
    sent["isBase64Encoded"] = True
    assert api.call(sent).status in (201, 400)


@many
@given(key=st.text(st.characters(), max_size=200), path=st.text(st.characters(), max_size=60))
def test_no_key_and_no_path_makes_the_app_raise(api: Service, key: str, path: str) -> None:
    assert api.post(key=key).status in (201, 400)
    assert api.call(event("GET", f"/orders/{path}")).status == 404
