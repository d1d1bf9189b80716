"""Which tries of a fingerprint reject it: by how each ended, and by what was noted of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from infra.release.decision import failure
from infra.release.decision.failure import failure_reason, rejection
from infra.release.model.observation import Deployment, Status
from infra.release.model.tags import Stopped, Tags, parse, written
from tests.unit.seen import NEW, NOW, OLD, TARGET, deployment, entry, noted, seen, stopped

PROMOTION = deployment(Status.SUCCEEDED, ago=30)
BACK = replace(
    deployment(Status.SUCCEEDED, ago=1, entry=replace(entry(OLD.fingerprint), stable="2"), canary="1"), id="d-3"
)


@pytest.mark.parametrize(
    ("kind", "rejects"), [("operator", True), ("verdict", True), ("hook", True), ("set", False), (None, False)]
)
def test_a_version_that_was_promoted_is_rejected_by_a_revert_that_blames_it(kind: str | None, rejects: bool) -> None:
    tags = noted(Stopped("d-1", kind, "orders were lost")) if kind else noted()
    assert rejection(NEW.fingerprint, TARGET, seen(BACK, PROMOTION, tags=tags)) == (PROMOTION if rejects else None)
    assert rejection(NEW.fingerprint, TARGET, seen(PROMOTION, tags=tags)) is None, "nothing reverted it"


@pytest.mark.parametrize(
    ("ended", "rejects"),
    [
        (stopped(), True),
        (deployment(Status.FAILED, error="HOOK_EXECUTION_FAILURE"), True),
        (deployment(Status.FAILED, error="TIMEOUT"), True),
        (deployment(Status.FAILED, error="IAM_ROLE_PERMISSIONS"), False),
        (deployment(Status.STOPPED, error="MANUAL_STOP"), False),
        (deployment(), False),
    ],
)
def test_a_version_that_a_verdict_or_a_hook_stopped_is_rejected(ended: Deployment, rejects: bool) -> None:
    assert rejection(NEW.fingerprint, TARGET, seen(ended)) == (ended if rejects else None)
    assert rejection(OLD.fingerprint, TARGET, seen(ended)) is None, "it was not tried"


def test_the_newest_try_that_says_anything_of_the_version_counts() -> None:
    hook = replace(deployment(Status.FAILED, ago=60, error="HOOK_EXECUTION_FAILURE"), id="d-0")
    fault = deployment(Status.FAILED, error="IAM_ROLE_PERMISSIONS")
    assert rejection(NEW.fingerprint, TARGET, seen(fault, hook)) == hook
    assert rejection(NEW.fingerprint, TARGET, seen(PROMOTION, hook)) is None, "it was promoted since"


def test_why_a_deployment_was_stopped_is_unknown_where_a_tag_of_its_time_may_have_been_dropped() -> None:
    by_request = deployment(Status.STOPPED, error="MANUAL_STOP")
    dropped, kept = Tags(lost=NOW.date()), Tags(lost=(NOW - timedelta(days=1)).date())
    assert failure_reason(by_request, TARGET, dropped)[0] == "unknown"
    assert failure_reason(by_request, TARGET, kept)[0] == "operator"
    assert failure_reason(by_request, TARGET, Tags())[0] == "operator"
    assert failure_reason(replace(by_request, entry=None), TARGET, dropped)[0] == "operator", "it is not of ours"


@pytest.mark.parametrize(
    ("kind", "by", "who"), [("operator", "", "an operator"), ("set", "", "a release"), ("set", "ci", "ci")]
)
def test_who_stopped_a_deployment_is_whom_the_tag_names_or_else_what_kind_of_stop_it_was(
    kind: str, by: str, who: str
) -> None:
    tags = parse(written(Stopped("d-1", kind, "orders were lost"), by, NOW))
    assert failure.who(PROMOTION, tags) == who
