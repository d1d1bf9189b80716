"""A canary that too few requests reached: topped up, warned of, or taken back before the shift."""

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.codedeploy import ALL_AT_ONCE
from infra.release.decision.evidence import needed
from infra.release.engine.clock import Interrupted
from infra.release.engine.runner import run
from infra.release.model.actions import RevertDeployment, Stop, TopUp, Wait
from infra.release.model.observation import Notes, Observation, Status
from infra.release.model.outcome import Ending, Outcome, Phase
from infra.release.model.spec import ReleasePolicy
from infra.release.model.tags import Stopped, fits
from infra.release.verdict.judge import Counts
from tests.unit import fake_cloud
from tests.unit.seen import (
    NEW,
    NOW,
    POLICY,
    SPLIT,
    TARGET,
    WHOLE,
    decide,
    deployment,
    minutes,
    noted,
    notes,
    outcome,
    seen,
    waits,
)

ENFORCED = replace(POLICY, evidence="enforce")


def canary(ago: float, requests: int, stable: int = 180) -> Observation:
    """A canary whose traffic began to move so many minutes ago, after a hook of two minutes."""
    running = deployment(ago=ago + 2)
    shifting = replace(running, shifting=running.created + timedelta(minutes=2))
    return seen(
        shifting, following="d-1", alias=SPLIT, shifted=NEW, canary=Counts(requests, 0), stable=Counts(stable, 0)
    )


def test_a_canary_short_of_requests_is_stopped_in_its_last_minute_and_not_before() -> None:
    assert isinstance(decide(canary(8.9, 19), ENFORCED), Wait)
    note = notes(decide(canary(9, 19), ENFORCED))
    assert isinstance(note.mark, Stopped)
    assert note.mark.kind == "evidence"
    assert "19 of the 20 requests" in note.why
    assert decide(replace(canary(9, 19), tags=noted(note.mark)), ENFORCED) == Stop("d-1", note.why)


def test_a_canary_is_stopped_where_no_request_of_stable_is_counted_and_so_nothing_is_compared() -> None:
    failing = replace(canary(9, 45, stable=0), canary=Counts(45, 30))
    note = notes(decide(failing, ENFORCED))
    assert "no request of stable version 1 was counted" in note.why
    assert isinstance(decide(failing, replace(ENFORCED, minimum_requests=0)), Wait)
    promoted = seen(deployment(Status.SUCCEEDED), following="d-1", **WHOLE)
    doubted = outcome(decide(replace(promoted, notes=Notes("d-1", evidence=45))))
    assert doubted.detail.endswith("; but no request of stable version 1 was counted to compare it with")


def test_enough_requests_or_a_mere_warning_let_it_go_on() -> None:
    assert isinstance(decide(canary(9.5, 20), ENFORCED), Wait)
    assert isinstance(decide(canary(9.5, 0), POLICY), Wait)


def test_after_the_shift_nothing_is_stopped_for_want_of_evidence() -> None:
    shifted = replace(canary(11, 0), **WHOLE)
    assert waits(decide(shifted, ENFORCED)) is Phase.BAKE


def promoted(*, ago: float = 4, before: int = 0, seen_by_runner: int | None = None, **values: Any) -> Observation:
    """Version 2 was promoted so many minutes ago; `before`: the canary's requests before the shift."""
    ended = replace(deployment(Status.SUCCEEDED, ago=ago + 11), ended=NOW - minutes(ago), curve=TARGET.curve)
    found = seen(replace(ended, **values), following="d-1", stable=Counts(180, 0), canary=Counts(999, 0), **WHOLE)
    return replace(found, before_shift=before, notes=Notes("d-1", evidence=seen_by_runner))


@pytest.mark.parametrize("seen_by_runner", [None, 0, 19])
def test_a_version_whose_last_minute_no_runner_saw_is_reverted_where_it_was_short_of_requests(
    seen_by_runner: int | None,
) -> None:
    found = promoted(before=19, seen_by_runner=seen_by_runner)
    note = notes(decide(found, ENFORCED))
    assert note.mark == Stopped("d-1", "evidence", note.why)
    assert note.why == "19 of the 20 requests that it takes have reached the canary before the shift"
    back = decide(replace(found, tags=noted(note.mark)), ENFORCED)
    assert back == RevertDeployment("2", "1", NOW, note.why)


def test_requests_before_the_shift_may_be_counted_late() -> None:
    assert waits(decide(promoted(ago=2.9, before=19), ENFORCED)) is Phase.VERIFY
    assert outcome(decide(promoted(ago=2.9, before=20), ENFORCED)).ending is Ending.PROMOTED


@pytest.mark.parametrize(
    "enough",
    [
        promoted(before=20),
        promoted(seen_by_runner=20),
        promoted(curve=ALL_AT_ONCE),
    ],
    ids=["counted before the shift", "seen by the runner", "without a canary"],
)
def test_a_version_with_its_evidence_stays(enough: Observation) -> None:
    assert outcome(decide(enough, ENFORCED)).ending is Ending.PROMOTED


def test_a_mere_warning_reverts_nothing() -> None:
    end = outcome(decide(promoted(seen_by_runner=3)))
    assert end.ending is Ending.PROMOTED
    assert "only 3 requests" in end.detail


def test_a_stop_for_want_of_evidence_that_came_too_late_is_completed_by_a_revert() -> None:
    late = replace(promoted(before=0), tags=noted(Stopped("d-1", "evidence", "0 of 20")))
    assert isinstance(decide(late, ENFORCED), RevertDeployment)
    assert isinstance(decide(replace(late, notes=Notes()), ENFORCED), RevertDeployment), "by a later runner too"


def test_the_outcome_is_rolled_back_for_evidence_with_its_words() -> None:
    stopped = deployment(Status.STOPPED, error="MANUAL_STOP", message="The deployment was stopped by a user.")
    mark = Stopped("d-1", "evidence", "3 of 20 requests")
    end = outcome(decide(seen(stopped, following="d-1", tags=noted(mark))))
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "evidence")
    assert "3 of 20 requests" in end.detail


def test_a_promotion_that_proved_little_says_so() -> None:
    promoted = seen(deployment(Status.SUCCEEDED), following="d-1", stable=Counts(180, 0), **WHOLE)
    doubted = replace(promoted, notes=Notes("d-1", evidence=3))
    assert "only 3 requests had reached the canary before the shift" in outcome(decide(doubted)).detail
    assert "only" not in outcome(decide(replace(promoted, notes=Notes("d-1", evidence=20)))).detail
    assert "only" not in outcome(decide(promoted)).detail


TOPPING = replace(ENFORCED, top_up=True)


def test_from_the_middle_on_a_canary_is_sent_what_it_lacks_and_no_more_than_a_bound() -> None:
    probing = replace(TARGET, probe='{"event": 1}')

    def next_(what: Observation) -> object:
        from infra.release.decision import next_action  # noqa: PLC0415 - only here is the target another

        return next_action.decide([probing], {TARGET.function: what}, TOPPING, NOW)[TARGET.function]

    assert isinstance(next_(canary(4.9, 0)), Wait)
    assert isinstance(next_(canary(5, 20)), Wait)
    assert next_(canary(5, 0)) == TopUp(40, "0 of the 20 requests that it takes have reached the canary")
    most = needed(20, SPLIT.weight)
    sent = replace(canary(5, 0), notes=Notes("d-1", topped_up=most - 10))
    assert next_(sent) == TopUp(10, "0 of the 20 requests that it takes have reached the canary")
    assert isinstance(next_(replace(sent, notes=Notes("d-1", topped_up=most))), Wait)
    assert isinstance(decide(canary(5, 0), TOPPING), Wait)  # there is no harmless event to send


@pytest.mark.parametrize("weight", [0.01, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("wanted", [1, 5, 20, 200])
def test_chance_leaves_hardly_any_release_without_the_requests_that_it_was_sent(wanted: int, weight: float) -> None:
    sent = needed(wanted, weight)
    too_few = sum(
        math.exp(math.log(math.comb(sent, k)) + k * math.log(weight) + (sent - k) * math.log1p(-weight))
        for k in range(wanted)
    )
    assert too_few < 2e-4
    assert sent * weight < 3 * wanted + 20, "and not many more than it takes"


def release(fake: fake_cloud.FakeCloud, policy: ReleasePolicy) -> Outcome:
    goal = replace(fake_cloud.target(2), probe='{"event": 1}')
    return run([goal], policy, fake, fake.clock, lambda _: None)[goal.function]


@pytest.mark.parametrize(
    ("policy", "ending", "reason"),
    [
        (POLICY, Ending.PROMOTED, "verdict"),
        (ENFORCED, Ending.ROLLED_BACK, "evidence"),
        (TOPPING, Ending.PROMOTED, "verdict"),
    ],
)
def test_a_release_without_traffic(policy: ReleasePolicy, ending: Ending, reason: str) -> None:
    fake = fake_cloud.cloud()
    fake.requests_per_minute = 0
    end = release(fake, policy)
    assert (end.ending, end.reason) == (ending, reason)
    assert fake.live.is_whole_on("2" if ending is Ending.PROMOTED else "1")
    assert ("stop" in fake.calls) == (ending is Ending.ROLLED_BACK)


@pytest.mark.parametrize("asleep", [timedelta(minutes=30), timedelta(minutes=4)])
def test_a_runner_that_slept_through_the_last_minute_takes_the_traffic_back(asleep: timedelta) -> None:
    fake = fake_cloud.cloud()
    fake.requests_per_minute = 0

    def sleep() -> None:
        if fake.live.shifted:
            fake.clock.time += asleep

    fake.clock.at_sleep = sleep
    end = release(fake, ENFORCED)
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "evidence")
    assert "0 of the 20 requests that it takes have reached the canary before the shift; send it traffic" in end.detail
    assert fake.live.is_whole_on("1")
    fake.requests_per_minute = 600
    assert release(fake, ENFORCED).ending is Ending.PROMOTED, "and it may be tried again"


def test_a_canary_without_evidence_may_be_tried_again_with_traffic() -> None:
    fake = fake_cloud.cloud()
    fake.requests_per_minute = 0
    assert release(fake, ENFORCED).reason == "evidence"
    fake.requests_per_minute = 600
    assert release(fake, ENFORCED).ending is Ending.PROMOTED


def test_a_wait_that_is_given_up_stops_nothing() -> None:
    fake = fake_cloud.cloud()

    def interrupt() -> None:
        raise Interrupted("the wait was given up")

    fake.clock.at_sleep = interrupt
    with pytest.raises(Interrupted):
        release(fake, ENFORCED)
    assert "stop" not in fake.calls


def test_what_the_engine_says_of_a_stop_is_what_a_tag_holds() -> None:
    for what, policy in (
        (canary(9, 19), ENFORCED),
        (seen(deployment(Status.CREATED, ago=20), following="d-1"), POLICY),
    ):
        note = notes(decide(what, policy))
        assert isinstance(note.mark, Stopped)
        assert fits(note.mark.why)
