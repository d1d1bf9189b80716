"""A release of `curve: auto`: when the curve is chosen, how it is known again, and what is said of it."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta

from infra.codedeploy import CANARIES, LINEAR
from infra.release.aws import iam, metrics
from infra.release.decision import curve
from infra.release.decision.context import ReleaseContext
from infra.release.engine.runner import observe, run
from infra.release.model import serialization
from infra.release.model.actions import Start
from infra.release.model.observation import Notes, Status
from infra.release.model.outcome import Ending, Outcome, Phase, Progress
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.reports.preview import forecast
from infra.release.verdict.curves import Auto, Choice, Shift
from infra.release.verdict.rule import Rule
from infra.release.verdict.traffic import DAY, PERIOD, WEEK, Bucket
from tests.unit.fake_cloud import START, FakeCloud, cloud, target, version
from tests.unit.seen import NOW, deployment, entry, minutes, rollback, seen

MINE = Shift("strata-prod-canary-50-45", 50, 45)
AUTO = Auto(5, 0.9, 60, (MINE,))
POLICY = ReleasePolicy(commit="abc123")


def chooses(wanted: int = 2, auto: Auto = AUTO) -> Target:
    return replace(target(wanted), auto=auto, percent=10)


def past(per_quarter: int, errors: int = 0) -> tuple[Bucket, ...]:
    first = START - 2 * WEEK
    return tuple(Bucket(first + number * PERIOD, per_quarter, errors) for number in range(2 * WEEK // PERIOD))


def release(fake: FakeCloud, goal: Target, progress: list[Progress] | None = None) -> Outcome:
    return run([goal], POLICY, fake, fake.clock, (progress if progress is not None else []).append)[goal.function]


def lines(progress: Sequence[Progress], phase: Phase) -> list[str]:
    return [each.text for each in progress if each.phase is phase]


def test_a_busy_function_is_released_along_a_short_curve_and_a_quiet_one_along_a_long() -> None:
    ends = {}
    for name, count in (("busy", 90_000), ("quiet", 200)):
        fake = cloud()
        fake.past = past(count)
        ends[name] = release(fake, chooses())
        assert ends[name].ending is Ending.PROMOTED
        took = fake.deployments["d-1"]
        assert took.curve == {"busy": CANARIES[10, 5], "quiet": MINE.name}[name]
        assert took.ended is not None
        assert (took.ended - took.created > minutes(44)) is (name == "quiet")
    assert "; curve chosen: 100 requests/s at 0 % errors: 10 % for 5 minutes catches +5 points" in ends["busy"].detail
    assert "; curve chosen: 0.22 requests/s at 0 % errors: 50 % for 45 minutes" in ends["quiet"].detail


def test_the_start_and_the_progress_say_the_curve_that_was_chosen() -> None:
    fake, progress = cloud(), list[Progress]()
    fake.past = past(90_000)
    release(fake, chooses(), progress)
    (start,) = lines(progress, Phase.START)
    assert start.startswith(f"1 -> 2 along {CANARIES[10, 5]}, judged over 5 minutes, as d-1; curve chosen: 100 req")
    assert lines(progress, Phase.CANARY)[0].startswith("0/5 min")


def test_the_curve_is_chosen_once_for_each_release_and_not_at_all_where_it_is_configured() -> None:
    fake = cloud()
    fake.past = past(900)
    release(fake, chooses())
    assert fake.calls.count("history") == 1
    other = cloud()
    end = release(other, target())
    assert "history" not in other.calls
    assert "curve" not in end.detail
    same = cloud()
    release(same, chooses(1))
    assert "history" not in same.calls, "nothing starts where the live version is the wanted one"


def test_without_traffic_the_default_is_taken_and_said() -> None:
    fake = cloud()
    end = release(fake, chooses())
    assert fake.deployments["d-1"].curve == "canary-10-10"
    assert end.detail.endswith(
        "curve chosen: no traffic of the last 4 weeks is known: the default, 10 % for 10 minutes"
    )


def test_a_runner_that_resumes_knows_the_curve_by_the_deployment_and_does_not_choose_again() -> None:
    going = deployment(curve=MINE.name, entry=entry())
    found = ReleaseContext(chooses(), seen(going, following="d-1"), POLICY, NOW).target
    assert (found.curve, found.minutes, found.percent) == (MINE.name, 45, 50)
    assert not curve.undecided(chooses(), seen(going))
    assert curve.said(seen(going, following="d-1")) == ""
    assert ReleaseContext(target(), seen(going, following="d-1"), POLICY, NOW).target.minutes == 10


def test_a_reason_is_not_given_for_a_curve_that_another_runner_chose() -> None:
    notes = Notes("d-1", choice=Choice(MINE, "so it is"))
    other = replace(seen(deployment(curve=CANARIES[10, 5]), following="d-1"), notes=notes)
    assert curve.said(other) == ""
    assert curve.said(replace(other, ledger=(deployment(curve=MINE.name),))) == "curve chosen: so it is"


def test_the_counts_that_matter_are_those_of_the_chosen_window_and_of_the_longest_before_the_choice() -> None:
    before, chosen = seen(), seen()
    chosen = replace(chosen, notes=Notes(choice=Choice(Shift(CANARIES[10, 5], 10, 5), "")))
    assert metrics.wanted(chooses(), before, NOW).since == NOW - minutes(45)
    assert metrics.wanted(chooses(), chosen, NOW).since == NOW - minutes(5)
    assert metrics.wanted(target(), before, NOW).since == NOW - minutes(10)
    assert curve.window(chooses(auto=Auto(5, 0.9, 4)), before) == 10


def test_errors_of_a_version_that_was_rolled_back_or_reverted_are_no_baseline() -> None:
    reverted = deployment(Status.SUCCEEDED, ago=60, ended=NOW - minutes(50))
    back = replace(
        deployment(Status.SUCCEEDED, ago=20, ended=NOW - minutes(19)),
        id="d-9",
        entry=entry(version(1).fingerprint, "2"),
    )
    spans = list(curve.unusual((back, reverted), NOW))
    assert (reverted.created, NOW - minutes(19)) in spans
    failed = deployment(Status.STOPPED, ago=30, rollback="d-2", ended=NOW - minutes(20))
    spans = list(curve.unusual((rollback(Status.SUCCEEDED), failed), NOW))
    assert (failed.created, NOW - minutes(20)) in spans
    assert (NOW - minutes(0.5), NOW) in spans, "one in flight has no end yet"
    good = [each for each in past(900) if each.at < START]
    errors = [replace(each, errors=600) if START - DAY <= each.at < START - DAY + PERIOD else each for each in good]
    ran = deployment(Status.STOPPED, created=START - DAY, ended=START - DAY + timedelta(minutes=10))
    choice = curve.chosen(chooses(), POLICY, errors, (ran,), START)
    assert choice is not None
    assert choice.why.startswith("1 requests/s at 0 % errors: ")


def test_the_functions_own_rule_is_the_one_that_is_asked() -> None:
    def of(rule: Rule) -> str:
        found = curve.chosen(replace(chooses(), rule=rule), POLICY, past(900, 9), (), START)
        return found.shift.name if found else ""

    assert of(Rule()) != of(Rule(minimum_errors=40))


def test_a_preview_says_what_would_be_chosen_and_why_and_nothing_where_nothing_is() -> None:
    def foreseen(goal: Target) -> str:
        fake = cloud()
        fake.past = past(90_000)
        (found,) = forecast([goal], observe([goal], POLICY, fake), POLICY, fake.clock.now())
        assert ("choice" in found.to_dict()) is (goal.auto is not None)
        return found.line()

    assert f"along {CANARIES[10, 5]}, judged over 5 minutes; curve chosen: 100 requests/s" in foreseen(chooses())
    assert "chosen" not in foreseen(target())


def test_a_target_that_chooses_survives_the_way_through_a_state() -> None:
    goal = replace(chooses(), rule=Rule(minimum_errors=5))
    assert serialization.target(asdict(goal)) == goal
    wire = {**asdict(goal), "auto": {"points": 5.0, "chance": 1 / 2, "longest": 60.0, "listed": [asdict(MINE)]}}
    assert serialization.target(wire).auto == replace(AUTO, chance=0.5)


def test_the_deploy_role_is_asked_for_every_curve_that_may_be_chosen() -> None:
    (arns,) = [arns for actions, arns in iam.writes([chooses()]).items() if "codedeploy:GetDeploymentConfig" in actions]
    names = {each.rpartition(":")[2] for each in arns}
    assert {MINE.name, "canary-10-10", CANARIES[10, 30], LINEAR[10, 3]} <= names
    assert LINEAR[10, 10] not in names, "it is longer than allowed"


def test_an_observation_of_what_is_in_flight_is_left_as_it_is() -> None:
    fake = cloud()
    fake.past = past(900)
    fake.start(chooses(), POLICY, Start("1", "2"))
    assert observe([chooses()], POLICY, fake)["orders"].notes.choice is None
