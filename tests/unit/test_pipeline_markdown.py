"""Plans are valid Markdown on GitHub whatever a program has printed, and their end survives every cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.console import UsageError
from infra.pipeline.comment import LONGEST, MARK, body
from infra.pipeline.markdown import FENCE, cut, fenced, fitted, inline, shares
from infra.pipeline.output import short
from infra.pipeline.plan import Section, page

NASTY = [
    "```\n",
    "````\n",
    "</details>",
    "<details><summary>",
    "<!--",
    "\r",
    "\x1b[31m",
    "\x00",
    "~~~\n",
    "x" * 300,
    "\n",
]
TEXT = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=40)), max_size=60).map("".join)
TITLES = ("Preview and policy", "Deletions", "Release")


def around(text: str) -> str:
    """Return the text outside of code, as a reader of the Markdown sees it."""
    left, fence = [], ""
    for line in text.split("\n"):
        if fence:
            fence = "" if set(line) == {"`"} and len(line) >= len(fence) else fence
        elif found := re.fullmatch(r"(`{3,})[^`]*", line):
            fence = found[1]
        else:
            left.append(line)
    assert not fence, "a fence is open at the end"
    return "\n".join(left)


def is_whole(text: str, plans: int) -> None:
    seen = around(text)
    assert seen.count("<details") == seen.count("</details>") == plans * len(TITLES)
    assert seen.count("### ") == plans


@given(st.lists(st.tuples(TEXT, st.sampled_from([1, 400])), min_size=1, max_size=4))
def test_a_comment_is_whole_whatever_the_plans_hold(texts: list[tuple[str, int]]) -> None:
    pages = [
        page(f"s{n}", [Section(title, text * times, True) for title in TITLES]) for n, (text, times) in enumerate(texts)
    ]
    comment = body(pages)
    assert len(comment) <= LONGEST
    assert comment.startswith(MARK)
    is_whole(comment, len(texts))


def test_the_end_of_each_plan_survives_with_its_errors_and_totals() -> None:
    preview = (
        "begins\n" + "".join(f"  + line {number}\n" for number in range(9000)) + "error: a rule\nResources: 3 to create"
    )
    comment = body(
        [page(name, [Section(title, preview, False) for title in TITLES]) for name in ("dev", "staging", "prod")]
    )
    assert comment.count("error: a rule\nResources: 3 to create\n```") == 9
    assert comment.count("begins\n") == 9
    assert "The rest is left out: it is in the job's log." in comment
    is_whole(comment, 3)
    assert len(comment) > LONGEST - 2000  # and no more is cut than must be


def test_a_short_plan_leaves_its_space_to_a_long_one() -> None:
    assert shares([10, 1000, 1000], 500) == [10, 245, 245]
    assert shares([10, 20], 500) == [10, 20]
    assert shares([], 5) == []


def test_plans_that_do_not_fit_are_counted() -> None:
    pages = [page(f"stack-{number}", [Section(title, "x", True) for title in TITLES]) for number in range(400)]
    comment = body(pages)
    assert len(comment) <= LONGEST
    lost = re.search(r"(\d+) more plans have no room here: they are in the job's log\.$", comment)
    assert lost is not None
    is_whole(comment, 400 - int(lost[1]))


@pytest.mark.parametrize("limit", [0, 1, 50, 120, 500, 5000])
@pytest.mark.parametrize("text", ["x" * 3000, "line\n" * 600, "a\n" + "y" * 3000])
def test_a_cut_keeps_to_its_limit_and_to_the_end(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit
    assert limit < 120 or cut(text, limit).endswith(text[-5:])


@pytest.mark.parametrize("text", ["`", "```", "a\n`````\nb", "````python\n```"])
def test_a_fence_is_longer_than_any_within(text: str) -> None:
    found = FENCE.fullmatch(fenced(text))
    assert found is not None
    assert found[2] == text


def test_characters_that_a_terminal_does_not_show_are_left_out() -> None:
    assert fenced("\x1b[1m\x1b[31merror\x1b[0m\r\nnext\rlast\x00") == "```\nerror\nnext\nlast \n```"


def test_a_page_that_fits_is_left_as_it_is() -> None:
    text = page("dev", [Section("Release", "fine", True)])
    assert fitted(text, len(text)) == text


def test_a_line_of_prose_opens_neither_html_nor_a_table() -> None:
    assert inline("<!-- a|b `c`\n<details>") == "&lt;!-- a\\|b \\`c\\` &lt;details&gt;"


@pytest.mark.parametrize("name", ["prod", "organization/prod", "organization/strata/prod", "acme/strata/prod"])
def test_a_stack_has_every_name_that_pulumi_takes(name: str) -> None:
    assert short(name) == "prod"


def test_a_stack_of_another_project_is_refused() -> None:
    with pytest.raises(UsageError, match="is of project other, and this is strata"):
        short("organization/other/prod")
