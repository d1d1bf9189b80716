"""The viewer shows the last orders of the table: ids, states and times, and no field of a customer's."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.release.aws import orders
from infra.release.cli import status
from infra.release.cli.reader import Reader
from infra.release.cli.session import Session
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import AwsError
from infra.release.reports.snapshot import OrdersShown
from tests.unit.seen import POLICY, TARGET


def order(number: int, **more: Any) -> dict[str, Any]:
    """An item as a scan returns it, projected or not."""
    return {"id": {"S": f"ord_{number}"}, "created_at": {"S": f"2026-11-30T09:00:{number:02}.000+00:00"}, **more}


class Table:
    """DynamoDB's client, of one table. It projects as DynamoDB does."""

    def __init__(self, *items: dict[str, Any], fulfilled: tuple[int, ...] = (), **answer: Any) -> None:
        self.items, self.done, self.answer = items, fulfilled, answer
        self.calls: list[dict[str, Any]] = []
        self.unread: list[dict[str, Any]] = []

    @property
    def tables(self) -> "Table":
        return self

    def scan(self, **asked: Any) -> dict[str, Any]:
        self.calls.append(asked)
        names = [asked["ExpressionAttributeNames"][each] for each in asked["ProjectionExpression"].split(", ")]
        start = asked["ExpressionAttributeValues"][":order"]["S"]
        found = [each for each in self.items if each["id"]["S"].startswith(start)]
        return {"Items": [{name: each[name] for name in names if name in each} for each in found], **self.answer}

    def batch_get_item(self, **asked: Any) -> dict[str, Any]:
        self.calls.append(asked)
        [(table, wanted)] = asked["RequestItems"].items()
        ids = {each["id"]["S"] for each in wanted["Keys"]} - {each["id"]["S"] for each in self.unread}
        found = [
            {"id": {"S": f"fulfilment#ord_{number}"}, "fulfilled_at": {"S": "2026-11-30T09:01:00.000+00:00"}}
            for number in self.done
        ]
        return {
            "Responses": {table: [each for each in found if each["id"]["S"] in ids]},
            "UnprocessedKeys": {table: {"Keys": self.unread}} if self.unread else {},
        }


def last(table: Table) -> OrdersShown:
    return orders.last(table, "orders-prod")  # type: ignore[arg-type]


def test_the_newest_orders_are_shown_with_their_states_and_times() -> None:
    found = last(Table(order(1), order(3), order(2), fulfilled=(2,)))
    assert [(each.id, each.state) for each in found.found] == [
        ("ord_3", "placed"),
        ("ord_2", "fulfilled"),
        ("ord_1", "placed"),
    ]
    placed, fulfilled = found.found[1].placed, found.found[1].fulfilled
    assert placed is not None
    assert fulfilled is not None
    assert fulfilled - placed == 58
    assert not found.partial


def test_no_field_of_a_customers_leaves_dynamodb_or_reaches_the_page() -> None:
    private = {"customer_id": {"S": "ann"}, "owner": {"S": "ann@example.com"}, "total_cents": {"N": "1234"}}
    table = Table(order(1, **private))
    found = last(table)
    assert set(table.calls[0]["ExpressionAttributeNames"].values()) == {"id", "created_at", "smoke"}
    assert asdict(found.found[0]).keys() == {"id", "state", "placed", "fulfilled"}
    assert "ann" not in json.dumps(asdict(found))


def test_claims_idempotency_records_and_smoke_orders_are_no_orders() -> None:
    items = [order(1, smoke={"BOOL": True}), order(2), {"id": {"S": "claim#x"}}, {"id": {"S": "idempotency#x"}}]
    assert [each.id for each in last(Table(*items)).found] == ["ord_2"]


def test_a_table_with_more_than_is_read_is_said_to_have_more_and_no_second_page_is_read() -> None:
    table = Table(*[order(number) for number in range(30)], LastEvaluatedKey={"id": {"S": "ord_29"}})
    found = last(table)
    assert (found.partial, len(found.found)) == (True, orders.MOST_SHOWN)
    assert [call.get("Limit") for call in table.calls] == [orders.MOST_READ, None]


def test_an_order_for_which_dynamodb_did_not_answer_is_not_called_placed() -> None:
    table = Table(order(1), order(2))
    table.unread = [{"id": {"S": "fulfilment#ord_2"}}]
    assert [each.state for each in last(table).found] == ["not known", "placed"]


def test_an_empty_table_is_asked_for_no_fulfilment_and_an_order_without_a_time_breaks_nothing() -> None:
    table = Table()
    assert last(table) == OrdersShown()
    assert len(table.calls) == 1
    [shown] = last(Table({"id": {"S": "ord_1"}})).found
    assert shown.placed is None


def test_a_denied_scan_is_an_error_of_ours() -> None:
    def denied(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "Scan")

    table = Table()
    table.scan = denied  # type: ignore[method-assign]
    with pytest.raises(AwsError, match="AWS denies dynamodb Scan"):
        last(table)


# The reader


class Found(Session):
    """A session whose AWS is the table alone."""

    @property
    def aws(self) -> Any:
        return type("Aws", (), {"clients": self.__dict__["clients"]})


def opened(monkeypatch: pytest.MonkeyPatch, table: Table, name: str = "orders-prod", rate: float = 1.0) -> Session:
    monkeypatch.setattr(status, "observed_in_context", lambda *_: [])
    session = Found("prod", "eu-central-1", (TARGET,), POLICY, ScaledClock(rate), name)
    session.__dict__["clients"] = table
    return session


def test_the_reader_reads_the_orders_where_it_is_asked_to_and_the_stack_has_a_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Table(order(1))
    session = opened(monkeypatch, table)
    found = Reader("prod", "", lambda *_: session, orders=True).read()
    assert found.problem == ""
    assert found.orders is not None
    assert [each.id for each in found.orders.found] == ["ord_1"]
    assert Reader("prod", "", lambda *_: session).read().orders is None, "the screen of watch shows none"
    none = opened(monkeypatch, table, name="")
    assert Reader("prod", "", lambda *_: none, orders=True).read().orders is None


def test_the_orders_are_read_once_a_minute_and_as_often_as_the_rest_where_time_runs_faster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr("infra.release.cli.reader.time.monotonic", lambda: now[0])
    for rate, expected in ((1.0, 2), (40.0, 3)):
        table = Table()
        session = opened(monkeypatch, table, rate=rate)
        reader = Reader("prod", "", lambda *_, found=session: found, orders=True)
        for later in (0, 30, 40):
            now[0] += later
            reader.read()
        assert len(table.calls) == expected


def test_orders_that_cannot_be_read_hide_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table()

    def denied(*_: Any) -> Any:
        raise AwsError("AWS denies dynamodb Scan (table orders): no; add the action to the role that deploys")

    monkeypatch.setattr(orders, "last", denied)
    session = opened(monkeypatch, table)
    found = Reader("prod", "", lambda *_: session, orders=True).read()
    assert found.problem == ""
    assert found.orders == OrdersShown(problem="AWS denies dynamodb Scan (table orders): no")
