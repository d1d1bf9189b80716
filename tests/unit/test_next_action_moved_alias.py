"""Deciding while a canary runs and an operator moves the alias."""

import pytest

from infra.release.model.actions import Stop, Wait
from infra.release.model.observation import Alias
from infra.release.model.outcome import Phase
from infra.release.model.tags import Stopped
from tests.unit.seen import NEW, NOW, OLD, SPLIT, decide, deployment, minutes, noted, notes, seen, waits

SHIFTING = deployment(shifting=NOW - minutes(2))


@pytest.mark.parametrize("alias", [Alias("1"), Alias("7"), Alias("1", "7", 0.1)])
def test_a_canary_whose_traffic_was_taken_away_by_hand_goes_back(alias: Alias) -> None:
    shifted = NEW if alias.shifted else None
    look = {"alias": alias, "live": OLD, "shifted": shifted}
    action = notes(decide(seen(SHIFTING, following="d-1", **look)))
    assert isinstance(action.mark, Stopped)
    assert action.mark.kind == "operator"
    assert f"alias live was moved to {alias} while d-1 shifted traffic to 2" in action.why
    assert isinstance(decide(seen(SHIFTING, following="d-1", **look, tags=noted(action.mark))), Stop)


def test_what_moves_by_the_curve_is_not_taken_for_moved_by_hand() -> None:
    assert waits(decide(seen(SHIFTING, following="d-1", alias=SPLIT, shifted=NEW))) is Phase.CANARY


def test_an_alias_that_was_read_before_traffic_moved_proves_nothing_yet() -> None:
    action = decide(seen(deployment(shifting=NOW - minutes(0.5)), following="d-1"))
    assert isinstance(action, Wait)
