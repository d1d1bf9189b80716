"""A release in an outage: the alarm of the alias is red, and an override covers it for one deployment."""

from dataclasses import replace

import pytest

from infra.release.decision import next_action
from infra.release.model.actions import Start
from infra.release.model.observation import Observation
from infra.release.model.outcome import Ending, Progress
from infra.release.model.spec import ReleasePolicy
from infra.release.model.tags import Overridden, written
from tests.unit.fake_cloud import cloud, target, version
from tests.unit.seen import NEW, NOW, TARGET, noted, notes, seen
from tests.unit.test_refusals import OVERRIDE, ended
from tests.unit.test_runner import POLICY, assert_at_rest, release

# What is decided

THROTTLES = "orders-live-throttles"
BOTH = replace(TARGET, throttle_alarm=THROTTLES)
OUTAGE = Overridden(NEW.fingerprint, "alarm", "ann: hotfix")


def started(what: Observation, policy: ReleasePolicy = OVERRIDE) -> Start:
    action = next_action.decide([BOTH], {BOTH.function: what}, policy, NOW)[BOTH.function]
    assert isinstance(action, Start), action
    return action


@pytest.mark.parametrize(
    ("red", "words"),
    [({TARGET.alarm}, "alarm"), ({THROTTLES}, "throttles"), ({TARGET.alarm, THROTTLES}, "alarm+throttles")],
)
def test_an_override_leaves_out_the_alarm_that_refused_and_the_ledger_says_which(red: set[str], words: str) -> None:
    what = seen(red=frozenset(red))
    note = notes(next_action.decide([BOTH], {BOTH.function: what}, OVERRIDE, NOW)[BOTH.function])
    assert note.mark == Overridden(NEW.fingerprint, words, "ann: hotfix")
    assert set(started(replace(what, tags=noted(note.mark))).waived) == red


def test_an_alarm_that_was_not_red_stays_in_the_deployment() -> None:
    assert started(seen(red=frozenset({TARGET.alarm}), tags=noted(OUTAGE))).waived == (TARGET.alarm,)
    assert started(seen(tags=noted(replace(OUTAGE, refusal="older")))).waived == ()


def test_an_alarm_that_turns_red_after_the_override_was_noted_is_noted_before_it_is_left_out() -> None:
    what = seen(red=frozenset({TARGET.alarm, THROTTLES}), tags=noted(OUTAGE))
    note = notes(next_action.decide([BOTH], {BOTH.function: what}, OVERRIDE, NOW)[BOTH.function])
    assert note.mark == Overridden(NEW.fingerprint, "alarm+throttles", "ann: hotfix")


def test_an_alarm_that_blinks_between_the_refusal_and_the_start_is_covered_all_the_same() -> None:
    assert started(seen(tags=noted(OUTAGE))).waived == (TARGET.alarm,)


@pytest.mark.parametrize(
    ("mark", "policy"),
    [
        (replace(OUTAGE, fingerprint="f" * 16), OVERRIDE),  # of another version
        (OUTAGE, replace(OVERRIDE, override="ann: another")),
        (OUTAGE, POLICY),  # taken out of the stack's file again
    ],
)
def test_an_alarm_is_covered_only_in_the_deployment_of_that_override(mark: Overridden, policy: ReleasePolicy) -> None:
    assert started(seen(tags=noted(mark)), policy).waived == ()


def test_a_later_try_under_the_same_override_is_spared_only_what_is_red_still() -> None:
    fault = ended(error="IAM_ROLE_PERMISSIONS", message="")
    assert started(seen(fault, tags=noted(OUTAGE))).waived == ()
    assert started(seen(fault, tags=noted(OUTAGE), red=frozenset({TARGET.alarm}))).waived == (TARGET.alarm,)


# What comes of it


def test_the_fix_of_an_outage_is_refused_for_the_red_alarm_and_promoted_by_an_override() -> None:
    fake = cloud()
    fake.alarms[target().alarm] = True
    assert release(fake).reason == "alarm"
    progress: list[Progress] = []
    end = release(fake, policy=replace(POLICY, override="ann: the table is new"), progress=progress)
    assert (end.ending, end.reason) == (Ending.PROMOTED, "verdict")
    assert "refusal=alarm " in fake.tags["strata:override"]
    [verdict] = fake.deployments["d-1"].alarms
    assert verdict.startswith(target().verdict_alarms)
    assert any(f"which {target().alarm} cannot stop (overridden)" in each.text for each in progress)
    assert_at_rest(fake, "2")


def test_a_fix_that_is_worse_still_goes_back_by_its_verdict() -> None:
    fake = cloud()
    fake.alarms[target().alarm], fake.bad = True, {version(2).fingerprint}
    assert release(fake, policy=replace(POLICY, override="ann: perhaps")).reason == "verdict"
    assert_at_rest(fake, "1")


def test_the_release_after_an_outage_watches_the_alarm_again() -> None:
    fake = cloud(1, version(1), version(2), version(3))
    fake.alarms[target().alarm] = True
    release(fake, policy=replace(POLICY, override="ann: the table is new"))
    fake.alarms[target().alarm] = False
    assert release(fake, 3, replace(POLICY, override="ann: the table is new")).ending is Ending.PROMOTED
    assert target().alarm in fake.deployments["d-2"].alarms


def test_a_runner_that_dies_after_noting_the_override_covers_the_alarm_when_it_runs_again() -> None:
    fake = cloud()
    fake.alarms[target().alarm] = True
    policy = replace(POLICY, override="ann: the table is new")
    fake.tags |= written(Overridden(version(2).fingerprint, "alarm", policy.override), "user/ann", fake.clock.now())
    assert release(fake, policy=policy).ending is Ending.PROMOTED
