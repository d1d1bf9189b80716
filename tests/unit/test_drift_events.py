"""Drift: what was changed outside of Strata is announced once, with a message that a person can act on."""

import json
from dataclasses import replace
from typing import Any

import pytest

from infra.release.model.observation import Alias, Status
from infra.release.model.stops import LONGEST_VALUE
from infra.release.reports import drift, event
from infra.release.reports.doctor.facts import Examined, Group
from infra.release_events import READ_ONLY
from tests.golden import Golden
from tests.schemas import is_valid
from tests.unit import seen
from tests.unit.fake_cloud import version
from tests.unit.provider_kit import Stack, inputs, released
from tests.unit.test_release_doctor import FUNCTION, GROUP
from tests.unit.test_release_events import MOST_BYTES, MOST_OF_TEAMS, RELEASE, SCHEMA

MOVED = replace(FUNCTION, alias=Alias("3", revision="r3"), live=version(3))
SPLIT = replace(FUNCTION, alias=Alias("1", "3", 0.5, revision="r4"))
GONE = replace(FUNCTION, alias=None, live=None)
DEAF = Group(frozenset({"DEPLOYMENT_FAILURE"}), frozenset(), blind=True, role=GROUP.role)
CHANGED = replace(FUNCTION, group=DEAF)
CASES = {
    "moved by hand": [MOVED],
    "split by hand": [SPLIT],
    "alias deleted": [GONE],
    "group changed": [CHANGED],
    "group deleted": [replace(FUNCTION, group=None)],
    "moved, and another group changed": [MOVED, replace(CHANGED, target=replace(FUNCTION.target, function="billing"))],
}


def found(*facts: Examined, tag: str = "") -> tuple[list[drift.Drift], str]:
    return drift.unannounced(drift.examined(facts), tag)


def detail(*facts: Examined) -> dict[str, Any]:
    return event.drifted(RELEASE, found(*facts)[0])


@pytest.mark.parametrize("case", CASES)
def test_the_event_of_a_drift_keeps_its_schema(case: str) -> None:
    made = detail(*CASES[case])
    assert is_valid(made, SCHEMA)
    assert made["state"] == event.DRIFTED


def test_the_message_of_each_drift_is_as_written_down(golden: Golden) -> None:
    golden("drift-events", json.dumps({case: detail(*facts) for case, facts in CASES.items()}, indent=2) + "\n")


def test_the_command_puts_right_what_drifted_and_of_several_kinds_it_is_the_doctor() -> None:
    assert {case: detail(*facts)["command"] for case, facts in CASES.items()} == {
        "moved by hand": "pulumi up --stack prod",
        "split by hand": "python -m infra.release unstick --stack prod",
        "alias deleted": "pulumi up --refresh --stack prod",
        "group changed": "pulumi up --refresh --stack prod",
        "group deleted": "pulumi up --refresh --stack prod",
        "moved, and another group changed": "python -m infra.release doctor --stack prod",
    }


def test_an_event_of_many_drifts_keeps_the_limits_of_eventbridge_and_teams() -> None:
    many = [replace(MOVED, target=replace(MOVED.target, function=f"f{n}" * 30)) for n in range(100)]
    made = detail(*many)
    assert (made["count"], len(made["functions"])) == (100, 30)
    assert len(json.dumps(made).encode()) < MOST_BYTES
    assert len(json.dumps(made["message"]["teams"]).encode()) < MOST_OF_TEAMS
    assert is_valid(made, SCHEMA)


@pytest.mark.parametrize("case", CASES)
def test_a_drift_that_was_announced_is_no_news(case: str) -> None:
    news, tag = found(*CASES[case])
    assert news
    assert found(*CASES[case], tag=tag) == ([], tag)


def test_a_sound_function_and_a_release_in_flight_have_no_drift() -> None:
    assert found(FUNCTION) == ([], "")
    running = seen.deployment(Status.IN_PROGRESS, ended=None)
    assert found(replace(MOVED, ledger=(running,))) == ([], "")


def test_what_is_put_right_loses_its_mark_and_is_news_when_it_drifts_again() -> None:
    _, tag = found(CHANGED)
    assert found(FUNCTION, tag=tag) == ([], "")
    assert len(found(CHANGED, tag="")[0]) == 1


def test_an_alias_that_was_moved_once_more_is_news_even_onto_the_same_version() -> None:
    _, tag = found(MOVED)
    again = replace(MOVED, alias=Alias("3", revision="r5"))
    assert len(found(again, tag=tag)[0]) == 1


def test_the_mark_of_what_was_not_examined_stays() -> None:
    _, tag = found(CHANGED)
    unread = replace(MOVED, unavailable_reason={"group": "denied"})
    news, both = found(unread, tag=tag)
    assert [each.part for each in news] == ["alias"]
    assert found(MOVED, SPLIT, CHANGED)[0]
    assert tag in both
    assert found(unread, tag=both) == ([], both)


def test_marks_of_many_drifts_fit_a_tag_and_the_newest_stay() -> None:
    many = [replace(MOVED, target=replace(MOVED.target, function=f"f{n}")) for n in range(50)]
    _, tag = found(*many)
    assert len(tag) <= LONGEST_VALUE
    news, _ = found(many[0], tag=tag)
    assert news == []


# The provider


def moved() -> Stack:
    stack = released(2)
    stack.fake.point("3")
    return stack


def test_a_refresh_that_finds_an_alias_moved_by_hand_announces_it_once() -> None:
    stack = moved()
    for _ in range(3):
        assert stack.refresh()
    [(name, drifted)] = stack.fake.drifted
    assert (name, drifted.about, drifted.from_version, drifted.to_version) == ("prod", "alias orders:live", "2", "3")
    assert "it was moved by hand" in drifted.said
    assert drifted.traffic == "all traffic is on 3"


def test_a_refresh_of_another_terminal_announces_nothing_new() -> None:
    stack = moved()
    stack.refresh()
    other = Stack(stack.fake)
    other.inputs, other.outputs = inputs(2), {"liveVersions": {}, "outcomes": {}}
    other.refresh()
    assert len(stack.fake.drifted) == 1


def test_an_alias_that_is_gone_is_announced_by_a_refresh() -> None:
    stack = released(2)
    stack.fake.gone = True
    assert not stack.refresh()
    [(_, drifted)] = stack.fake.drifted
    assert drifted.traffic == "alias live is gone, so no request is served"


def test_an_up_announces_what_it_releases_over_and_the_next_refresh_forgets_it() -> None:
    stack = moved()
    stack.diff(inputs(2))
    assert stack.fake.drifted == []
    stack.update(inputs(2))
    assert [each.about for _, each in stack.fake.drifted] == ["alias orders:live"]
    assert stack.fake.marks
    stack.refresh()
    assert (stack.fake.marks, len(stack.fake.drifted)) == ("", 1)


def test_a_preview_announces_nothing() -> None:
    stack = moved()
    stack.diff(inputs(2))
    stack.update(inputs(2), preview=True)
    assert stack.fake.drifted == []


def test_a_refresh_that_may_only_read_announces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(READ_ONLY, "true")
    stack = moved()
    assert stack.refresh()
    assert stack.fake.drifted == []
    monkeypatch.delenv(READ_ONLY)
    stack.refresh()
    assert len(stack.fake.drifted) == 1


def test_an_unmoved_release_and_an_operators_own_rollback_are_no_drift() -> None:
    from tests.unit.test_release_provider import rolled_back  # noqa: PLC0415

    for stack in (released(2), rolled_back()):
        stack.refresh()
        assert stack.fake.drifted == []


def test_an_event_that_is_denied_hinders_no_refresh_and_comes_with_the_next() -> None:
    stack = moved()
    stack.fake.mute = True
    assert stack.refresh()
    assert "no event says that it has drifted: events PutEvents is denied" in [line for _, line in stack.engine.lines]
    stack.fake.mute = False
    stack.refresh()
    assert len(stack.fake.drifted) == 1
