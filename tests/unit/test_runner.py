"""The loop against AWS in memory: outcomes, faults, resumption."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from infra.release.decision import next_action
from infra.release.engine.clock import Interrupted
from infra.release.engine.cloud import AwsError, TransientError
from infra.release.engine.runner import retire, run
from infra.release.model.observation import Alias, Status
from infra.release.model.outcome import Ending, Outcome, Phase, Progress
from infra.release.model.spec import ReleasePolicy, Target
from tests.unit.fake_cloud import FakeCloud, cloud, target, version

POLICY = ReleasePolicy(commit="abc123")


class Crash(Exception):  # noqa: N818
    """The runner's process is killed."""


def release(
    fake: FakeCloud, wanted: int = 2, policy: ReleasePolicy = POLICY, progress: list[Progress] | None = None
) -> Outcome:
    goal = target(wanted)
    return run([goal], policy, fake, fake.clock, (progress if progress is not None else []).append)[goal.function]


def crash_after(fake: FakeCloud, minutes: float) -> None:
    """Kill the runner at its next sleep once so much time has passed."""
    end = fake.clock.now() + timedelta(minutes=minutes)

    def kill() -> None:
        if fake.clock.now() >= end:
            raise Crash

    fake.clock.at_sleep = kill


def assert_at_rest(fake: FakeCloud, live: str) -> None:
    """All traffic on `live`, and nothing in flight."""
    fake.serve()
    assert fake.live.is_whole_on(live)
    assert all(each.status.ended for each in fake.deployments.values())


# Outcomes


def test_a_good_version_is_promoted_after_its_canary() -> None:
    fake, progress = cloud(), list[Progress]()
    end = release(fake, progress=progress)
    assert (end.ending, end.from_version, end.to_version, end.deployment_id) == (Ending.PROMOTED, "1", "2", "d-1")
    assert_at_rest(fake, "2")
    phases = list(dict.fromkeys(each.phase for each in progress))
    assert phases == [Phase.START, Phase.QUEUE, Phase.CANARY, Phase.END]


def test_every_look_at_a_canary_is_reported_and_any_other_wait_once() -> None:
    fake, progress = cloud(), list[Progress]()
    fake.requests_per_minute = 0  # so that one look is as the other
    release(fake, progress=progress)
    looks = [each for each in progress if each.phase is Phase.CANARY]
    assert len(looks) > 50
    assert [each.repeated for each in looks[:3]] == [False, True, True]
    assert sum(each.phase is Phase.QUEUE for each in progress) == 1
    assert looks[0].line() == "orders: canary: 0/10 min · v2 10%: 0/0 errors · v1 90%: 0/0 · z 0.00 (limit 3.09)"
    kept = [each.line().split(" min")[0] for each in looks if not each.quiet]
    assert kept == [f"orders: canary: {minute}/10" for minute in range(len(kept))], "a log has a line a minute"


def test_a_bad_version_is_rolled_back_by_its_verdict_alarm_with_its_most_frequent_error() -> None:
    fake = cloud()
    fake.bad = {version(2).fingerprint}
    end = release(fake)
    assert (end.ending, end.reason, end.to_version) == (Ending.ROLLED_BACK, "verdict", "2")
    assert_at_rest(fake, "1")
    assert fake.deployments["d-1"].alarms[0] in end.detail
    assert end.line().endswith("the canary's most frequent error: ValueError: no")


def test_a_log_out_of_reach_does_not_hide_the_outcome() -> None:
    fake = cloud()
    fake.bad = {version(2).fingerprint}
    fake.cause = lambda *_: (_ for _ in ()).throw(AwsError("no such log group"))  # type: ignore[method-assign]
    end = release(fake)
    assert (end.reason, end.cause) == ("verdict", "")


def test_releasing_what_is_live_starts_nothing() -> None:
    fake = cloud(2)
    assert release(fake).ending is Ending.UNCHANGED
    assert fake.calls == ["observe"]


def test_a_reverted_version_of_a_new_number_leaves_the_alias_where_it_is() -> None:
    fake = cloud(1, version(1, "good"), version(2, "bad"), version(3, "good"))
    assert release(fake, wanted=3).ending is Ending.UNCHANGED
    assert fake.live.is_whole_on("1")


def test_the_first_version_is_called_recorded_and_live() -> None:
    fake = cloud(1)
    fake.tags = {}
    assert release(fake, wanted=1).ending is Ending.FIRST
    assert fake.answered
    assert "start" not in fake.calls


def test_a_broken_first_version_is_refused_and_the_repaired_one_is_first_at_once() -> None:
    fake = cloud(1)
    fake.tags, fake.requests_per_minute, fake.broken = {}, 0, {"1": "ImportError: no module named 'orders'"}
    end = release(fake, wanted=1)
    assert (end.ending, end.reason) == (Ending.REFUSED, "probe")
    assert not fake.answered
    assert release(fake, wanted=2).ending is Ending.FIRST
    assert_at_rest(fake, "2")


def test_an_alias_moved_by_hand_is_released_over() -> None:
    fake = cloud(1)
    assert release(fake).ending is Ending.PROMOTED
    fake.point("1")
    end = release(fake)
    assert (end.ending, end.from_version) == (Ending.PROMOTED, "1")
    assert_at_rest(fake, "2")


def test_without_waiting_the_release_is_started_and_left_to_cloudwatch() -> None:
    fake = cloud()
    end = release(fake, policy=replace(POLICY, wait=False))
    assert (end.ending, end.deployment_id) == (Ending.STARTED, "d-1")
    assert fake.clock.naps == 0
    [watched] = run([target(2)], POLICY, fake, fake.clock, lambda _: None, next_action.watch).values()
    assert (watched.ending, watched.deployment_id) == (Ending.PROMOTED, "d-1")


# A second try


def test_a_second_try_of_one_version_has_its_own_alarm_and_waits_for_an_empty_window() -> None:
    fake = cloud()
    fake.bad = {version(2).fingerprint}
    release(fake)
    fake.bad = set()
    retry = replace(POLICY, retry=version(2).fingerprint)
    assert release(fake, policy=retry).ending is Ending.PROMOTED
    first, second = (each for each in fake.deployments.values() if each.entry)
    assert first.ended
    assert second.created - first.ended >= timedelta(minutes=11)
    assert first.alarms[0] != second.alarms[0]


# The way back


def test_a_rollback_that_fails_is_made_good_by_the_runner() -> None:
    fake = cloud()
    fake.bad, fake.rollback = {version(2).fingerprint}, "fails"
    assert release(fake).reason == "verdict"
    assert_at_rest(fake, "1")
    assert fake.calls.count("point_alias") == 1


def test_a_rollback_that_never_comes_is_made_good_by_the_runner() -> None:
    fake = cloud()
    fake.bad, fake.rollback = {version(2).fingerprint}, "is missing"
    assert release(fake).reason == "verdict"
    assert_at_rest(fake, "1")


def test_an_alias_that_changed_since_it_was_seen_is_looked_at_again_before_it_is_restored() -> None:
    fake = cloud()
    fake.bad, fake.rollback = {version(2).fingerprint}, "fails"
    original = fake.point_alias

    def moved_in_between(target: Target, seen: Alias, version: str) -> None:
        fake.point_alias = original  # type: ignore[method-assign]
        fake.point("1", "2", 0.2)
        original(target, seen, version)

    fake.point_alias = moved_in_between  # type: ignore[method-assign]
    assert release(fake).ending is Ending.ROLLED_BACK
    assert_at_rest(fake, "1")


def test_a_deployment_that_never_begins_is_stopped_and_says_why() -> None:
    fake = cloud()
    fake.never_begins = True
    end = release(fake)
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "fault")
    assert "longest wait of 15 minutes" in end.detail
    assert_at_rest(fake, "1")


def test_a_stop_that_takes_its_time_is_asked_for_again_only_at_the_next_look() -> None:
    fake = cloud()
    fake.never_begins = True
    stop, asked = fake.stop, list[datetime]()

    def slow(deployment: str) -> None:
        asked.append(fake.clock.now())
        if len(asked) == 3:
            stop(deployment)

    fake.stop = slow  # type: ignore[method-assign]
    release(fake)
    assert [later - earlier for earlier, later in pairwise(asked)] == [timedelta(seconds=10)] * 2


def test_a_deployment_stopped_by_hand_is_an_operators_doing() -> None:
    fake = cloud()
    start = fake.clock.now()

    def stop() -> None:
        if fake.clock.now() > start + timedelta(minutes=2) and not fake.deployments["d-1"].status.ended:
            fake.stop("d-1")

    fake.clock.at_sleep = stop
    assert release(fake).reason == "operator"
    assert_at_rest(fake, "1")


def test_a_split_that_a_dead_runner_left_is_repaired_by_the_next_release() -> None:
    fake = cloud(1, version(1), version(2), version(3))
    fake.rollback = "is missing"
    crash_after(fake, 2)
    with pytest.raises(Crash):
        release(fake)
    fake.clock.at_sleep = lambda: None
    fake.stop("d-1")
    assert str(fake.live) == "1 with 10% on 2"
    end = release(fake, wanted=3)
    assert (end.ending, end.from_version) == (Ending.PROMOTED, "1")
    assert_at_rest(fake, "3")


def test_a_split_by_hand_is_refused_and_left_alone() -> None:
    fake = cloud()
    fake.point("1", "2", 0.5)
    end = release(fake)
    assert (end.ending, end.reason) == (Ending.REFUSED, "split")
    assert "point_alias" not in fake.calls


# Resumption


@pytest.mark.parametrize("minutes", [0, 1, 5, 9.9])
def test_a_killed_runner_resumes_the_same_deployment(minutes: float) -> None:
    fake = cloud()
    crash_after(fake, minutes)
    with pytest.raises(Crash):
        release(fake)
    fake.clock.at_sleep = lambda: None
    end = release(fake)
    assert (end.ending, end.deployment_id) == (Ending.PROMOTED, "d-1")
    assert fake.calls.count("start") == 1
    assert_at_rest(fake, "2")


def test_a_resumed_bad_canary_ends_with_its_true_outcome() -> None:
    fake = cloud()
    fake.bad = {version(2).fingerprint}
    crash_after(fake, 1)
    with pytest.raises(Crash):
        release(fake)
    fake.clock.at_sleep = lambda: None
    end = release(fake)
    assert (end.ending, end.reason, end.deployment_id) == (Ending.ROLLED_BACK, "verdict", "d-1")


def test_a_lost_answer_of_create_deployment_is_found_in_flight_and_not_sent_again() -> None:
    fake = cloud()
    fake.lost_answers = 1
    end = release(fake)
    assert (end.ending, end.deployment_id) == (Ending.PROMOTED, "d-1")
    assert fake.calls.count("start") == 1


def test_a_lost_answer_is_not_sent_again_although_the_deployment_has_ended_before_it_was_seen() -> None:
    fake = cloud()
    fake.lost_answers = 1

    def stop() -> None:
        fake.clock.at_sleep = lambda: None
        fake.stop("d-1")

    fake.clock.at_sleep = stop
    end = release(fake)
    assert (end.ending, end.deployment_id) == (Ending.ROLLED_BACK, "d-1")
    assert fake.calls.count("start") == 1
    assert_at_rest(fake, "1")


def test_another_release_in_flight_is_followed_to_its_end_before_this_one_starts() -> None:
    fake = cloud(1, version(1), version(2), version(3))
    crash_after(fake, 2)
    with pytest.raises(Crash):
        release(fake, wanted=2)
    fake.clock.at_sleep = lambda: None
    end = release(fake, wanted=3)
    assert (end.ending, end.from_version) == (Ending.PROMOTED, "2")
    assert_at_rest(fake, "3")


# AWS away


def test_aws_away_at_the_first_look_is_an_error_at_once() -> None:
    fake = cloud()
    fake.failures = [TransientError("AWS does not answer")]
    with pytest.raises(AwsError, match="AWS does not answer"):
        release(fake)
    assert fake.clock.naps == 0


def test_aws_away_for_a_while_during_a_canary_is_borne() -> None:
    fake, progress = cloud(), list[Progress]()
    start = fake.clock.now()

    def away() -> None:
        if timedelta(minutes=2) < fake.clock.now() - start < timedelta(minutes=6):
            fake.failures = [TransientError("AWS does not answer")]

    fake.clock.at_sleep = away
    assert release(fake, progress=progress).ending is Ending.PROMOTED
    assert sum(each.phase is Phase.RETRY for each in progress) == 1


def test_aws_away_for_longer_than_the_longest_wait_ends_the_wait_and_says_what_goes_on() -> None:
    fake = cloud()
    start = fake.clock.now()

    def away() -> None:
        if fake.clock.now() - start > timedelta(minutes=2):
            fake.failures = [TransientError("AWS does not answer")]

    fake.clock.at_sleep = away
    with pytest.raises(AwsError, match="AWS does not answer; d-1 of orders goes on"):
        release(fake)


def test_short_absences_of_aws_do_not_add_up() -> None:
    fake = cloud()
    start = fake.clock.now()

    def away() -> None:
        if (fake.clock.now() - start) // timedelta(minutes=1) in {2, 6}:
            fake.failures = [TransientError("AWS does not answer")]

    fake.clock.at_sleep = away
    assert release(fake, policy=replace(POLICY, longest_wait_minutes=2)).ending is Ending.PROMOTED


def test_credentials_that_expire_mid_canary_end_the_wait_and_say_what_goes_on() -> None:
    fake = cloud()
    fake.clock.at_sleep = lambda: fake.failures.append(AwsError("the AWS login has expired"))
    with pytest.raises(AwsError, match=r"expired; d-1 of orders goes on .* run again to resume"):
        release(fake)
    assert not fake.deployments["d-1"].status.ended


@pytest.mark.parametrize("reason", [Interrupted("the wait was given up"), KeyboardInterrupt()])
def test_an_interrupted_wait_says_how_to_resume_and_how_to_bring_the_canary_back(reason: BaseException) -> None:
    fake = cloud()

    def interrupt() -> None:
        raise reason

    fake.clock.at_sleep = interrupt
    with pytest.raises(Interrupted, match=r"d-1 of orders goes on.*run again to resume.*infra.release abort"):
        release(fake)
    assert not fake.deployments["d-1"].status.ended


def test_a_version_that_aws_does_not_know_is_an_error() -> None:
    with pytest.raises(AwsError, match="version 9"):
        release(cloud(), wanted=9)


# Deletion


def test_a_deleted_release_brings_its_canary_back_and_deletes_its_alarms() -> None:
    fake = cloud()
    crash_after(fake, 2)
    with pytest.raises(Crash):
        release(fake)
    fake.clock.at_sleep = lambda: None
    retire([target(2)], POLICY, fake, fake.clock, lambda _: None)
    assert_at_rest(fake, "1")
    assert fake.deployments["d-1"].status is Status.STOPPED
    assert list(fake.alarms) == [target(2).alarm]
