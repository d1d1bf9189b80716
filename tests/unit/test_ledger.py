"""The ledger's line is read back exactly as it was written, and nothing else is taken for one."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.release.model.ledger import LONGEST_LINE, Entry, author, compact, parse, revision, to_milliseconds

HEX = st.text("0123456789abcdef", min_size=16, max_size=16)
PRINTABLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
TIMES = st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(9999, 1, 1))  # noqa: DTZ001
ENTRIES = st.builds(
    Entry,
    fingerprint=HEX,
    digest=st.binary(min_size=32, max_size=32).map(lambda raw: __import__("base64").b64encode(raw).decode()),
    contract=HEX,
    commit=st.text("abcdefABCDEF0123456789_.-", min_size=1, max_size=40),
    at=TIMES.map(to_milliseconds),
    stable=st.integers(1, 10**12).map(str),
    by=st.text(PRINTABLE, min_size=1, max_size=44),
)
USUAL: dict[str, Any] = {
    "fingerprint": "0" * 16,
    "digest": "A" * 43 + "=",
    "contract": "f" * 16,
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "at": datetime(2026, 11, 24, 17, 20, 50, 123000, tzinfo=UTC),
    "stable": "41",
    "by": "assumed-role/deploy/github-1",
}


@given(ENTRIES)
def test_every_entry_is_read_back_as_it_was_written(entry: Entry) -> None:
    assert parse(str(entry)) == entry


@given(ENTRIES)
def test_no_line_is_longer_than_a_description_may_be(entry: Entry) -> None:
    assert len(str(entry)) <= LONGEST_LINE


@given(ENTRIES, st.integers(0, 300), PRINTABLE)
def test_a_line_with_a_character_too_many_is_none_or_another_entry(entry: Entry, at: int, extra: str) -> None:
    line = str(entry)
    changed = line[:at] + extra + line[at:]
    found = parse(changed)
    assert found is None or str(found) == changed


@given(st.text(max_size=300))
def test_no_text_by_hand_makes_the_parser_fail(text: str) -> None:
    found = parse(text)
    assert found is None or str(found) == text


def test_the_line_reads_as_the_design_says() -> None:
    assert str(Entry(**USUAL)) == (
        "strata/1 fp=0000000000000000 digest=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= contract=ffffffffffffffff "
        "commit=0123456789abcdef0123456789abcdef01234567 at=2026-11-24T17:20:50.123Z from=41 "
        "by=assumed-role/deploy/github-1"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fingerprint", "0" * 15),
        ("digest", "short"),
        ("commit", "two words"),
        ("commit", "c" * 41),
        ("at", datetime(2026, 11, 24, 17, 20, 50, 123456, tzinfo=UTC)),
        ("at", datetime(2026, 11, 24, tzinfo=timezone(timedelta(hours=1)))),
        ("stable", "$LATEST"),
        ("by", "Ann Other"),
        ("by", "x" * 45),
    ],
)
def test_what_the_line_cannot_hold_is_an_error(field: str, value: object) -> None:
    with pytest.raises(ValueError, match="ledger"):
        Entry(**{**USUAL, field: value})


def test_a_day_that_the_calendar_lacks_is_no_entry() -> None:
    assert parse(str(Entry(**USUAL)).replace("2026-11-24", "2026-02-31")) is None


@given(st.text(max_size=200))
def test_any_caller_and_any_commit_fit_the_line(text: str) -> None:
    Entry(**{**USUAL, "by": author(text), "commit": revision(text)})


def test_a_caller_is_named_by_role_and_session() -> None:
    assert author("arn:aws:sts::111111111111:assumed-role/deploy/github-1") == "assumed-role/deploy/github-1"
    assert author("arn:aws:iam::111111111111:user/ann") == "user/ann"


def test_a_moment_is_a_name_without_colons() -> None:
    assert compact(USUAL["at"]) == "20261124T172050123Z"
