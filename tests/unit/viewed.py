"""A snapshot as the viewer shows it, a canary in mid-flight, and a server of it for the tests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from infra.release.cli.reader import Feed, Reader
from infra.release.reports.page.model import Chart, Kind, Mark, Series
from infra.release.reports.snapshot import (
    MINUTES,
    AlarmShown,
    FunctionShown,
    OrderShown,
    OrdersShown,
    Past,
    PhaseShown,
    Share,
    Snapshot,
    Statistic,
)
from infra.release.viewer.assets import Asset
from infra.release.viewer.server import Viewer

START = 1_796_000_000.0
STABLE = Series("7", tuple(90 - (4 if minute >= 52 else 0) for minute in range(MINUTES)), (0,) * 59 + (1,))
CANARY = Series("8", (0,) * 52 + (9, 10, 11, 9, 10, 10, 9, 10), (0,) * 55 + (1, 2, 0, 3, 1))
ORDERS = FunctionShown(
    name="strata-prod-orders",
    alias="7 with 10% on 8",
    shares=(Share("7", 0.9, 688, 1), Share("8", 0.1, 78, 7)),
    deployment="d-ABC123XYZ",
    phase="canary",
    text="8/10 min, v8 10%: 7/78 errors, v7 90%: 1/688",
    passed=8,
    minutes=10,
    statistic=Statistic(5.21, 2.88, True, "relative rule fired", (None,) * 52 + (0, 0, 0, 1.9, 3.1, 3.0, 4.6, 5.21)),
    start=START - 3600,
    chart=Chart(
        "strata-prod-orders", "", (STABLE, CANARY), (Mark(51.5, Kind.START, "created"), Mark(52, Kind.SHIFT, "shifted"))
    ),
    phases=(
        PhaseShown("Start", "Succeeded", START - 520, START - 519, "", ""),
        PhaseShown("BeforeAllowTraffic", "Succeeded", START - 519, START - 490, "", "CodeDeployHook_smoke"),
        PhaseShown("AllowTraffic", "InProgress", START - 480, None, "", ""),
        PhaseShown("AfterAllowTraffic", "Pending", None, None, "", "CodeDeployHook_bake"),
    ),
    alarms=(
        AlarmShown("strata-prod-orders-live-errors", "OK", START - 9000, "below the threshold"),
        AlarmShown("strata-prod-orders-verdict-7-8", "ALARM", START - 5, "Threshold Crossed: 1 datapoint [1.0]"),
    ),
    ledger=(
        Past(
            START - 520,
            "7 -> 8",
            "in flight",
            "in flight",
            "it is InProgress",
            "c0ffee012345",
            "user/ann",
            "d-ABC123XYZ",
        ),
        Past(START - 86400, "6 -> 7", "promoted", "verdict", "no alarm fired", "beef01234567", "user/ann", "d-OLD"),
        Past(START - 90000, "6 -> 6", "rolled back", "hook", "404, expected 200", "dead01234567", "user/bob", "d-BAD"),
    ),
    notes=(("override", "alarm for 0123456789abcdef, by ann: hotfix of the outage"),),
)
FULFILMENT = replace(
    ORDERS,
    name="strata-prod-fulfilment",
    alias="3",
    shares=(Share("3", 1.0),),
    deployment="",
    phase="",
    text="nothing is in flight",
    statistic=None,
    chart=Chart("strata-prod-fulfilment", "", (Series("3", (12,) * MINUTES, (0,) * MINUTES),)),
    phases=(),
    notes=(),
)
PLACED = OrdersShown(
    (
        OrderShown("ord_0000000000000000000000000000000b", "placed", START - 4, None),
        OrderShown("ord_0000000000000000000000000000000a", "fulfilled", START - 9, START - 7.5),
    ),
    partial=True,
)
SNAPSHOT = Snapshot("prod", START, 40.0, (ORDERS, FULFILMENT), orders=PLACED)
PAGE = {"/": Asset("text/html; charset=utf-8", b"<!doctype html>")}


class FakeReader(Reader):
    """A reader that finds what it is given, and counts how often it was asked."""

    def __init__(self, *found: Snapshot) -> None:
        super().__init__("prod", "")
        self.found, self.asked = list(found or [SNAPSHOT]), 0

    def read(self) -> Snapshot:
        self.last = self.found[min(self.asked, len(self.found) - 1)]
        self.asked += 1
        return self.last

    @property
    def pause(self) -> float:
        return 0.05


@contextmanager
def served(reader: Reader, files: dict[str, Asset] | None = None) -> Iterator[Viewer]:
    """Serve on a free port until the block ends."""
    feed = Feed(reader)
    server = Viewer(0, files or PAGE, feed)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    feed.start()
    thread.start()
    try:
        yield server
    finally:
        feed.stop()
        server.shutdown()
        thread.join()
        server.server_close()
