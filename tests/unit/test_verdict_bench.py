"""The benchmark behind docs/verdict.md: its draws, rivals, tallies and page, on cases small enough to check by hand."""

import inspect
import json
import re
from collections import Counter

import numpy as np
import pytest

from bench import verdict_bars, verdict_tables
from bench.verdict_bars import percent
from bench.verdict_draws import (
    BASELINES,
    CURVES,
    DEFAULT,
    LATENESS,
    LINEAR,
    TRAFFIC,
    Cell,
    Draw,
    Side,
    by_minute,
    plain,
    regressions,
)
from bench.verdict_page import PAGES, PageError, fill, row
from bench.verdict_rules import (
    FORMER,
    JUDGES,
    NEVER,
    RIVALS,
    STRATA,
    MannWhitney,
    OnMinutes,
    OnSums,
    might_fire,
    mixture_sprt,
    shipped,
)
from bench.verdict_runner import BEHIND, HELD, MINUTE, POLLS, WATCHED, draws, fired, stopped
from bench.verdict_runner import NEVER as NEVER_STOPPED
from bench.verdict_runner import REGRESSIONS as WATCHED_REGRESSIONS
from bench.verdict_tally import MORE_RUNS, RUNS, SETTINGS, Key, Tally, Task, count, perform, plan
from bench.verdict_worlds import ATTEMPTS, COLD_CALLS, FAULT, KIND, WORLDS
from infra.release.verdict.judge import fires
from infra.release.verdict.rule import Rule


def side(invocations: list[int], errors: list[int]) -> Side:
    """One run, from counts by minute."""
    return Side(*(np.cumsum(np.array(each, float))[:, None] for each in (invocations, errors)))


def draw(stable: Side, canary: Side, before: Side | None = None, first_harm: int = 0) -> Draw:
    return Draw(stable, canary, canary.invocations, first_harm, before)


def seen(*minutes: int) -> np.ndarray:
    return np.array(minutes, np.int16)


def test_an_evaluation_that_coincides_with_the_shift_does_not_count() -> None:
    assert [DEFAULT.most_seen(extra) for extra in LATENESS] == [9, 8, 6]
    some = draw(side([60] * 9, [0] * 9), side([6] * 9, [0] * 9))
    assert [count(seen(9), some, DEFAULT, extra).fired for extra in LATENESS] == [1, 0, 0]
    assert [count(seen(6), some, DEFAULT, extra).fired for extra in LATENESS] == [1, 1, 1]


def test_harm_is_measured_by_what_the_first_evaluation_could_have_seen() -> None:
    some = draw(side([60] * 9, [0] * 9), side([6, 6, 6, 12, 6, 6, 6, 6, 6], [0] * 9))
    at_once, late = count(seen(2), some, DEFAULT, 0), count(seen(2), some, DEFAULT, 1)
    assert (at_once.mean_minutes, at_once.harm_ratio) == (2, 12 / 6)
    assert (late.mean_minutes, late.harm_ratio) == (3, 18 / 12)


def test_harm_that_begins_late_is_measured_from_there() -> None:
    canary = side([6] * 9, [0] * 9)
    some = Draw(side([60] * 9, [0] * 9), canary, np.maximum(canary.invocations - 24, 0), first_harm=4)
    assert count(seen(7), some, DEFAULT, 0).harm_ratio == 18 / 6


def test_nothing_fired_has_no_mean_and_no_ratio() -> None:
    some = draw(side([60] * 9, [0] * 9), side([6] * 9, [0] * 9))
    tally = count(seen(int(NEVER)), some, DEFAULT, 0)
    assert (tally.runs, tally.fired, tally.mean_minutes, tally.harm_ratio) == (1, 0, None, None)


def test_the_linear_curve_adds_a_tenth_each_minute() -> None:
    assert LINEAR.shares == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    rng = np.random.default_rng(1)
    drawn = plain(rng, LINEAR, Cell(0.01, 100, 50))[0][1]
    share = by_minute(drawn.canary.invocations).sum(axis=1) / (50 * 6000)
    assert share == pytest.approx(LINEAR.shares[:8], abs=0.01)


def test_draws_have_the_traffic_and_the_error_rates_asked_for() -> None:
    for regression, drawn in plain(np.random.default_rng(2), DEFAULT, Cell(0.05, 10, 2000)):
        assert drawn.stable.invocations[-1].mean() == pytest.approx(9 * 540, rel=0.01)
        assert drawn.canary.invocations[-1].mean() == pytest.approx(9 * 60, rel=0.01)
        assert drawn.canary.invocations[-1].var() == pytest.approx(9 * 60, rel=0.15)
        assert drawn.stable.errors[-1].sum() / drawn.stable.invocations[-1].sum() == pytest.approx(0.05, rel=0.02)
        rate = drawn.canary.errors[-1].sum() / drawn.canary.invocations[-1].sum()
        assert rate == pytest.approx(0.05 + regression, rel=0.03)


def test_a_judge_on_sums_reports_the_first_minute_that_fires() -> None:
    some = draw(side([540] * 9, [0] * 9), side([60] * 9, [0, 1, 1, 1, 1, 0, 0, 0, 0]))
    assert shipped(Rule())(some, 9).tolist() == [4]
    assert shipped(Rule())(some, 3).tolist() == [NEVER]
    assert JUDGES[FORMER](some, 9).tolist() == [5]


def test_a_judge_leaves_out_only_counts_on_which_the_rule_cannot_fire() -> None:
    rng = np.random.default_rng(11)
    i1, i2 = (np.floor(10 ** rng.uniform(0, 6, 100_000)) for _ in range(2))
    e1, e2 = (rng.binomial(all_.astype(np.int64), rng.beta(0.3, 2, all_.size)).astype(float) for all_ in (i1, i2))
    for rule in (Rule(), Rule(statistic="z"), Rule(forgiven=3), Rule(absolute_z=0), *SETTINGS.values()):
        fire, might = fires(i1, e1, i2, e2, rule, log=np.log), might_fire(i1, e1, i2, e2, rule)
        assert fire.any()
        assert not (fire & ~might).any()
    assert might_fire(i1, e1, i2, e2, Rule()).mean() < 0.6, "it spares little work else"


def test_minutes_before_the_canary_count_for_stable_within_the_window() -> None:
    before = Side(*(np.array([[0.0], [1.0], [3.0], [6.0]]) * factor for factor in (100, 1)))
    some = draw(side([60] * 9, [2] * 9), side([6] * 9, [1] * 9), before)
    # A window of 4 with 2 canary minutes seen reaches 2 minutes back; with 1 minute not to be seen yet, 1.
    assert [sums.tolist() for sums in some.sums(2, 0, 4)] == [[420], [7], [12], [2]]
    assert [sums.tolist() for sums in some.sums(2, 1, 4)] == [[220], [5], [12], [2]]


def test_a_threshold_alarm_wants_its_datapoints_in_a_row() -> None:
    some = draw(side([60] * 9, [0] * 9), side([6] * 9, [1, 0, 1, 0, 0, 1, 1, 0, 1]))
    errors = OnMinutes(lambda _i1, e1, _i2, e2: e1 + e2 > 0, datapoints=2)
    assert errors(some, 9).tolist() == [7]
    assert errors(some, 6).tolist() == [NEVER]


def _textbook_rank_score(x: np.ndarray, y: np.ndarray) -> float:
    """Rank sums with average ranks, tie and continuity corrections, as in statistics books."""
    both = np.concatenate([x, y])
    ranks = np.array([(both < value).sum() + ((both == value).sum() + 1) / 2 for value in both])
    size = len(x)
    difference = ranks[:size].sum() - size * (size + 1) / 2 - size * size / 2
    ties = np.unique(both, return_counts=True)[1].astype(float)
    variance = size * size / 12 * (2 * size + 1 - (ties**3 - ties).sum() / (2 * size * (2 * size - 1)))
    return float((difference - 0.5 * np.sign(difference)) / np.sqrt(variance))


def test_the_rank_test_is_the_textbooks() -> None:
    rng = np.random.default_rng(3)
    for size in (5, 9, 29):
        x, y = rng.integers(0, 7, (20, size)) / 7, rng.integers(0, 5, (20, size)) / 7
        expected = [_textbook_rank_score(one, other) for one, other in zip(x, y, strict=True)]
        assert MannWhitney._score(x, y) == pytest.approx(expected)


def test_the_rank_test_does_not_fire_if_all_is_tied() -> None:
    assert MannWhitney._score(np.zeros((1, 5)), np.zeros((1, 5))).tolist() == [0]


def test_kayenta_stops_a_clear_regression_at_the_fifth_minute() -> None:
    some = draw(side([540] * 9, [5, 6, 4, 7, 5, 6, 5, 4, 6]), side([60] * 9, [9, 8, 10, 7, 9, 8, 9, 9, 8]))
    assert MannWhitney()(some, 9).tolist() == [5]


def test_the_mixture_test_is_a_likelihood_ratio_against_one_hundred() -> None:
    # By hand: p = 40/1200, V = p (1 - p) (1/1000 + 1/200), d = 0.1 - 0.02, log ratio 14.05 against log 100 = 4.61;
    # with 10 canary errors d = 0.03 and 1.46.
    i1, e1, i2 = np.array([1000.0]), np.array([20.0]), np.array([200.0])
    assert mixture_sprt(i1, e1, i2, np.array([20.0])).tolist() == [True]
    assert mixture_sprt(i1, e1, i2, np.array([10.0])).tolist() == [False]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_every_world_draws_possible_counts(world: object) -> None:
    assert isinstance(world, type(WORLDS[0]))
    cell = Cell(0.05, 1, 300)
    for regression, drawn in world.draw(np.random.default_rng(4), cell, world.regressions):
        assert 0 <= regression <= 1 - cell.baseline
        for version in (drawn.stable, drawn.canary):
            assert (version.errors <= version.invocations).all()
            assert (by_minute(version.errors) >= 0).all()
            assert (by_minute(version.invocations) >= by_minute(version.errors)).all()
        assert (by_minute(drawn.harm) >= 0).all()
        assert (drawn.before is not None) == world.counts_before


def named(name: str) -> tuple[tuple[float, Draw], ...]:
    world = next(world for world in WORLDS if world.name == name)
    return world.draw(np.random.default_rng(6), Cell(0.01, 10, 2000), world.regressions)


def test_a_cold_start_fails_the_first_calls() -> None:
    drawn = named("cold start")[0][1]
    calls, errors = drawn.canary.invocations, drawn.canary.errors
    assert (errors >= np.minimum(calls, COLD_CALLS)).all()
    later = (errors[-1] - COLD_CALLS).sum() / (calls[-1] - COLD_CALLS).sum()
    assert later == pytest.approx(0.01, rel=0.1)


def test_a_late_regression_leaves_the_first_minutes_alone() -> None:
    drawn = dict(named("late regression"))[0.5]
    errors, calls = by_minute(drawn.canary.errors).sum(axis=1), by_minute(drawn.canary.invocations).sum(axis=1)
    assert (errors / calls)[:4] == pytest.approx(0.01, abs=0.003)
    assert (errors / calls)[4:] == pytest.approx(0.51, abs=0.02)
    assert drawn.harm[3].sum() == 0 < drawn.harm[4].min()


def test_a_bad_request_is_sent_three_times_and_reaches_any_version() -> None:
    drawn = dict(named("retries"))
    good, bad = drawn[0.0], drawn[0.5]
    errors = good.stable.errors[-1].sum() + good.canary.errors[-1].sum()
    assert errors == pytest.approx(2000 * 9 * 600 * 0.01 * ATTEMPTS, rel=0.02)
    assert good.canary.errors[-1].sum() / errors == pytest.approx(0.1, rel=0.05)
    # A caller that the canary fails comes again: the alias serves more than it would.
    assert bad.canary.invocations[-1].mean() > 1.03 * good.canary.invocations[-1].mean()


def test_a_fault_of_both_seems_to_be_the_canarys_if_earlier_minutes_count() -> None:
    judge = shipped(Rule())
    same, earlier = named("fault of both")[0][1], named("fault of both, before")[0][1]
    assert (judge(same, 9, 0, 10) < NEVER).mean() < 0.02
    assert (judge(earlier, 9, 0, 10) < NEVER).mean() > 0.3


def condemned(*polls: int) -> np.ndarray:
    """One run, of which the counts at those polls condemn the canary."""
    found = np.zeros((POLLS, 1), bool)
    found[[poll - 1 for poll in polls]] = True
    return found


def test_a_runner_stops_what_its_polls_have_condemned_for_two_minutes_in_a_row() -> None:
    assert (MINUTE, HELD, POLLS) == (6, 12, 60)
    assert stopped(condemned(*range(8, 40)), 0, None).tolist() == [20]
    assert stopped(condemned(*range(8, 40)), 1, None).tolist() == [26]
    assert stopped(condemned(*range(8, 20), *range(21, 33)), 0, None).tolist() == [NEVER_STOPPED]


def test_an_alarm_beside_the_runner_stops_at_its_next_minute_or_one_later() -> None:
    for behind, poll in ((0, 12), (1, 18), (None, 20)):
        assert stopped(condemned(*range(8, 40)), 0, behind).tolist() == [poll]
    assert stopped(condemned(13), 0, 0).tolist() == [NEVER_STOPPED], "between two evaluations"
    assert stopped(condemned(24), 0, 0).tolist() == [24]


def test_only_the_runner_has_a_last_poll_which_reverts_what_it_condemns() -> None:
    for behind in BEHIND.values():
        assert stopped(condemned(POLLS), 0, behind).tolist() == [POLLS]
        assert stopped(condemned(POLLS), 1, behind).tolist() == [NEVER_STOPPED]
        assert stopped(condemned(POLLS - MINUTE), 1, behind).tolist() == [POLLS]


def test_watched_canaries_have_the_traffic_and_the_error_rates_asked_for() -> None:
    for regression, drawn in draws(np.random.default_rng(9), Cell(0.05, 10, 2000)):
        assert drawn.stable.invocations[-1].mean() == pytest.approx(10 * 540, rel=0.01)
        assert drawn.canary.invocations[-1].mean() == pytest.approx(10 * 60, rel=0.01)
        rate = drawn.canary.errors[-1].sum() / drawn.canary.invocations[-1].sum()
        assert rate == pytest.approx(0.05 + regression, rel=0.03)
        assert fired(drawn.stable, drawn.canary, Rule()).shape == (POLLS, 2000)


def test_a_watched_task_has_a_row_for_every_alarm_and_lateness() -> None:
    tallies = perform(Task("watched", Cell(0.0, 10.0, 200), (1,)))
    assert set(tallies) == {
        Key(None, rule, DEFAULT.name, extra, 0.0, 10.0, regression)
        for rule in BEHIND
        for extra in LATENESS
        for regression in WATCHED_REGRESSIONS
    }
    assert tallies[Key(None, WATCHED, DEFAULT.name, 0, 0.0, 10.0, 0.05)].share == 1


def test_the_plan_covers_every_cell_with_a_hundred_thousand_runs() -> None:
    tasks = plan()
    assert RUNS >= 100_000
    assert len({task.seed for task in tasks}) == len(tasks)
    runs: Counter[tuple[str, float, float]] = Counter()
    for task in tasks:
        runs[task.part, task.cell.baseline, task.cell.rps] += task.cell.runs
    both = {part: {count for (name, _, _), count in runs.items() if name == part} for part, _, _ in runs}
    assert both["more"] == {MORE_RUNS}
    assert both["steps"] == both["watched"] == {RUNS}
    for world in re.findall(r'_world\(figures, "([^"]+)"|world="([^"]+)"', inspect.getsource(verdict_bars)):
        assert both["".join(world)] == {RUNS}, "a bar stands on it"
    for part in ("steps", "linear", "watched", "more", *(world.name for world in WORLDS)):
        assert {(baseline, float(rps)) for baseline in BASELINES for rps in TRAFFIC} <= {
            (baseline, rps) for name, baseline, rps in runs if name == part
        }


def test_a_task_judges_every_rule_on_every_curve_and_lateness() -> None:
    keys = set(perform(Task("steps", Cell(0.0, 1.0, 200), (1,)))) | set(
        perform(Task("linear", Cell(0.0, 1.0, 200), (1,)))
    )
    assert keys == {
        Key(None, rule, curve.name, extra, 0.0, 1.0, regression)
        for rule in JUDGES
        for curve in CURVES
        for extra in LATENESS
        for regression in regressions(0.0)
    }


def test_a_task_gives_the_same_figures_again() -> None:
    first, again = (perform(Task(KIND, Cell(0.01, 1.0, 200), (7,))) for _ in range(2))
    assert {key: tally.fired for key, tally in first.items()} == {key: tally.fired for key, tally in again.items()}


def test_a_row_has_its_documented_fields() -> None:
    stops = np.zeros(30, np.int64)
    stops[2] = 25
    tally = Tally(runs=100, minutes=50, harm=300, least_harm=150, stops=stops)
    made = row(Key(None, "strata", "canary 10% 10m", 1, 0.01, 10.0, 0.05), tally)
    assert json.dumps(made) == (
        '{"rule": "strata", "curve": "canary 10% 10m", "extra_minutes": 1, "baseline": 0.01, '
        '"requests_per_second": 10, "regression": 0.05, "runs": 100, "fired": 0.25, "mean_minutes": 2.0, '
        '"harm_ratio": 2.0}'
    )
    assert row(Key("before", "strata", "c", 1, 0.01, 10.0, 0.05), tally)["world"] == "before"


def test_pages_are_filled_between_their_markers_and_only_there() -> None:
    texts = ["a\n<!-- bench: one -->\nold\n<!-- end -->\nb\n", "<!-- bench: two -->\n<!-- end -->\n"]
    filled = fill(texts, {"one": "1", "two": "2"})
    assert filled == [
        "a\n<!-- bench: one -->\n\n1\n\n<!-- end -->\nb\n",
        "<!-- bench: two -->\n\n2\n\n<!-- end -->\n",
    ]
    assert fill(filled, {"one": "1", "two": "2"}) == filled


@pytest.mark.parametrize(
    ("texts", "blocks", "named"),
    [
        (["<!-- bench: one -->\n<!-- end -->\n"], {}, "one"),
        (["<!-- bench: one -->\n<!-- end -->\n"], {"one": "1", "two": "2"}, "two"),
        (["<!-- bench: one -->\n<!-- end -->\n"] * 2, {"one": "1"}, "one"),
    ],
)
def test_a_block_without_a_marker_or_a_marker_without_a_block_is_an_error(
    texts: list[str], blocks: dict[str, str], named: str
) -> None:
    with pytest.raises(PageError, match=f"do not match: {named};"):
        fill(texts, blocks)


def test_the_pages_have_a_marker_for_every_generated_block() -> None:
    markers = [name for page in PAGES for name in re.findall("<!-- bench: (.+) -->", page.read_text(encoding="utf-8"))]
    named = re.findall(r'^        "(.+?)": ', inspect.getsource(verdict_tables.blocks), re.MULTILINE)
    assert sorted(markers) == sorted(named)


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.99996, "> 99.99 %"), (0.00001, "0.001 %"), (0.0047, "0.47 %"), (0.5, "50.0 %")],
)
def test_a_share_is_never_rounded_to_certainty(share: float, shown: str) -> None:
    assert percent(share) == shown


def test_at_no_baseline_a_rule_without_a_minimum_sees_more_and_the_page_has_to_say_so() -> None:
    drawn = dict(plain(np.random.default_rng(8), DEFAULT, Cell(0.0, 1, 2000)))
    ours, theirs = (judge(drawn[0.05], 9) < NEVER for judge in (JUDGES["strata"], RIVALS["version errors > 0"]))
    assert ours.mean() < theirs.mean()
    assert not (RIVALS["version errors > 0"](drawn[0.0], 9) < NEVER).any()


def test_every_judge_that_counts_earlier_minutes_is_on_sums() -> None:
    assert [name for name, judge in JUDGES.items() if isinstance(judge, OnSums)] == [
        "strata",
        "strata 1",
        "fixed z > 1.96",
        "mSPRT 1%",
        "count mixture 1%",
    ]


def test_more_runs_are_added_to_the_shipped_rules_rows() -> None:
    tallies = perform(Task("more", Cell(0.05, 3.0, 200), (1,)))
    assert {(key.world, key.rule) for key in tallies} == {(None, STRATA), (None, FORMER), (FAULT, STRATA)}
    assert set(tallies) <= set(perform(Task("steps", Cell(0.05, 3.0, 200), (2,)))) | set(
        perform(Task(FAULT, Cell(0.05, 3.0, 200), (3,)))
    )
