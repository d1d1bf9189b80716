"""The deployment group's tags: what is written is what is read, and AWS takes it."""

import re
from datetime import timedelta

import pytest

from infra.release.ledger import moment
from infra.release.tags import (
    LONGEST_VALUE,
    MOST_STOPS,
    Enlisted,
    First,
    Mark,
    Overridden,
    Pardon,
    Stopped,
    Tags,
    parse,
    surplus,
    written,
)
from tests.unit.fake_cloud import START

AT = moment(START + timedelta(milliseconds=123))
FP = "0123456789abcdef"
MARKS: list[Mark] = [
    First("1", FP),
    Stopped("d-ABC123DEF", "evidence", "3 of 20 requests: too few"),
    Pardon(FP, "d-ABC123DEF"),
    Pardon(FP, "d-ABC123DEF", configured=True),
    Overridden(FP, "rejected+older", "ann: hotfix of the outage at 12:30Z or so"),
    Enlisted(AT),
]


def read(*marks: Mark) -> Tags:
    tags: dict[str, str] = {}
    for mark in marks:
        tags |= written(mark, "assumed-role/deploy/ann@example.com", AT)
    return parse(tags)


def test_every_mark_is_read_back_as_it_was_written() -> None:
    tags = read(*MARKS)
    assert tags.first
    assert tags.stop("d-ABC123DEF") == MARKS[1]
    assert tags.pardons == (MARKS[2], MARKS[3])
    assert tags.override == MARKS[4]
    assert tags.enlisted == AT
    assert tags.stopped["d-ABC123DEF"].by == "assumed-role/deploy/ann@example.com"
    assert tags.stopped["d-ABC123DEF"].at == "2026-11-24T09:00:00.123Z"


@pytest.mark.parametrize("mark", MARKS)
def test_every_tag_is_one_that_aws_takes(mark: Mark) -> None:
    for key, value in written(mark, "role/ann", AT).items():
        assert re.fullmatch(r"[\w +\-=.:/@]{1,128}", key)
        assert re.fullmatch(r"[\w +\-=.:/@]{0,256}", value)


def test_what_a_tag_cannot_hold_is_replaced_or_refused() -> None:
    stopped = read(Stopped("d-1", "operator", 'it says "no"\n(twice), 50%')).stop("d-1")
    assert stopped is not None
    assert stopped.why == "it says _no_ _twice__ 50 percent"
    with pytest.raises(ValueError, match=f"has 257 characters, but a tag .* holds {LONGEST_VALUE}: say it shorter"):
        written(Stopped("d-1", "operator", "x" * 257), "ann", AT)


@pytest.mark.parametrize(
    "tags",
    [
        {"strata:stopped:d-1": "spoiled"},
        {"strata:forgiven": "fp=1"},
        {"strata:override": "because"},
        {"strata:set": "yesterday"},
        {"Project": "strata"},
    ],
)
def test_a_tag_that_is_not_ours_or_is_spoiled_says_nothing(tags: dict[str, str]) -> None:
    assert parse(tags) == Tags()


def test_of_the_stops_only_the_newest_are_kept_so_that_the_tags_stay_within_awss_bound() -> None:
    tags: dict[str, str] = {"Project": "strata"}
    for number in range(MOST_STOPS + 2):
        tags |= written(Stopped(f"d-{number}", "operator", "why"), "ann", AT + timedelta(minutes=number))
    keys = surplus(tags)
    assert keys == ["strata:stopped:d-0", "strata:why:d-0", "strata:stopped:d-1", "strata:why:d-1"]
    for mark in MARKS:
        tags |= written(mark, "ann", AT)
    assert len(tags) - len(keys) <= 45  # Pulumi's own have room beside them
