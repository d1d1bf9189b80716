"""A canary that the runner's own counts condemn, and that no alarm has stopped: tick by tick."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from infra.release.aws import metrics
from infra.release.decision import next_action
from infra.release.decision.failure import rejection
from infra.release.decision.silence import CHANCE, since
from infra.release.engine.runner import run
from infra.release.model.actions import RevertDeployment, Stop, Wait, WriteTag
from infra.release.model.observation import NOTHING, Deployment, Notes, Observation, Status
from infra.release.model.outcome import Ending, Outcome, Phase, Progress
from infra.release.model.tags import LONGEST_REASON, Stopped, fits
from infra.release.reports.history import attempts
from infra.release.verdict.judge import Counts, judge
from infra.release.verdict.rule import Rule
from tests.unit import fake_cloud
from tests.unit.fake_cloud import FakeCloud
from tests.unit.seen import (
    ALARM,
    NEW,
    NOW,
    POLICY,
    SPLIT,
    TARGET,
    WHOLE,
    decide,
    deployment,
    entry,
    minutes,
    noted,
    notes,
    outcome,
    seen,
    waits,
)

COUNTS = {"stable": Counts(283, 0), "canary": Counts(80, 21)}
"""What a rehearsal under load promoted."""
SLOW = f"{ALARM}-slow"
WHY = "the alarm was silent: canary 2 has 21 errors in 80 requests and stable 1 has 0 in 283: z 8.27 of 3.09"


def condemned(ago: float | None, *ledger: Deployment, **values: Any) -> Observation:
    """A canary of nine minutes whose counts condemn it, and have done so for so many minutes."""
    usual: dict[str, Any] = {"alias": SPLIT, "shifted": NEW, **COUNTS}
    what = seen(*(ledger or (deployment(ago=9),)), **{**usual, **values})
    return replace(what, notes=Notes("d-1", condemned=None if ago is None else NOW - minutes(ago)))


# While a share of the traffic is on the canary


def test_the_alarm_gets_one_whole_evaluation_and_then_the_runner_stops_what_it_let_pass() -> None:
    for waited in (None, 0, 1, 1.9):
        assert waits(decide(condemned(waited))) is Phase.CANARY
    assert decide(condemned(2)) == WriteTag(Stopped("d-1", "verdict", WHY), WHY, Phase.ROLLBACK)
    assert decide(condemned(2.2, tags=noted(Stopped("d-1", "verdict", WHY)))) == Stop("d-1", WHY)


@pytest.mark.parametrize("name", [ALARM, SLOW])
def test_a_verdict_alarm_that_is_red_is_codedeploys_to_act_on(name: str) -> None:
    heard = replace(deployment(ago=9), alarms=(ALARM, SLOW, TARGET.alarm))
    assert isinstance(decide(condemned(5, heard, red=frozenset({name}))), Wait)


def test_an_alarm_of_the_alias_that_is_red_says_nothing_of_the_canary() -> None:
    assert isinstance(decide(condemned(5, red=frozenset({TARGET.alarm}))), WriteTag)


def test_while_a_hook_bakes_the_new_version_it_is_judged_all_the_same() -> None:
    note = notes(decide(condemned(2, **WHOLE, shifted=None)))
    assert note.mark == Stopped("d-1", "verdict", WHY)


def test_without_waiting_nothing_is_stopped() -> None:
    end = outcome(decide(condemned(9), replace(POLICY, wait=False)))
    assert end.ending is Ending.STARTED


def test_the_words_name_the_bound_that_was_passed_and_fit_a_tag() -> None:
    many = {"stable": Counts(2**53, 2**40), "canary": Counts(2**53, 2**52)}
    few = {"stable": Counts(9, 0), "canary": Counts(8, 4)}
    notes = [decide(condemned(2, **counts)) for counts in (many, few)]
    for note in notes:
        assert isinstance(note, WriteTag)
        assert fits(note.why)
        assert len(note.why) <= LONGEST_REASON
    assert "stable 1 has 0 in 9: 50.0 percentage points above stable of 22" in str(notes[-1])


# What a runner remembers


def test_a_runner_remembers_since_when_all_its_looks_have_condemned_a_canary() -> None:
    first = condemned(None)
    assert since(first, Rule(), NOW) == NOW
    assert since(condemned(1), Rule(), NOW) == NOW - minutes(1)
    assert since(condemned(1, canary=Counts(80, 0)), Rule(), NOW) is None
    assert since(replace(condemned(1), notes=Notes()), Rule(), NOW) is None, "nothing is followed"
    back = replace(deployment(ago=1, entry=entry(released="1" * 16, stable="2")), id="d-2")
    taken = replace(condemned(1, back, deployment(Status.SUCCEEDED)), notes=Notes("d-2"))
    assert since(taken, Rule(), NOW) is None, "a way back is not judged"


# Once CodeDeploy has shifted all traffic


def shifted(ago: float | None = None, **values: Any) -> Observation:
    return condemned(ago, deployment(Status.SUCCEEDED, ago=10), **{**WHOLE, "shifted": None, **values})


def test_what_the_last_counts_condemn_is_reverted_and_never_promoted() -> None:
    note = decide(shifted())
    assert note == WriteTag(Stopped("d-1", "verdict", WHY), WHY, Phase.ROLLBACK)
    tags = noted(Stopped("d-1", "verdict", WHY))
    assert decide(shifted(tags=tags)) == RevertDeployment("2", "1", NOW, WHY)
    assert outcome(decide(shifted(canary=Counts(80, 0)))).ending is Ending.PROMOTED


def test_an_alarm_that_fired_after_the_shift_is_said_to_have_been_too_late() -> None:
    note = notes(decide(shifted(red=frozenset({ALARM}))))
    assert note.why.startswith("the alarm fired too late: canary 2 has 21 errors")


def test_what_a_runner_has_resolved_stands_where_the_shift_came_before_the_stop() -> None:
    resolved = shifted(canary=Counts(800, 5), tags=noted(Stopped("d-1", "verdict", WHY)))
    assert not judge(resolved.stable, resolved.canary, Rule()).fired
    assert isinstance(decide(resolved), RevertDeployment)


def test_the_next_runner_takes_back_what_one_that_died_had_resolved() -> None:
    left = replace(shifted(tags=noted(Stopped("d-1", "verdict", WHY))), notes=Notes(), stable=NOTHING, canary=NOTHING)
    assert decide(left) == RevertDeployment("2", "1", NOW, WHY)


def test_another_runner_that_was_first_is_no_hand_that_moved_the_alias() -> None:
    ended = deployment(Status.SUCCEEDED, ago=20, ended=NOW - minutes(5))
    end = outcome(decide(condemned(1, ended, alias=seen().alias, tags=noted(Stopped("d-1", "verdict", WHY)))))
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "verdict")


def test_a_version_so_stopped_is_rejected_and_the_ledger_says_why() -> None:
    tags = noted(Stopped("d-1", "verdict", WHY))
    stopped = deployment(Status.STOPPED, error="MANUAL_STOP", message="The deployment was stopped by a user.")
    back = replace(deployment(Status.SUCCEEDED, 1, entry=entry(released="1" * 16, stable="2")), id="d-2")
    for ledger in ((stopped,), (back, deployment(Status.SUCCEEDED))):
        found = rejection(NEW.fingerprint, TARGET, seen(*ledger, tags=tags))
        assert found is not None
        assert found.id == "d-1"
        (attempt,) = attempts(TARGET, ledger, tags, lambda at: at)
        assert (attempt.ending, attempt.reason, attempt.change_failed) == (Ending.ROLLED_BACK, "verdict", True)
        assert WHY in attempt.why
        refused = outcome(decide(seen(*ledger, tags=tags)))
        assert (refused.ending, refused.reason) == (Ending.REFUSED, "rejected")
        assert WHY in refused.detail


def test_a_set_goes_back_with_the_function_that_the_runner_has_condemned() -> None:
    other = fake_cloud.target(2, "stock")
    tags = noted(Stopped("d-1", "verdict", WHY))
    both = {TARGET.function: shifted(tags=tags), "stock": shifted(canary=Counts(80, 0))}
    actions = next_action.decide([TARGET, other], both, POLICY, NOW)
    assert isinstance(actions[TARGET.function], RevertDeployment)
    note = notes(actions["stock"])
    assert note.mark == Stopped("d-1", "set", "orders was not promoted and the set goes together")


# From look to look


def release(fake: FakeCloud) -> tuple[Outcome, list[Progress]]:
    progress: list[Progress] = []
    return run([TARGET], POLICY, fake, fake.clock, progress.append)["orders"], progress


def test_a_bad_version_whose_alarm_never_fires_is_rolled_back_by_the_runner() -> None:
    fake = fake_cloud.cloud()
    fake.bad, fake.deaf = {NEW.fingerprint}, True
    end, progress = release(fake)
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "verdict")
    assert "the alarm was silent" in end.detail
    assert end.cause == "ValueError: no"
    assert fake.live.is_whole_on("1")
    assert fake.clock.now() < fake_cloud.START + CHANCE + timedelta(minutes=3)
    assert any("the alarm was silent" in each.text for each in progress)
    again, _ = release(fake)
    assert (again.ending, again.reason) == (Ending.REFUSED, "rejected")


def test_a_bad_version_that_was_shifted_before_the_alarm_had_its_chance_is_reverted() -> None:
    fake = fake_cloud.cloud()
    fake.deaf = True

    def turns_bad() -> None:
        if fake.clock.now() > fake_cloud.START + timedelta(minutes=9):
            fake.bad = {NEW.fingerprint}

    fake.clock.at_sleep = turns_bad
    end, _ = release(fake)
    assert (end.ending, end.reason, end.from_version) == (Ending.ROLLED_BACK, "verdict", "1")
    assert [each.status for each in fake.deployments.values()] == [Status.SUCCEEDED, Status.SUCCEEDED]
    assert fake.live.is_whole_on("1")


# What is read


def moments(followed: Deployment | None, now: datetime) -> timedelta:
    what = seen(*([followed] if followed else []))
    return now - metrics.wanted(TARGET, replace(what, notes=Notes(followed.id if followed else None)), now).since


def test_the_runner_counts_within_the_alarms_own_window() -> None:
    assert moments(None, NOW) == minutes(10)
    assert moments(deployment(ago=3), NOW) == minutes(3), "before it was created nothing is the canary's"
    assert moments(deployment(ago=40), NOW) == minutes(10), "a bake of half an hour has left stable behind"
    ended = deployment(Status.SUCCEEDED, ago=40, ended=NOW - minutes(2))
    assert moments(ended, NOW) == minutes(12), "what the last looks saw"


def test_errors_that_came_before_their_invocations_condemn_nothing_yet() -> None:
    sums = Counter({("orders", "i1"): 100, ("orders", "i2"): 3, ("orders", "e2"): 4})
    measured = metrics._measured("orders", sums)
    assert not judge(measured.stable, measured.canary, Rule()).fired
