"""What becomes of a stream's batch once the function has answered."""

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.cloud.sources.batches import (
    EXHAUSTED,
    TOO_OLD,
    Answer,
    Batch,
    Discard,
    Entry,
    Limits,
    after,
    expired,
    failed_messages,
    lowest,
)


def batch(*numbers: int, retries: int = 0) -> Batch:
    return Batch(tuple(Entry({"dynamodb": {"SequenceNumber": str(number)}}, 0.0) for number in numbers), retries)


def numbers(batches: Any) -> list[list[int]]:
    return [[int(entry.number) for entry in each.entries] for each in batches]


ALL, NONE = Answer(failed="", error=True), Answer()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, set()),
        ({}, set()),
        ("", set()),
        ([], set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({"statusCode": 200}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "2"}, {"itemIdentifier": "1"}]}, {"1", "2"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, None),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, None),
        ({"batchItemFailures": [{"other": "1"}]}, None),
        ({"batchItemFailures": [{"itemIdentifier": "3"}]}, None),
        ({"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "3"}]}, None),
        ({"batchItemFailures": "1"}, None),
        ({"batchItemFailures": ["1"]}, None),
        ("text", None),
        (1, None),
    ],
)
def test_a_report_is_read_as_aws_documents(body: Any, expected: set[str] | None) -> None:
    assert failed_messages(body, ["1", "2"]) == expected


def test_the_checkpoint_is_the_lowest_reported_record_in_the_order_of_the_batch() -> None:
    assert lowest(batch(9, 10, 11), {"11", "10"}) == "10"
    assert lowest(batch(9, 10, 11), set()) is None


def test_a_success_leaves_nothing_to_do() -> None:
    assert after(batch(1, 2), NONE, Limits()) == ((), None)


def test_a_failure_takes_a_retry_until_there_is_none_left() -> None:
    (again,), nothing = after(batch(1, 2), ALL, Limits(retries=1))
    assert (numbers([again]), again.retries, nothing) == ([[1, 2]], 1, None)
    following, given_up = after(again, ALL, Limits(retries=1))
    assert following == ()
    assert isinstance(given_up, Discard)
    assert (numbers([given_up.batch]), given_up.condition, given_up.batch.invocations) == ([[1, 2]], EXHAUSTED, 2)


def test_without_a_limit_a_batch_is_tried_for_ever() -> None:
    assert after(batch(1, retries=10_000), ALL, Limits())[0][0].retries == 10_001


def test_a_report_leaves_what_is_before_it_done() -> None:
    following, _ = after(batch(1, 2, 3, 4), Answer(failed="3"), Limits(retries=3))
    assert (numbers(following), following[0].retries) == ([[3, 4]], 1)


@pytest.mark.parametrize(
    ("failed", "expected"),
    [("", [[1, 2, 3], [4, 5]]), ("1", [[1, 2, 3], [4, 5]]), ("2", [[2, 3, 4, 5]]), ("5", [[5]])],
)
def test_bisecting_splits_at_the_reported_record_or_in_the_middle_and_takes_no_retry(
    failed: str, expected: list[list[int]]
) -> None:
    following, given_up = after(batch(1, 2, 3, 4, 5), Answer(failed=failed), Limits(retries=0, bisect=True))
    assert (numbers(following), given_up) == (expected, None)
    assert {each.retries for each in following} == {0}


def test_records_that_are_too_old_are_given_up_and_the_others_are_not() -> None:
    young, old = expired(batch(1, 2, 3), {"1": 61.0, "2": 61.0, "3": 60.0}, Limits(seconds=60))
    assert young is not None
    assert old is not None
    assert (numbers([young, old.batch]), old.condition) == ([[3], [1, 2]], TOO_OLD)
    assert expired(batch(1), {"1": 0.0}, Limits(seconds=60)) == (batch(1), None)
    assert expired(batch(1), {"1": 61.0}, Limits(seconds=60))[0] is None


@given(
    st.integers(1, 12).flatmap(lambda size: st.tuples(st.just(size), st.sets(st.integers(0, size - 1)))),
    st.integers(0, 3),
    st.booleans(),
)
def test_every_record_is_done_or_given_up_and_bisecting_gives_up_only_the_poison(
    case: tuple[int, set[int]], retries: int, reports: bool
) -> None:
    size, poison = case
    done: set[int] = set()
    given_up: list[int] = []
    pending = deque([batch(*range(size))])
    limits = Limits(retries=retries, bisect=True)
    for _ in range(1_000):
        if not pending:
            break
        current = pending.popleft()
        (own,) = numbers([current])
        bad = [number for number in own if number in poison]
        answer = Answer(failed=str(bad[0]) if reports else "") if bad else NONE
        done |= set(own[: own.index(bad[0])] if bad and reports else [] if bad else own)
        following, discard = after(current, answer, limits)
        pending.extendleft(reversed(following))
        given_up += numbers([discard.batch])[0] if discard else []
    assert not pending
    assert sorted(given_up) == sorted(poison)
    assert done == set(range(size)) - poison
