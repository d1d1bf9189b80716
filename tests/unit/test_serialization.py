"""Targets, policies and outcomes as a stack's state holds them."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.release.model import serialization
from infra.release.model.observation import Alias
from infra.release.model.outcome import Ending, Outcome
from infra.release.model.spec import ReleasePolicy
from infra.release.provider import drift
from infra.release.verdict.rule import Rule
from tests.unit.fake_cloud import target

TARGET = asdict(target(3))
POLICIES = st.builds(
    ReleasePolicy,
    rule=st.builds(
        Rule, z=st.floats(1.5, 10), forgiven=st.integers(0, 9), slow_milliseconds=st.none() | st.integers(1, 9)
    ),
    wait=st.booleans(),
    longest_wait_minutes=st.integers(1, 1440),
    commit=st.text(max_size=9),
)


def as_grpc(value: Any) -> Any:
    """As a Struct carries it: every number a float, no None."""
    if isinstance(value, dict):
        return {key: as_grpc(each) for key, each in value.items() if each is not None}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def test_a_hook_that_codedeploy_would_not_invoke_is_reported_with_the_name_that_it_must_have() -> None:
    named = asdict(target(2)) | {"before_allow_traffic": "smoke"}
    with pytest.raises(serialization.WireError, match=r"the hook 'smoke' of orders is not named CodeDeployHook_\*"):
        serialization.target(named)


def test_a_target_is_read_back_as_it_was_written() -> None:
    assert serialization.target(TARGET) == target(3)
    assert serialization.target(as_grpc(TARGET)) == target(3)


def test_a_target_from_before_it_held_the_canarys_percent_is_read_and_releases_nothing_by_itself() -> None:
    before = {name: value for name, value in TARGET.items() if name != "percent"}
    assert serialization.target(before) == target(3)
    after = {"targets": [{**before, "percent": 10}]}
    assert list(drift.changed({"targets": [before]}, after)) == []


@given(POLICIES)
def test_a_policy_is_read_back_as_it_was_written(policy: ReleasePolicy) -> None:
    assert serialization.policy(asdict(policy)) == policy
    assert serialization.policy(as_grpc(asdict(policy))) == policy


def test_a_policy_may_leave_anything_to_its_default() -> None:
    assert serialization.policy({}) == ReleasePolicy()
    assert serialization.policy({"rule": {"z": 4}}) == ReleasePolicy(rule=Rule(z=4))


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"version": 3}, "target.version", "is 3: it must be of type str"),
        ({"minutes": 10.5}, "target.minutes", "is 10.5: it must be of type int"),
        ({"minutes": True}, "target.minutes", "is True: it must be of type int"),
        ({"minutes": "10"}, "target.minutes", "is '10': it must be of type int"),
        ({"group": None}, "target.group", "is None: it must be of type str"),
        ({"colour": "red"}, "target.colour", "is unknown"),
    ],
)
def test_a_mistake_in_a_target_is_reported_with_its_path(change: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(serialization.WireError) as problem:
        serialization.target({**TARGET, **change})
    assert list(problem.value.mistakes) == [path]
    assert words in str(problem.value)


def test_all_mistakes_are_reported_at_once() -> None:
    data = {name: value for name, value in TARGET.items() if name != "alias"}
    with pytest.raises(serialization.WireError) as problem:
        serialization.target({**data, "minutes": "ten", "colour": "red"})
    assert set(problem.value.mistakes) == {"target.alias", "target.minutes", "target.colour"}


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        ({"wait": 1}, "policy.wait", "must be of type bool"),
        ({"longest_wait_minutes": 0}, "policy", "longest_wait_minutes is 0"),
        ({"proof_days": 0, "retry": "0123"}, "policy", "; give a whole number of days from 1 to 365"),
        ({"proof_days": 0, "retry": "0123"}, "policy", "retry is '0123', not of the form wanted"),
        ({"rule": {"z": 0.1}}, "policy.rule", "rule.z is 0.1"),
        ({"rule": {"sigma": 3}}, "policy.rule.sigma", "is unknown"),
        ({"rule": 3}, "policy.rule", "is 3: it must be of type Rule"),
        ([], "policy", "must be an object"),
    ],
)
def test_a_mistake_in_a_policy_is_reported_with_its_path(data: Any, path: str, words: str) -> None:
    with pytest.raises(serialization.WireError) as problem:
        serialization.policy(data)
    assert list(problem.value.mistakes) == [path]
    assert words in str(problem.value)


def test_an_outcome_keeps_its_words_in_the_state() -> None:
    outcome = Outcome(Ending.ROLLED_BACK, "orders", "verdict", "it failed", "1", "2", "d-1")
    plain = serialization.to_dict(outcome)
    assert (plain["outcome"], plain["from_version"], plain["deployment_id"]) == ("rolled_back", "1", "d-1")


# Drift


INPUTS = {"targets": [TARGET], "policy": asdict(ReleasePolicy(commit="abc")), "region": "eu-central-1"}


def test_inputs_that_are_equal_have_not_changed() -> None:
    assert list(drift.changed(INPUTS, INPUTS)) == []


def test_a_commit_alone_is_no_change() -> None:
    other = {**INPUTS, "policy": {**INPUTS["policy"], "commit": "def"}}  # type: ignore[dict-item]
    assert list(drift.changed(INPUTS, other)) == []


def test_a_change_is_reported_by_its_property_path() -> None:
    other = {
        **INPUTS,
        "targets": [{**TARGET, "version": "4"}],
        "policy": asdict(ReleasePolicy(rule=Rule(z=4), commit="def")),
    }
    assert set(drift.changed(INPUTS, other)) == {"targets[0].version", "policy.rule.z"}


def test_one_function_more_is_a_change_of_the_set() -> None:
    assert list(drift.changed(INPUTS, {**INPUTS, "targets": [TARGET, TARGET]})) == ["targets"]


@pytest.mark.parametrize(
    ("outcome", "unfinished"),
    [("started", True), ("moved", True), ("promoted", False), ("first", False), ("unchanged", False)],
)
def test_a_release_is_unfinished_where_no_run_waited_or_it_was_moved(outcome: str, unfinished: bool) -> None:
    assert drift.unfinished({"outcomes": {"orders": {"outcome": outcome}}}) is unfinished


def test_an_alias_moved_by_hand_is_reported_with_function_expected_and_found() -> None:
    assert drift.is_surprise(TARGET, "2", Alias("1"))
    said = drift.warning(TARGET, "2", Alias("1"), None)
    assert "orders: alias live is on version 1, where the last release left it on version 2" in said


@pytest.mark.parametrize("found", [Alias("2"), Alias("2", "3", 0.1), Alias("3")])
def test_an_alias_where_it_was_left_or_on_the_wanted_version_is_no_surprise(found: Alias) -> None:
    assert not drift.is_surprise(TARGET, "2", found)


def test_an_alias_that_is_gone_is_reported() -> None:
    assert drift.is_surprise(TARGET, "2", None)
    assert "is gone" in drift.warning(TARGET, "2", None, None)


def test_a_split_by_hand_is_reported_with_its_weight() -> None:
    split = replace(Alias("2"), shifted="1", weight=0.5)
    assert "is on version 2 with 50% on 1" in drift.warning(TARGET, "2", split, None)


def test_a_rule_that_an_earlier_release_wrote_into_a_state_is_read_as_it_was() -> None:
    former = {
        "z": 3.15,
        "correction": 1,
        "minimum_errors": 2,
        "absolute": 0.25,
        "forgiven": 0,
        "slow_milliseconds": None,
    }
    rule = serialization.policy({"rule": former}).rule
    assert (rule.statistic, rule.minimum_errors, rule.absolute_minimum, rule.absolute_z) == ("z", 2, 2, 0)
    assert serialization.policy({"rule": asdict(rule)}).rule == rule
    assert serialization.policy({"rule": asdict(Rule())}).rule == Rule()
