"""Smoke events are read whole, with every mistake at once; the service answers this repository's own as they expect."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from app.hooks import smoke as hook
from app.hooks.expectation import wrong
from app.orders import smoke_orders
from infra.bundle import smoke
from infra.bundle.smoke import PROBE, SmokeError
from infra.services import Service
from infra.services.values import Route
from tests.unit.orders_kit import Context, start

ROOT = Path(__file__).resolve().parents[2]
OK = {"event": {"rawPath": "/"}, "expect": {"statusCode": 200}}


def folder(root: Path, files: dict[str, object], service: str = "demo") -> None:
    made = root / "app" / service / "smoke"
    made.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (made / name).write_text(content if isinstance(content, str) else json.dumps(content))


def demo(name: str = "demo") -> Service:
    """Return a service that has a route."""
    return Service(name=name, http=(Route("GET", "/"),))


def mistakes(root: Path, *services: str) -> tuple[str, ...]:
    with pytest.raises(SmokeError) as caught:
        smoke.read([demo(each) for each in services or ("demo",)], root)
    return caught.value.mistakes


def test_events_are_read_by_service_and_file(tmp_path: Path) -> None:
    folder(tmp_path, {PROBE: OK, "other.json": OK, "notes.txt": "nothing"})
    read = smoke.read([demo()], tmp_path)
    assert list(read["demo"]) == ["health.json", "other.json"]
    assert read["demo"][PROBE].event == OK["event"]
    assert read["demo"][PROBE].expect == OK["expect"]


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("{", "is not JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)); correct it"),
        ("[]", "holds list, not an object; give an event and an expectation"),
        ({"expect": {"statusCode": 200}}, "has no event; give one"),
        ({"event": {"rawPath": "/"}}, "has no expect; give one"),
        ({**OK, "event": {}}, "has event {}, not an object with members; give one"),
        ({**OK, "expect": 200}, "has expect 200, not an object with members; give one"),
        ({**OK, "expects": {}}, 'has "expects", which nothing reads; leave it out'),
        ({**OK, "expect": {"body": {}}}, "has expect.statusCode null, not an HTTP status; give one, e.g. 200"),
        (
            {**OK, "expect": {"statusCode": True}},
            "has expect.statusCode true, not an HTTP status; give one, e.g. 200",
        ),
        (
            {**OK, "expect": {"statusCode": 2000}},
            "has expect.statusCode 2000, not an HTTP status; give one, e.g. 200",
        ),
        ({**OK, "expect": {"statusCode": 200, "bdy": 1}}, "has expect.bdy, which nothing reads; leave it out"),
    ],
)
def test_a_file_that_is_no_smoke_event_is_reported_by_its_name(tmp_path: Path, content: object, mistake: str) -> None:
    folder(tmp_path, {PROBE: OK, "wrong.json": content})
    assert mistakes(tmp_path) == (f"app/demo/smoke/wrong.json {mistake}",)


@pytest.mark.parametrize(("status", "known"), [(99, False), (100, True), (599, True), (600, False)])
def test_a_status_of_http_is_one_from_100_to_599(tmp_path: Path, status: int, known: bool) -> None:
    folder(tmp_path, {PROBE: {**OK, "expect": {"statusCode": status}}})
    if known:
        assert smoke.read([demo()], tmp_path)["demo"][PROBE].expect["statusCode"] == status
    else:
        assert f"has expect.statusCode {status}, not an HTTP status" in mistakes(tmp_path)[0]


@pytest.mark.parametrize(("length", "shown"), [(58, "x" * 58), (59, "x" * 56 + "...")])
def test_a_value_of_more_than_60_characters_is_cut(tmp_path: Path, length: int, shown: str) -> None:
    folder(tmp_path, {PROBE: {**OK, "event": "x" * length}})
    assert f'has event "{shown}' in mistakes(tmp_path)[0]
    assert ("..." in mistakes(tmp_path)[0]) is (length > 58)


def test_a_file_that_is_no_text_is_reported(tmp_path: Path) -> None:
    folder(tmp_path, {PROBE: OK})
    (tmp_path / "app/demo/smoke/wrong.json").write_bytes(b"\xff\xfe\xff")
    assert "wrong.json is not JSON" in mistakes(tmp_path)[0]


def test_a_service_without_the_event_that_a_first_version_answers_is_reported(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == ("app/demo/smoke/health.json is missing, and a first version must answer it; add it",)


def test_every_mistake_of_every_service_is_in_one_error(tmp_path: Path) -> None:
    folder(tmp_path, {PROBE: "{", "other.json": {"expect": {"statusCode": 1}}})
    folder(tmp_path, {"wrong.json": "nothing"}, "second")
    found = mistakes(tmp_path, "demo", "second")
    assert [line.split(" ")[0] for line in found] == [
        "app/demo/smoke/health.json",
        "app/demo/smoke/other.json",
        "app/demo/smoke/other.json",
        "app/second/smoke/health.json",
        "app/second/smoke/wrong.json",
    ]


def test_the_error_counts_the_mistakes_and_shows_the_form_without_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(SmokeError) as caught:
        smoke.read([demo()], tmp_path)
    first, _, last = str(caught.value).splitlines()
    assert first == "the smoke events have a mistake; nothing was declared:"
    assert '"expect"' in last
    assert isinstance(caught.value, pulumi.RunError)


def test_the_hook_reads_what_the_program_checked() -> None:
    checked = smoke.read([demo("orders")], ROOT)["orders"]
    read = hook.events("orders")
    assert read == {name: {"event": each.event, "expect": each.expect} for name, each in checked.items()}


def test_the_hook_and_the_service_agree_on_the_mark() -> None:
    assert hook.MARK == smoke_orders.MARK


def test_the_service_answers_its_own_smoke_events_twice_over(monkeypatch: pytest.MonkeyPatch) -> None:
    api = start(monkeypatch)
    for name, each in [*hook.events("orders").items()] * 2:
        answer: Any = api.handler({**each["event"], hook.MARK: True}, Context())  # type: ignore[arg-type]
        assert list(wrong(each["expect"], answer)) == [], name
    assert api.client.items == {}


def test_the_order_that_is_read_is_the_one_that_was_placed_before() -> None:
    events = hook.events("orders")
    names = list(events)
    assert names.index("create-order.json") < names.index("read-order-that-is-gone.json")
    created, gone = events["create-order.json"], events["read-order-that-is-gone.json"]
    key = smoke_orders.key(created["event"]["headers"]["idempotency-key"])
    assert created["expect"]["body"]["id"] == smoke_orders.order_id(key)
    assert gone["event"]["rawPath"] == f"/orders/{smoke_orders.order_id(key)}"


def test_a_service_without_routes_needs_no_event_and_may_expect_what_it_returns(tmp_path: Path) -> None:
    folder(tmp_path, {"empty.json": {"event": {"Records": []}, "expect": {"returns": {"batchItemFailures": []}}}})
    worker = Service(name="demo")
    assert list(smoke.read([worker], tmp_path)["demo"]) == ["empty.json"]
    assert smoke.read([Service(name="other")], tmp_path) == {"other": {}}
    folder(tmp_path, {"empty.json": {"event": {"a": 1}, "expect": {"returns": 1, "statusCode": 200}}})
    with pytest.raises(SmokeError, match=r"has expect\.statusCode beside returns, which nothing reads; leave it out"):
        smoke.read([worker], tmp_path)


def test_a_returned_value_is_compared_member_by_member() -> None:
    expected: dict[str, Any] = {"returns": {"batchItemFailures": []}}
    assert list(wrong(expected, {"batchItemFailures": [], "more": 1})) == []
    assert list(wrong(expected, {"batchItemFailures": [{"itemIdentifier": "1"}]})) == [
        'answered result.batchItemFailures [{"itemIdentifier": "1"}], expected []'
    ]
    assert list(wrong(expected, None)) == ['answered result null, expected {"batchItemFailures": []}']
