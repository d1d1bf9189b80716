"""Deciding for several functions together: what one that failed means for the others."""

from dataclasses import replace
from typing import Any

from infra.release.decision import next_action, operator
from infra.release.model.actions import Action, Finish, PointAlias, RevertDeployment, Start, Wait, WriteTag
from infra.release.model.observation import Alias, Deployment, Observation, Status
from infra.release.model.outcome import Ending, Phase
from infra.release.model.tags import Enlisted, First, Stopped
from infra.release.verdict.judge import Counts
from tests.unit.fake_cloud import target, version
from tests.unit.seen import ALARM, NEW, NOW, OLD, POLICY, SPLIT, WHOLE, deployment, entry, minutes, noted, seen

ORDERS, STOCK = target(2, "orders"), target(2, "stock")


def decide(orders: Observation, stock: Observation) -> tuple[Action, Action]:
    actions = next_action.decide([ORDERS, STOCK], {"orders": orders, "stock": stock}, POLICY, NOW)
    return actions["orders"], actions["stock"]


def ended(status: Status, **values: Any) -> Deployment:
    """One that ended while no runner watched."""
    return deployment(status, ago=8, ended=NOW - minutes(4), **values)


def rejected() -> Deployment:
    alarm = ALARM.replace("orders", "stock")
    return ended(Status.STOPPED, error="ALARM_ACTIVE", message=alarm, alarms=(alarm,))


def test_what_was_promoted_with_one_that_failed_goes_back_although_that_one_is_refused_now() -> None:
    promoted = seen(ended(Status.SUCCEEDED), **WHOLE)
    orders, stock = decide(promoted, seen(rejected()))
    assert isinstance(orders, WriteTag)
    assert isinstance(orders.mark, Stopped)
    assert isinstance(stock, Wait)
    assert stock.phase is Phase.SET
    orders, _ = decide(replace(promoted, tags=noted(orders.mark)), seen(rejected()))
    assert isinstance(orders, RevertDeployment)


def test_what_was_never_started_is_not_started_beside_one_that_is_refused() -> None:
    orders, stock = decide(seen(), seen(rejected()))
    assert isinstance(orders, Finish)
    assert isinstance(stock, Finish)
    assert (orders.outcome.ending, orders.outcome.reason, stock.outcome.reason) == (Ending.REFUSED, "set", "rejected")


def test_what_another_runner_has_taken_back_already_is_not_taken_back_again() -> None:
    promoted = seen(ended(Status.SUCCEEDED), following="d-1")
    orders, _ = decide(promoted, seen(rejected(), following="d-1"))
    assert isinstance(orders, Finish)
    assert (orders.outcome.ending, orders.outcome.reason) == (Ending.ROLLED_BACK, "set")


def test_other_code_does_not_join_the_moment_of_a_set_of_which_one_was_never_started() -> None:
    enlisted = noted(Enlisted(NOW))  # the moment of that set's only deployment
    ahead = seen(ended(Status.SUCCEEDED), alias=Alias("2"), live=NEW, wanted=version(3), tags=enlisted)
    orders, stock = decide(ahead, seen(tags=enlisted))
    assert isinstance(orders, WriteTag)
    assert isinstance(orders.mark, Enlisted)
    assert isinstance(stock, WriteTag)


def test_what_was_never_started_joins_the_moment_of_its_set() -> None:
    enlisted = noted(Enlisted(NOW))
    orders, stock = decide(seen(ended(Status.SUCCEEDED), tags=enlisted, **WHOLE), seen(tags=enlisted))
    assert isinstance(orders, Wait)
    assert isinstance(stock, Start)
    assert stock.at == NOW


def test_what_is_live_goes_back_with_its_set_although_a_later_release_of_it_has_failed_meanwhile() -> None:
    """The hook of stock took an hour to fail; orders had been promoted with it, and its next version failed too."""
    promoted = ended(Status.SUCCEEDED)
    third = replace(entry(version(3).fingerprint, stable="2"), at=NOW - minutes(6))
    failed = replace(ended(Status.FAILED, entry=third, error="HOOK_EXECUTION_FAILURE"), id="d-3")
    orders, _ = decide(seen(failed, promoted, **WHOLE), seen(rejected()))
    assert isinstance(orders, WriteTag)
    assert orders.mark == Stopped("d-1", "set", "stock was not promoted and the set goes together")


def test_codedeploys_own_way_back_to_what_went_live_with_a_failed_set_is_led_on_to_what_is_proved() -> None:
    """The alias had been made anew on 3 since, and the release that started from there has failed too."""
    promoted = ended(Status.SUCCEEDED, canary="2")
    later = replace(entry(version(4).fingerprint, stable="3"), at=NOW - minutes(1))
    failed = deployment(
        Status.STOPPED, ago=1, ended=NOW - minutes(0.5), entry=later, canary="4", error="MANUAL_STOP", rollback="d-6"
    )
    back = Deployment("d-6", Status.SUCCEEDED, NOW - minutes(0.4), rolls_back="d-5")
    records = (back, replace(failed, id="d-5"), promoted)
    tags = noted(First("1", OLD.fingerprint), Stopped("d-5", "set", "stock was not promoted and the set goes together"))
    orders = seen(*records, following="d-5", tags=tags, **{**WHOLE, "wanted": version(4)})
    action, _ = decide(orders, seen(rejected()))
    assert isinstance(action, PointAlias)
    assert action.version == "1"


def test_one_that_could_start_waits_for_one_whose_window_is_not_empty_yet() -> None:
    orders, stock = decide(seen(), seen(canary=Counts(5, 0)))
    assert isinstance(orders, Wait)
    assert isinstance(stock, Wait)
    assert (orders.phase, stock.phase) == (Phase.SET, Phase.SETTLE)


def test_one_that_could_start_does_not_wait_for_one_that_is_in_flight() -> None:
    orders, stock = decide(seen(), seen(deployment(), following="d-1", alias=SPLIT, shifted=NEW))
    assert orders == Start("1", "2")
    assert isinstance(stock, Wait)
    assert stock.phase is Phase.CANARY


def test_what_was_started_goes_back_where_one_of_its_set_was_not_started_and_is_refused_now() -> None:
    enlisted = noted(Enlisted(NOW))
    running = seen(deployment(), following="d-1", alias=SPLIT, shifted=NEW, tags=enlisted)
    orders, stock = decide(running, seen(tags=enlisted, red=frozenset({STOCK.alarm})))
    assert isinstance(orders, WriteTag)
    assert orders.mark == Stopped("d-1", "set", "stock was not promoted and the set goes together")
    assert isinstance(stock, Wait)
    assert stock.why == "1 -> 2 refused (alarm); waits for the others"


def test_functions_were_released_together_where_their_deployments_share_a_time() -> None:
    later = replace(entry(), at=NOW + minutes(1))
    by_hand = seen(deployment(entry=None))
    others = {"orders": seen(deployment()), "stock": seen(deployment()), "late": seen(deployment(entry=later))}
    assert operator.released_with({**others, "hand": by_hand}, ["orders"]) == {"orders", "stock"}
    assert operator.released_with({**others, "hand": by_hand}, ["late"]) == {"late"}
    assert operator.released_with({**others, "hand": by_hand}, ["hand"]) == {"hand"}
    ended_ = {"orders": seen(ended(Status.SUCCEEDED)), "stock": seen(ended(Status.FAILED))}
    assert operator.released_with(ended_, ["orders"]) == {"orders", "stock"}


def test_a_set_that_was_promoted_whole_stays_where_a_later_release_of_one_is_refused() -> None:
    enlisted = noted(Enlisted(NOW))
    done = seen(ended(Status.SUCCEEDED), tags=enlisted, **WHOLE)
    orders, stock = decide(done, replace(done, wanted=version(3), red=frozenset({STOCK.alarm})))
    assert isinstance(orders, Finish)
    assert isinstance(stock, Finish)
    assert (orders.outcome.ending, stock.outcome.reason) == (Ending.UNCHANGED, "alarm")


def test_one_that_is_refused_does_not_go_back_for_its_own_sake() -> None:
    """It was promoted ahead of the other of its set, which was never started."""
    enlisted = noted(Enlisted(NOW))
    ahead = seen(ended(Status.SUCCEEDED), tags=enlisted, **{**WHOLE, "wanted": version(3)})
    orders, stock = decide(seen(tags=enlisted), replace(ahead, red=frozenset({STOCK.alarm})))
    assert isinstance(orders, Finish)
    assert isinstance(stock, Finish)
    assert (orders.outcome.reason, stock.outcome.reason) == ("set", "alarm")
