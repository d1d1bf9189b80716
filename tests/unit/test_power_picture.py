"""`power`'s picture, and the traffic of a function's own that it marks."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.testing import CliRunner

from infra.codedeploy import CANARIES
from infra.release.cli import power_picture
from infra.release.cli.power import power
from infra.release.engine.cloud import TrafficHistory
from infra.release.model.spec import ReleaseError, ReleasePolicy, Target
from infra.release.verdict.curves import Auto
from infra.release.verdict.power import Situation
from infra.release.verdict.reach import CHANCE, Point, lines, points
from infra.release.verdict.traffic import PERIOD, Bucket
from tests.unit.fake_cloud import START, target

APP = typer.Typer()
APP.command()(power)
FEW = (1.0, 100.0)
SITUATION = Situation(10, 0.0)
FOUND = (Point(1, 0.162), Point(10, 0.02), Point(100, None))


def test_each_point_is_the_smallest_regression_at_its_traffic_and_the_own_traffic_is_among_them() -> None:
    found = points(SITUATION, FEW)
    assert [each.rps for each in found] == [1, 10, 100]
    for each in found:
        assert each.smallest == replace(SITUATION, rps=each.rps).smallest(CHANCE)
    assert [each.rps for each in points(replace(SITUATION, rps=1), FEW)] == [1, 100]


def test_a_terminal_shows_a_bar_for_each_traffic_and_an_arrow_at_the_own() -> None:
    assert lines(SITUATION, FOUND)[1:] == [
        "           1   +16.2 ########",
        "->        10    +2.0 #",
        "         100    none",
    ]


def test_a_picture_names_the_function_its_traffic_and_what_is_caught_there(tmp_path: Path) -> None:
    file = tmp_path / "power.svg"
    power_picture.draw(file, SITUATION, FOUND, "strata-prod-orders")
    drawn = file.read_text()
    assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 - it was drawn just now
    for text in ("strata-prod-orders: 10 requests/s", "+2.0 points", "canary 10 % for 10 min"):
        assert text in drawn
    power_picture.draw(tmp_path / "again.svg", SITUATION, FOUND, "strata-prod-orders")
    assert (tmp_path / "again.svg").read_text() == drawn


def test_a_picture_that_cannot_be_written_or_drawn_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ReleaseError, match=r"cannot be written .*; give another file by --svg"):
        power_picture.draw(tmp_path / "no" / "p.svg", SITUATION, FOUND, "f")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ReleaseError, match="needs matplotlib, which is not installed; `make venvs` installs it"):
        power_picture.draw(tmp_path / "p.svg", SITUATION, FOUND, "f")


def opened(goal: Target, per_quarter: int) -> Callable[..., Any]:
    first = START - 200 * PERIOD
    past = tuple(Bucket(first + number * PERIOD, per_quarter, 0) for number in range(200 if per_quarter else 0))
    aws = SimpleNamespace(history=lambda _: TrafficHistory(START, past))
    return lambda *_, **__: SimpleNamespace(targets=(goal,), policy=ReleasePolicy(), aws=aws)


@pytest.mark.parametrize("auto", [None, Auto(5, 0.9, 60)])
def test_a_stacks_own_traffic_and_curve_are_taken_where_none_is_given(
    auto: Auto | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal = replace(target(), percent=10, auto=auto, curve=CANARIES[10, 10])
    monkeypatch.setattr("infra.release.cli.power.open_session", opened(goal, 90_000))
    monkeypatch.setattr("infra.release.cli.power.points", lambda _: FOUND)
    result = CliRunner().invoke(APP, ["--stack", "prod"])
    assert result.exit_code == 0, result.output
    minutes = 5 if auto else 10
    assert f"100 requests/s, 0.00% errors; canary 10 % for {minutes} min" in result.output
    assert ("curve chosen: 100 requests/s at 0 % errors: 10 % for 5 minutes" in result.output) is (auto is not None)


def test_without_traffic_of_its_own_or_given_the_command_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.release.cli.power.open_session", opened(target(), 0))
    result = CliRunner().invoke(APP, ["--stack", "prod"])
    assert result.exit_code == 2
    assert "alias live of orders had no request within 4 weeks; give --rps and --baseline" in result.output
    bare = CliRunner().invoke(APP, ["--rps", "3"])
    assert bare.exit_code == 2
    assert "--rps and --baseline are missing; give both, or --stack" in bare.output
