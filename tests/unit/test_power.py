"""What `python -m infra.release power` promises, against simulated canaries and against itself."""

import math
from dataclasses import asdict

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from bench.verdict_draws import DEFAULT, Cell, plain
from bench.verdict_rules import shipped
from infra.release.cli.power import power
from infra.release.model.spec import Target
from infra.release.verdict.power import Situation, alternatives, report
from infra.release.verdict.rule import Rule, VerdictError

APP = typer.Typer()
APP.command()(power)


@pytest.mark.parametrize(("rps", "baseline"), [(1, 0.0), (3, 0.01), (10, 0.05), (100, 0.05)])
@pytest.mark.parametrize("rule", [Rule(), Rule(forgiven=3)])
def test_it_promises_no_more_and_little_less_than_a_simulation_shows(rps: float, baseline: float, rule: Rule) -> None:
    runs = 20_000
    situation = Situation(rps, baseline, lateness=1, rule=rule)
    for regression, draw in plain(np.random.default_rng(11), DEFAULT, Cell(baseline, rps, runs))[1:]:
        measured = (shipped(rule)(draw, DEFAULT.most_seen(1)) <= DEFAULT.most_seen(1)).mean()
        promised = situation.caught(regression)
        assert promised <= measured + 3 * math.sqrt((measured * (1 - measured) + 1e-4) / runs)
        assert promised >= measured - 0.08


def test_more_traffic_a_longer_canary_and_a_wider_one_catch_more() -> None:
    plain_ = Situation(3, 0.01).caught(0.05)
    assert plain_ < Situation(6, 0.01).caught(0.05)
    assert plain_ < Situation(3, 0.01, minutes=20).caught(0.05)
    assert plain_ < Situation(3, 0.01, percent=20).caught(0.05)
    assert plain_ > Situation(3, 0.01, lateness=3).caught(0.05)
    assert plain_ > Situation(3, 0.01, rule=Rule(forgiven=3)).caught(0.05)


@pytest.mark.parametrize("chance", [0.5, 0.9, 0.99])
def test_the_smallest_regression_is_the_first_that_is_caught_often_enough(chance: float) -> None:
    situation = Situation(10, 0.01)
    smallest = situation.smallest(chance)
    assert smallest is not None
    assert situation.caught(smallest) >= chance > situation.caught(smallest - 0.001)


def test_too_little_traffic_catches_nothing_and_says_so() -> None:
    situation = Situation(0.01, 0.0)
    assert situation.smallest(0.9) is None
    text = "\n".join(report(situation))
    assert "Mostly silent" in text
    assert "none" in text


def test_traffic_beyond_all_measure_is_computed_too() -> None:
    assert Situation(100_000, 0.5).caught(0.02) == pytest.approx(1)
    assert Situation(100_000, 0.5).caught(0.0) < 0.01


def test_a_good_release_is_seldom_caught() -> None:
    assert 0.0005 < Situation(100, 0.05).caught(0.0) < 0.003


def test_alternatives_give_more_evidence() -> None:
    situation = Situation(3, 0.01)
    for other in alternatives(situation):
        assert other.evidence > situation.evidence
        assert other.rule == situation.rule


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rps": 0}, "rps is 0: give requests per second, up to 100000"),
        ({"rps": math.nan}, "rps is nan"),
        ({"rps": math.inf}, "rps is inf"),
        ({"baseline": 1}, "baseline is 1: give errors per request, from 0 to below 1"),
        ({"baseline": -0.1}, "baseline is -0.1"),
        ({"percent": 100}, "percent is 100: a canary takes more than 0 and less than 100"),
        ({"lateness": -1}, "lateness is -1"),
        ({"minutes": 2}, "no look before the shift sees a complete minute; give at least 3"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_bound(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(VerdictError) as raised:
        Situation(**{"rps": 3, "baseline": 0.01, **wrong})  # type: ignore[arg-type]
    assert message in str(raised.value)


def test_a_stack_gives_its_own_curve_and_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target("f", "live", "2", "a", "g", "any-name", 10, "alarm", "topic", "logs", percent=20)
    output = {"targets": [asdict(target)], "policy": {"rule": {"forgiven": 3}}, "region": "eu-west-1"}
    monkeypatch.setattr("infra.release.cli.stack_state.release", lambda stack, _: output if stack == "prod" else {})
    result = CliRunner().invoke(APP, ["--rps", "0.1", "--baseline", "0.01", "--stack", "prod"])
    assert result.exit_code == 0
    assert "canary 20 % for 10 min" in result.output
    assert "forgiven 0" in result.output
    asked = CliRunner().invoke(APP, ["--rps", "0.1", "--baseline", "0.01", "--stack", "prod", "--minutes", "5"])
    assert "canary 20 % for 5 min" in asked.output


def test_a_stack_from_before_targets_held_the_percent_is_reported_with_the_way_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = asdict(Target("f", "live", "2", "a", "g", "strata-prod-canary-20-30", 30, "alarm", "topic", "logs"))
    del target["percent"]
    monkeypatch.setattr("infra.release.cli.stack_state.release", lambda *_: {"targets": [target], "policy": {}})
    result = CliRunner().invoke(APP, ["--rps", "3", "--baseline", "0.01", "--stack", "prod"])
    assert result.exit_code == 2
    assert "stack prod was last updated before its targets held the canary's percent; run `pulumi up`" in result.output
    assert "--percent" in result.output


def test_without_pulumi_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    result = CliRunner().invoke(APP, ["--rps", "3", "--baseline", "0.01", "--stack", "prod"])
    assert result.exit_code == 2
    assert "the command `pulumi` is not on PATH" in result.output


def test_the_command_prints_what_is_caught_and_what_would_catch_more() -> None:
    result = CliRunner().invoke(APP, ["--rps", "3", "--baseline", "0.01"])
    assert result.exit_code == 0
    assert "3 requests/s, 1.00% errors; canary 10 % for 10 min" in result.output
    assert "+5 points" in result.output
    assert "to catch more" in result.output
    assert "canary 10 % for 30 min" in result.output


def test_the_command_refuses_what_cannot_be_with_exit_code_2() -> None:
    result = CliRunner().invoke(APP, ["--rps", "-3", "--baseline", "0.01"])
    assert result.exit_code == 2
    assert "error: rps is -3.0" in result.output
