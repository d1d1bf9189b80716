"""The outcome of every release is derived from the records and the tags alone, and so are DORA's four keys."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from infra.release.decision import promotion
from infra.release.model import ledger, tags
from infra.release.model.attempt import Attempt
from infra.release.model.ledger import Entry
from infra.release.model.observation import Deployment, Status
from infra.release.model.outcome import Ending
from infra.release.model.tags import First, Overridden, RetryGrant, Stopped, Tags
from infra.release.reports.history import attempts, keys, marks, named, said, unseen
from tests.unit.fake_cloud import START, target, version

ORDERS = target()
NOW = START + timedelta(days=2)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def deployment(id_: str, begun: float, code: str, stable: str = "1", **values: Any) -> Deployment:
    """One that succeeds after eleven minutes, where nothing else is said. `set_id`: minutes, of the ledger's line."""
    released, set_id = version(2, code), values.pop("set_id", begun)
    entry = Entry(
        released.fingerprint,
        released.digest,
        released.contract,
        "abc1234",
        ledger.to_milliseconds(at(set_id)),
        stable,
        "ann",
    )
    usual = {"started": at(begun), "ended": at(begun + 11), "entry": entry, "alarms": ()}
    return Deployment(id_, values.pop("status", Status.SUCCEEDED), at(begun), **{**usual, **values})


def marked(*noted: tuple[float, Any]) -> Tags:
    found: dict[str, str] = {}
    for minutes, mark in noted:
        found |= tags.written(mark, "ann", at(minutes), found)
    return tags.parse(found)


def by_deployment(noted: Tags, *oldest_first: Deployment) -> dict[str | None, Attempt]:
    found = attempts(ORDERS, oldest_first[::-1], noted, lambda real: real)
    assert [each.started for each in found] == sorted((each.started for each in found), reverse=True)
    return {each.deployment: each for each in found}


def test_a_first_version_stands_in_a_tag_and_a_promotion_in_a_record() -> None:
    found = by_deployment(marked((0, First("1", "1" * 16, commit="c0ffee1-dirty"))), deployment("d-1", 60, "b"))
    assert (found[None].ending, found[None].version, found[None].by) == (Ending.FIRST, "1", "ann")
    assert found[None].commit == "c0ffee1-dirty"
    promoted = found["d-1"]
    assert (promoted.ending, promoted.reason, promoted.stable) == (Ending.PROMOTED, "verdict", "1")
    assert (promoted.commit, promoted.minutes) == ("abc1234", 11)


def test_the_version_that_was_live_at_an_adoption_is_no_release_and_proves_nothing_downstream() -> None:
    first = First("1", "1" * 16, "d" * 44, "c" * 16, adopted=True)
    found = by_deployment(marked((0, first)), deployment("d-1", 60, "b"))
    assert list(found) == ["d-1"]
    assert found["d-1"].stable == "1"
    said = promotion.judged([*found.values()], first.digest, first.contract, 30, at(120))
    assert said == "it was never released there; release this very bundle there first"
    answered = by_deployment(marked((0, replace(first, adopted=False))))
    assert promotion.judged([*answered.values()], first.digest, first.contract, 30, at(120)) is answered[None]


def test_a_rollback_is_linked_to_what_it_took_back_and_its_time_counts() -> None:
    alarm = ORDERS.verdict_alarm("1", "2", at(0))
    bad = deployment(
        "d-1", 0, "b", status=Status.STOPPED, error="ALARM_ACTIVE", ended=at(4), alarms=(alarm,), rollback="d-2"
    )
    found = by_deployment(Tags(), bad, deployment("d-2", 4, "a", entry=None, ended=at(5), rolls_back="d-1"))
    assert list(found) == ["d-1"]
    assert (found["d-1"].ending, found["d-1"].reason, found["d-1"].back) == (Ending.ROLLED_BACK, "verdict", ("d-2",))
    assert alarm in found["d-1"].why
    assert found["d-1"].minutes == 5
    assert found["d-1"].change_failed


def test_what_was_promoted_and_reverted_with_its_set_is_rolled_back_and_not_blamed() -> None:
    noted = marked((12, Stopped("d-1", "set", "other was not promoted")))
    back = deployment("d-2", 12, "a", stable="2", set_id=0)
    found = by_deployment(noted, deployment("d-1", 0, "b"), back)
    assert list(found) == ["d-1"]
    assert (found["d-1"].ending, found["d-1"].reason, found["d-1"].change_failed) == (Ending.ROLLED_BACK, "set", False)
    assert found["d-1"].why == "ann: other was not promoted"
    assert found["d-1"].back == ("d-2",)


def test_a_way_back_that_failed_leaves_a_promotion() -> None:
    back = deployment("d-2", 12, "a", stable="2", set_id=0, status=Status.FAILED)
    found = by_deployment(Tags(), deployment("d-1", 0, "b"), back)
    assert (found["d-1"].ending, found["d-1"].back) == (Ending.PROMOTED, ("d-2",))


@pytest.mark.parametrize("reverted", [False, True])
def test_a_release_is_in_flight_until_its_traffic_is_where_it_stays(reverted: bool) -> None:
    running: dict[str, Any] = {"status": Status.IN_PROGRESS, "ended": None}
    ledger_ = (
        (deployment("d-1", 0, "b"), deployment("d-2", 12, "a", set_id=0, **running))
        if reverted
        else (deployment("d-1", 0, "b", **running),)
    )
    found = by_deployment(Tags(), *ledger_)["d-1"]
    assert (found.ending, found.minutes) == (None, None)


def test_a_deployment_by_hand_is_shown_as_such_with_the_versions_of_its_revision() -> None:
    [found] = named(by_deployment(Tags(), deployment("d-1", 0, "b", entry=None)).values(), {"d-1": ("3", "4")})
    assert (found.by, found.reason, found.commit) == ("by hand", "by hand", "unknown")
    assert (found.stable, found.version) == ("3", "4")


def test_an_override_and_a_retry_grant_stand_at_the_release_that_they_let_go_ahead() -> None:
    fingerprint = version(2, "b").fingerprint
    noted = marked((50, Overridden(fingerprint, "rejected", "ann: now")), (40, RetryGrant("f" * 16, "d-0")))
    found = by_deployment(noted, deployment("d-1", 0, "b"), deployment("d-2", 60, "b"), deployment("d-3", 90, "b"))
    assert {id_: each.allowed for id_, each in found.items() if each.allowed} == {
        "d-2": ("override of rejected: ann: now (noted by ann)",)
    }
    assert [said(each) for each in marks(noted)][1] == "allow-retry after d-0, by ann"


def attempt(begun: float, took: float, ending: Ending | None = Ending.PROMOTED, **values: Any) -> Attempt:
    usual: dict[str, Any] = {"deployment": f"d-{begun}", "set_id": at(begun), "function": "orders", "commit": "abc1234"}
    rest = {"reason": "verdict", "why": "", "stable": "1", "version": "2", "fingerprint": "", "by": "ann"}
    rest |= {"digest": "", "contract": ""}
    times = {"started": at(begun), "ended": at(begun + took)}
    return Attempt(ending=ending, **{**usual, **rest, **times, **values})


def test_doras_keys_count_a_set_once_and_what_went_back_for_another_reason_as_no_failure() -> None:
    found = [
        attempt(0, 11),
        attempt(100, 11),
        attempt(100, 21, function="stock"),
        attempt(200, 5, Ending.ROLLED_BACK, change_failed=True),
        attempt(200, 7, Ending.ROLLED_BACK, function="stock", reason="set"),
        attempt(300, 9, Ending.ROLLED_BACK, reason="evidence"),
        attempt(400, 0, None, ended=None),
    ]
    four = keys(found, 2, NOW, lambda _: at(-109))
    assert (four.releases, four.per_day, four.ended, four.failed, four.failure_rate) == (2, 1.0, 4, 1, 0.25)
    assert four.restore_minutes == 7
    assert four.lead_hours == pytest.approx((2 + 230 / 60) / 2)


def test_what_was_deployed_by_hand_is_counted_apart_whatever_became_of_it() -> None:
    by_hand: dict[str, Any] = {"set_id": None, "by": "by hand", "commit": "unknown"}
    found = [
        attempt(0, 11),
        attempt(100, 11, **by_hand),
        attempt(200, 30, Ending.ROLLED_BACK, change_failed=True, **by_hand),
        attempt(300, 0, Ending.FIRST, deployment=None, set_id=None),
    ]
    four = keys(found, 2, NOW, lambda _: at(-109))
    assert (four.releases, four.ended, four.failed, four.restore_minutes, four.by_hand) == (2, 2, 0, None, 2)
    assert four.unknown_commits == 0
    assert keys(found, 1, at(100 + 24 * 60), lambda _: None).by_hand == 2, "of these days alone"
    assert keys(found, 1, at(150 + 24 * 60), lambda _: None).by_hand == 1


def test_an_unknown_commit_is_said_to_be_unknown_and_old_releases_are_left_out() -> None:
    four = keys([attempt(0, 11), attempt(60 * 30, 11)], 1, NOW, lambda _: None)
    assert (four.releases, four.lead_hours, four.unknown_commits) == (1, None, 1)
    assert keys([], 30, NOW, lambda _: None).failure_rate is None


def test_records_that_are_gone_are_reported() -> None:
    born = (0, First("1", "1" * 16))
    first = deployment("d-1", 60, "b")
    assert unseen(ORDERS, [first], marked(born)) is None
    assert unseen(ORDERS, [], marked(born)) is None
    assert unseen(ORDERS, [first], Tags()) is None
    gone = marked(born, (5, Stopped("d-0", "operator", "no currency")), (6, Stopped("d-1", "evidence", "few")))
    assert "has no record any more of d-0, so" in (unseen(ORDERS, [first], gone) or "")
    later = deployment("d-9", 90, "c", stable="8")
    said = unseen(ORDERS, [later], marked(born)) or ""
    assert "oldest record, d-9, started from version 8, and the first version was 1" in said
