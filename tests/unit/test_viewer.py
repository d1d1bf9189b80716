"""The viewer serves this machine alone, reads only while a page asks, and outlives what it shows."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from infra.release.cli.reader import Reader
from infra.release.cli.session import Session
from infra.release.decision.context import ReleaseContext
from infra.release.engine.cloud import TransientError
from infra.release.model.lifecycle import LifecycleEvent
from infra.release.model.observation import Alias
from infra.release.reports import snapshot
from infra.release.reports.page.model import Chart, Series
from infra.release.reports.timeline import Moves
from infra.release.verdict.judge import Counts, judge
from infra.release.viewer import server as viewer
from infra.release.viewer.server import Viewer
from tests.unit.seen import NOW, POLICY, SPLIT, TARGET, deployment, minutes, seen
from tests.unit.viewed import PAGE, SNAPSHOT, FakeReader, served

# The server


def asked(server: Viewer, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    host, port = server.server_address[:2]
    connection = http.client.HTTPConnection(str(host), port, timeout=60)
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def news(answer: http.client.HTTPResponse) -> Any:
    """The next snapshot of a stream of events."""
    while not (line := answer.readline().decode()).startswith("data: "):
        assert line, "the stream has ended"
    return json.loads(line.removeprefix("data: "))


@contextmanager
def viewing(server: Viewer) -> Iterator[http.client.HTTPResponse]:
    answer = asked(server, "/events")
    try:
        yield answer
    finally:
        answer.close()


def test_the_page_may_load_nothing_from_elsewhere() -> None:
    with served(FakeReader()) as server:
        answer = asked(server, "/")
        policy = answer.headers["Content-Security-Policy"]
    assert (answer.status, answer.read()) == (200, PAGE["/"].content)
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "http" not in policy


@pytest.mark.parametrize("host", ["strata.example", "127.0.0.1", "127.0.0.1:1", ""])
@pytest.mark.parametrize("path", ["/", "/events"])
def test_a_site_that_resolves_to_this_machine_gets_nothing(host: str, path: str) -> None:
    with served(FakeReader()) as server:
        answer = asked(server, path, Host=host)
        assert (answer.status, b"prod" in answer.read()) == (403, False)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_it_takes_no_request_that_could_change_anything(method: str) -> None:
    with served(FakeReader()) as server:
        assert asked(server, "/events", method).status == 501


@pytest.mark.parametrize("path", ["/../pyproject.toml", "//etc/passwd", "/viewer.ts", "/?x"])
def test_it_serves_the_files_of_the_page_and_no_other(path: str) -> None:
    with served(FakeReader()) as server:
        assert asked(server, path).status == 404


def test_two_pages_see_the_same_and_the_newest() -> None:
    later = replace(SNAPSHOT, at=SNAPSHOT.at + 10)
    with served(FakeReader(SNAPSHOT, later)) as server, viewing(server) as one, viewing(server) as other:
        for answer in (one, other):
            found = news(answer)
            while found["at"] != later.at:
                found = news(answer)
            assert [each["name"] for each in found["functions"]] == ["strata-prod-orders", "strata-prod-fulfilment"]


def test_it_reads_nothing_while_no_page_is_open() -> None:
    reader = FakeReader()
    with served(reader) as server:
        asked(server, "/").read()
        assert reader.asked == 0
        with viewing(server) as answer:
            news(answer)
        assert reader.asked > 0


def test_more_pages_than_it_bears_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "MOST_VIEWERS", 1)
    with served(FakeReader()) as server, viewing(server) as first:
        news(first)
        assert asked(server, "/events").status == 503


# The reader


def broken(*problems: Exception) -> Reader:
    waiting = list(problems)

    def opened(_stack: str, _function: str) -> Session:
        raise waiting.pop(0)

    return Reader("prod", "", opened)


def test_a_cloud_that_is_gone_is_reported_beside_what_was_seen_last() -> None:
    reader = broken(TransientError("AWS does not answer"), KeyError("surprise"))
    reader.last = SNAPSHOT
    assert reader.read() == replace(SNAPSHOT, problem="AWS does not answer")
    assert reader.read() == replace(SNAPSHOT, problem="KeyError: 'surprise'"), "nothing ends the reading"


def test_it_reads_less_often_where_nothing_happens() -> None:
    reader = broken()
    reader.last = replace(SNAPSHOT, factor=1.0)
    assert reader.pause == 10
    reader.last = replace(SNAPSHOT, factor=1.0, functions=SNAPSHOT.functions[1:])
    assert reader.pause == 30
    reader.last = replace(SNAPSHOT, factor=40.0)
    assert reader.pause == 2


# What is shown

MOVED = Moves("1", "2", created=1.0, shifting=2.0)
CHART = Chart(
    "orders", "", (Series("1", (90, 90, 80, 81, 82), (0, 0, 1, 0, 0)), Series("2", (0, 0, 9, 9, 8), (0, 0, 0, 4, 5)))
)


def canary() -> ReleaseContext:
    flying = deployment(ago=3)
    counts = {"stable": Counts(243, 1), "canary": Counts(26, 9)}
    return ReleaseContext(TARGET, seen(flying, following=flying.id, alias=SPLIT, **counts), POLICY, NOW)


def test_the_statistic_is_the_verdicts_own_and_its_last_minute_is_the_present_one() -> None:
    found = snapshot.statistic(canary(), CHART, MOVED)
    assert found.by_minute[:2] == (None, None), "nothing was compared before the shift"
    assert found.by_minute[2] == round(judge(Counts(80, 1), Counts(9, 0), POLICY.rule).z, 3)
    assert found.by_minute[-1] == found.z == round(judge(Counts(243, 1), Counts(26, 9), POLICY.rule).z, 3)
    assert (found.limit, found.fired) == (POLICY.rule.z, True)


def test_errors_that_come_before_their_requests_break_no_picture() -> None:
    early = Chart("orders", "", (Series("2", (0, 3), (2, 0)),))
    found = snapshot.statistic(canary(), early, replace(MOVED, shifting=0.0))
    assert found.by_minute == (0.0, 0.0)


def test_the_shares_have_the_counts_of_the_versions_that_are_compared() -> None:
    one, two = snapshot.shares(canary(), {"1": 0.9, "2": 0.1}, judged=True)
    assert (one.requests, one.errors, two.requests, two.errors) == (243, 1, 26, 9)
    [alone] = snapshot.shares(replace(canary(), seen=seen(alias=Alias("1"))), {"1": 1.0}, judged=False)
    assert (alone.requests, alone.errors) == (None, None)


def test_a_phase_names_its_hook_and_the_answer_is_cut() -> None:
    target = replace(TARGET, before_allow_traffic="CodeDeployHook_smoke")
    events = [LifecycleEvent("BeforeAllowTraffic", "Failed", NOW, NOW + minutes(1), "x" * 5000)]
    [found] = snapshot.phases(target, events, lambda at: at)
    assert (found.hook, len(found.message)) == ("CodeDeployHook_smoke", snapshot.LONGEST_TEXT)
    assert found.ended == (NOW + minutes(1)).timestamp()


def test_a_snapshot_has_a_size_that_a_page_can_hold_overnight() -> None:
    assert len(json.dumps(SNAPSHOT.as_json())) < 20_000
