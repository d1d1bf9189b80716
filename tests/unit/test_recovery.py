"""What a release can be stuck in: what is found, and that the one safe thing ends with a whole alias."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.release.decision import next_action, recovery
from infra.release.decision.context import Decide
from infra.release.decision.recovery import Finding
from infra.release.engine.runner import run
from infra.release.model.actions import Action, Follow, Stop, WriteTag
from infra.release.model.ledger import to_milliseconds
from infra.release.model.observation import Alias, Deployment, Notes, Observation, Status
from infra.release.model.outcome import Ending, Outcome, Phase
from infra.release.model.spec import ReleasePolicy
from infra.release.model.tags import Enlisted, Stopped
from tests.unit.fake_cloud import FakeCloud, FakeSet, cloud, set_of, target, version
from tests.unit.seen import NEW, NOW, POLICY, SPLIT, TARGET, deployment, entry, noted, outcome, rollback, seen, stopped

ALONE = replace(POLICY, wait=False)
MOVED: dict[str, Any] = {"alias": Alias("3"), "live": version(3)}


def found(what: Observation) -> list[Finding]:
    return recovery.findings([TARGET], {TARGET.function: what}, POLICY, NOW)


def observe(fake: FakeCloud | FakeSet) -> dict[str, Observation]:
    names = list(fake.clouds) if isinstance(fake, FakeSet) else ["orders"]
    return fake.observe([target(function=name) for name in names], {name: Notes() for name in names})


def findings(fake: FakeCloud | FakeSet) -> list[Finding]:
    what = observe(fake)
    return recovery.findings([target(function=name) for name in what], what, POLICY, fake.clock.now())


def done(fake: FakeCloud | FakeSet, decide: Decide, policy: ReleasePolicy = POLICY) -> dict[str, Outcome]:
    wanted = [target(function=name) for name in observe(fake)]
    return run(wanted, policy, fake, fake.clock, lambda _: None, decide)


def mended(fake: FakeCloud | FakeSet) -> dict[str, Outcome]:
    return done(fake, recovery.recover(findings(fake)))


def started(minutes: float = 2) -> FakeCloud:
    fake = cloud(1, version(1), version(2), version(3))
    done(fake, next_action.decide, ALONE)
    fake.clock.time += timedelta(minutes=minutes)
    fake.serve()
    return fake


# What is well


@pytest.mark.parametrize(
    "what",
    [
        seen(),
        seen(alias=Alias("3"), live=version(3)),
        seen(deployment(), alias=SPLIT, shifted=NEW),
        seen(deployment(Status.CREATED, ago=14)),
        seen(rollback(Status.IN_PROGRESS), stopped(), alias=SPLIT, shifted=NEW),
        seen(rollback(Status.SUCCEEDED), stopped()),
    ],
    ids=["at rest", "moved by hand", "a canary", "queued", "a rollback", "rolled back"],
)
def test_what_is_well_is_left_alone(what: Observation) -> None:
    assert found(what) == []


# A split alias


def test_a_split_that_nothing_explains_takes_a_persons_word() -> None:
    [finding] = found(seen(alias=SPLIT, shifted=NEW))
    assert (finding.kind, finding.act) == ("split", "")
    assert "1 with 10% on 2" in finding.what
    assert finding.remedy.endswith("`--to`: 1, 2")


def test_a_rejected_version_is_not_a_choice_and_the_last_good_one_is() -> None:
    what = seen(stopped(), alias=Alias("1", "2", 0.3), shifted=NEW)
    assert recovery.choices(TARGET, what) == ["1"]
    promoted = deployment(Status.SUCCEEDED, entry=entry(version(1).fingerprint, "7"))
    assert recovery.choices(TARGET, seen(promoted, alias=SPLIT, shifted=NEW)) == ["1", "2", "7"]


def test_the_version_that_a_person_names_gets_all_traffic() -> None:
    fake = cloud()
    fake.point("1", "2", 0.3)
    [finding] = findings(fake)
    done(fake, recovery.recover([recovery.with_choice(finding, "2")]))
    assert fake.live.is_whole_on("2")
    assert findings(fake) == []


def test_a_deployment_stopped_without_a_rollback_is_put_right() -> None:
    fake = started()
    fake.rollback = "is missing"
    fake.stop("d-1")
    [at_once] = findings(fake)
    fake.clock.time += timedelta(minutes=2)
    [later] = findings(fake)
    assert (at_once.kind, later.kind) == ("left", "left")
    assert "gives CodeDeploy a minute" in at_once.act
    assert later.act == "sends all traffic to 1, from which it started"
    mended(fake)
    assert fake.live.is_whole_on("1")
    assert findings(fake) == []


# Orphans


def test_a_deployment_that_is_none_of_ours_is_noted_stopped_and_waited_for() -> None:
    stray = deployment(entry=None)
    flying: dict[str, Any] = {"alias": SPLIT, "shifted": NEW}
    [finding] = found(seen(stray, **flying))
    assert (finding.kind, finding.deployment) == ("orphan", "d-1")
    assert "no line of the ledger" in finding.what

    def next_(what: Observation) -> Action:
        return recovery.recover([finding])([TARGET], {TARGET.function: what}, POLICY, NOW)[TARGET.function]

    mark = Stopped("d-1", "operator", "unstick: orphan")
    gone = replace(stopped(), entry=None, error="MANUAL_STOP")
    assert next_(seen(stray, **flying)) == Follow("d-1")
    assert next_(seen(stray, following="d-1", **flying)) == WriteTag(mark, mark.why, Phase.ROLLBACK)
    assert next_(seen(stray, following="d-1", tags=noted(mark), **flying)) == Stop("d-1", mark.why)
    assert next_(seen(rollback(Status.IN_PROGRESS), gone, following="d-1", **flying)).phase is Phase.ROLLBACK
    assert (
        outcome(next_(seen(rollback(Status.SUCCEEDED), gone, following="d-1", tags=noted(mark)))).reason == "operator"
    )


def test_an_alias_moved_away_under_a_canary_makes_an_orphan_of_it() -> None:
    fake = started()
    fake.point("3")
    [finding] = findings(fake)
    assert finding.kind == "orphan"
    assert "the alias was moved to 3" in finding.what
    [end] = mended(fake).values()
    assert (end.ending, end.traffic) == (Ending.ROLLED_BACK, "all traffic is on 1")
    assert findings(fake) == []


# What hangs


def test_a_deployment_that_never_begins_is_stopped() -> None:
    fake = cloud()
    fake.never_begins = True
    done(fake, next_action.decide, ALONE)
    fake.clock.time += timedelta(minutes=16)
    [finding] = findings(fake)
    assert finding.kind == "hung"
    assert "Created after the longest wait of 15 minutes" in finding.what
    [end] = mended(fake).values()
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "fault")


def test_a_rollback_that_never_ends_is_overtaken() -> None:
    late: dict[str, Any] = {"alias": SPLIT, "shifted": NEW}
    [finding] = found(seen(rollback(Status.CREATED, ago=16), stopped(ago=20), **late))
    assert (finding.kind, finding.deployment) == ("hung", "d-1")
    followed = seen(rollback(Status.CREATED, ago=16), stopped(ago=20), following="d-1", **late)
    action = recovery.recover([finding])([TARGET], {TARGET.function: followed}, POLICY, NOW)[TARGET.function]
    assert action.phase is Phase.RESTORE


# Sets


def test_what_was_promoted_before_its_set_failed_is_reverted() -> None:
    fake = set_of("orders", "payments")
    done(fake, next_action.decide, ALONE)
    fake.clock.time += timedelta(minutes=9)
    fake.clouds["payments"].serve()
    fake.clouds["payments"].stop("payments-1")
    fake.clock.time += timedelta(minutes=3)
    [finding] = findings(fake)
    assert (finding.kind, finding.function, finding.act) == ("half", "orders", "reverts it to 1")
    mended(fake)
    assert all(each.live.is_whole_on("1") for each in fake.clouds.values())
    assert findings(fake) == []


def test_a_set_whose_runner_died_before_it_had_started_all_takes_a_persons_word() -> None:
    at = to_milliseconds(NOW)
    mark = Enlisted(at)
    promoted = deployment(Status.SUCCEEDED)
    other = target(function="payments")
    what = {
        "orders": seen(promoted, alias=Alias("2"), live=NEW, tags=noted(mark)),
        "payments": seen(tags=noted(mark)),
    }
    [finding] = recovery.findings([TARGET, other], what, POLICY, NOW)
    assert (finding.kind, finding.function, finding.act) == ("half", "payments", "")
    assert "orders went ahead alone" in finding.what
    back = deployment(Status.SUCCEEDED, ago=1, entry=entry(version(1).fingerprint, "2"))
    ledger: tuple[Deployment, ...] = (replace(back, id="d-2"), promoted)
    what["orders"] = seen(*ledger, tags=noted(mark, Stopped("d-1", "operator", "why")))
    assert recovery.findings([TARGET, other], what, POLICY, NOW) == []
