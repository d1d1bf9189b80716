"""The table of docs/faults.md, and its rows in README.md, say what tests/rehearsal asserts and nothing else."""

from pathlib import Path

import pytest

from tests.rehearsal.reliability import ROOT, ROWS, rows

TESTS = sorted((Path(__file__).resolve().parents[1] / "rehearsal").glob("test_faults_*.py"))


def test_the_rows_of_the_readme_are_rows_of_the_whole_table() -> None:
    readme = rows((ROOT / "README.md").read_text())
    assert len(readme) >= 4
    assert len(ROWS) > 20
    assert readme.items() <= ROWS.items()


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_asserted_by_one_test(name: str) -> None:
    text = "\n".join(file.read_text() for file in TESTS)
    assert text.count(f'"{name}"') == 1


@pytest.mark.parametrize("name", ROWS)
def test_every_row_says_what_is_seen_where_traffic_ends_and_what_the_next_up_does(name: str) -> None:
    row = ROWS[name]
    assert row.quotes
    assert row.ends_on
    assert row.next_ends
