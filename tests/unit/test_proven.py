"""What the ledger proves: where traffic may stay, and where it goes that may not."""

from dataclasses import replace
from typing import Any

import pytest

from infra.release.decision import proven, recovery
from infra.release.decision.context import ReleaseContext
from infra.release.decision.preconditions import refusals
from infra.release.model.actions import PointAlias, Start
from infra.release.model.observation import Alias, Deployment, Observation, Status, Version
from infra.release.model.outcome import Ending
from infra.release.model.tags import First, Overridden, Stopped, TagRecord, Tags, begun, parse, written
from tests.unit.fake_cloud import FakeCloud, cloud, version
from tests.unit.seen import (
    ALARM,
    NEW,
    NOW,
    OLD,
    POLICY,
    SPLIT,
    TARGET,
    WHOLE,
    decide,
    deployment,
    entry,
    minutes,
    notes,
    outcome,
    restores,
    rollback,
    seen,
    stopped,
)
from tests.unit.test_refusals import OVERRIDE
from tests.unit.test_runner import assert_at_rest, release

SIX, TEN, ELEVEN = version(6), version(10), version(11)


def first(of: Version = OLD, *marks: TagRecord, started: bool = False) -> Tags:
    """That version went first, and these marks."""
    tags = written(First(of.number, of.fingerprint), "user/ann", NOW)
    tags |= begun(tags) if started else {}
    for mark in marks:
        tags |= written(mark, "user/ann", NOW)
    return parse(tags)


def promoted(what: Version, stable: str, ago: float = 90, id_: str = "d-0") -> Deployment:
    line = replace(entry(what.fingerprint, stable), at=NOW - minutes(ago))
    return replace(deployment(Status.SUCCEEDED, ago, entry=line, canary=what.number), id=id_)


def failed(what: Version, stable: str, **values: Any) -> Deployment:
    """It was rejected five minutes ago."""
    line = entry(what.fingerprint, stable)
    return stopped(entry=line, canary=what.number, message=ALARM, ended=NOW - minutes(5), **values)


def on(live: Version, *ledger: Deployment, wanted: Version = NEW, **values: Any) -> Observation:
    return seen(*ledger, alias=Alias(live.number), live=live, wanted=wanted, **values)


def pointed(what: Observation) -> str:
    action = decide(what)
    assert isinstance(action, PointAlias), action
    return action.version


# Unchanged asks for proof


@pytest.mark.parametrize(
    ("what", "how"),
    [
        (on(NEW, promoted(NEW, "1")), "promoted by d-0"),
        (on(replace(NEW, number="9"), promoted(NEW, "1")), "promoted by d-0"),  # the same code under another number
        (on(OLD, wanted=OLD, tags=first()), "it went first and answered"),
        (on(OLD, promoted(NEW, "1"), wanted=OLD, tags=first()), "it went first and answered"),
        (on(SIX, promoted(NEW, "6"), wanted=SIX), "d-0, the oldest record that CodeDeploy keeps, started from it"),
        (on(SIX, wanted=SIX), "no record says how it went live"),
        (on(SIX, wanted=SIX, tags=first(started=True)), "no record says how it went live"),
        (
            on(TEN, promoted(SIX, "1"), wanted=TEN, tags=first(OLD, Overridden(TEN.fingerprint, "untried", "ann: so"))),
            "by the override ann: so",
        ),
    ],
)
def test_what_is_live_and_wanted_is_unchanged_where_it_is_proved_or_nothing_else_is(
    what: Observation, how: str
) -> None:
    end = outcome(decide(what))
    assert end.ending is Ending.UNCHANGED
    assert how in end.detail


@pytest.mark.parametrize(
    ("what", "to", "why"),
    [
        (on(TEN, promoted(SIX, "1"), wanted=TEN), "6", "version 10 is live, and no release by Strata has promoted it"),
        (on(NEW, tags=first()), "1", "no release by Strata has promoted it"),
        (on(TEN, failed(ELEVEN, "6"), promoted(SIX, "1"), wanted=TEN), "6", "no release by Strata"),
        (on(NEW, promoted(SIX, "1", 2, "d-9"), failed(NEW, "1")), "6", "version 2 is live, and d-1 rejected it"),
        (on(NEW, promoted(SIX, "1", 2, "d-9"), failed(NEW, "1"), wanted=TEN), "6", "d-1 rejected it"),
        (on(replace(TEN, fingerprint=""), promoted(SIX, "1"), wanted=NEW), "6", "which Lambda no longer has"),
    ],
)
def test_what_is_live_and_wanted_without_proof_goes_back_to_what_was_proved_last(
    what: Observation, to: str, why: str
) -> None:
    action = decide(what)
    assert isinstance(action, PointAlias)
    assert action.version == to
    assert why in action.why
    assert list(proven.missing(TARGET, what))


def test_from_there_what_is_wanted_is_released_by_a_canary() -> None:
    assert decide(on(SIX, promoted(SIX, "1"), wanted=TEN)) == Start("6", "10")


def test_an_override_of_something_else_proves_nothing() -> None:
    what = on(TEN, promoted(SIX, "1"), wanted=TEN, tags=first(OLD, Overridden(TEN.fingerprint, "alarm", "ann: so")))
    assert pointed(what) == "6"


def test_what_an_operator_or_a_set_took_back_is_proved_no_longer() -> None:
    promotion = promoted(NEW, "1")
    line = replace(entry(OLD.fingerprint, "2"), at=NOW - minutes(90))
    back = replace(deployment(Status.SUCCEEDED, 60, entry=line, canary="1"), id="d-b")
    for kind in ("operator", "set"):
        assert pointed(on(NEW, back, promotion, tags=first(OLD, Stopped("d-0", kind, "why")))) == "1"
    again = promoted(NEW, "1", 30, "d-2")
    assert outcome(decide(on(NEW, again, back, promotion, tags=first()))).ending is Ending.UNCHANGED


def test_where_the_proved_version_is_gone_it_is_refused_and_an_override_takes_what_is_live() -> None:
    what = on(TEN, promoted(SIX, "1"), wanted=TEN, good=None)
    end = outcome(decide(what))
    assert (end.ending, end.reason) == (Ending.REFUSED, "untried")
    assert "version 6, promoted by d-0, which is gone from Lambda" in end.detail
    assert 'override: "who: why"' in end.detail
    note = notes(decide(what, OVERRIDE))
    assert note.mark == Overridden(TEN.fingerprint, "untried", "ann: hotfix")
    assert outcome(decide(replace(what, tags=first(OLD, note.mark)), OVERRIDE)).ending is Ending.UNCHANGED


def test_an_alias_on_a_version_that_is_gone_is_refused_and_an_override_sends_it_to_the_wanted_one() -> None:
    what = on(replace(TEN, fingerprint=""), wanted=NEW)
    end = outcome(decide(what))
    assert (end.reason, end.ending) == ("untried", Ending.REFUSED)
    assert "alias live is on version 10, which Lambda no longer has" in end.detail
    mark = Overridden(NEW.fingerprint, "untried", OVERRIDE.override)
    assert restores(decide(replace(what, tags=first(OLD, mark, started=True)), OVERRIDE)) == "2"


def test_a_hand_in_an_emergency_is_released_over_from_where_it_went() -> None:
    assert decide(on(TEN, promoted(SIX, "1"), wanted=ELEVEN)) == Start("10", "11")


# The way back


def test_codedeploys_own_way_back_is_not_undone_towards_an_unproved_version() -> None:
    records = (rollback(Status.SUCCEEDED), failed(ELEVEN, "10"), promoted(SIX, "1"))
    end = outcome(decide(on(SIX, *records, wanted=ELEVEN, following="d-1")))
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "verdict")
    assert "all traffic is on 6" in end.line()
    next_ = decide(on(SIX, *records, wanted=version(12)))
    assert next_ == Start("6", "12")


def test_a_first_version_alone_is_proof_enough_to_stay_on() -> None:
    records = (rollback(Status.SUCCEEDED), failed(ELEVEN, "10"))
    end = outcome(decide(on(SIX, *records, wanted=ELEVEN, following="d-1", tags=first(SIX))))
    assert "all traffic is on 6" in end.line()


@pytest.mark.parametrize("following", ["d-1", None])
def test_a_way_back_that_codedeploy_does_not_go_leads_to_what_is_proved(following: str | None) -> None:
    records = (rollback(Status.FAILED), failed(ELEVEN, "10"), promoted(SIX, "1"))
    split = Alias("10", "11", 0.1)
    what = seen(*records, alias=split, live=TEN, shifted=ELEVEN, wanted=ELEVEN, following=following)
    assert pointed(what) == "6"


def test_a_proved_stable_version_is_gone_back_to_although_codedeploy_went_to_another() -> None:
    records = (rollback(Status.SUCCEEDED), failed(ELEVEN, "6"), promoted(TEN, "6", 30, "d-9"), promoted(SIX, "1"))
    assert pointed(on(TEN, *records, wanted=ELEVEN, following="d-1")) == "6"


def test_a_stable_version_of_proved_code_is_gone_back_to_whatever_its_number() -> None:
    again = replace(TEN, fingerprint=OLD.fingerprint)  # published anew with the code that went first
    records = (rollback(Status.SUCCEEDED), failed(ELEVEN, "10"), promoted(SIX, "1"))
    what = on(SIX, *records, wanted=ELEVEN, following="d-1", tags=first(OLD), origin=again)
    assert pointed(what) == "10"
    assert "all traffic is on 6" in outcome(decide(replace(what, origin=TEN))).line()


def test_where_the_records_begin_is_gone_back_to() -> None:
    what = seen(failed(ELEVEN, "57"), alias=Alias("57", "11", 0.1), live=version(57), shifted=ELEVEN, following="d-1")
    assert pointed(replace(what, tags=first(started=True))) == "57"


def test_rollback_passes_over_a_version_that_nothing_proves() -> None:
    promotion = promoted(ELEVEN, "10", 30, "d-9")
    ledger = (promotion, promoted(SIX, "1"))
    assert proven.before(TARGET, on(ELEVEN, *ledger), promotion) == "6"
    assert proven.before(TARGET, on(SIX, promoted(SIX, "1")), promoted(SIX, "1")) == "1"


# What a person may choose


def test_of_a_split_alias_only_what_is_proved_may_be_chosen() -> None:
    split: dict[str, Any] = {"alias": SPLIT, "shifted": NEW}
    assert recovery.choices(TARGET, seen(tags=first(), **split)) == ["1"]
    assert recovery.choices(TARGET, seen(**split)) == ["1", "2"]
    both: dict[str, Any] = {"alias": Alias("10", "11", 0.5), "live": TEN, "shifted": ELEVEN}
    assert recovery.choices(TARGET, seen(promoted(SIX, "1"), **both)) == ["6"]
    mark = Overridden(NEW.fingerprint, "split", OVERRIDE.override)
    assert restores(decide(seen(promoted(SIX, "1"), tags=first(OLD, mark), **both), OVERRIDE)) == "6"


# What comes of it


def three() -> FakeCloud:
    return cloud(1, version(1), version(2), version(3))


@pytest.mark.parametrize("before", ["1", "2"])
def test_an_alias_made_anew_on_the_newest_version_goes_to_the_last_good_one_and_is_released_from_there(
    before: str,
) -> None:
    fake = three()
    if before == "2":
        release(fake)
    fake.point("3")
    end = release(fake, 3)
    assert (end.ending, end.from_version, end.to_version) == (Ending.PROMOTED, before, "3")
    assert_at_rest(fake, "3")
    assert release(fake, 3).ending is Ending.UNCHANGED


def test_an_alias_made_anew_on_a_rejected_version_goes_to_the_last_good_one_and_stays_there() -> None:
    fake = three()
    fake.bad = {version(3).fingerprint}
    release(fake)
    assert release(fake, 3).ending is Ending.ROLLED_BACK
    fake.clock.sleep(minutes(30))
    fake.point("3")
    assert release(fake, 3).reason == "rejected"
    assert_at_rest(fake, "2")


def test_traffic_stays_where_it_is_once_codedeploy_keeps_no_record() -> None:
    fake = three()
    release(fake)
    fake.deployments.clear()
    assert release(fake).ending is Ending.UNCHANGED
    end = release(fake, 3)
    assert (end.ending, end.from_version) == (Ending.PROMOTED, "2")


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ({}, ["untried"]),
        ({"alias": Alias("2", "4", 0.1), "shifted": version(4)}, ["split"]),
        ({"good": version(3)}, []),
        ({"wanted": version(5)}, []),
    ],
)
def test_only_a_whole_alias_on_what_is_wanted_with_nowhere_to_go_back_to_is_refused_as_untried(
    values: dict[str, Any], reasons: list[str]
) -> None:
    """Version 3 was promoted and is gone from Lambda; an operator has moved the alias to 2, which nothing proves."""
    gone = deployment(Status.SUCCEEDED, ago=60, entry=entry(version(3).fingerprint), canary="3")
    what = seen(gone, **{**WHOLE, "good": None, **values})
    assert [each.reason for each in refusals(ReleaseContext(TARGET, what, POLICY, NOW))] == reasons


def test_what_was_proved_last_besides_the_code_that_goes_back_is_the_fallback() -> None:
    """Version 2 was promoted from 1, and its code is aborted as version 4."""
    promotion = deployment(Status.SUCCEEDED, ago=60)
    again = replace(entry(stable="3"), at=NOW - minutes(9))
    aborted = replace(deployment(Status.STOPPED, ago=9, entry=again, canary="4", error="MANUAL_STOP"), id="d-4")
    aside = proven.fallback(TARGET, seen(aborted, promotion, tags=first(OLD), **WHOLE))
    assert aside is not None
    assert aside.number == "1"
    running = replace(aborted, status=Status.IN_PROGRESS, ended=None)
    proved = proven.fallback(TARGET, seen(running, promotion, tags=first(OLD), **WHOLE))
    assert proved is not None
    assert proved.number == "2"


def test_the_records_begin_with_the_oldest_that_is_of_ours() -> None:
    by_hand = replace(deployment(Status.SUCCEEDED, ago=90, entry=None), id="d-0")
    (found,) = proven.proofs(TARGET, seen(stopped(), by_hand, tags=Tags()))
    assert (found.number, found.begins) == ("1", True)
