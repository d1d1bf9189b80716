"""The deployment group's tags: what is written is what is read, and AWS takes it."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.release.model.ledger import to_milliseconds
from infra.release.model.stops import KINDS, LEAST
from infra.release.model.tags import (
    GONE,
    KEYS,
    Enlisted,
    First,
    Overridden,
    Promoted,
    RetryGrant,
    Stopped,
    TagRecord,
    Tags,
    begun,
    parse,
    surplus,
    written,
)
from tests.unit.fake_cloud import START

AT = to_milliseconds(START + timedelta(milliseconds=123))
FP = "0123456789abcdef"
MARKS: list[TagRecord] = [
    First("1", FP, "d" * 43 + "=", FP, "0123456789ab-dirty"),
    Stopped("d-ABC123DEF", "evidence", "3 of 20 requests: too few"),
    RetryGrant(FP, "d-ABC123DEF"),
    RetryGrant(FP, "d-ABC123DEF", configured=True),
    Overridden(FP, "rejected+older", "ann: hotfix of the outage at 12:30Z or so"),
    Enlisted(AT),
]


def read(*marks: TagRecord) -> Tags:
    tags: dict[str, str] = {}
    for mark in marks:
        tags |= written(mark, "assumed-role/deploy/ann@example.com", AT, tags)
    return parse(tags)


def test_the_version_of_an_adopted_function_keeps_that_mark_when_a_release_begins() -> None:
    mark = First("1", FP, "d" * 43 + "=", FP, adopted=True)
    tags = written(mark, "ann", AT)
    for expected in (mark, replace(mark, begun=True)):
        answered = parse(tags).answered
        assert answered is not None
        assert answered.mark == expected
        tags |= begun(tags)


def test_every_mark_is_read_back_as_it_was_written() -> None:
    tags = read(*MARKS)
    assert tags.first
    assert tags.stop("d-ABC123DEF") == MARKS[1]
    assert tags.retry_grants == (MARKS[2], MARKS[3])
    assert tags.override == MARKS[4]
    assert tags.enlisted == AT
    assert tags.stopped["d-ABC123DEF"].by == "assumed-role/deploy/ann@example.com"
    assert tags.stopped["d-ABC123DEF"].at == "2026-11-24T09:00:00.123Z"


@pytest.mark.parametrize("mark", MARKS)
def test_every_tag_is_one_that_aws_takes(mark: TagRecord) -> None:
    for key, value in written(mark, "role/ann", AT).items():
        assert re.fullmatch(r"[\w +\-=.:/@]{1,128}", key)
        assert re.fullmatch(r"[\w +\-=.:/@]{0,256}", value)


def test_what_a_tag_cannot_hold_is_replaced_or_refused() -> None:
    stopped = read(Stopped("d-1", "operator", 'it says "no"\n(twice), 50%')).stop("d-1")
    assert stopped is not None
    assert stopped.why == "it says _no_ _twice__ 50 percent"
    with pytest.raises(
        ValueError, match=r"has 3\d\d characters, but a tag \(strata:override\) holds 256: say it shorter"
    ):
        written(Overridden(FP, "older", "x" * 256), "ann", AT)
    long = read(Stopped("d-1", "evidence", "x" * 300)).stop("d-1")
    assert long is not None
    assert long.why == "x" * 247 + "..."


@pytest.mark.parametrize(
    "tags",
    [
        {"strata:stopped:d-1": "corrupted"},
        {"strata:forgiven": "fp=1"},
        {"strata:override": "because"},
        {"strata:set": "yesterday"},
        {"Project": "strata"},
    ],
)
def test_a_tag_that_is_not_ours_or_is_spoiled_says_nothing(tags: dict[str, str]) -> None:
    assert parse(tags) == Tags()


OLD = {
    "Project": "orders",
    "strata:first": f"version=1 fp={FP} by=ci at=2026-01-01T00:00:00.000Z",
    "strata:set": "2026-11-01T00:00:00.000Z",
    "strata:retried": f"fp={FP} of=d-1 by=ci at=2026-11-01T00:00:00.000Z",
    "strata:forgiven": f"fp={FP} of=d-2 by=user/ann at=2026-11-02T00:00:00.000Z",
    "strata:forgiven:why": "it was the network",
    "strata:override": f"fp={FP} refusal=older by=ci at=2026-11-01T00:00:00.000Z ann: hotfix at=noon",
    f"strata:proved:{FP}": "in=dev of=d-7 released=bob ended=2026-10-31 by=ci at=2026-11-01T00:00:00.000Z",
} | {
    key: value
    for day in range(10, 26)
    for key, value in (
        (f"strata:stopped:d-{day}", f"kind=operator by=user/ann at=2026-10-{day}T00:00:00.000Z"),
        (f"strata:why:d-{day}", f"reason {day}"),
    )
}
"""As the version before this one wrote them."""


def test_tags_of_the_earlier_format_are_read_and_the_next_mark_takes_them_over() -> None:
    before = parse(OLD)
    assert list(before.stopped) == [f"d-{day}" for day in range(25, 9, -1)]
    assert before.stop("d-10") == Stopped("d-10", "operator", "reason 10")
    assert before.granted is not None
    assert before.granted.mark == RetryGrant(FP, "d-2", why="it was the network")
    for mark in MARKS:
        tags = OLD | written(mark, "ann", AT, OLD)
        kept = {key: value for key, value in tags.items() if key not in surplus(tags)}
        assert {*kept} - {"Project"} <= {*KEYS}
        after, alone = parse(kept), parse(written(mark, "ann", AT))
        for name in ("granted_by_policy", "granted", "overridden", "enlisted", "answered"):
            assert getattr(after, name) in {getattr(alone, name), getattr(before, name)} - {None}
        assert after.proved[FP].mark == before.proved[FP].mark
        stops = [each for each in after.stopped if each != "d-ABC123DEF"]
        assert stops == [f"d-{day}" for day in range(25, 9, -1)][: len(stops)]
        assert len(stops) >= LEAST
        said = next(iter(before.stopped)) if isinstance(mark, Stopped) and mark.kind == "operator" else "d-25"
        assert after.stop(said) == Stopped("d-25", "operator", "reason 25")


def test_a_stop_that_did_not_fit_is_known_to_be_lost() -> None:
    tags: dict[str, str] = {}
    for number in range(40):
        mark = Stopped(f"d-{number:09}", "evidence", "too few requests")
        tags |= written(mark, "assumed-role/deploy/ann@example.com", AT + timedelta(days=number), tags)
    known = parse(tags)
    assert known.stop(f"d-{39:09}") == Stopped(f"d-{39:09}", "evidence", "too few requests")
    assert known.stop(f"d-{38:09}") == Stopped(f"d-{38:09}", "evidence", GONE)
    assert len(known.stopped) >= LEAST
    assert known.stop(f"d-{0:09}") is None
    assert known.may_have_dropped(AT)
    assert known.may_have_dropped(AT + timedelta(days=39))
    assert not known.may_have_dropped(AT + timedelta(days=40))
    assert not parse(written(MARKS[1], "ann", AT)).may_have_dropped(AT - timedelta(days=99))


# Long histories

WORDS = st.text("abc +-=.:/@_", max_size=300).map(lambda text: " ".join(text.split()))
BY = st.text("abcxyz/.@=-", min_size=1, max_size=44)
IDS = st.integers(0, 60).map(lambda number: f"d-{number:09}")
OPERATORS = st.builds(Stopped, IDS, st.just("operator"), WORDS) | st.builds(RetryGrant, st.just(FP), IDS, why=WORDS)
RELEASES = (
    st.builds(Stopped, IDS, st.sampled_from([*KINDS]), WORDS)
    | st.builds(RetryGrant, st.just(FP), IDS, configured=st.just(True))
    | st.builds(Overridden, st.just(FP), st.just("older"), WORDS.map(lambda text: text[:100]))
    | st.builds(Promoted, st.just(FP), st.just("staging"), IDS, BY, st.just("2026-11-24"))
    | st.builds(First, st.just("1"), st.just(FP), st.just("A" * 43 + "="), st.just(FP))
    | st.builds(Enlisted, st.just(AT))
)
ACTS = st.lists(st.tuples(OPERATORS | RELEASES, BY, st.booleans()), max_size=60)


def noted_by(tags: dict[str, str], mark: TagRecord, by: str, at: datetime, read: dict[str, str]) -> None:
    """As the release does: from the tags that were `read`, and then away with what is surplus."""
    tags |= written(mark, by, at, read)
    for key in surplus(tags):
        del tags[key]


@settings(max_examples=40, deadline=None)
@given(ACTS, st.sampled_from([{}, OLD]))
def test_a_group_has_at_most_eight_tags_of_ours_whatever_its_history(
    acts: list[tuple[TagRecord, str, bool]], begin: dict[str, str]
) -> None:
    tags, read = dict(begin), dict(begin)
    for number, (mark, by, stale) in enumerate(acts):
        read = read if stale else dict(tags)  # another writer may have been at work meanwhile
        noted_by(tags, mark, by, AT + timedelta(hours=number), read)
        ours = {key: value for key, value in tags.items() if key.startswith("strata:")}
        assert len(ours) <= 8
        assert all(re.fullmatch(r"[\w +\-=.:/@]{0,256}", value) for value in ours.values())
        assert all(re.fullmatch(r"[\w +\-=.:/@]{1,128}", key) for key in ours)


@settings(max_examples=40, deadline=None)
@given(ACTS)
def test_the_kinds_of_the_last_stops_are_read_back_and_the_last_one_in_full(
    acts: list[tuple[TagRecord, str, bool]],
) -> None:
    tags: dict[str, str] = {}
    stops: dict[str, str] = {}
    for number, (mark, by, _) in enumerate(acts):
        at = AT + timedelta(hours=number)
        noted_by(tags, mark, by, at, dict(tags))
        if isinstance(mark, Stopped):
            stops.pop(mark.deployment, None)
            stops[mark.deployment] = mark.kind
            noted = parse(tags).stopped[mark.deployment]
            assert (noted.by, noted.at) == (by, f"{at:%Y-%m-%dT%H:%M:%S}.123Z")
        known = parse(tags)
        for id_ in [*stops][-LEAST:]:
            assert (stop := known.stop(id_))
            assert stop.kind == stops[id_]
        assert len(known.stopped) == len(stops) or known.lost


@settings(max_examples=40, deadline=None)
@given(ACTS, OPERATORS, RELEASES, BY, BY)
def test_an_operator_and_a_release_that_write_at_one_time_do_not_erase_each_other(
    acts: list[tuple[TagRecord, str, bool]], operators: TagRecord, releases: TagRecord, ann: str, run: str
) -> None:
    tags: dict[str, str] = {}
    for mark, by, _ in acts:
        noted_by(tags, mark, by, AT, dict(tags))
    if isinstance(operators, Stopped) and isinstance(releases, Stopped) and operators.deployment == releases.deployment:
        return  # two reasons for one stop: the later counts
    if isinstance(releases, Stopped) and releases.kind == "operator":
        return  # a release that is deleted speaks for an operator
    stopped = {mark.deployment for mark, _, _ in acts if isinstance(mark, Stopped)}
    if any(isinstance(mark, Stopped) and mark.deployment in stopped for mark in (operators, releases)):
        return  # a group has one deployment in flight, so two writers at one time stop no older one again
    read = dict(tags)
    noted_by(tags, operators, ann, AT, read)
    noted_by(tags, releases, run, AT, read)
    both = parse(tags)
    assert keeps(both, operators)
    assert keeps(both, releases)


def keeps(tags: Tags, mark: TagRecord) -> bool:
    """Whether a mark is there, with its words as far as they fit."""
    if isinstance(mark, Stopped):
        stop = tags.stop(mark.deployment)
        return stop is not None and stop.kind == mark.kind and stop.why != GONE
    if isinstance(mark, Enlisted):
        return tags.enlisted == mark.at
    noted = (tags.answered, tags.granted, tags.granted_by_policy, tags.overridden, *tags.proved.values())
    plain = [replace(each.mark, why="") if isinstance(each.mark, RetryGrant) else each.mark for each in noted if each]
    return (replace(mark, why="") if isinstance(mark, RetryGrant) else mark) in plain
