"""Deciding at the very moment of a bound: how long something may take, and what is done from then on."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.release.decision import next_action, obsolete_alarms, proven, recovery
from infra.release.decision.context import ReleaseContext
from infra.release.model.actions import Action, Finish, PointAlias, Start, Stop, WriteTag
from infra.release.model.observation import Alias, Deployment, Notes, Observation, Status, Version
from infra.release.model.outcome import Ending, Phase
from infra.release.model.tags import Stopped, Tags
from tests.unit.fake_cloud import version
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
    noted,
    outcome,
    restores,
    rollback,
    seen,
    stopped,
    waits,
)

MOMENT = timedelta(milliseconds=1)
LONGEST = timedelta(minutes=POLICY.longest_wait_minutes)
PROMOTION = deployment(Status.SUCCEEDED, ago=30)
BEFORE = replace(entry(version(5).fingerprint), at=NOW - minutes(90))
PROMOTED = replace(deployment(Status.SUCCEEDED, ago=90, entry=BEFORE, canary="5"), id="d-0")
"""Of version 5, from 1, and the oldest record."""


def reverting(status: Status, created: timedelta, ended: timedelta | None = None) -> Observation:
    """A deployment that takes version 2 back to 1, and has been there so long; the alias is on 2 still."""
    back = replace(
        deployment(status, entry=replace(entry(OLD.fingerprint), stable="2"), canary="1"),
        id="d-3",
        created=NOW - created,
        ended=None if ended is None else NOW - ended,
    )
    return seen(back, PROMOTION, following="d-3", **WHOLE)


@pytest.mark.parametrize("status", [Status.CREATED, Status.IN_PROGRESS])
def test_a_deployment_that_takes_another_back_is_waited_for_up_to_the_longest_wait(status: Status) -> None:
    assert waits(decide(reverting(status, LONGEST))) is Phase.ROLLBACK
    assert restores(decide(reverting(status, LONGEST + MOMENT))) == "1"


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.STOPPED])
def test_one_that_has_ended_is_given_a_minute_to_show_in_the_alias_and_then_the_runner_moves_it(
    status: Status,
) -> None:
    assert waits(decide(reverting(status, LONGEST, minutes(1) - MOMENT))) is Phase.ROLLBACK
    action = decide(reverting(status, LONGEST, minutes(1)))
    assert restores(action) == "1"
    assert isinstance(action, PointAlias)
    assert action.why == f"d-3 is {status.value}, and the alias is on 2"


@pytest.mark.parametrize("status", [Status.CREATED, Status.QUEUED])
def test_a_deployment_that_has_not_begun_is_stopped_after_the_longest_wait(status: Status) -> None:
    def queued(ago: timedelta, **values: Any) -> Action:
        return decide(seen(replace(deployment(status), created=NOW - ago), following="d-1", **values))

    assert waits(queued(LONGEST)) is Phase.QUEUE
    note = queued(LONGEST + MOMENT)
    assert isinstance(note, WriteTag)
    assert isinstance(note.mark, Stopped)
    assert note.mark.kind == "fault"
    assert isinstance(queued(LONGEST + MOMENT, tags=noted(note.mark)), Stop)


def test_a_deployment_that_succeeded_is_given_a_minute_to_show_in_the_alias() -> None:
    def ended(ago: timedelta, alias: Alias = SPLIT) -> Action:
        done = replace(deployment(Status.SUCCEEDED), ended=NOW - ago)
        return decide(seen(done, following="d-1", alias=alias, shifted=NEW if alias.shifted else None))

    assert waits(ended(minutes(1) - MOMENT)) is Phase.VERIFY
    assert waits(ended(minutes(1) - MOMENT, Alias("1"))) is Phase.VERIFY
    end = outcome(ended(minutes(1)))
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "operator")


def test_a_rollback_of_codedeploys_own_is_waited_for_up_to_the_longest_wait() -> None:
    def going(ago: timedelta) -> Action:
        back = replace(rollback(Status.IN_PROGRESS), created=NOW - ago)
        return decide(seen(back, stopped(), following="d-1", alias=SPLIT, shifted=NEW))

    assert waits(going(LONGEST)) is Phase.ROLLBACK
    assert restores(going(LONGEST + MOMENT)) == "1"


def test_where_codedeploy_starts_no_rollback_the_runner_waits_a_minute_for_one() -> None:
    def alone(ago: timedelta) -> Action:
        failed = replace(stopped(), rollback=None, ended=NOW - ago)
        return decide(seen(failed, following="d-1", alias=SPLIT, shifted=NEW))

    assert waits(alone(minutes(1) - MOMENT)) is Phase.ROLLBACK
    assert restores(alone(minutes(1))) == "1"


def test_a_canary_whose_weight_is_not_there_yet_has_a_minute_before_it_counts_as_removed() -> None:
    def without(ago: timedelta) -> Action:
        begun = replace(deployment(ago=5), shifting=NOW - ago)
        return decide(seen(begun, following="d-1", alias=Alias("3"), live=version(3)))

    assert waits(without(minutes(1) - MOMENT)) is Phase.CANARY
    note = without(minutes(1))
    assert isinstance(note, WriteTag)
    assert isinstance(note.mark, Stopped)
    assert note.mark.kind == "operator"


@pytest.mark.parametrize("rolls_back", ["d-1", None])
def test_a_release_that_is_deleted_waits_for_a_rollback_up_to_the_longest_wait(rolls_back: str | None) -> None:
    def deleted(ago: timedelta) -> Action:
        back = replace(rollback(Status.IN_PROGRESS), created=NOW - ago, rolls_back=rolls_back)
        what = seen(back, stopped(ended=NOW - minutes(5)), alias=Alias("1"))
        return next_action.retire([TARGET], {TARGET.function: what}, POLICY, NOW)[TARGET.function]

    if rolls_back is None:  # a canary that an operator started by hand
        assert isinstance(deleted(LONGEST), WriteTag)
    else:
        assert waits(deleted(LONGEST)) is Phase.ROLLBACK
        assert isinstance(deleted(LONGEST + MOMENT), Finish)


def test_an_alarm_that_no_record_names_is_left_ten_minutes_for_its_deployment_to_be_created() -> None:
    def left(ago: timedelta, *ledger: Deployment) -> list[str]:
        return obsolete_alarms.left(TARGET, ledger, {ALARM: NOW - ago, "orders-errors": NOW - minutes(99)}, NOW)

    assert left(minutes(10)) == []
    assert left(minutes(10) + MOMENT) == [ALARM]
    assert left(minutes(1), stopped()) == [ALARM], "its deployment has ended"
    assert left(minutes(99), deployment()) == [], "its deployment is in flight"


# What is in flight need not be what is wanted.


@pytest.mark.parametrize("wanted", [NEW, version(3)])
def test_a_watcher_judges_by_what_was_released_and_not_by_what_it_wants(wanted: Version) -> None:
    what = seen(deployment(Status.SUCCEEDED), following="d-1", **{**WHOLE, "wanted": wanted})
    action = next_action.watch([TARGET], {TARGET.function: what}, POLICY, NOW)[TARGET.function]
    assert outcome(action).ending is Ending.PROMOTED


def test_what_succeeded_without_a_line_of_the_ledger_is_judged_by_what_is_wanted() -> None:
    by_hand = deployment(Status.SUCCEEDED, entry=None)
    assert outcome(decide(seen(by_hand, following="d-1", **WHOLE))).ending is Ending.PROMOTED
    late = replace(by_hand, ended=NOW - minutes(1))
    assert outcome(decide(seen(late, following="d-1", **{**WHOLE, "wanted": version(3)}))).ending is Ending.ROLLED_BACK


def test_a_rollback_leads_to_where_the_records_begin_before_it_leads_to_another_version() -> None:
    what = seen(stopped(), PROMOTED, tags=Tags(), good=version(5), **WHOLE)
    assert proven.home(TARGET, what, "1", {NEW.fingerprint}) == "1"
    assert proven.home(TARGET, what, "9", {NEW.fingerprint}) == "5"
    assert proven.home(TARGET, what, "9", {version(5).fingerprint}) == "1"


@pytest.mark.parametrize(("shifting", "started", "age"), [(2, 5, 2), (None, 5, 5), (2, None, 2), (None, None, 9)])
def test_a_deployment_is_as_old_as_its_shift_or_its_begin_or_its_creation(
    shifting: float | None, started: float | None, age: float
) -> None:
    times: dict[str, Any] = {
        name: None if ago is None else NOW - minutes(ago)
        for name, ago in (("shifting", shifting), ("started", started))
    }
    context = ReleaseContext(TARGET, seen(), POLICY, NOW)
    assert context.age(replace(deployment(ago=9), **times)) == minutes(age)


def test_where_the_runner_died_before_a_failed_revert_was_led_on_the_next_one_does_it() -> None:
    def died(ended: timedelta) -> Action:
        return decide(replace(reverting(Status.FAILED, LONGEST, ended), notes=Notes()))

    assert waits(died(minutes(1) - MOMENT)) is Phase.ROLLBACK
    assert restores(died(minutes(1))) == "1"


def test_an_alias_that_was_moved_to_what_was_promoted_once_is_released_over_after_a_failure() -> None:
    failed = replace(stopped(ended=NOW - minutes(5)), rollback=None)
    what = seen(failed, PROMOTED, alias=Alias("5"), live=version(5), wanted=version(6))
    assert decide(what) == Start("5", "6")


def test_only_a_canary_that_has_not_begun_and_a_revert_are_hung_after_the_longest_wait() -> None:
    def kinds(status: Status, ago: timedelta, *, revert: bool = False) -> list[str]:
        if revert:
            what = replace(reverting(status, ago), notes=Notes())
        else:
            what = seen(replace(deployment(status), created=NOW - ago))
        return [each.kind for each in recovery.findings([TARGET], {TARGET.function: what}, POLICY, NOW)]

    late = LONGEST + MOMENT
    assert kinds(Status.QUEUED, late) == kinds(Status.CREATED, late) == ["hung"]
    assert kinds(Status.IN_PROGRESS, late, revert=True) == kinds(Status.QUEUED, late, revert=True) == ["hung"]
    assert kinds(Status.IN_PROGRESS, late) == []
    assert kinds(Status.QUEUED, LONGEST) == kinds(Status.IN_PROGRESS, LONGEST, revert=True) == []
