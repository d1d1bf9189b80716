"""A busy machine makes a rehearsal slower, never different: the factor is halved while the machine does not keep up."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from rehearsal import cli
from rehearsal.console import Narrator
from rehearsal.environment import pace
from rehearsal.environment.pace import Measured, Pace
from rehearsal.environment.sandbox import Sandbox
from rehearsal.observe import control
from rehearsal.observe.traffic import Api, Sent, Traffic
from rehearsal.release.scenario import Rehearsal


@pytest.mark.parametrize(
    ("asked", "now", "got", "factor"),
    [
        (40, 40, 1.0, 40),
        (40, 40, pace.ENOUGH, 40),
        (40, 40, 0.29, 10),
        (100, 100, 0.25, 25),
        (100, 100, 0.2, 25),
        (100, 100, 0.1, 12.5),
        (100, 100, 0.001, 6.25),  # never slower than a sixteenth
        (100, 25, 1.0, 50),  # faster again, step by step
        (100, 50, 1.0, 100),
        (100, 50, 0.25, 25),
        (100, 12.5, 0.25, 12.5),
    ],
)
def test_the_factor_follows_the_share_of_a_core(asked: float, now: float, got: float, factor: float) -> None:
    assert pace.suited(asked, now, Measured(got)) == factor


@pytest.mark.parametrize(
    ("now", "got", "kept", "factor"),
    [
        (40, 1.0, pace.KEPT, 40),
        (40, 1.0, 0.79, 20),
        (20, 1.0, pace.KEPT, 20),
        (20, 1.0, 0.97, 40),
        (20, 1.0, 0.5, 10),  # a half of the present factor, until it keeps up
        (2.5, 1.0, 0.5, 2.5),  # never slower than a sixteenth
        (40, 0.25, 0.5, 10),
        (40, 0.1, 0.79, 5),  # what a process gets may ask for less
    ],
)
def test_the_factor_is_halved_where_requests_cannot_be_sent(now: float, got: float, kept: float, factor: float) -> None:
    assert pace.suited(40, now, Measured(got, kept)) == factor


@pytest.mark.parametrize(
    ("late", "factor"),
    [(0.0, 40), (pace.EARLY, 40), (pace.EARLY + 0.1, 20), (pace.LATE, 20), (pace.LATE + 0.1, 10)],
)
def test_the_factor_is_halved_where_the_cloud_is_late_with_what_is_due(late: float, factor: float) -> None:
    assert pace.suited(40, 20, Measured(1.0, 1.0, late)) == factor
    assert "local cloud is 9 simulated seconds late" in pace.slowed(40, 10, Measured(1.0, 1.0, 9.0))


def test_the_lateness_is_the_mean_of_what_was_done_since_the_last_measurement(
    answers: list[dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.1 s at 40 times the speed are four simulated seconds; a cloud that did nothing is as late as it is now."""
    monkeypatch.setattr(pace, "share", lambda: 1.0)
    said: list[str] = []
    changed: list[float] = []
    followed = Pace(40.0, 40.0, 30.0, "http://127.0.0.1:1")
    answers += [{"behind": 0.0, "done": 100, "late": 10.0}] * 3
    assert followed.keep(None, changed.append, said.append)
    answers.append({"behind": 0.0, "done": 300, "late": 30.0})
    assert not followed.keep(None, changed.append, said.append)
    answers.append({"behind": 0.2, "done": 300, "late": 30.0})
    answers += [{"behind": 0.0, "done": 300, "late": 30.0}] * 2
    assert followed.keep(None, changed.append, said.append)
    assert changed == [20.0, 10.0]
    assert ["4 simulated seconds late" in each for each in said] == [True, True]
    assert followed.per_second == 7.5


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """What the local cloud answers about its timeline, one after the other."""
    coming: list[dict[str, float]] = []
    monkeypatch.setattr(control, "read", lambda *_: coming.pop(0))
    return coming


def test_traffic_knows_the_share_that_was_sent_since_it_was_last_asked() -> None:
    traffic = Traffic(Api("http://127.0.0.1:1", {}), 55.0)
    assert traffic.kept() == 1.0
    traffic.sent, traffic.held = [Sent("GET", 0.0, 0.0, 0.0, 200, "1")] * 30, 10
    assert (traffic.kept(), traffic.kept()) == (0.75, 1.0)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(processes):
            process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "while True: pass"])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a process cannot be kept to one core here")
def test_the_share_shrinks_on_a_busy_machine() -> None:
    """On one core, so that the test asks little of the machine."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        with busy(6):
            assert pace.share() < pace.ENOUGH
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("typed", "rate"),
    [([], 30), (["--factor", "100"], 75), (["--factor", "20"], 15), (["--factor", "100", "--rate", "12"], 12)],
)
def test_a_canary_has_the_requests_that_it_needs_at_any_factor(
    typed: list[str], rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["rehearsal", *typed])
    assert cli.parsed(cli.options("rehearsal", "", Path("report.json"))).rate == rate


@dataclass(frozen=True)
class Stage:
    """A sandbox of which only the time is asked."""

    factor: float

    @property
    def bucket(self) -> float:
        return 60 / self.factor

    def at(self, factor: float) -> "Stage":
        return Stage(factor)


def test_a_step_after_a_slowdown_counts_no_error_of_the_step_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer bucket of metrics would otherwise begin before the last one of the step before had ended."""
    now = 100.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("rehearsal.release.scenario.time.time", lambda: now)
    monkeypatch.setattr("rehearsal.release.scenario.time.sleep", sleep)
    monkeypatch.setattr(pace, "share", lambda: 0.2)
    monkeypatch.setattr(control, "lateness", lambda _: control.Lateness())
    followed = Pace(40.0, 40.0, 30.0, "http://127.0.0.1:1")
    rehearsal = Rehearsal(cast("Sandbox", Stage(40.0)), Narrator(Console(file=io.StringIO())), followed)
    ended = rehearsal._next_bucket()
    rehearsal.keep_pace()
    assert rehearsal.sandbox.factor < 40
    assert rehearsal._edge(now) >= ended


def test_the_message_says_that_the_machine_keeps_up_again() -> None:
    assert pace.slowed(40, 40, Measured(1.0)) == "This machine keeps up again, so time runs 40 times faster."


def test_the_message_names_both_factors_and_the_share() -> None:
    said = pace.slowed(100, 25, Measured(0.21))
    assert "gets 21% of one" in said
    assert "25 times faster and not 100" in said
    assert "sent more than 61% of the requests. So time runs 25" in pace.slowed(100, 25, Measured(0.5, 0.61))
