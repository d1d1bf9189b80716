"""A verdict alarm goes with the attempt that it judged, once the records say without it how that ended."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.release.decision import obsolete_alarms
from infra.release.decision.failure import failure_reason
from infra.release.decision.next_action import decide, watch
from infra.release.engine.cloud import AwsError, TransientError
from infra.release.engine.runner import run
from infra.release.model.observation import Deployment, Status
from infra.release.model.outcome import Ending, Phase, Progress
from infra.release.model.tags import Stopped, Tags, parse
from tests.unit.fake_cloud import FakeCloud, cloud, set_of, target, version
from tests.unit.seen import NOW, POLICY, TARGET, noted, stopped

MINUTE = timedelta(minutes=1)
OTHERS = {TARGET.alarm}


def silent(fake: FakeCloud, **policy: Any) -> dict[str, Any]:
    return run([target()], replace(POLICY, **policy), fake, fake.clock, lambda _: None)


@pytest.mark.parametrize("bad", [False, True])
def test_the_alarm_of_an_attempt_is_gone_when_it_has_ended(bad: bool) -> None:
    fake = cloud()
    fake.bad = {version(2).fingerprint} if bad else set()
    end = silent(fake)["orders"]
    assert end.ending is (Ending.ROLLED_BACK if bad else Ending.PROMOTED)
    assert list(fake.alarms) == [target().alarm]
    if bad:  # the next run still knows which alarm fired
        assert fake.deployments["d-1"].alarms[0] in silent(fake)["orders"].detail


def test_without_waiting_the_watcher_deletes_it() -> None:
    fake = cloud()
    assert silent(fake, wait=False)["orders"].ending is Ending.STARTED
    assert len(fake.alarms) == 2, "a deployment in flight is judged by it"
    assert run([target()], POLICY, fake, fake.clock, lambda _: None, watch)["orders"].ending is Ending.PROMOTED
    assert list(fake.alarms) == [target().alarm]


@pytest.mark.parametrize("by", ["up", "watch"])
def test_what_a_killed_runner_left_goes_with_the_next_up_or_watch(by: str) -> None:
    fake = cloud()

    def dead(_: Collection[str]) -> Mapping[str, bool]:
        raise KeyboardInterrupt

    fake.states = dead  # type: ignore[assignment, method-assign]
    with pytest.raises(BaseException, match="interrupted"):
        silent(fake)
    assert len(fake.alarms) == 2
    del fake.states
    run([target()], POLICY, fake, fake.clock, lambda _: None, watch if by == "watch" else decide)
    assert list(fake.alarms) == [target().alarm]


@pytest.mark.parametrize("problem", [AwsError("AWS denies DeleteAlarms"), TransientError("AWS is busy")])
def test_an_alarm_that_cannot_be_deleted_does_not_hide_the_outcome(problem: AwsError) -> None:
    fake, progress = cloud(), list[Progress]()

    def denied(_: Collection[str]) -> None:
        raise problem

    fake.clear = denied  # type: ignore[assignment, method-assign]
    end = run([target()], POLICY, fake, fake.clock, progress.append)["orders"]
    assert end.ending is Ending.PROMOTED
    assert progress[-1] == Progress("orders", Phase.CLEAR, f"the verdict alarms are left to a sweep: {problem}")


def test_of_a_set_all_go_and_what_is_in_flight_elsewhere_keeps_its_own() -> None:
    fake = set_of("orders", "billing")
    run([target(function=name) for name in ("orders", "billing")], POLICY, fake, fake.clock, lambda _: None)
    assert [name for each in fake.clouds.values() for name in each.alarms] == [
        "orders-live-errors",
        "billing-live-errors",
    ]


# Which alarm fired, where CodeDeploy's record names none


@pytest.mark.parametrize(("fired", "reason"), [(0, "verdict"), (1, "fault")])
def test_what_only_the_alarms_show_is_noted_before_they_go(fired: int, reason: str) -> None:
    each = stopped()
    names = (TARGET.verdict_alarm("1", "2", NOW), TARGET.alarm)
    each = replace(each, alarms=names)
    red = frozenset({names[fired]})
    marks = obsolete_alarms.unnoted(TARGET, [each], Tags(), red)
    assert marks == ([] if reason == "verdict" else [Stopped("d-1", "fault", f"alarm {TARGET.alarm} fired")])
    assert (
        failure_reason(each, TARGET, noted(*marks))
        == (reason, f"alarm {names[fired]} fired")
        == failure_reason(each, TARGET, Tags(), red)
    )


def test_the_runner_notes_it() -> None:
    fake = cloud()
    fake.clock.at_sleep = lambda: fake.alarms.update({target().alarm: bool(fake.deployments)})
    end = silent(fake)["orders"]
    assert (end.reason, end.detail) == ("fault", "alarm orders-live-errors fired")
    assert parse(fake.tags).stop("d-1") == Stopped("d-1", "fault", "alarm orders-live-errors fired")
    fake.alarms[target().alarm] = False
    assert failure_reason(fake.deployments["d-1"], target(), parse(fake.tags))[0] == "fault"


def test_what_the_record_itself_names_is_not_noted() -> None:
    names = (TARGET.verdict_alarm("1", "2", NOW), TARGET.alarm)
    each = replace(stopped(), alarms=names, message=f"Activated alarms: {names[1]}")
    assert obsolete_alarms.unnoted(TARGET, [each], Tags(), frozenset(names)) == []
    by_hand = replace(stopped(), error="MANUAL_STOP")
    assert obsolete_alarms.unnoted(TARGET, [by_hand], Tags(), frozenset(names)) == []


# What a sweep finds

AT = NOW - timedelta(days=1)
NAMES = [TARGET.verdict_alarm(str(number), str(number + 1), AT) for number in range(5)]


def attempt(index: int, status: Status = Status.SUCCEEDED, **values: Any) -> Deployment:
    created = NOW - timedelta(minutes=60 - index)
    return Deployment(f"d-{index}", status, created, alarms=(NAMES[index], TARGET.alarm), **values)


def swept(*ledger: Deployment, configured: Mapping[str, timedelta] | None = None) -> list[str]:
    ages = configured if configured is not None else dict.fromkeys(NAMES, timedelta(days=1))
    return obsolete_alarms.left(TARGET, ledger, {name: NOW - age for name, age in ages.items()}, NOW)


def test_all_go_but_those_that_something_in_flight_may_look_at() -> None:
    running = attempt(4, Status.IN_PROGRESS)
    assert swept(running, attempt(3), attempt(2, Status.FAILED)) == NAMES[:4]
    back = Deployment("d-9", Status.IN_PROGRESS, NOW, rolls_back="d-4")
    assert swept(back, attempt(4, Status.STOPPED), attempt(3)) == NAMES[:4]
    assert swept(replace(back, status=Status.SUCCEEDED), attempt(4, Status.STOPPED)) == NAMES


def test_one_that_no_deployment_names_goes_unless_its_release_may_just_be_starting() -> None:
    ages = {NAMES[0]: 9 * MINUTE, NAMES[1]: 11 * MINUTE, NAMES[2]: MINUTE}
    assert swept(attempt(2), configured=ages) == [NAMES[1], NAMES[2]]


def test_an_alarm_of_another_owner_that_is_named_alike_stays() -> None:
    theirs = f"{TARGET.verdict_alarms}of-mine"
    assert swept(configured={theirs: timedelta(days=9), TARGET.alarm: timedelta(days=9)}) == []
