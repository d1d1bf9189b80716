"""Deciding, tick by tick: one observation in, one action out."""

from dataclasses import replace
from typing import Any

import pytest

from infra.release.decision import next_action
from infra.release.model.actions import Action, Finish, Follow, PointAlias, Probe, Start, Stop, Wait, WriteTag
from infra.release.model.ledger import Entry
from infra.release.model.observation import Alias, Answer, Deployment, Notes, Observation, Status
from infra.release.model.outcome import Ending, Phase
from infra.release.model.tags import First, Stopped, Tags
from infra.release.reports import preview
from infra.release.verdict.judge import Counts
from tests.unit.fake_cloud import version
from tests.unit.seen import (
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
    notes,
    outcome,
    restores,
    rollback,
    seen,
    stopped,
    waits,
)

# The first version


def test_the_very_first_version_is_called_before_anything_else() -> None:
    assert decide(seen(tags=Tags(), **WHOLE)) == Probe("2")


def test_a_first_version_that_answered_is_recorded_and_is_then_the_outcome() -> None:
    answered = replace(seen(tags=Tags(), **WHOLE), notes=Notes(probe_result=Answer("2", None)))
    first = First("2", NEW.fingerprint, NEW.digest, NEW.contract, "abc123")
    assert decide(answered) == WriteTag(first, "2 answered", Phase.PROBE)
    end = outcome(decide(replace(answered, tags=Tags(first=True))))
    assert (end.ending, end.from_version, end.to_version) == (Ending.FIRST, None, "2")


def test_a_first_version_that_fails_its_call_is_refused_with_its_last_line() -> None:
    failed = replace(seen(tags=Tags(), **WHOLE), notes=Notes(probe_result=Answer("2", "ImportError: no module")))
    end = outcome(decide(failed))
    assert (end.ending, end.reason) == (Ending.REFUSED, "probe")
    assert "ImportError: no module" in end.detail


def test_an_answer_of_another_version_does_not_count_for_this_one() -> None:
    stale = replace(seen(tags=Tags(), **WHOLE), notes=Notes(probe_result=Answer("1", None)))
    assert decide(stale) == Probe("2")


def test_where_no_request_reaches_the_alias_a_repaired_first_version_takes_it_at_once() -> None:
    repaired = replace(seen(tags=Tags(), traffic=0), notes=Notes(probe_result=Answer("2", None)))
    assert restores(decide(repaired)) == "2"


def test_where_an_unrecorded_alias_has_callers_the_first_release_is_a_canary() -> None:
    busy = replace(seen(tags=Tags(), traffic=1), notes=Notes(probe_result=Answer("2", None)))
    assert decide(busy) == Start("1", "2")


def test_a_first_version_that_an_earlier_run_recorded_is_unchanged() -> None:
    assert outcome(decide(seen(**WHOLE))).ending is Ending.UNCHANGED


# Nothing in flight


def test_a_live_version_of_the_same_fingerprint_is_unchanged_and_stays_live() -> None:
    same = replace(OLD, number="7")
    end = outcome(decide(seen(wanted=same)))
    assert (end.ending, end.from_version, end.to_version, end.deployment_id) == (Ending.UNCHANGED, "1", "1", None)


def test_another_fingerprint_starts_a_canary_from_the_live_version() -> None:
    assert decide(seen()) == Start("1", "2")


def test_an_alias_moved_by_hand_to_another_version_is_released_over() -> None:
    by_hand = seen(deployment(Status.SUCCEEDED, ago=60, ended=NOW - minutes(50)), alias=Alias("3"), live=version(3))
    assert decide(by_hand) == Start("3", "2")


def test_a_second_try_of_one_version_waits_until_the_window_holds_nothing_of_the_first() -> None:
    def tried(ago: float) -> Observation:
        return seen(deployment(Status.STOPPED, ago=30, ended=NOW - minutes(ago)))

    assert waits(decide(tried(10.9))) is Phase.SETTLE
    assert decide(tried(11)) == Start("1", "2")


def test_another_version_need_not_wait_for_the_window_of_a_failed_one() -> None:
    failed = deployment(Status.STOPPED, entry=entry(released="f" * 16))
    assert decide(seen(failed)) == Start("1", "2")


def test_calls_of_the_wanted_version_within_the_window_are_waited_out() -> None:
    assert waits(decide(seen(canary=Counts(5, 0)))) is Phase.SETTLE


# A split alias


def test_a_split_alias_that_the_ledger_explains_is_put_back_on_stable() -> None:
    stopped = deployment(Status.STOPPED, ended=NOW - minutes(5))
    assert restores(decide(seen(stopped, alias=SPLIT, shifted=NEW))) == "1"


def test_a_failed_version_that_still_has_all_traffic_is_taken_off_it() -> None:
    stopped = deployment(Status.FAILED, ended=NOW - minutes(5))
    assert restores(decide(seen(stopped, **WHOLE))) == "1"


def test_a_split_alias_is_left_to_a_rollback_that_may_yet_begin() -> None:
    assert waits(decide(seen(deployment(Status.STOPPED), alias=SPLIT, shifted=NEW))) is Phase.ROLLBACK


@pytest.mark.parametrize(
    "ledger",
    [
        (),
        (deployment(Status.STOPPED, ended=NOW - minutes(5), entry=None),),
        (deployment(Status.STOPPED, ended=NOW - minutes(5), entry=entry(released="f" * 16)),),
        (deployment(Status.SUCCEEDED, ended=NOW - minutes(5)),),
    ],
    ids=["empty", "by hand", "of another version", "that succeeded"],
)
def test_a_split_alias_that_the_ledger_does_not_explain_is_refused_with_the_remedy(
    ledger: tuple[Deployment, ...],
) -> None:
    end = outcome(decide(seen(*ledger, alias=SPLIT, shifted=NEW)))
    assert (end.ending, end.reason) == (Ending.REFUSED, "split")
    assert "1 with 10% on 2" in end.detail
    assert "aws lambda update-alias --function-name orders --name live --function-version 1" in end.detail


# Something in flight


def test_a_deployment_of_this_fingerprint_in_flight_is_adopted() -> None:
    assert decide(seen(deployment())) == Follow("d-1")


@pytest.mark.parametrize("line", [None, entry(released="f" * 16)], ids=["by hand", "of another version"])
def test_any_other_deployment_in_flight_is_followed_to_its_end(line: Entry | None) -> None:
    assert waits(decide(seen(deployment(entry=line)))) is Phase.OTHERS


def test_a_rollback_in_flight_is_no_release_to_adopt() -> None:
    back = Deployment("d-2", Status.IN_PROGRESS, NOW, rolls_back="d-1")
    assert waits(decide(seen(back, deployment(Status.STOPPED), alias=SPLIT, shifted=NEW))) is Phase.OTHERS


# Ours, followed


@pytest.mark.parametrize("status", [Status.CREATED, Status.QUEUED])
def test_a_deployment_that_does_not_begin_is_stopped_after_the_longest_wait(status: Status) -> None:
    assert waits(decide(seen(deployment(status, ago=15), following="d-1"))) is Phase.QUEUE
    late = seen(deployment(status, ago=15.1), following="d-1")
    note = notes(decide(late))
    assert isinstance(note.mark, Stopped)
    assert (note.mark.deployment, note.mark.kind) == ("d-1", "fault")
    assert "longest wait of 15 minutes" in note.why
    assert decide(replace(late, tags=noted(note.mark))) == Stop("d-1", note.why)


@pytest.mark.parametrize("status", [Status.IN_PROGRESS, Status.BAKING, Status.READY])
def test_a_canary_under_way_is_waited_for_however_long_it_takes(status: Status) -> None:
    counts: dict[str, Any] = {"stable": Counts(810, 0), "canary": Counts(90, 45)}
    action = decide(seen(deployment(status, ago=600), following="d-1", alias=SPLIT, shifted=NEW, **counts))
    assert isinstance(action, Wait)
    assert action.phase is Phase.CANARY
    assert action.why == "10/10 min · v2 10%: 45/90 errors · v1 90%: 0/810 · z 15.25 (limit 3.09)"


def test_success_is_believed_only_when_the_alias_is_whole_on_the_new_version() -> None:
    succeeded = deployment(Status.SUCCEEDED)
    assert waits(decide(seen(succeeded, following="d-1", alias=SPLIT, shifted=NEW))) is Phase.VERIFY
    end = outcome(decide(seen(succeeded, following="d-1", **WHOLE)))
    assert (end.ending, end.from_version, end.to_version, end.deployment_id) == (Ending.PROMOTED, "1", "2", "d-1")


def test_a_version_moved_away_from_after_its_success_is_not_promoted() -> None:
    succeeded = deployment(Status.SUCCEEDED, ended=NOW - minutes(2))
    end = outcome(decide(seen(succeeded, following="d-1")))
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "operator")


def test_an_adopted_deployment_of_an_equal_version_counts_as_this_release() -> None:
    equal = replace(NEW, number="5")
    end = outcome(decide(seen(deployment(Status.SUCCEEDED), following="d-1", **{**WHOLE, "wanted": equal})))
    assert (end.ending, end.to_version) == (Ending.PROMOTED, "2")


# Those who do not wait, or do not want


def test_without_waiting_a_started_release_is_the_outcome() -> None:
    policy = replace(POLICY, wait=False)
    assert (
        outcome(decide(seen(deployment(), following="d-1", alias=SPLIT, shifted=NEW), policy)).ending is Ending.STARTED
    )


def retire(what: Observation) -> Action:
    return next_action.retire([TARGET], {TARGET.function: what}, POLICY, NOW)[TARGET.function]


def test_a_deleted_release_stops_its_canary_waits_for_the_rollback_and_is_done() -> None:
    canary = seen(deployment(), alias=SPLIT, shifted=NEW)
    note = notes(retire(canary))
    assert isinstance(retire(replace(canary, tags=noted(note.mark))), Stop)
    assert isinstance(retire(seen(rollback(Status.IN_PROGRESS), stopped(), alias=SPLIT, shifted=NEW)), Wait)
    assert isinstance(retire(seen(rollback(Status.SUCCEEDED), stopped())), Finish)


def test_a_deleted_release_puts_a_split_alias_back_where_no_rollback_came() -> None:
    left = deployment(Status.STOPPED, ended=NOW - minutes(2))
    assert isinstance(retire(seen(left, alias=SPLIT, shifted=NEW)), PointAlias)


def test_a_deleted_release_starts_nothing() -> None:
    assert isinstance(retire(seen()), Finish)


def watch(what: Observation) -> Action:
    return next_action.watch([TARGET], {TARGET.function: what}, POLICY, NOW)[TARGET.function]


def test_a_watcher_follows_any_release_and_starts_none() -> None:
    assert watch(seen(deployment(entry=entry(released="f" * 16)))) == Follow("d-1")
    assert isinstance(watch(seen(deployment(entry=None))), Wait)
    assert outcome(watch(seen())).ending is Ending.UNCHANGED


def test_a_watcher_puts_back_a_split_that_a_dead_runner_left() -> None:
    left = seen(deployment(Status.STOPPED, ended=NOW - minutes(2)), alias=SPLIT, shifted=NEW)
    assert restores(watch(left)) == "1"


def test_every_phase_says_in_one_line_what_it_means() -> None:
    assert all(phase.value and "\n" not in phase.value for phase in Phase)


# A function that is adopted from Terraform


def decide_adopted(what: Observation) -> Action:
    return next_action.decide([replace(TARGET, adopted=True)], {TARGET.function: what}, POLICY, NOW)[TARGET.function]


def test_an_adopted_function_without_records_gets_a_note_of_what_is_live_and_is_not_called() -> None:
    first = First("1", OLD.fingerprint, OLD.digest, OLD.contract, adopted=True)
    action = decide_adopted(seen(tags=Tags()))
    assert action == WriteTag(first, "1 is live, and no deployment is on record")


def test_an_adopted_function_stays_where_it_is_whatever_is_wanted() -> None:
    end = outcome(decide_adopted(seen(tags=Tags(first=True))))
    assert (end.ending, end.reason) == (Ending.UNCHANGED, "adopted")
    assert "until strata:compute.source is managed" in end.detail


@pytest.mark.parametrize("first", [Tags(first=True), noted(First("1", OLD.fingerprint, adopted=True))])
def test_the_first_release_after_an_adoption_is_a_canary_from_what_is_live(first: Tags) -> None:
    quiet = replace(seen(tags=first), traffic=0)
    action = decide(quiet)
    assert isinstance(action, Start)
    assert (action.stable, action.canary) == ("1", "2")


def test_the_preview_of_an_adoption_announces_no_release() -> None:
    target = replace(TARGET, adopted=True)
    (found,) = preview.forecast([target], {TARGET.function: seen(tags=Tags())}, POLICY, NOW)
    assert (found.would, "1 is live, and no deployment is on record" in found.why) == ("change nothing", True)
    assert "judged" not in found.line()
