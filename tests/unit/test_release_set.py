"""A set: functions that are released together, and go back together."""

from dataclasses import replace
from datetime import timedelta

import pytest

from infra.release.decision import next_action
from infra.release.engine.cloud import TransientError
from infra.release.engine.runner import run
from infra.release.model import ledger
from infra.release.model.observation import Status
from infra.release.model.outcome import Ending, Outcome, Phase, Progress
from infra.release.model.spec import ReleasePolicy
from tests.unit.fake_cloud import FakeSet, set_of, target, version

POLICY = ReleasePolicy(commit="abc123")
NAMES = ("billing", "orders", "stock")


class Crash(Exception):  # noqa: N818
    """The runner's process is killed."""


def release(fake: FakeSet, wanted: int = 2, progress: list[Progress] | None = None) -> dict[str, Outcome]:
    goals = [target(wanted, name) for name in fake.clouds]
    return run(goals, POLICY, fake, fake.clock, (progress if progress is not None else []).append)


def assert_whole(fake: FakeSet, on: str) -> None:
    for each in fake.clouds.values():
        each.serve()
        assert each.live.is_whole_on(on)
        assert not any(deployment.running for deployment in each.deployments.values())


def reasons(ends: dict[str, Outcome]) -> dict[str, tuple[Ending, str]]:
    return {name: (end.ending, end.reason) for name, end in ends.items()}


def fail(fake: FakeSet, name: str) -> None:
    fake.clouds[name].bad = {version(2).fingerprint}


def test_all_are_promoted_and_share_one_moment() -> None:
    fake = set_of(*NAMES)
    ends = release(fake)
    assert {end.ending for end in ends.values()} == {Ending.PROMOTED}
    assert_whole(fake, "2")
    moments = {each.entry.at for cloud in fake.clouds.values() for each in cloud.deployments.values() if each.entry}
    assert len(moments) == 1


def test_one_verdict_stops_all_and_all_go_back() -> None:
    fake = set_of(*NAMES)
    fail(fake, "orders")
    ends = release(fake)
    back = Ending.ROLLED_BACK
    assert reasons(ends) == {"billing": (back, "set"), "orders": (back, "verdict"), "stock": (back, "set")}
    assert "orders was not promoted and the set goes together" in ends["billing"].detail
    assert_whole(fake, "1")


def test_what_is_whole_already_goes_back_by_a_deployment_of_its_own() -> None:
    fake = set_of("billing", "orders")
    fake.clouds["billing"].deployments.clear()
    orders = fake.clouds["orders"]
    shift = orders._shift

    def late(running):  # type: ignore[no-untyped-def]  # the verdict falls when billing is promoted already
        if running.created + timedelta(minutes=12) < fake.clock.now():
            fail(fake, "orders")
            shift(running)
        elif running.status is Status.CREATED:
            orders._save(replace(running, status=Status.IN_PROGRESS, started=fake.clock.now()))

    orders._shift = late  # type: ignore[method-assign]
    progress: list[Progress] = []
    ends = release(fake, progress=progress)
    assert reasons(ends) == {"billing": (Ending.ROLLED_BACK, "set"), "orders": (Ending.ROLLED_BACK, "verdict")}
    assert_whole(fake, "1")
    promotion, back = fake.clouds["billing"].deployments.values()
    assert (promotion.status, back.status) == (Status.SUCCEEDED, Status.SUCCEEDED)
    assert promotion.entry
    assert back.entry
    assert (back.entry.at, back.entry.stable, back.canary) == (promotion.entry.at, "2", "1")
    assert (ends["billing"].from_version, ends["billing"].to_version) == ("1", "2")
    assert any("waits for the others" in each.text for each in progress if each.phase is Phase.SET)


def test_nothing_starts_where_one_of_them_is_refused() -> None:
    fake = set_of("billing", "orders")
    fake.clouds["orders"].alarms["orders-live-errors"] = True
    ends = release(fake)
    assert reasons(ends) == {"billing": (Ending.REFUSED, "set"), "orders": (Ending.REFUSED, "alarm")}
    assert all(set(each.calls) == {"observe"} for each in fake.clouds.values())


def test_after_one_was_rejected_the_others_are_refused_with_it_and_released_with_its_repair() -> None:
    fake = set_of("billing", "orders")
    fail(fake, "orders")
    release(fake)
    assert reasons(release(fake)) == {"billing": (Ending.REFUSED, "set"), "orders": (Ending.REFUSED, "rejected")}
    orders = fake.clouds["orders"]
    orders.versions["3"] = version(3)
    goals = [target(2, "billing"), target(3, "orders")]
    ends = run(goals, POLICY, fake, fake.clock, lambda _: None)
    assert {end.ending for end in ends.values()} == {Ending.PROMOTED}


def test_one_that_is_live_already_stays_where_another_goes_back() -> None:
    fake = set_of("billing", "orders")
    fake.clouds["billing"].went_first("2")
    fail(fake, "orders")
    ends = release(fake)
    assert reasons(ends)["billing"] == (Ending.UNCHANGED, "fingerprint")
    assert str(fake.clouds["billing"].live) == "2"
    assert "note" not in fake.clouds["billing"].calls


def test_all_start_only_when_each_of_them_may() -> None:
    fake = set_of("billing", "orders")
    fail(fake, "orders")
    release(fake)
    fake.clouds["orders"].bad = set()
    progress: list[Progress] = []
    goals = [target(2, name) for name in fake.clouds]
    run(goals, replace(POLICY, retry=version(2).fingerprint), fake, fake.clock, progress.append)
    starts = [each.function for each in progress if each.phase is Phase.START]
    assert sorted(starts) == ["billing", "orders"]
    settle = max(index for index, each in enumerate(progress) if each.phase is Phase.SETTLE)
    assert min(index for index, each in enumerate(progress) if each.phase is Phase.START) > settle


def crashed_between_the_starts(fake: FakeSet) -> None:
    """Billing's deployment is created, the runner dies, and orders' is not."""
    orders = fake.clouds["orders"]
    start = orders.start

    def die(*_: object) -> str:
        orders.start = start  # type: ignore[method-assign]
        raise Crash

    orders.start = die  # type: ignore[method-assign, assignment]
    with pytest.raises(Crash):
        release(fake)


def test_a_runner_that_died_between_two_starts_is_resumed_as_the_same_set() -> None:
    fake = set_of("billing", "orders")
    crashed_between_the_starts(fake)
    ends = release(fake)
    assert {end.ending for end in ends.values()} == {Ending.PROMOTED}
    moments = {each.entry.at for cloud in fake.clouds.values() for each in cloud.deployments.values() if each.entry}
    assert len(moments) == 1


def test_one_promoted_while_no_runner_watched_goes_back_when_the_other_of_its_set_fails() -> None:
    fake = set_of("billing", "orders")
    crashed_between_the_starts(fake)
    fake.clock.time += timedelta(hours=1)
    fake.clouds["billing"].serve()
    assert fake.clouds["billing"].live.is_whole_on("2")
    fail(fake, "orders")
    ends = release(fake)
    assert reasons(ends) == {"billing": (Ending.ROLLED_BACK, "set"), "orders": (Ending.ROLLED_BACK, "verdict")}
    assert_whole(fake, "1")


def test_one_promoted_goes_back_by_the_next_run_where_no_runner_saw_the_other_fail() -> None:
    fake = set_of("billing", "orders")
    fail(fake, "orders")
    end = fake.clock.now() + timedelta(minutes=1)

    def kill() -> None:
        if fake.clock.now() > end:
            raise Crash

    fake.clock.at_sleep = kill
    with pytest.raises(Crash):
        release(fake)
    fake.clock.at_sleep = lambda: None
    fake.clock.time += timedelta(hours=1)
    for _ in range(2):
        for each in fake.clouds.values():
            each.serve()
    assert str(fake.clouds["billing"].live) == "2"
    watched = run(
        [target(2, name) for name in fake.clouds], POLICY, fake, fake.clock, lambda _: None, next_action.watch
    )
    assert reasons(watched)["billing"] == (Ending.ROLLED_BACK, "set")
    assert_whole(fake, "1")


def test_a_function_that_aws_is_too_busy_for_does_not_hold_the_others_up() -> None:
    fake = set_of("billing", "orders")
    billing, calls = fake.clouds["billing"], list[str]()
    start = billing.start

    def busy(*_: object) -> str:
        billing.start = start  # type: ignore[method-assign]
        raise TransientError("ThrottlingException")

    billing.start = busy  # type: ignore[method-assign, assignment]
    fake.clock.at_sleep = lambda: calls.extend(fake.clouds["orders"].calls) if not calls else None
    release(fake)
    assert "start" in calls  # before the first pause


def test_a_start_that_aws_was_too_busy_for_is_made_good_within_the_set() -> None:
    fake = set_of("billing", "orders")
    orders = fake.clouds["orders"]
    start = orders.start

    def busy(*_: object) -> str:
        orders.start = start  # type: ignore[method-assign]
        raise TransientError("ThrottlingException")

    orders.start = busy  # type: ignore[method-assign, assignment]
    assert {end.ending for end in release(fake).values()} == {Ending.PROMOTED}
    assert len({ledger.parse(str(each.entry)) for each in orders.deployments.values()}) == 1
