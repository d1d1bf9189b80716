"""Random moves there and back, killed anywhere: no resource is ever lost, or owned twice without Terraform's lock."""

from collections.abc import Sequence
from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.console import RefusedError
from infra.migrate import mover, verdict
from infra.migrate.model import Direction
from infra.migrate.steps import next_step, plan, present
from infra.source import Source
from tests.unit.migrate_kit import FakeSides, KilledError, legacy, unit

NAMES = st.lists(st.sampled_from(["orders", "carts", "users", "stock"]), min_size=1, max_size=4, unique=True)
MANY_MOVES = st.lists(st.tuples(st.sampled_from([*Source]), st.integers(1, 30)), max_size=6)
MOVES = st.lists(st.tuples(st.sampled_from([*Source]), st.integers(1, 14)), max_size=6)


def go(members: Sequence[FakeSides], wanted: Source, *, kill: int = -1) -> None:
    """Run the command that leads to a source, as an operator would, with --resume."""
    direction = Direction.BACK if wanted is Source.LEGACY else Direction.IN
    if wanted is Source.ADOPTED and all(present(each.seen()) is Source.MANAGED for each in members):
        direction = Direction.BACK
    for each in members:
        each.wanted, each.kill = wanted, kill
    mover.run(members, direction, lambda _: None, resume=True)


def check(members: Sequence[FakeSides]) -> None:
    """The invariant, from the fakes' own facts; and whether `verify` says the same of them."""
    everything = {each.thing for sides in members for each in sides.terraform.values()}
    for sides in members:
        terraform = {each.thing for each in sides.terraform.values()}
        kinds = {each.kind for each in verdict.verify(sides.seen())}
        assert sides.declared <= everything | set(sides.pulumi), "a resource is lost"
        assert "nobody" not in kinds
        if terraform & set(sides.pulumi):
            assert sides.lock, "a resource is owned twice, and Terraform is not locked"
        assert "twice" not in kinds
        assert ("moving" in kinds) is (sides.lock is not None)


@settings(max_examples=100, deadline=None)
@given(NAMES, MOVES)
@example(["orders"], [(Source.ADOPTED, 10), (Source.LEGACY, 4)])  # back and forth under one lock
def test_no_resource_is_lost_or_owned_twice_however_moves_are_interrupted(
    names: list[str], moves: list[tuple[Source, int]]
) -> None:
    interrupted([legacy(*names)], moves)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3), MANY_MOVES)
@example(3, [(Source.ADOPTED, 23), (Source.LEGACY, 9)])
def test_nor_are_those_of_layers_that_move_together(layers: int, moves: list[tuple[Source, int]]) -> None:
    names = {"compute": ["orders", "users"], "delivery": ["carts"], "observability": ["stock"]}
    interrupted(unit(**dict([*names.items()][:layers])), moves)


def interrupted(members: Sequence[FakeSides], moves: list[tuple[Source, int]]) -> None:
    for wanted, kill in moves:
        with suppress(KilledError, RefusedError):
            go(members, wanted, kill=kill)
        check(members)
    # An operator who runs each command again until it ends finds the layers where the stack's file says.
    if all(present(each.seen()) is Source.MANAGED for each in members):
        go(members, Source.ADOPTED)
    for wanted in (Source.ADOPTED, Source.LEGACY, Source.ADOPTED, Source.MANAGED):
        go(members, wanted)
        check(members)
        for each in members:
            assert each.lock is None
            assert present(each.seen()) is wanted
            assert verdict.verify(each.seen()) == []


@settings(max_examples=30, deadline=None)
@given(NAMES, st.booleans(), st.data())
def test_verify_says_which_resource_was_lost_or_doubled_by_hand(
    names: list[str], lost: bool, data: st.DataObject
) -> None:
    sides = legacy(*names)
    tables = dict(sides.terraform)
    go([sides], Source.ADOPTED)
    chosen = data.draw(st.sampled_from(sorted(sides.pulumi)))
    if lost:
        del sides.pulumi[chosen]
    else:
        sides.terraform = {address: each for address, each in tables.items() if each.thing == chosen}
    found = [(each.kind, each.subject) for each in verdict.verify(sides.seen()) if each.kind in ("nobody", "twice")]
    assert found == [("nobody" if lost else "twice", str(chosen))]


def test_the_plan_names_the_steps_that_a_move_then_takes() -> None:
    sides = legacy("orders")
    for wanted in (Source.ADOPTED, Source.MANAGED, Source.ADOPTED, Source.LEGACY):
        before = present(sides.seen())
        sides.wanted = wanted
        way = Direction.BACK if (before, wanted) in BACKWARD else Direction.IN
        assert mover.run([sides], way, lambda _: None).steps == plan(before, wanted)
        assert next_step(sides.seen()) is None


BACKWARD = {(Source.MANAGED, Source.ADOPTED), (Source.ADOPTED, Source.LEGACY)}
