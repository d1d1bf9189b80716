"""What the keys of `watch` do to the work behind its screen: tests/cloud/test_watch_screen.py has a real terminal."""

from collections.abc import Callable, Mapping
from concurrent.futures import wait
from datetime import timedelta

import pytest

from infra.console import RefusedError
from infra.release.cli import live_screen
from infra.release.cli.abort import Aborted
from infra.release.cli.following import announces
from infra.release.cli.live_screen import _Watching
from infra.release.cli.session import Session
from infra.release.decision import next_action, operator
from infra.release.decision.context import Decide
from infra.release.engine.clock import Interrupted, ScaledClock
from infra.release.engine.runner import Report
from infra.release.model.outcome import Outcome, Phase, Progress
from infra.release.model.spec import ReleasePolicy
from tests.unit.seen import TARGET

WHY = "orders without a currency"
LINE = Progress("orders", Phase.CANARY, "1/10 min")
DONE: Mapping[str, Outcome] = {}
Follow = Callable[[Session, Report, Decide], Mapping[str, Outcome]]


def session() -> Session:
    return Session("prod", "eu-central-1", (TARGET,), ReleasePolicy(), ScaledClock())


def canary(release: Session, report: Report, _: Decide) -> Mapping[str, Outcome]:
    """Follow a canary that lasts until the wait is given up."""
    report(LINE)
    release.clock.sleep(timedelta(days=1))
    return DONE


def ended(watching: _Watching) -> _Watching:
    """Return it once no work is left."""
    goes_on = True
    while goes_on:
        wait([watching.work])
        goes_on = watching.goes_on()
    return watching


def begun(monkeypatch: pytest.MonkeyPatch, *follows: Follow) -> _Watching:
    """A screen whose work follows by each of those, one after the other."""
    waiting = list(follows)

    def reported(release: Session, report: Report, decide: Decide) -> Mapping[str, Outcome]:
        assert decide is next_action.watch
        assert not announces(release.policy, decide), "`up` waits for its release, and puts the event of its end"
        return waiting.pop(0)(release, report, decide)

    monkeypatch.setattr(live_screen, "reported", reported)
    watching = _Watching(session())
    assert watching.begun()
    return watching


def test_who_only_watches_announces_the_end_where_no_up_waits_for_it_and_an_operator_always_does() -> None:
    waits, leaves, abort = ReleasePolicy(), ReleasePolicy(wait=False), operator.abort({}, WHY)
    assert [announces(policy, next_action.watch) for policy in (waits, leaves)] == [False, True]
    assert [announces(policy, abort) for policy in (waits, leaves)] == [True, True]


def test_a_reason_ends_the_watching_and_aborts_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Aborted(WHY, {}, {}, {}, DONE)
    asked: list[str] = []

    def aborted(_release: Session, why: str, _follow: object) -> Aborted:
        asked.append(why)
        return found

    monkeypatch.setattr(live_screen, "aborted", aborted)
    watching = begun(monkeypatch, canary)
    for keys in ("a", f"{WHY}\n", "a", "again\n"):
        watching.obey(keys)
    assert ended(watching).work.result() is found
    assert asked == [WHY], "it is aborted once"
    assert watching.log == [LINE.line(), f"abort: {WHY}"]


def test_an_abort_that_is_refused_is_said_and_the_watching_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> Aborted:
        raise RefusedError("deployment d-1 of orders was not started by this release")

    monkeypatch.setattr(live_screen, "aborted", refused)
    watching = begun(monkeypatch, canary, lambda *_: DONE)
    watching.obey("a")
    watching.obey(f"{WHY}\n")
    assert ended(watching).work.result() is DONE
    assert watching.log[-1] == "not aborted: deployment d-1 of orders was not started by this release"
    assert watching.events[-1].bad


def test_who_leaves_ends_the_watching_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    watching = begun(monkeypatch, canary)
    watching.obey("q")
    with pytest.raises(Interrupted):
        ended(watching).work.result()


def test_where_nothing_is_in_flight_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchanged(_release: Session, report: Report, _: Decide) -> Mapping[str, Outcome]:
        report(Progress("orders", Phase.END, "1 unchanged (idle)"))
        return DONE

    monkeypatch.setattr(live_screen, "reported", unchanged)
    watching = _Watching(session())
    assert not watching.begun()
    assert watching.log == ["orders: end: 1 unchanged (idle)"]


def test_the_canarys_counts_are_drawn_and_are_no_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(_release: Session, report: Report, _: Decide) -> Mapping[str, Outcome]:
        report(LINE)
        report(Progress("orders", Phase.CANARY, "2/10 min", repeated=True))
        report(Progress("orders", Phase.CANARY, "3/10 min", repeated=True, quiet=True))
        return canary(_release, lambda _: None, _)

    watching = begun(monkeypatch, counted)
    watching.obey("q")
    ended(watching)
    assert [each.text for each in watching.events] == [LINE.line()]
    assert watching.log == [LINE.line(), "orders: canary: 2/10 min"]
