"""The table of docs/faults.md: what a release does when something goes wrong. tests/rehearsal asserts each row.

The output must contain what a row quotes as code under "what you see", and what is bold is compared with AWS's records.
`python -m tests.rehearsal.reliability` writes the table between its marks, and four rows into README.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN = "<!-- written by `make test-all`, from tests/rehearsal/reliability.py -->"
END = "<!-- end of what is written -->"
STABLE, NEW = "stable", "new"
PROMOTED, UNCHANGED, REFUSED = "promoted", "unchanged", "refused"


@dataclass(frozen=True)
class Row:
    """One fault. `traffic`: the version with the traffic once the fault is over. `then`: how the next `up` ends."""

    fault: str
    sees: str
    traffic: str
    then: str

    @property
    def quotes(self) -> list[str]:
        """Return what the output must contain."""
        return re.findall(r"`([^`]+)`", self.sees)

    @property
    def ends_on(self) -> str:
        return _bold(self.traffic, STABLE, NEW)

    @property
    def next_ends(self) -> str:
        return _bold(self.then, PROMOTED, UNCHANGED, REFUSED)


def _bold(text: str, *words: str) -> str:
    (word,) = re.findall(r"\*\*(\w+)\*\*", text)
    if word not in words:
        raise ValueError(f"{text!r} has {word} in bold: use one of {', '.join(words)}")
    return str(word)


ROWS = {
    "killed before publish": Row(
        "`kill -9` of `pulumi up` before the version is published",
        "at the next one: `the stack is currently locked`, and to use `pulumi cancel`",
        "on **stable**",
        "**promoted**",
    ),
    "killed after publish": Row(
        "`kill -9` once the version is published",
        "the same: `pulumi cancel`",
        "on **stable**",
        "**promoted**: the version is not published twice",
    ),
    "killed after CreateDeployment": Row(
        "`kill -9` once the deployment is created",
        "the same: `pulumi cancel`; then the deployment that did it",
        "on the **new** version, without a running `up`",
        "**unchanged**: it is live",
    ),
    "killed mid-canary": Row(
        "`kill -9` mid-canary",
        "the same: `pulumi cancel`; then the deployment that goes on",
        "on the **new** version",
        "**promoted**, by the same deployment",
    ),
    "killed mid-canary, bad version": Row(
        "`kill -9` mid-canary, and the version is bad",
        "the same: `pulumi cancel`; then `was rejected by` the deployment, `(verdict: alarm`",
        "on **stable**: the alarm needs no running `up`",
        "**refused**, with the remedy",
    ),
    "killed after the shift": Row(
        "`kill -9` once all traffic has shifted",
        "the same: `pulumi cancel`; then the deployment that did it",
        "on the **new** version",
        "**unchanged**: it is live",
    ),
    "one Ctrl-C": Row(
        "Ctrl-C mid-canary",
        "`goes on under CloudWatch's judgement: run again to resume`, or `python -m infra.release abort`",
        "on the **new** version",
        "**promoted**, by the same deployment",
    ),
    "two Ctrl-Cs": Row(
        "Ctrl-C twice, while AWS does not answer",
        "`If you would like to terminate immediately, press ^C again`",
        "on the **new** version",
        "**promoted**, by the same deployment",
    ),
    "a second up": Row(
        "a second `up` during the first",
        "there: `the stack is currently locked`; the first goes on",
        "on the **new** version",
        "**unchanged**",
    ),
    "abort elsewhere": Row(
        "`abort --reason` in another terminal, mid-canary",
        "in the first: `rolled back (operator)`, by whom, and the reason",
        "on **stable**",
        "**promoted**: an operator's stop rejects no version",
    ),
    "expired credentials": Row(
        "credentials expire mid-canary",
        "`ExpiredTokenException`, `log in again`, and that the deployment `goes on under CloudWatch's judgement`",
        "on the **new** version",
        "**promoted**, by the same deployment",
    ),
    "permission lost mid-canary": Row(
        "the deploying role loses a permission mid-canary",
        "`AWS denies codedeploy BatchGetDeployments`, `add the action to the role that deploys`",
        "on the **new** version",
        "**promoted**, by the same deployment",
    ),
    "permission lost before the start": Row(
        "the deploying role may not create deployments",
        "`AWS denies codedeploy CreateDeployment`, `add the action to the role that deploys`",
        "on **stable**: nothing was started",
        "**promoted**",
    ),
    "busy": Row(
        "5 % of the release's calls throttled, and a burst of 500s on every API",
        "`AWS is busy at codedeploy CreateDeployment`, and it goes on",
        "on the **new** version, by one deployment",
        "**unchanged**",
    ),
    "CreateDeployment's answer lost": Row(
        "the answer to CreateDeployment is lost",
        "`AWS does not answer to codedeploy CreateDeployment`, then `is this release, already in flight`",
        "on the **new** version, by one deployment",
        "**unchanged**",
    ),
    "a silent hook": Row(
        "a hook never answers",
        "after CodeDeploy's hour: `rolled back (hook)`, `did not report within one hour`",
        "on **stable**",
        "**refused** until `allow-retry` or `retry`",
    ),
    "a raising hook": Row(
        "a hook raises",
        "`rolled back (hook)`, `could not be judged: RuntimeError: the events are out of reach`",
        "on **stable**",
        "**refused** until `allow-retry` or `retry`",
    ),
    "a hook that answers twice": Row(
        "a hook answers twice, first well and then badly",
        "`promoted (verdict)`: the first answer counts",
        "on the **new** version",
        "**unchanged**",
    ),
    "alarm deleted": Row(
        "the verdict alarm is deleted mid-canary",
        "`rolled back (fault)`, `could not be retrieved from Amazon CloudWatch`",
        "on **stable**",
        "**promoted**: the version was not at fault",
    ),
    "alarm red": Row(
        "an alarm of the alias is red before the start",
        "`refused (alarm)`, `run again when it is green`",
        "on **stable**: nothing was started",
        "**promoted**, when it is green",
    ),
    "no traffic": Row(
        "the canary gets no requests, and evidence is enforced",
        "`rolled back (evidence)`, `send it traffic`",
        "on **stable**",
        "**promoted**, with traffic",
    ),
    "alias moved": Row(
        "an operator moves the alias mid-canary",
        "`rolled back (operator)`, `alias live was moved to`",
        "on **stable**",
        "**promoted**",
    ),
    "stopped without rollback": Row(
        "an operator stops the deployment without a rollback",
        "`CodeDeploy started no rollback`, `rolled back (operator)`",
        "on **stable**: `up` restores the alias",
        "**promoted**",
    ),
}


MOST_ASKED = ("killed mid-canary, bad version", "abort elsewhere", "expired credentials", "alarm deleted")
"""The rows that README.md has."""
PAGES = {ROOT / "docs/faults.md": tuple(ROWS), ROOT / "README.md": MOST_ASKED}


def table(names: Iterable[str]) -> str:
    """Return those rows as a Markdown table."""
    rows = (ROWS[name] for name in names)
    lines = [f"| {row.fault} | {row.sees} | {row.traffic} | {row.then} |" for row in rows]
    return "\n".join(["| fault | what you see | traffic ends | the next `up` |", "|---|---|---|---|", *lines])


def written(file: Path, page: str) -> str:
    """Return a page with the current table. Raises ValueError unless each mark is there once, in order."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise ValueError(f"{file.name} must have {BEGIN} and then {END}, once each")
    return f"{before}{BEGIN}\n\n{table(PAGES[file])}\n\n{END}{after}"


if __name__ == "__main__":
    for file in PAGES:
        file.write_text(written(file, file.read_text()))
