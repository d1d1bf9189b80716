"""What a stack may release that follows another: only what the other's own ledger proves, and for a while."""

from dataclasses import replace
from typing import Any

import pytest

from infra.release.decision import promotion
from infra.release.decision.next_action import decide
from infra.release.engine import runner
from infra.release.model.actions import Finish, Start, WriteTag
from infra.release.model.attempt import Attempt, UpstreamReleases
from infra.release.model.observation import Observation
from infra.release.model.outcome import Ending
from infra.release.model.spec import ReleasePolicy
from infra.release.model.tags import Promoted
from tests.unit.fake_cloud import FakeClock, cloud
from tests.unit.seen import NEW, NOW, OLD, POLICY, TARGET, minutes, noted, seen

GROUP = "arn:aws:codedeploy:eu-west-1:222222222222:deploymentgroup:strata-staging/strata-staging-orders"
FOLLOWER = replace(TARGET, proof_group=GROUP, proof_role="arn:aws:iam::222222222222:role/strata-staging-proof")
FOLLOWS = replace(POLICY, source="staging")
DAY = 24 * 60
MARK = Promoted(NEW.fingerprint, "staging", "d-9", "strata-staging-deploy/ci", "2026-11-24")


def attempt(ending: Ending | None = Ending.PROMOTED, ago: float = 60, **values: Any) -> Attempt:
    """Of the wanted code, in staging, that ended so many minutes ago."""
    usual: dict[str, Any] = {
        "function": "strata-staging-orders",
        "deployment": "d-9",
        "started": NOW - minutes(ago + 11),
        "ending": ending,
        "reason": "verdict",
        "why": "no alarm fired",
        "stable": "3",
        "version": "4",
        "fingerprint": "f" * 16,
        "digest": NEW.digest,
        "contract": NEW.contract,
        "commit": "abc123",
        "by": "strata-staging-deploy/ci",
        "ended": NOW - minutes(ago),
        "change_failed": ending is Ending.ROLLED_BACK
        and values.get("reason", "verdict") in {"verdict", "hook", "operator"},
    }
    return Attempt(**{**usual, **values})


def observe(*attempts: Attempt, **values: Any) -> Observation:
    return seen(**{"upstream": UpstreamReleases(attempts), **values})


def action(what: Observation, policy: ReleasePolicy = FOLLOWS) -> Any:
    return decide([FOLLOWER], {FOLLOWER.function: what}, policy, NOW)[FOLLOWER.function]


def refused(what: Observation) -> str:
    found = action(what)
    assert isinstance(found, Finish)
    assert (found.outcome.ending, found.outcome.reason) == (Ending.REFUSED, "unproven")
    return found.outcome.detail


def test_what_the_other_stack_promoted_is_noted_with_whose_when_and_which_and_then_released() -> None:
    assert action(observe(attempt())) == WriteTag(
        MARK, "d-9 of 2026-11-24 proved it in staging, released by strata-staging-deploy/ci"
    )
    assert action(observe(attempt(), tags=noted(MARK))) == Start("1", "2")


def test_a_first_version_that_answered_there_proves_as_a_promotion_does() -> None:
    first = attempt(Ending.FIRST, deployment=None, stable=None)
    assert action(observe(first)).mark == replace(MARK, deployment="first")


def test_a_stack_that_follows_none_asks_for_no_proof() -> None:
    assert isinstance(decide([TARGET], {TARGET.function: seen()}, POLICY, NOW)[TARGET.function], Start)


@pytest.mark.parametrize(
    ("attempts", "said"),
    [
        ((), "it was never released there; release this very bundle there first"),
        ((attempt(digest=OLD.digest),), "it was never released there"),
        ((attempt(contract="d" * 16),), "d-9 released it there with another contract"),
        ((attempt(None, why="it is InProgress"),), "d-9 is still in flight there; run again when it has ended"),
        ((attempt(Ending.ROLLED_BACK, why="alarm x fired"),), "d-9 was reverted there (verdict: alarm x fired)"),
        ((attempt(Ending.ROLLED_BACK, reason="evidence"),), "d-9 ended there without proof (evidence"),
        ((attempt(ago=14 * DAY + 1),), "d-9 proved it there more than 14 days ago; release it there again"),
        ((attempt(None, deployment="d-10"), attempt()), "d-10 is still in flight there"),
        ((attempt(Ending.ROLLED_BACK, deployment="d-10"), attempt()), "d-10 was reverted there"),
    ],
)
def test_what_is_not_proved_is_refused_and_says_why(attempts: tuple[Attempt, ...], said: str) -> None:
    detail = refused(observe(*attempts))
    assert detail.startswith(f"code {NEW.digest} is not proved by stack staging: ")
    assert said in detail
    assert 'override: "who: why"' in detail


def test_a_later_fault_of_the_deployment_itself_takes_no_proof_away() -> None:
    assert isinstance(action(observe(attempt(Ending.ROLLED_BACK, reason="fault", ago=5), attempt())), WriteTag)


def test_records_out_of_reach_prove_nothing_and_it_says_what_was_tried() -> None:
    said = "AWS denies sts AssumeRole (role x): no (tried for GROUP by x)"
    assert f"its records cannot be read: {said}" in refused(seen(upstream=UpstreamReleases(unavailable_reason=said)))
    assert "they were not read" in refused(seen())


def test_the_age_that_a_proof_may_have_is_configured() -> None:
    policy = replace(FOLLOWS, proof_days=20)
    assert isinstance(action(observe(attempt(ago=15 * DAY)), policy), WriteTag)
    with pytest.raises(ValueError, match="proof_days is 0"):
        replace(FOLLOWS, proof_days=0)


def test_an_override_goes_ahead_without_a_proof_and_along_the_canary_all_the_same() -> None:
    policy = replace(FOLLOWS, override="ann: outage 4711")
    waived = action(observe(), policy)
    assert (waived.mark.refusal, waived.mark.text) == ("unproven", "ann: outage 4711")
    assert action(observe(tags=noted(waived.mark)), policy) == Start("1", "2")


def test_a_first_version_needs_a_proof_too_before_it_has_any_traffic() -> None:
    empty, clock = cloud(2), FakeClock()
    empty.tags.clear()
    outcome = runner.run([FOLLOWER], FOLLOWS, empty, clock, lambda _: None)[FOLLOWER.function]
    assert (outcome.ending, outcome.reason) == (Ending.REFUSED, "unproven")
    assert "probe" not in empty.calls


def test_the_newest_release_that_proves_its_own_code_is_found_among_those_that_do_not() -> None:
    reverted = attempt(Ending.ROLLED_BACK, digest=OLD.digest, deployment="d-10")
    assert promotion.newest((reverted, attempt()), 14, NOW) == attempt()
    assert promotion.newest((attempt(Ending.ROLLED_BACK, deployment="d-10"), attempt()), 14, NOW) is None
    assert promotion.newest((attempt(ago=14 * DAY),), 14, NOW) == attempt(ago=14 * DAY)
    assert promotion.newest((attempt(ago=14 * DAY + 1),), 14, NOW) is None
