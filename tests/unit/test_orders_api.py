"""POST /orders, GET /orders/{id}, GET /health through the real handler on a table in memory."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.orders import orders, prices
from tests.unit.orders_kit import AN_ORDER, PRICED, Answer, Context, Service, authorized, event, named, start

AT = "2026-01-31T12:00:00.000+00:00"
SMOKE = Path(__file__).parents[2] / "app/orders/smoke/health.json"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Service:
    return start(monkeypatch)


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_order_is_answered_as_it_was_stored(api: Service) -> None:
    made = api.post()
    assert made.status == 201
    assert made.headers["Content-Type"] == "application/json"
    assert re.fullmatch(r"ord_[0-9a-f]{32}", made.body["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", made.body["created_at"])
    assert made.body == {
        **AN_ORDER,
        "items": PRICED,
        "id": made.body["id"],
        "total_cents": 3299,
        "created_at": made.body["created_at"],
        "state": "placed",
    }
    assert api.get(made.body["id"]).text == made.text


def fulfil(api: Service, order_id: str) -> None:
    """Write what app.fulfilment writes."""
    name = f"fulfilment#{order_id}"
    api.client.items[name] = {"id": {"S": name}, "order_id": {"S": order_id}, "fulfilled_at": {"S": AT}}


def test_an_order_reads_as_placed_until_it_is_fulfilled(api: Service) -> None:
    made = api.post()
    fulfil(api, "ord_" + "0" * 32)
    assert api.get(made.body["id"]).body == made.body
    fulfil(api, made.body["id"])
    assert api.get(made.body["id"]).body == {**made.body, "state": "fulfilled", "fulfilled_at": AT}


def test_the_stored_order_and_its_claim_have_no_state(api: Service) -> None:
    made = api.post()
    fulfil(api, made.body["id"])
    api.get(made.body["id"])
    (order,), (claim,) = api.client.orders, api.client.claims
    assert order.keys() == claim["order"]["M"].keys() == {*AN_ORDER, "id", "total_cents", "created_at"}
    assert "state" not in api.client.records[0]["data"]["S"]


def test_the_same_key_has_the_same_bytes_when_its_order_is_fulfilled_by_then(api: Service) -> None:
    made = api.post()
    fulfil(api, made.body["id"])
    assert api.post().text == made.text
    api.client.items.pop(api.client.records[0]["id"]["S"])  # only the claim is left
    assert api.post().text == made.text


def test_the_state_is_read_after_the_order_and_only_of_one_that_is_found(api: Service) -> None:
    read: list[str] = []
    made = api.post()
    api.client.before = lambda _, parameters: read.append(named(parameters))
    api.get("ord_" + "0" * 32)
    api.get(made.body["id"])
    assert read == ["ord_" + "0" * 32, made.body["id"], f"fulfilment#{made.body['id']}"]


def test_a_fulfilment_cannot_be_read_as_an_order(api: Service) -> None:
    made = api.post()
    fulfil(api, made.body["id"])
    assert api.get(f"fulfilment#{made.body['id']}").status == 404


def test_an_order_in_the_table_never_expires_and_its_record_does(api: Service) -> None:
    api.post()
    assert "expiration" not in api.client.orders[0]
    assert int(api.client.records[0]["expiration"]["N"]) > 0


def test_numbers_come_back_as_whole_numbers(api: Service) -> None:
    dear = {"sku": "KETTLE", "quantity": 1000}
    made = api.post({**AN_ORDER, "items": [dear] * 50})
    read = api.get(made.body["id"])
    assert read.body["total_cents"] == 50 * 1000 * 6490
    assert '"total_cents":324500000' in read.text
    assert read.body["items"] == [{**dear, "unit_price_cents": 6490}] * 50


def test_an_acknowledged_order_was_in_the_table_before_the_answer(api: Service) -> None:
    api.post()
    assert api.client.calls == ["PutItem", "PutItem", "PutItem", "UpdateItem"]  # record, claim, order, record again


@pytest.mark.parametrize("path", ["/orders/ord_" + "0" * 32, "/orders/nothing", "/orders/ord_" + "F" * 32])
def test_an_unknown_order_is_not_found(api: Service, path: str) -> None:
    answer = api.call(event("GET", path))
    assert answer.status == 404
    assert answer.fields == {"id"}


def test_an_idempotency_record_cannot_be_read_as_an_order(api: Service) -> None:
    api.post()
    record = api.client.records[0]["id"]["S"]
    api.client.calls.clear()
    for path in (f"/orders/{record}", f"/orders/{record.replace('/', '%2F').replace('#', '%23')}"):
        assert api.call(event("GET", path)).status == 404
    assert api.client.calls == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("DELETE", "/orders/x"), ("GET", "/orders"), ("PUT", "/x")])
def test_a_route_that_is_not_there_is_not_found(api: Service, method: str, path: str) -> None:
    answer = api.call(event(method, path))
    assert (answer.status, answer.fields) == (404, {"path"})


def test_the_same_key_gives_the_same_order(api: Service) -> None:
    first = api.post()
    again = api.post()
    other_layout = api.post(json.dumps(AN_ORDER, indent=4, sort_keys=True))
    assert (again.status, again.text) == (201, first.text)
    assert (other_layout.status, other_layout.text) == (201, first.text)
    assert len(api.client.orders) == 1


def test_another_key_gives_another_order(api: Service) -> None:
    assert api.post(key="a").body["id"] != api.post(key="b").body["id"]
    assert len(api.client.orders) == 2


def test_the_same_key_with_another_body_is_refused(api: Service) -> None:
    api.post()
    answer = api.post({**AN_ORDER, "currency": "USD"})
    assert (answer.status, answer.fields) == (422, {"Idempotency-Key"})
    assert [item["currency"] for item in api.client.orders] == [{"S": "EUR"}]


def test_a_caller_s_price_is_refused_and_ours_is_taken(api: Service) -> None:
    cheap = [{**item, "unit_price_cents": 1} for item in AN_ORDER["items"]]
    answer = api.post({**AN_ORDER, "items": cheap})
    assert (answer.status, answer.fields) == (400, {"items[0].unit_price_cents", "items[1].unit_price_cents"})
    assert api.post().body["total_cents"] == 2 * 1250 + 799
    assert api.post({**AN_ORDER, "currency": "CHF"}, key="b").body["total_cents"] == 2 * 1350 + 850


def test_a_replay_keeps_the_prices_of_the_first_answer(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    first = api.post()
    monkeypatch.setattr(orders, "PRICES", {sku: dict.fromkeys(prices.CURRENCIES, 1) for sku in prices.PRICES})
    assert api.post().text == first.text
    api.client.records[0]["expiration"] = {"N": "1"}
    assert api.post().text == first.text
    assert api.post(key="another").body["total_cents"] == 3


def test_an_order_s_id_follows_from_nothing_that_a_caller_knows(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    other = start(monkeypatch)
    assert api.post(key="1").body["id"] != other.post(key="1").body["id"]


ANN = {"iss": "https://issuer.example", "sub": "ann"}


def placed_by(api: Service, body: Any = AN_ORDER, **claims: str) -> Answer:
    sent = event("POST", "/orders", json.dumps(body), {"idempotency-key": "key-1"})
    return api.call(authorized(sent, **claims) if claims else sent)


def test_a_key_is_each_caller_s_own_where_a_token_says_who_that_is(api: Service) -> None:
    answers = [
        placed_by(api, **ANN),
        placed_by(api, {**AN_ORDER, "currency": "USD"}, **{**ANN, "sub": "bob"}),
        placed_by(api, {**AN_ORDER, "currency": "CHF"}, **{**ANN, "iss": "https://other.example"}),
        placed_by(api, {**AN_ORDER, "currency": "GBP"}),
    ]
    assert [answer.status for answer in answers] == [201] * 4
    assert len({answer.body["id"] for answer in answers}) == 4
    assert placed_by(api, **ANN).text == answers[0].text
    assert placed_by(api, {**AN_ORDER, "currency": "USD"}, **ANN).status == 422
    api.client.records[0]["expiration"] = {"N": "1"}
    assert placed_by(api, **ANN).text == answers[0].text
    assert len(api.client.orders) == 4


def read_by(api: Service, order_id: str, **claims: str) -> Answer:
    sent = event("GET", f"/orders/{order_id}")
    return api.call(authorized(sent, **claims) if claims else sent)


@pytest.mark.parametrize(
    "other", [{**ANN, "sub": "bob"}, {**ANN, "iss": "https://other.example"}, {"iss": ANN["iss"]}, {}]
)
def test_an_order_of_another_caller_is_answered_as_one_that_does_not_exist(api: Service, other: dict[str, str]) -> None:
    order_id = placed_by(api, **ANN).body["id"]
    refused = read_by(api, order_id, **other)
    api.client.items.pop(order_id)
    assert refused.status == 404
    assert refused.text == read_by(api, order_id, **ANN).text


def test_a_caller_reads_its_own_order_and_sees_no_owner_in_it(api: Service) -> None:
    made = placed_by(api, **ANN)
    assert "owner" in api.client.orders[0]
    assert read_by(api, made.body["id"], **ANN).text == made.text
    assert "owner" not in made.body


def test_an_order_that_was_placed_without_a_token_is_read_by_whoever_knows_its_id(api: Service) -> None:
    made = placed_by(api)
    assert "owner" not in api.client.orders[0]
    assert [read_by(api, made.body["id"]).status, read_by(api, made.body["id"], **ANN).status] == [200, 200]


def test_an_order_whose_placing_was_interrupted_keeps_its_owner(api: Service) -> None:
    made = placed_by(api, **ANN)
    api.client.items.pop(made.body["id"])
    api.client.records[0]["expiration"] = {"N": "1"}  # so that the order is written again, from its claim
    assert placed_by(api, **ANN).text == made.text
    assert read_by(api, made.body["id"], **{**ANN, "sub": "bob"}).status == 404


def test_a_token_without_a_subject_names_no_caller(api: Service) -> None:
    assert placed_by(api, iss="https://issuer.example").text == placed_by(api).text


def test_no_key_that_can_be_sent_is_one_of_a_token_s_caller(api: Service) -> None:
    assert api.post(key=orders.scoped("key-1", orders.caller_of("https://issuer.example", "ann"))).status == 400


@pytest.mark.parametrize("key", ["key-1,key-1", "key-1, key-2", ","])
def test_a_key_that_is_sent_twice_is_refused_with_the_reason(api: Service, key: str) -> None:
    answer = api.post(key=key)
    assert (answer.status, answer.fields) == (400, {"Idempotency-Key"})
    assert "comma" in answer.body["errors"][0]["reason"]
    assert "sent twice" in answer.body["errors"][0]["reason"]
    assert api.client.calls == []


@pytest.mark.parametrize("key", [None, "", "   ", "k" * 129, "with space", "schlüssel", "tab\tkey"])
def test_a_key_that_is_missing_blank_too_long_or_not_visible_is_refused(api: Service, key: str | None) -> None:
    answer = api.post(key=key)
    assert (answer.status, answer.fields) == (400, {"Idempotency-Key"})
    assert api.client.calls == []


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("é", "holds the character U+00E9; take visible ASCII characters alone, without spaces"),
        ("my key", "holds a space; take visible ASCII characters alone, without spaces"),
        ("a\tb", "holds the character U+0009; take visible ASCII characters alone, without spaces"),
        ("k" * 129, "has 129 characters; take 1 to 128"),
    ],
)
def test_the_mistake_in_a_key_is_named(api: Service, key: str, reason: str) -> None:
    assert api.post(key=key).body["errors"] == [{"field": "Idempotency-Key", "reason": reason}]


def test_the_longest_key_is_taken(api: Service) -> None:
    assert api.post(key="~" * 128).status == 201


def test_every_answer_carries_the_version_that_served_it(api: Service) -> None:
    held: list[int] = []

    def ask_meanwhile(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "UpdateItem":
            busy = api.post(context=Context(function_version="8"))
            held.append(busy.status)
            assert busy.headers["X-Served-Version"] == "8"

    api.client.before = ask_meanwhile
    first = api.post(context=Context(function_version="7"))
    eight = Context(function_version="8")
    replay = api.post(context=eight)
    assert held == [409]
    assert first.headers["X-Served-Version"] == "7"
    assert (replay.text, replay.headers["X-Served-Version"]) == (first.text, "8")
    others = {
        200: api.get(first.body["id"], eight),
        400: api.post("{", context=eight),
        404: api.get("nothing", eight),
        422: api.post({**AN_ORDER, "currency": "USD"}, context=eight),
    }
    assert {status: answer.status for status, answer in others.items()} == {status: status for status in others}
    assert {answer.headers["X-Served-Version"] for answer in others.values()} == {"8"}
    assert api.call(event("GET", "/no/route"), eight).headers["X-Served-Version"] == "8"


def test_health_answers_without_the_table(api: Service) -> None:
    def out_of_reach(operation: str, parameters: dict[str, Any]) -> None:
        raise ConnectionError(operation)

    api.client.before = out_of_reach
    answer = api.call(json.loads(SMOKE.read_text())["event"])
    assert (answer.status, answer.body) == (200, {"status": "ok"})
    assert answer.headers["X-Served-Version"] == "7"
    assert api.client.calls == []


def test_a_stage_other_than_the_default_is_left_out_of_the_path(api: Service) -> None:
    staged = event("GET", "/v1/health")
    staged["requestContext"]["stage"] = "v1"
    assert api.call(staged).status == 200


def test_a_body_in_base64_is_read(api: Service) -> None:
    sent = event("POST", "/orders", base64.b64encode(json.dumps(AN_ORDER).encode()).decode())
    sent["isBase64Encoded"] = True
    sent["headers"]["idempotency-key"] = "k"
    assert api.call(sent).status == 201


def test_created_orders_are_counted_once(api: Service, capsys: pytest.CaptureFixture[str]) -> None:
    api.post()
    api.post()
    api.client.records[0]["expiration"] = {"N": "1"}
    api.post()
    api.post(key="another")
    counted = [line for line in printed(capsys) if "_aws" in line]
    assert [line["OrdersCreated"] for line in counted] == [[1.0], [1.0]]
    directive = counted[0]["_aws"]["CloudWatchMetrics"][0]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Strata", [["service"]])
    assert counted[0]["service"].startswith("orders-")


def test_a_created_order_is_logged_with_its_id_the_version_and_the_callers_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = start(monkeypatch)
    made = api.post()
    api.get("nothing")
    (line,) = [line for line in printed(capsys) if line.get("message") == "order created"]
    assert (line["order_id"], line["version"]) == (made.body["id"], "7")
    assert line["correlation_id"] == "JKJaXmPLvHcESHA="


def test_the_log_holds_nothing_of_the_caller(
    api: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    talkative = start(monkeypatch)
    personal = {**AN_ORDER, "customer_id": "jane-doe-1980"}
    for body in (personal, personal, AN_ORDER, {**personal, "email": "jane-doe-1980"}):
        talkative.post(body, key="key-of-jane-doe-1980")
    said = capsys.readouterr()
    assert "order created" in said.out
    assert "jane-doe" not in said.out + said.err
    assert "192.0.2.7" not in said.out + said.err
