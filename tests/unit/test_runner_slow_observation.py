"""A look takes time: what it read first may be older than what it read last."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from infra.release.engine.runner import run
from infra.release.model.observation import Notes, Observation
from infra.release.model.outcome import Ending
from infra.release.model.spec import ReleasePolicy, Target
from tests.unit import fake_cloud


def test_an_alias_read_before_the_shift_and_a_ledger_read_after_it_are_not_taken_for_a_hand_on_the_alias() -> None:
    fake, goal = fake_cloud.cloud(), fake_cloud.target(2)
    observe = fake.observe

    def slow(wanted: Sequence[Target], notes: Mapping[str, Notes]) -> dict[str, Observation]:
        before = fake.live
        seen = observe(wanted, notes)[goal.function]
        fake.clock.time += timedelta(minutes=3)
        return {goal.function: replace(seen, alias=before, live=fake.versions[before.version])}

    fake.observe = slow  # type: ignore[method-assign]
    outcome = run([goal], ReleasePolicy(), fake, fake.clock, lambda _: None)[goal.function]
    assert outcome.ending is Ending.PROMOTED
    assert "point_alias" not in fake.calls
