"""`docs/aws.md`: what the first hour on a real account found, as a page. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

NOT_YET_RUN = "not yet run"


@dataclass(frozen=True)
class Finding:
    """One question and AWS's answer. `outcome`: pytest's, "passed", "failed" or "skipped"."""

    question: str
    answer: str
    outcome: str


HEAD = """\
# What a real account answered

`make test-aws ACCOUNT=123456789012` asks AWS what no page of AWS says, with an administrator's credentials of that
account, in about two hours, and writes this page. It makes functions, roles, deployment groups and one whole stack, all
of names that begin with `strata-` and that no other run has, and removes them; keys wait 30 days for their deletion, at
no cost.

"""


def page(findings: Sequence[Finding], day: date | None) -> str:
    """The page. `day`: when the tests ran, UTC; None where they have not."""
    if day is None:
        return f"{HEAD}State: {NOT_YET_RUN}.\n"
    rows = [f"| {_cell(each.question)} | {each.outcome} | {_cell(each.answer)} |" for each in findings]
    return f"{HEAD}State: run on {day:%Y-%m-%d}.\n\n| question | outcome | AWS's answer |\n|---|---|---|\n" + "".join(
        f"{row}\n" for row in rows
    )


def _cell(text: str) -> str:
    """`text` as a cell of a table: in one line, at most 300 characters, with account numbers left as they are."""
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= 300 else f"{line[:297]}..."
