"""What keeps a release from being started, and what sets it aside."""

from dataclasses import replace
from typing import Any

import pytest

from infra.release.model.actions import Start, Wait, WriteTag
from infra.release.model.ledger import Entry
from infra.release.model.observation import Deployment, Observation, Status
from infra.release.model.outcome import Ending
from infra.release.model.tags import Overridden, RetryGrant, Stopped, TagRecord
from tests.unit.fake_cloud import version
from tests.unit.seen import (
    ALARM,
    NEW,
    NOW,
    OLD,
    POLICY,
    SPLIT,
    TARGET,
    decide,
    deployment,
    entry,
    minutes,
    noted,
    notes,
    outcome,
    restores,
    seen,
)

ROLE = {"Role": "arn:aws:iam::111111111111:role/old"}
OVERRIDE = replace(POLICY, override="ann: hotfix")
WAIVED = Overridden(NEW.fingerprint, "rejected", "ann: hotfix")


def ended(id_: str = "d-1", ago: float = 60, **values: Any) -> Deployment:
    """A try of version 2 that a verdict ended so many minutes ago."""
    usual: dict[str, Any] = {"error": "ALARM_ACTIVE", "message": ALARM, "ended": NOW - minutes(ago)}
    return replace(deployment(Status.STOPPED, ago=ago + 5), id=id_, **{**usual, **values})


def rejected(*marks: TagRecord, **values: Any) -> Observation:
    return seen(ended(**values), tags=noted(*marks))


def test_what_a_verdict_rejected_is_refused_with_the_deployment_the_date_and_the_remedies() -> None:
    end = outcome(decide(rejected()))
    assert (end.ending, end.reason) == (Ending.REFUSED, "rejected")
    for part in (
        NEW.fingerprint,
        "d-1 of 2026-11-24",
        f"verdict: alarm {ALARM}",
        "allow-retry",
        f"retry: '{NEW.fingerprint}'",
    ):
        assert part in end.detail
    assert 'override: "who: why"' in end.detail


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"status": Status.FAILED, "error": "HOOK_EXECUTION_FAILURE"}, True),
        ({"status": Status.FAILED, "error": "TIMEOUT"}, True),
        ({"status": Status.FAILED, "error": "IAM_ROLE_PERMISSIONS"}, False),
        ({"message": TARGET.alarm}, False),  # the alias-wide alarm says nothing of the version
        ({"error": "MANUAL_STOP", "message": ""}, False),
    ],
)
def test_only_a_verdict_and_a_hook_reject_a_version(values: dict[str, Any], refused: bool) -> None:
    action = decide(rejected(**values))
    assert isinstance(action, Start) != refused


def test_another_fingerprint_is_not_refused_for_it() -> None:
    assert isinstance(decide(replace(rejected(), wanted=version(3))), Start)


def test_a_rejected_version_that_was_promoted_since_is_not_refused() -> None:
    promoted = replace(ended("d-2", ago=30), status=Status.SUCCEEDED, error="", message="")
    assert isinstance(decide(seen(promoted, ended())), Start)


def test_a_version_that_an_operator_took_back_is_refused_with_who_and_why() -> None:
    promoted = replace(ended(), status=Status.SUCCEEDED, error="")
    back = replace(promoted, id="d-2", created=NOW - minutes(20), entry=entry(OLD.fingerprint, "2"), canary="1")
    tags = noted(Stopped("d-1", "operator", "orders were lost"))
    end = outcome(decide(seen(back, promoted, tags=tags)))
    assert end.reason == "rejected"
    assert "user/ann reverted it: orders were lost" in end.detail
    assert isinstance(decide(seen(promoted, tags=tags)), Start)  # the stop came too late


def test_a_version_that_went_back_only_with_its_set_is_not_refused() -> None:
    promoted = replace(ended(), status=Status.SUCCEEDED, error="")
    assert isinstance(decide(seen(promoted, tags=noted(Stopped("d-1", "set", "billing failed")))), Start)


def test_forgiving_allows_one_more_try_and_no_second() -> None:
    grant = RetryGrant(NEW.fingerprint, "d-1")
    assert isinstance(decide(rejected(grant)), Start)
    again = seen(ended("d-2", ago=30), ended(), tags=noted(grant))
    assert outcome(decide(again)).reason == "rejected"


def test_a_configured_retry_is_recorded_first_then_allows_one_more_try_and_is_used_up() -> None:
    policy = replace(POLICY, retry=NEW.fingerprint)
    note = notes(decide(rejected(), policy))
    assert note.mark == RetryGrant(NEW.fingerprint, "d-1", configured=True)
    assert isinstance(decide(rejected(note.mark), policy), Start)
    used_up = outcome(decide(seen(ended("d-2", ago=30), ended(), tags=noted(note.mark)), policy))
    assert used_up.reason == "rejected"
    assert "retry:" not in used_up.detail
    assert "allow-retry" in used_up.detail


def test_an_older_commit_than_the_live_one_is_refused() -> None:
    released = Entry(OLD.fingerprint, OLD.digest, OLD.contract, "fedcba987", NOW, "0", "user/ann")
    promoted = replace(ended(), status=Status.SUCCEEDED, error="", entry=released)
    end = outcome(decide(seen(promoted, older=True)))
    assert end.reason == "older"
    assert "commit abc123 is older than fedcba987" in end.detail


@pytest.mark.parametrize("alarm", [TARGET.alarm, "orders-live-throttles"])
def test_a_red_alarm_of_the_alias_is_refused_before_anything_starts(alarm: str) -> None:
    end = outcome(decide(seen(red=frozenset({alarm})))) if alarm == TARGET.alarm else None
    if end is not None:
        assert end.reason == "alarm"
        assert alarm in end.detail
    else:
        assert isinstance(decide(seen(red=frozenset({alarm}))), Start)  # the target names no such alarm


def test_versions_of_different_roles_are_refused_with_both_roles() -> None:
    other = {"Role": "arn:aws:iam::111111111111:role/new"}
    end = outcome(decide(seen(live=replace(OLD, published=ROLE), wanted=replace(NEW, published=other))))
    assert end.reason == "unlike"
    assert ROLE["Role"] in end.detail
    assert other["Role"] in end.detail


def test_nothing_is_refused_where_nothing_would_start() -> None:
    same = replace(OLD, number="2")
    assert outcome(decide(seen(wanted=same, older=True, red=frozenset({TARGET.alarm})))).ending is Ending.UNCHANGED


def test_an_override_is_recorded_with_what_it_sets_aside_and_then_holds() -> None:
    red = frozenset({TARGET.alarm})
    note = notes(decide(replace(rejected(), red=red), OVERRIDE))
    assert note.mark == Overridden(NEW.fingerprint, "rejected+alarm", "ann: hotfix")
    assert isinstance(decide(replace(rejected(note.mark), red=red), OVERRIDE), Start)


def test_an_override_that_was_used_for_another_fingerprint_holds_no_longer() -> None:
    used = replace(WAIVED, fingerprint="f" * 16)
    assert outcome(decide(rejected(used), OVERRIDE)).reason == "rejected"
    assert isinstance(decide(rejected(used), replace(POLICY, override="ann: another")), WriteTag)


def test_an_overridden_split_is_made_whole_on_its_main_version() -> None:
    assert restores(decide(seen(alias=SPLIT, shifted=NEW, tags=noted(WAIVED)), OVERRIDE)) == "1"


def test_overridden_roles_are_released_all_at_once() -> None:
    incompatible_versions: dict[str, Any] = {
        "live": replace(OLD, published=ROLE),
        "wanted": replace(NEW, published={"Role": "other"}),
    }
    assert decide(seen(tags=noted(WAIVED), **incompatible_versions), OVERRIDE) == Start("1", "2", all_at_once=True)


def test_a_version_with_a_retry_grant_still_waits_for_an_empty_window() -> None:
    action = decide(rejected(RetryGrant(NEW.fingerprint, "d-1"), ago=5))
    assert isinstance(action, Wait)
