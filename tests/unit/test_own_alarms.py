"""Alarms of the user's own, which stop a canary beside the release's."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.config import ConfigError
from infra.release.decision.failure import failure_reason
from infra.release.engine.runner import run
from infra.release.model.observation import Status
from infra.release.model.outcome import Ending, Outcome
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.model.tags import Stopped
from infra.release.reports.doctor import alarms as doctor
from infra.release.reports.doctor.facts import Alarm, Examined, Finding, Grade, Metric
from tests.unit.fake_cloud import START, FakeCloud, cloud, target
from tests.unit.seen import NOW, deployment, noted
from tests.unit.test_services_settled import mistakes, settle, stack

POLICY = ReleasePolicy(commit="abc123")
ORDERS = "orders per minute low"


def goal(wanted: int = 2) -> Target:
    return replace(target(wanted), alarms=(ORDERS, "refunds-high"))


def release(fake: FakeCloud, policy: ReleasePolicy = POLICY) -> Outcome:
    return run([goal()], policy, fake, fake.clock, lambda _: None)["orders"]


def test_an_alarm_of_the_users_own_stops_the_canary_with_its_name_and_its_own_reason() -> None:
    fake = cloud()

    def fire() -> None:
        if fake.clock.now() - START > timedelta(minutes=3):
            fake.alarms[ORDERS] = True

    fake.clock.at_sleep = fire
    end = release(fake)
    assert (end.ending, end.reason, str(fake.live)) == (Ending.ROLLED_BACK, "alarm", "1")
    assert end.detail.startswith(f"alarm {ORDERS} fired: {ORDERS} crossed its threshold; canary 2:")
    fake.alarms[ORDERS], fake.clock.at_sleep = False, lambda: None
    assert release(fake).ending is Ending.PROMOTED, "it does not reject the version"


def test_the_reason_stays_once_the_alarm_is_green_again() -> None:
    fake = cloud()

    def fire() -> None:
        stopped = [each.ended for each in fake.deployments.values() if each.failed and each.ended]
        if not stopped:
            fake.alarms[ORDERS] = bool(fake.deployments)
        elif fake.clock.now() - stopped[0] > timedelta(seconds=15):
            fake.alarms[ORDERS] = False

    fake.clock.at_sleep = fire
    end = release(fake)
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "alarm")
    assert f"alarm {ORDERS} fired: {ORDERS} crossed its threshold" in end.detail


def test_ours_is_told_apart_from_the_users_own_and_from_the_aliass() -> None:
    def said(*fired: str) -> str:
        stopped = deployment(Status.STOPPED, error="ALARM_ACTIVE", alarms=(verdict, "orders-live-errors", ORDERS))
        return failure_reason(stopped, goal(), noted(), frozenset(fired))[0]

    verdict = goal().verdict_alarm("1", "2", NOW)
    assert (said(ORDERS), said(verdict), said("orders-live-errors")) == ("alarm", "verdict", "fault")
    assert said(ORDERS, verdict) == "verdict"


def test_a_tag_keeps_that_it_was_an_alarm_of_the_users_own() -> None:
    mark = Stopped("d-1", "alarm", "alarm refunds-high fired")
    found = noted(mark).stop("d-1")
    assert found is not None
    assert (found.kind, found.why) == ("alarm", "alarm refunds-high fired")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (
            {"alarms": {ORDERS: True}},
            f"alarm {ORDERS} is already in ALARM, so it would stop the canary at once: fix what it reports, and run "
            "again when it is green",
        ),
        (
            {"unfit": {ORDERS: "does not exist in eu-west-1"}},
            f"alarm {ORDERS} does not exist in eu-west-1, so it would stop the canary at once: name a metric alarm of "
            "this region in canary.alarms",
        ),
        (
            {"alarms": {"refunds-high": True}, "unfit": {ORDERS: "is a composite alarm"}},
            f"alarm {ORDERS} is a composite alarm, so it would stop the canary at once: name a metric alarm of this "
            "region in canary.alarms; alarm refunds-high is already in ALARM, so",
        ),
        ({"unfit": {"another": "does not exist"}}, ""),
    ],
)
def test_an_alarm_that_would_stop_any_canary_refuses_the_release(state: dict[str, Any], said: str) -> None:
    fake = cloud()
    for name, value in state.items():
        setattr(fake, name, value)
    end = release(fake)
    assert end.ending is (Ending.REFUSED if said else Ending.PROMOTED)
    assert end.detail.startswith(said)
    if said:
        assert end.reason == "alarm"
        assert fake.deployments == {}


def test_an_override_leaves_the_users_own_alarms_out() -> None:
    fake = cloud()
    fake.alarms[ORDERS] = True
    end = release(fake, replace(POLICY, override="ann: hotfix"))
    assert end.ending is Ending.PROMOTED
    assert not {ORDERS, "refunds-high"} & set(fake.deployments["d-1"].alarms)


METRIC = Metric("Shop", "Orders", frozenset())


@pytest.mark.parametrize(
    ("known", "grade", "said"),
    [
        ({"alarms": {}}, Grade.BAD, "does not exist, so no release starts"),
        ({"unfit": {"mine": "is a composite alarm"}}, Grade.BAD, "is a composite alarm, so no release starts"),
        ({"state": "ALARM"}, Grade.BAD, "is in ALARM, so no release starts"),
        ({"reported": frozenset()}, Grade.WARNING, "is OK, and can stop no canary: Shop Orders () had no data"),
        ({"unavailable_reason": {"reported": "denied"}}, Grade.WARNING, "whether it can fire is not known"),
        ({}, Grade.OK, "is OK, can stop a canary, and its metrics have data"),
    ],
)
def test_doctor_says_whether_an_alarm_of_the_users_own_could_fire(
    known: dict[str, Any], grade: Grade, said: str
) -> None:
    mine = Alarm("mine", acts=False, actions=(), state=known.pop("state", "OK"), metrics=frozenset({METRIC}))
    usual: dict[str, Any] = {"alarms": {"mine": mine}, "reported": frozenset({METRIC})}
    facts = Examined(replace(target(), alarms=("mine",)), NOW, **{**usual, **known})
    found: list[Finding] = [each for each in doctor.findings(facts) if each.about == "alarm mine"]
    assert [each.grade for each in found] == [grade]
    assert said in found[0].said


# The configuration


def test_a_service_names_its_alarms_and_a_stack_may_name_others() -> None:
    assert settle("canary: {alarms: [low, high]}").canary.alarms == ("low", "high")
    given = {"svc": {"canary": {"alarms": ["other"]}}}
    assert settle("canary: {alarms: [low]}", services=given).canary.alarms == ("other",)


def test_more_alarms_than_codedeploy_takes_beside_ours_are_refused() -> None:
    names = ", ".join(f"a{number}" for number in range(7))
    assert len(settle(f"canary: {{alarms: [{names}]}}").canary.alarms) == 7
    (found,) = mistakes(f"canary: {{alarms: [{names}, one-more]}}")
    assert found == (
        "canary.alarms of svc has 8 alarms, but CodeDeploy takes 10, and 3 are the release's own; give 7 at most"
    )
    (slow,) = mistakes(f"canary: {{alarms: [{names}], rule: {{slowMilliseconds: 500}}}}")
    assert slow.endswith("and 4 are the release's own; give 6 at most")


def test_an_alarm_that_stops_every_canary_already_is_refused() -> None:
    (found,) = mistakes("canary: {alarms: [strata-prod-svc-live-errors]}")
    assert found == (
        "canary.alarms of svc has strata-prod-svc-live-errors, which stops every canary already; leave it out"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "arn:aws:cloudwatch:us-east-1:111111111111:alarm:x",
            "an ARN, but CodeDeploy reads alarms of its own region and account alone, by name",
        ),
        ("", "not a name"),
        ("x" * 256, "not a name"),
        (7, "not a string"),
    ],
)
def test_what_is_no_alarms_name_is_refused_with_the_reason(name: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        stack(services={"svc": {"canary": {"alarms": [name]}}})
    (found,) = caught.value.mistakes
    assert said in found
    assert "strata:services.svc.canary.alarms[0]" in found
