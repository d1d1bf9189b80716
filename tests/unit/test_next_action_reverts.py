"""Deciding after a deployment that ended badly: until stable has all traffic, and why it came to that."""

from dataclasses import replace
from typing import Any

import pytest

from infra.release.model.actions import PointAlias, Start, Wait
from infra.release.model.observation import Alias, Deployment, Observation, Status
from infra.release.model.outcome import Ending, Phase
from infra.release.model.tags import First, Stopped
from infra.release.verdict.judge import Counts
from tests.unit.fake_cloud import version
from tests.unit.seen import (
    ALARM,
    NEW,
    NOW,
    OLD,
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


def test_codedeploys_own_rollback_is_waited_for_even_where_the_alias_looks_whole() -> None:
    assert waits(decide(seen(rollback(Status.IN_PROGRESS), stopped(), following="d-1"))) is Phase.ROLLBACK


def test_a_rollback_that_has_ended_with_stable_whole_is_the_outcome() -> None:
    counts: dict[str, Any] = {"stable": Counts(810, 1), "canary": Counts(90, 45), "red": frozenset({ALARM})}
    end = outcome(decide(seen(rollback(Status.SUCCEEDED), stopped(), following="d-1", **counts)))
    assert (end.ending, end.reason, end.from_version, end.to_version) == (Ending.ROLLED_BACK, "verdict", "1", "2")
    line = end.with_cause("ValueError: no").line()
    for part in (
        "orders 1 -> 2",
        ALARM,
        "45 errors in 90",
        "1 errors in 810",
        "d-1",
        "all traffic is on 1",
        "ValueError: no",
    ):
        assert part in line
    assert "\n" not in line


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.STOPPED])
def test_an_alias_that_the_rollback_left_split_is_restored(status: Status) -> None:
    assert restores(decide(seen(rollback(status), stopped(), following="d-1", alias=SPLIT, shifted=NEW))) == "1"


def test_a_rollback_that_never_ends_is_overtaken_after_the_longest_wait() -> None:
    slow = deployment(Status.STOPPED, ended=NOW - minutes(16), rollback="d-2")
    action = decide(seen(rollback(Status.CREATED, ago=15.5), slow, following="d-1", alias=SPLIT, shifted=NEW))
    assert isinstance(action, PointAlias)


def test_a_missing_rollback_is_given_a_minute_before_the_runner_restores_the_alias() -> None:
    def missing(ago: float) -> Observation:
        by_hand = deployment(Status.STOPPED, ended=NOW - minutes(ago))
        return seen(by_hand, following="d-1", alias=SPLIT, shifted=NEW)

    assert isinstance(decide(missing(0.9)), Wait)
    assert isinstance(decide(missing(1)), PointAlias)


def test_an_alias_moved_to_a_third_version_meanwhile_is_restored_to_the_recorded_stable() -> None:
    assert (
        restores(
            decide(seen(rollback(Status.SUCCEEDED), stopped(), following="d-1", alias=Alias("3"), live=version(3)))
        )
        == "1"
    )


@pytest.mark.parametrize(
    ("ended", "red", "reason", "word"),
    [
        (stopped(), {ALARM}, "verdict", ALARM),
        (stopped(), {ALARM, TARGET.alarm}, "verdict", ALARM),
        (stopped(), {TARGET.alarm}, "fault", TARGET.alarm),
        (stopped(message=f"Activated alarms: {TARGET.alarm}"), set(), "fault", TARGET.alarm),
        (stopped(message=f"Activated alarms: {ALARM}"), set(), "verdict", ALARM),
        (stopped(message=f"Activated alarms: {TARGET.alarm}"), {ALARM}, "fault", TARGET.alarm),
        (stopped(message="one or more alarms"), set(), "verdict", ALARM),
        (
            stopped(message=f"Activated alarms: <{ALARM}-slow>", alarms=(ALARM, f"{ALARM}-slow", TARGET.alarm)),
            set(),
            "verdict",
            f"alarm {ALARM}-slow fired: it answers too slowly",
        ),
        (stopped(message=f"could not be retrieved from Amazon CloudWatch <{ALARM}>"), set(), "fault", "retrieved"),
        (deployment(Status.FAILED, error="HOOK_EXECUTION_FAILURE", message="smoke"), set(), "hook", "smoke"),
        (deployment(Status.FAILED, error="IAM_ROLE_PERMISSIONS", message="may not"), set(), "fault", "may not"),
        (deployment(Status.STOPPED, error="MANUAL_STOP"), set(), "operator", "by hand"),
        (deployment(Status.STOPPED), set(), "operator", "by hand"),
        (deployment(Status.STOPPED, started=None), set(), "fault", "had not begun"),
    ],
)
def test_the_reason_is_what_codedeploy_and_the_alarms_say(
    ended: Deployment, red: set[str], reason: str, word: str
) -> None:
    end = outcome(decide(seen(replace(ended, rollback=None), following="d-1", red=frozenset(red))))
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, reason)
    assert word in end.detail


def test_what_goes_back_is_known_so_that_the_tags_that_say_why_are_read_again() -> None:
    promotion = deployment(Status.SUCCEEDED, ago=9)
    back = replace(deployment(ago=1, entry=replace(entry(OLD.fingerprint), stable="2")), id="d-3")
    assert seen(back, promotion, following="d-3").going_back == promotion
    assert seen(stopped(), following="d-1").going_back == stopped()
    assert seen(promotion, following="d-1").going_back is None


def test_what_an_operator_took_back_is_left_again_where_codedeploy_rolled_back_to_it() -> None:
    """The way back had failed and the runner moved the alias, so version 2 is still CodeDeploy's last good one."""
    good = replace(deployment(Status.SUCCEEDED, ago=60), id="d-0")
    back = replace(deployment(Status.FAILED, ago=50, entry=replace(entry(OLD.fingerprint), stable="2")), id="d-b")
    third = replace(entry(version(3).fingerprint), at=NOW - minutes(9))
    failed = stopped(ended=NOW - minutes(5), entry=third)
    records = (rollback(Status.SUCCEEDED), failed, back, good)
    tags = noted(Stopped("d-0", "operator", "customers complain"))
    whole: dict[str, Any] = {"alias": Alias("2"), "live": NEW, "wanted": version(4)}
    assert restores(decide(seen(*records, tags=tags, **whole))) == "1"
    assert isinstance(decide(seen(*records, tags=tags, **{**whole, "alias": Alias("1"), "live": OLD})), Start)


def test_an_alias_that_a_newer_deployment_moves_is_no_longer_this_ones_to_restore() -> None:
    """A run that follows a set waits for the others, and meanwhile an operator may release again."""
    newer = replace(deployment(ago=1, entry=entry(version(3).fingerprint)), id="d-3")
    third: dict[str, Any] = {"alias": Alias("1", "3", 0.1), "shifted": version(3)}
    failed = stopped(ago=9, ended=NOW - minutes(5))
    end = outcome(decide(seen(newer, rollback(Status.SUCCEEDED, ago=5), failed, following="d-1", **third)))
    assert (end.ending, end.reason, end.deployment_id) == (Ending.ROLLED_BACK, "verdict", "d-1")
    back = replace(failed, id="d-b", status=Status.SUCCEEDED, entry=replace(entry(OLD.fingerprint), stable="2"))
    promotion = deployment(Status.SUCCEEDED, ago=20)
    assert outcome(decide(seen(newer, back, promotion, following="d-b", **third))).ending is Ending.ROLLED_BACK


def test_what_went_back_to_a_proved_version_is_distinguished_from_the_one_that_it_started_from() -> None:
    """The alias was made anew on version 3, which nothing proves, so what is taken back goes to 1."""
    promotion = deployment(Status.SUCCEEDED, ago=9, entry=entry(stable="3"))
    revert = replace(entry(OLD.fingerprint), stable="2")
    back = replace(deployment(Status.SUCCEEDED, ago=5, entry=revert, canary="1"), id="d-b")
    tags = noted(Stopped("d-1", "set", "stock was not promoted and the set goes together"))
    end = outcome(decide(seen(back, promotion, following="d-b", tags=tags)))
    assert (end.ending, end.reason, end.from_version, end.to_version) == (Ending.ROLLED_BACK, "set", "3", "2")
    assert end.traffic == "all traffic is on 1"


def test_an_old_version_that_is_aborted_loses_its_traffic_although_it_was_proved_once() -> None:
    """CodeDeploy rolls back to what succeeded last, which is the aborted code; the alias had been made anew on 3."""
    first = First("1", OLD.fingerprint)
    promotion = deployment(Status.SUCCEEDED, ago=60, entry=entry(stable="1"))
    again = replace(entry(stable="3"), at=NOW - minutes(9))
    aborted = replace(
        deployment(Status.STOPPED, ago=9, entry=again, canary="4", error="MANUAL_STOP", ended=NOW - minutes(5)),
        id="d-4",
    )
    rolled_back = replace(rollback(Status.SUCCEEDED), rolls_back="d-4")
    tags = noted(first, Stopped("d-4", "operator", "too many complaints"))
    whole: dict[str, Any] = {"wanted": replace(NEW, number="4"), **WHOLE}
    records = (rolled_back, replace(aborted, rollback="d-2"), promotion)
    for following in ("d-4", None):  # by the runner, and by the next one where that was killed
        assert restores(decide(seen(*records, following=following, tags=tags, **whole))) == "1"
