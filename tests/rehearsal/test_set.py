"""The `set` step of the rehearsal, on the real CLI: two functions go live together or not at all."""

import io

import pytest
from rich.console import Console

from rehearsal import sandbox
from rehearsal.fleet.result import SetResult
from rehearsal.fleet.step import run_set
from rehearsal.story import Story


@pytest.fixture(scope="module")
def told() -> tuple[SetResult, str]:
    """The step once, in a sandbox of its own; what it came to, and how it was told."""
    page = io.StringIO()
    with sandbox.running(40.0) as stage:
        result = run_set(stage, Story(Console(file=page, width=200)))
    return result, page.getvalue()


def test_a_set_with_one_bad_function_goes_back_whole(told: tuple[SetResult, str]) -> None:
    result, page = told
    assert result.problems() == [], page
    assert result.exit_code != 0
    for member in (result.good, result.bad):
        assert (member.from_version, member.to_version, member.live) == ("1", "2", "1")
        assert member.deployments


def test_the_verdict_was_on_the_bad_one_alone(told: tuple[SetResult, str]) -> None:
    result, _ = told
    assert "RuntimeError: edition 2 of invoices raises on every second call" in result.bad.detail
    assert result.bad.function in result.good.detail


def test_the_story_says_how_both_ended(told: tuple[SetResult, str]) -> None:
    _, page = told
    assert "fleet-rehearsal-orders rolled back (set), fleet-rehearsal-invoices rolled back (verdict)" in page
