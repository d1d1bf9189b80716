"""The table of docs/faults.md, and four of its rows in README.md, say what tests/rehearsal asserts and nothing else."""

from pathlib import Path

import pytest

from tests.rehearsal.reliability import BEGIN, END, PAGES, ROOT, ROWS, written

TESTS = sorted((Path(__file__).resolve().parents[1] / "rehearsal").glob("test_faults_*.py"))


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.name))
def test_a_page_has_the_table_as_the_tests_assert_it(file: Path) -> None:
    page = file.read_text()
    assert page == written(file, page), "run `python -m tests.rehearsal.reliability`"


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


@pytest.mark.parametrize("page", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{END}"])
def test_a_page_without_the_marks_of_the_table_is_named(page: str) -> None:
    with pytest.raises(ValueError, match=r"faults\.md must have"):
        written(ROOT / "docs/faults.md", page)
