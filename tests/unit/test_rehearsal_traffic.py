"""Traffic keeps its rate however long answers take, hides no failure, and reads back what was acknowledged."""

import asyncio
import hmac
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from rehearsal.observe.aws_records import Deployment
from rehearsal.observe.traffic import MOST_AT_ONCE, Api, Sent, Traffic, app, late, new_order, share_of, summary, within
from rehearsal.release.step import canary_share

KEY = b"a key of receipts"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Shop:
    """A stand-in for the API: takes orders and gives them back."""

    def __init__(self) -> None:
        self.orders: dict[str, object] = {}
        self.hosts: set[str] = set()
        self.pause = 0.0
        self.broken_currency = ""
        self.throttled = 0  # so many reads are still answered 429
        self.unsigned = 0  # so many answers are still given without a receipt
        self.key = KEY
        self.waiting = self.most = 0  # orders at once

    async def post(self, request: web.Request) -> web.Response:
        self.hosts.add(request.headers["Host"])
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await asyncio.sleep(self.pause)
        self.waiting -= 1
        body = await request.json()
        if body["currency"] == self.broken_currency:
            return web.json_response({"message": "Internal Server Error"}, status=500)
        order = {"id": f"ord_{request.headers['Idempotency-Key']}", **body}
        self.orders[order["id"]] = order
        return self.signed(order, 201)

    async def get(self, request: web.Request) -> web.Response:
        if self.throttled > 0:
            self.throttled -= 1
            return web.json_response({"message": "Too Many Requests"}, status=429)
        order = self.orders.get(request.match_info["id"])
        return self.signed(order, 200 if order else 404)

    def signed(self, order: object, status: int) -> web.Response:
        answer = web.json_response(order, status=status, headers={"X-Served-Version": "1"})
        if self.unsigned > 0:
            self.unsigned -= 1
        else:
            body = answer.text or ""
            answer.headers["X-Order-Receipt"] = f"sha256={hmac.new(self.key, body.encode(), 'sha256').hexdigest()}"
        return answer


@contextmanager
def served(shop: Shop) -> Iterator[Api]:
    app = web.Application()
    app.add_routes([web.post("/orders", shop.post), web.get("/orders/{id}", shop.get)])
    ports: list[int] = []
    up, over = threading.Event(), threading.Event()

    async def serve() -> None:
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ports.append(runner.addresses[0][1])
        up.set()
        while not over.is_set():
            await asyncio.sleep(0.01)
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert up.wait(120)
    try:
        yield Api.at(f"http://abc123.execute-api.localhost:{ports[0]}")
    finally:
        over.set()
        thread.join()


@pytest.fixture
def shop() -> Shop:
    return Shop()


def run(api: Api, rate: float, requests: int, enough: Callable[[Traffic], bool] | None = None) -> Traffic:
    """Send traffic until so many requests are answered, and `enough` of the rest is true."""
    traffic, end = Traffic(api, rate, receipt_key=KEY.decode()), time.monotonic() + 120
    traffic.start()
    while len(traffic.sent) < requests or not (enough is None or enough(traffic)):
        assert time.monotonic() < end, f"{len(traffic.sent)} requests were answered in time"
        time.sleep(0.01)
    traffic.stop()
    return traffic


def test_requests_keep_their_rate_although_every_answer_is_slow(shop: Shop) -> None:
    shop.pause = 0.5
    with served(shop) as api:
        traffic = run(api, rate=20, requests=20)
    assert all(one.answered - one.sent > 0.45 for one in traffic.sent if one.method == "POST")  # two clocks
    dues = sorted(one.due for one in traffic.sent)
    assert [second - first for first, second in pairwise(dues)] == pytest.approx([0.05] * (len(dues) - 1), abs=1e-4)


def test_no_more_requests_are_in_flight_than_a_busy_machine_can_handle(shop: Shop) -> None:
    shop.pause = 1.0
    with served(shop) as api:
        traffic = run(api, rate=400, requests=0, enough=lambda it: it.held > 50)
    assert shop.most == MOST_AT_ONCE
    assert all(one.status == 201 for one in traffic.sent)


def test_an_order_that_was_acknowledged_without_a_receipt_is_read_back_with_one(shop: Shop) -> None:
    shop.unsigned = 5
    with served(shop) as api:
        traffic = run(api, rate=100, requests=20)
        assert 0 < traffic.receipts < len(traffic.acknowledged)
        shop.unsigned = 2
        traffic.read_back()
    assert traffic.receipts == len(traffic.acknowledged)


def test_a_receipt_by_another_key_counts_for_nothing(shop: Shop) -> None:
    shop.key = b"another key"
    with served(shop) as api:
        traffic = run(api, rate=100, requests=20)
        assert traffic.read_back().readable == len(traffic.acknowledged) > 0
    assert traffic.receipts == 0


def test_a_receipt_that_never_comes_is_missing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rehearsal.observe.traffic.GIVEN_UP", 0.5)
    shop.unsigned = 10**6
    with served(shop) as api:
        traffic = run(api, rate=100, requests=5)
        traffic.read_back()
    assert (traffic.receipts, len(traffic.acknowledged) > 0) == (0, True)


def test_the_apis_name_is_in_the_host_header_and_needs_no_resolver(shop: Shop) -> None:
    with served(shop) as api:
        run(api, rate=50, requests=5)
    (host,) = shop.hosts
    assert host.startswith("abc123.execute-api.localhost:")


def test_posts_and_gets_are_mixed_and_gets_read_acknowledged_orders(shop: Shop) -> None:
    with served(shop) as api:
        traffic = run(api, rate=200, requests=200)
    gets = [one for one in traffic.sent if one.method == "GET"]
    assert 0.35 < len(gets) / len(traffic.sent) < 0.65
    assert {one.status for one in gets} == {200}


def test_a_failed_order_is_kept_as_failed_and_not_as_acknowledged(shop: Shop) -> None:
    shop.broken_currency = "EUR"
    with served(shop) as api:
        traffic = run(api, rate=200, requests=100)
        failed = [one for one in traffic.sent if one.failed]
        assert failed
        assert {one.status for one in failed} == {500}
        assert {one.version for one in failed} == {None}
        assert set(traffic.acknowledged) == set(shop.orders)
        assert traffic.read_back().lost == 0


def test_an_order_that_is_gone_or_changed_is_lost(shop: Shop) -> None:
    with served(shop) as api:
        traffic = run(api, rate=100, requests=30)
        gone, changed, *_ = shop.orders
        del shop.orders[gone]
        shop.orders[changed] = {"id": changed}
        orders = traffic.read_back()
    assert orders.acknowledged == len(traffic.acknowledged) > 2
    assert orders.lost == 2


def test_an_order_that_was_fulfilled_after_its_acknowledgement_is_readable_and_counted(shop: Shop) -> None:
    with served(shop) as api:
        traffic = run(api, rate=100, requests=30)
        first, second, third, *_ = shop.orders
        stored: dict[str, Any] = shop.orders
        traffic.acknowledged[first] = {**traffic.acknowledged[first], "state": "placed"}
        stored[first] = {**stored[first], "state": "fulfilled", "fulfilled_at": "2026-01-31"}
        stored[second] = {**stored[second], "state": "fulfilled", "fulfilled_at": "2026-01-31"}
        stored[third] = {**stored[third], "state": "fulfilled", "currency": "XXX"}
        orders = traffic.read_back()
    assert (orders.lost, orders.fulfilled) == (1, 2)


def test_an_order_that_the_api_throttles_is_read_later_and_not_lost(shop: Shop) -> None:
    with served(shop) as api:
        traffic = run(api, rate=100, requests=30)
        shop.throttled = 12
        assert traffic.read_back().lost == 0
    assert shop.throttled == 0


def test_no_answer_is_a_failure_that_says_why() -> None:
    traffic = run(Api.at("http://abc.execute-api.localhost:1"), rate=50, requests=10)
    assert traffic.sent
    assert all(one.failed and one.status is None and "Cannot connect" in one.fault for one in traffic.sent)
    assert traffic.read_back() == traffic.read_back()
    assert traffic.read_back().acknowledged == 0


def test_a_defect_of_the_traffic_itself_is_raised_and_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = Traffic(Api.at("http://abc.execute-api.localhost:1"), rate=50)
    monkeypatch.setattr("rehearsal.observe.traffic.session", lambda: (_ for _ in ()).throw(ValueError("no session")))
    traffic.start()
    with pytest.raises(ValueError, match="no session"):
        traffic.stop()


@pytest.mark.parametrize("choice", [0.0, 0.123, 0.999999])
def test_every_order_is_valid_for_the_app(choice: float) -> None:
    import json  # noqa: PLC0415

    from app.orders.schema import parse  # noqa: PLC0415

    assert parse(json.dumps(new_order(choice)), is_base64=False) == new_order(choice)


def test_orders_use_every_currency_alike() -> None:
    used = [new_order(number / 1000 + 0.0001)["currency"] for number in range(1000)]
    assert {currency: used.count(currency) for currency in used} == {"CHF": 250, "EUR": 250, "GBP": 250, "USD": 250}


def answers(*versions: str | None) -> list[Sent]:
    return [
        Sent("GET", place, place, place, 200 if version else 500, version) for place, version in enumerate(versions)
    ]


def test_the_canarys_share_counts_only_while_two_versions_served() -> None:
    promoted = answers(*"1111", *"1112", *"1112", *"11", *"2222")
    assert share_of("2", promoted, failing="2") == 2 / 7
    rolled_back = answers(*"11", *"2111", *"2", *"111111")
    assert share_of("2", rolled_back, failing="2") == 2 / 5


def test_a_failure_without_a_version_is_that_of_the_version_that_failed() -> None:
    assert share_of("2", answers("1", None, "1", "1", None, "1"), failing="2") == 2 / 4
    assert share_of("2", answers(None, None, "2", "1", None, "1", None, None, "2", "2"), failing="1") == 1 / 6


@pytest.mark.parametrize(("canary_failed", "share"), [(True, 0.6667), (False, 0.3333)])
def test_the_errors_by_executed_version_say_whose_the_unsigned_failures_are(canary_failed: bool, share: float) -> None:
    deployment = Deployment("d-1", "Succeeded", "", "", stable="1", canary="2", rollback=None)
    assert canary_share(deployment, answers("1", "2", None, "1", "2"), canary_failed=canary_failed) == share


def test_there_is_no_share_where_one_version_served_alone() -> None:
    assert share_of("2", answers(*"111"), failing="2") is None
    assert share_of("2", answers(*"222"), failing="2") is None
    assert share_of("2", answers(*"111222"), failing="2") is None
    assert share_of("2", [], failing="2") is None


def test_a_late_request_is_counted_as_late() -> None:
    sent = [Sent("GET", 1.0, 1.05, 2.0, 200, "1"), Sent("GET", 1.0, 1.2, 2.0, 200, "1")]
    assert late(sent) == 1


def test_a_window_takes_requests_by_when_they_were_sent() -> None:
    sent = answers(*"12345")
    assert [one.version for one in within(sent, 1, 3)] == ["2", "3"]


# The command


def typed(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, list(arguments))
    return ran.exit_code, ran.output


def test_the_command_sends_for_so_many_seconds_and_ends_with_a_summary(shop: Shop) -> None:
    shop.broken_currency = "CHF"
    with served(shop) as api:
        code, text = typed(f"http://{api.headers['Host']}", "--rate", "100", "--seconds", "0.5")
    assert code == 0, text
    in_all = text.splitlines()[-1]
    assert in_all.startswith("in all: ")
    assert 40 <= int(in_all.split()[2]) <= 60
    assert " 0 failed" not in in_all
    assert "; version 1: " in in_all


@pytest.mark.parametrize("url", ["", "https://abc123.execute-api.eu-central-1.amazonaws.com", "orders"])
def test_the_command_sends_to_the_local_cloud_alone(url: str) -> None:
    code, text = typed(url)
    assert code == 2
    assert "api_url" in text


def test_a_summary_counts_answers_by_version_in_the_order_of_their_numbers_and_names_what_failed() -> None:
    answered = [Sent("GET", 0, 0, 0, 200, version) for version in ("10", "2", "2")]
    unanswered = [Sent("GET", 0, 0, 0, None, None, "no answer, ClientConnectorError: refused")]
    failed = [Sent("GET", 0, 0, 0, 503, None, '503 {"message": "Service Unavailable"}')] * 2
    assert summary([*answered, *unanswered, *failed]) == (
        "6 requests, 3 failed; version 2: 2; version 10: 1; "
        '2 x 503 {"message": "Service Unavailable"}; 1 x no answer, ClientConnectorError: refused'
    )
