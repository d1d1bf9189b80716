"""What an operator asks for, carried out by the runner against AWS in memory."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from infra.release.decision import failure, next_action, operator
from infra.release.decision.context import Decide
from infra.release.engine.cloud import TransientError
from infra.release.engine.runner import run
from infra.release.model.actions import Action, Follow, RevertDeployment, Stop, WriteTag
from infra.release.model.observation import Deployment, Notes, Observation, Status
from infra.release.model.outcome import Ending, Outcome, Phase
from infra.release.model.spec import ReleasePolicy
from infra.release.model.tags import RetryGrant, Stopped, parse
from tests.unit.fake_cloud import FakeCloud, FakeSet, cloud, set_of, target, version
from tests.unit.seen import (
    NEW,
    NOW,
    POLICY,
    SPLIT,
    TARGET,
    WHOLE,
    deployment,
    entry,
    minutes,
    noted,
    outcome,
    seen,
    stopped,
)

WHY = "orders without a currency"
ALONE = replace(POLICY, wait=False)


def observe(fake: FakeCloud | FakeSet) -> dict[str, Observation]:
    names = list(fake.clouds) if isinstance(fake, FakeSet) else ["orders"]
    return fake.observe([target(function=name) for name in names], {name: Notes() for name in names})


def done(fake: FakeCloud | FakeSet, decide: Decide, policy: ReleasePolicy = POLICY) -> dict[str, Outcome]:
    wanted = [target(function=name) for name in observe(fake)]
    return run(wanted, policy, fake, fake.clock, lambda _: None, decide)


def start(fake: FakeCloud | FakeSet) -> dict[str, str]:
    """Release version 2 of all without waiting, and let the canary begin: the deployments by function."""
    started = done(fake, next_action.decide, ALONE)
    fake.clock.time += timedelta(minutes=2)
    return {name: str(each.deployment_id) for name, each in started.items()}


def release(fake: FakeCloud | FakeSet) -> dict[str, Outcome]:
    return done(fake, next_action.decide)


def undo(fake: FakeCloud | FakeSet, why: str = WHY) -> dict[str, Outcome]:
    return done(fake, operator.revert(operator.last_promoted_set(observe(fake)), why))


# Abort


def test_an_abort_is_noted_and_ends_with_all_traffic_on_stable() -> None:
    fake = cloud()
    [end] = done(fake, operator.abort(start(fake), WHY)).values()
    assert (end.ending, end.reason, end.traffic) == (Ending.ROLLED_BACK, "operator", "all traffic is on 1")
    assert end.detail.startswith(f"stopped by user/ann: {WHY}")
    assert fake.live.is_whole_on("1")
    assert parse(fake.tags).stop("d-1") == Stopped("d-1", "operator", WHY)


def test_the_up_that_waits_elsewhere_ends_with_the_operators_reason() -> None:
    fake = cloud()
    begun = fake.clock.now()

    def operator() -> None:
        if fake.clock.now() - begun > timedelta(minutes=3):
            fake.clock.at_sleep = lambda: None
            fake.note(target(), Stopped("d-1", "operator", WHY))
            fake.stop("d-1")

    fake.clock.at_sleep = operator
    [end] = release(fake).values()
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "operator")
    assert WHY in end.detail


def test_functions_that_are_released_together_are_aborted_together_whichever_is_named() -> None:
    fake = set_of("orders", "payments")
    stops = start(fake)
    assert operator.released_with(observe(fake), {"orders"}) == {"orders", "payments"}
    ends = done(fake, operator.abort({"orders": stops["orders"]}, WHY))
    assert [(each.ending, each.reason) for each in ends.values()] == [
        (Ending.ROLLED_BACK, "operator"),
        (Ending.ROLLED_BACK, "set"),
    ]
    assert all(each.live.is_whole_on("1") for each in fake.clouds.values())


def test_an_abort_that_comes_too_late_ends_with_the_promotion() -> None:
    fake = cloud()
    stops = start(fake)
    fake.clock.time += timedelta(minutes=10)
    [end] = done(fake, operator.abort(stops, WHY)).values()
    assert end.ending is Ending.PROMOTED
    assert "stop" not in fake.calls


def test_a_busy_aws_is_asked_again() -> None:
    fake = cloud()
    stops = start(fake)
    stops_well: Callable[[str], None] = fake.stop
    tries: list[str] = []

    def stop(deployment: str) -> None:
        tries.append(deployment)
        if len(tries) == 1:
            raise TransientError("AWS is busy")
        stops_well(deployment)

    fake.stop = stop  # type: ignore[method-assign]
    [end] = done(fake, operator.abort(stops, WHY)).values()
    assert (end.reason, len(tries)) == ("operator", 2)


def test_the_tag_goes_before_the_stop_and_is_written_once() -> None:
    flying = deployment()
    what = seen(flying, alias=SPLIT, shifted=NEW)
    mark = Stopped("d-1", "operator", WHY)
    assert operator.stop(what, "d-1", WHY) == Follow("d-1")
    followed = replace(what, notes=Notes("d-1"))
    assert operator.stop(followed, "d-1", WHY) == WriteTag(mark, WHY, Phase.ROLLBACK)
    assert operator.stop(replace(followed, tags=noted(mark)), "d-1", WHY) == Stop("d-1", WHY)
    assert operator.stop(seen(stopped(), following="d-1"), "d-1", WHY) is None


# Roll back


def test_a_rollback_is_a_deployment_of_its_own_and_the_same_code_is_refused_from_then_on() -> None:
    fake = cloud()
    release(fake)
    [end] = undo(fake).values()
    assert (end.ending, end.reason, end.from_version, end.to_version) == (Ending.ROLLED_BACK, "operator", "1", "2")
    assert fake.live.is_whole_on("1")
    promotion, back = (each for each in fake.deployments.values() if each.entry)
    assert promotion.entry
    assert back.entry
    assert (back.entry.at, back.entry.stable) == (promotion.entry.at, "2")
    [refused] = release(fake).values()
    assert (refused.ending, refused.reason) == (Ending.REFUSED, "rejected")
    assert f"user/ann reverted it: {WHY}" in refused.detail


def test_what_was_rolled_back_can_be_forgiven_once() -> None:
    fake = cloud()
    release(fake)
    undo(fake)
    [rejected] = operator.rejections(target(), observe(fake)["orders"])
    assert (rejected.fingerprint, rejected.reason, rejected.retry_granted) == (
        version(2).fingerprint,
        "operator",
        False,
    )
    fake.note(target(), RetryGrant(rejected.fingerprint, rejected.deployment.id, why="it was the network"))
    assert [each.retry_granted for each in operator.rejections(target(), observe(fake)["orders"])] == [True]
    assert [each.ending for each in release(fake).values()] == [Ending.PROMOTED]
    assert operator.rejections(target(), observe(fake)["orders"]) == []


def test_a_second_rollback_goes_one_further_back() -> None:
    fake = cloud(1, version(1), version(2), version(3))
    release(fake)
    run([target(3)], POLICY, fake, fake.clock, lambda _: None)
    undo(fake)
    assert fake.live.is_whole_on("2")
    undo(fake)
    assert fake.live.is_whole_on("1")
    assert operator.last_promoted_set(observe(fake)) == {}


def test_a_set_goes_back_together() -> None:
    fake = set_of("orders", "payments")
    release(fake)
    ends = undo(fake)
    assert [each.ending for each in ends.values()] == [Ending.ROLLED_BACK] * 2
    assert all(each.live.is_whole_on("1") for each in fake.clouds.values())


def test_what_was_promoted_at_another_time_stays() -> None:
    fake = set_of("orders", "payments")
    fake.clouds["payments"].went_first("2")
    release(fake)
    assert list(operator.last_promoted_set(observe(fake))) == ["orders"]


def test_an_alias_moved_by_hand_has_no_way_back() -> None:
    fake = cloud(1, version(1), version(2), version(3))
    release(fake)
    fake.point("3")
    assert operator.last_promoted_set(observe(fake)) == {}


def test_what_was_reverted_and_put_live_by_hand_is_not_reverted_twice() -> None:
    fake = cloud()
    release(fake)
    undo(fake)
    fake.point("2")
    assert operator.last_promoted_set(observe(fake)) == {}


def test_a_lost_answer_starts_no_second_way_back() -> None:
    fake = cloud()
    release(fake)
    fake.lost_answers = 1
    [end] = undo(fake).values()
    assert end.ending is Ending.ROLLED_BACK
    assert fake.calls.count("revert") == 1


def test_a_rollback_steps_aside_for_what_has_been_started_or_moved_meanwhile() -> None:
    promotion = deployment(Status.SUCCEEDED)
    asked = operator.revert({TARGET.function: promotion}, WHY)

    def decide(what: Observation) -> Action:
        return asked([TARGET], {TARGET.function: what}, POLICY, NOW)[TARGET.function]

    new = replace(deployment(ago=0.1, entry=replace(entry(version(3).fingerprint, "2"), at=NOW + minutes(1))), id="d-7")
    busy = decide(seen(new, promotion, **WHOLE))
    moved = decide(seen(promotion, alias=SPLIT, shifted=NEW))
    assert [outcome(each).reason for each in (busy, moved)] == ["busy", "moved"]
    noted_first = decide(seen(promotion, **WHOLE))
    assert noted_first == WriteTag(Stopped("d-1", "operator", WHY), WHY, Phase.ROLLBACK)
    done_then = decide(seen(promotion, **WHOLE, tags=noted(Stopped("d-1", "operator", WHY))))
    assert done_then == RevertDeployment("2", "1", NOW, WHY)


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (stopped(), ("verdict", "alarm")),
        (deployment(Status.SUCCEEDED), ("verdict", "no alarm fired")),
        (deployment(Status.FAILED, error="HOOK_EXECUTION_FAILURE", message="wrong answers"), ("hook", "wrong answers")),
    ],
)
def test_the_end_of_a_deployment_is_reported_in_a_word_and_a_sentence(ended: Deployment, said: tuple[str, str]) -> None:
    reason, detail = failure.ended(ended, TARGET, noted())
    assert reason == said[0]
    assert said[1] in detail
