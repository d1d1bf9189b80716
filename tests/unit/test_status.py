"""What `status` reports of one function."""

from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from infra.release.cli.status import report, rows, table
from infra.release.decision import next_action
from infra.release.decision.context import ReleaseContext
from infra.release.decision.recovery import findings
from infra.release.model.observation import Observation, Status
from infra.release.model.spec import ReleasePolicy
from infra.release.model.tags import First, Overridden, RetryGrant, Stopped
from infra.release.verdict.judge import Counts
from tests.unit.fake_cloud import version
from tests.unit.seen import (
    NEW,
    NOW,
    OLD,
    POLICY,
    SPLIT,
    TARGET,
    WHOLE,
    deployment,
    entry,
    noted,
    rollback,
    seen,
    stopped,
)


def reported(what: Observation, policy: ReleasePolicy = POLICY) -> dict[str, Any]:
    watched = next_action.watch([TARGET], {TARGET.function: what}, policy, NOW)[TARGET.function]
    found = findings([TARGET], {TARGET.function: what}, policy, NOW)
    return report(ReleaseContext(TARGET, what, policy, NOW), watched, found, lambda at: at)


def shown(document: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {text}" for name, text in rows(dict(document)))


def test_what_is_live_is_reported_with_who_brought_it_there_and_when() -> None:
    live = reported(seen(deployment(Status.SUCCEEDED), **WHOLE))["live"]
    assert (live["version"], live["commit"], live["by"]) == ("2", "abc123", "user/ann")
    assert live["since"] == "2026-11-24T09:59:59Z"
    assert live["digest"] == NEW.digest


def test_a_stop_that_came_too_late_took_nothing_back() -> None:
    late = noted(Stopped("d-1", "operator", "too many complaints"))
    last = reported(seen(deployment(Status.SUCCEEDED), **WHOLE, tags=late))["last"]
    assert (last["outcome"], last["reason"], last["detail"]) == ("promoted", "verdict", "no alarm fired")


def test_a_first_version_is_reported_from_the_tag_that_it_answered() -> None:
    live = reported(seen(tags=noted(First("1", OLD.fingerprint, commit="c0ffee1"))))["live"]
    assert live["commit"] == "c0ffee1"
    assert (live["by"], live["since"]) == ("user/ann", "2026-11-24T10:00:00.000Z")


def test_a_version_that_the_alias_was_moved_to_by_hand_has_no_name() -> None:
    live = reported(seen(deployment(Status.SUCCEEDED)))["live"]
    assert (live["by"], live["since"], live["commit"]) == (None, None, None)


def test_a_canary_is_reported_as_a_watcher_sees_it() -> None:
    counts = {"stable": Counts(810, 1), "canary": Counts(90, 45)}
    document = reported(seen(deployment(), following="d-1", alias=SPLIT, shifted=NEW, **counts))
    flying = document["in_flight"]
    assert (flying["deployment"], flying["phase"], flying["from"], flying["to"]) == ("d-1", "canary", "1", "2")
    assert (flying["weight"], flying["canary"]) == (0.1, {"requests": 90, "errors": 45})
    assert flying["z"] > POLICY.rule.z
    assert document["last"] is None
    text = shown(document)
    assert "in flight: d-1 (InProgress): 1 -> 2" in text
    assert "canary: 3/10 min · v2 10%: 45/90 errors" in text


def test_a_deployment_of_others_is_reported_as_such_and_as_stuck() -> None:
    document = reported(seen(deployment(entry=None), following="d-1", alias=SPLIT, shifted=NEW))
    assert (document["in_flight"]["phase"], document["in_flight"]["z"]) == ("others", None)
    assert [each["kind"] for each in document["stuck"]] == ["orphan"]
    assert "by others" in shown(document)


def test_a_rejection_is_reported_with_its_refusal_and_its_retry_grant() -> None:
    back = rollback(Status.SUCCEEDED)
    rejected = reported(seen(back, stopped()))
    assert rejected["last"]["outcome"] == "rolled_back"
    assert rejected["last"]["reason"] == "verdict"
    assert [each["reason"] for each in rejected["refusals"]] == ["rejected"]
    assert "rejected: " + NEW.fingerprint in shown(rejected)
    mark = RetryGrant(NEW.fingerprint, "d-1", why="the network was down")
    retry_granted = reported(seen(back, stopped(), tags=noted(mark)))
    assert retry_granted["refusals"] == []
    assert [(each["why"], each["standing"]) for each in retry_granted["pardons"]] == [("the network was down", True)]
    assert "one more try is allowed" in shown(retry_granted)
    used = reported(seen(replace(deployment(Status.SUCCEEDED), id="d-3"), back, stopped(), tags=noted(mark), **WHOLE))
    assert [each["standing"] for each in used["pardons"]] == [False]
    assert "retry, used: " in shown(used)


def test_a_promotion_that_was_reverted_went_back() -> None:
    revert = replace(deployment(Status.SUCCEEDED, ago=1, entry=entry(version(1).fingerprint, "2")), id="d-2")
    taken = noted(Stopped("d-1", "operator", "totals are wrong"))
    document = reported(seen(revert, deployment(Status.SUCCEEDED), tags=taken))
    last = document["last"]
    assert (last["deployment"], last["outcome"], last["reason"]) == ("d-1", "rolled_back", "operator")
    assert last["detail"] == "user/ann reverted it: totals are wrong"
    assert [each["deployment"] for each in document["stops"]] == ["d-1"]


def test_an_override_is_reported_with_who_and_why() -> None:
    mark = Overridden(NEW.fingerprint, "older", "ann: the revert is on its way")
    assert "older for " + NEW.fingerprint in shown(reported(seen(tags=noted(mark))))
    assert "ann: the revert is on its way" in shown(reported(seen(tags=noted(mark))))


@pytest.mark.parametrize("what", [seen(), seen(deployment(entry=None), alias=SPLIT, shifted=NEW), seen(stopped())])
def test_every_report_can_be_shown(what: Observation) -> None:
    screen = StringIO()
    Console(file=screen, width=100, markup=False).print(table("orders", reported(what)))
    assert "orders" in screen.getvalue()
