"""All findings of an examination, in the order in which an operator would check them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infra.release.reports.doctor import account, alarms, alias, codedeploy
from infra.release.reports.doctor.facts import Account, Examined, Finding, Grade

ASKED_HERE_ALONE = {"trusted", "reported", "verdicts"}
"""Actions that only `doctor` takes, not a release."""


def findings(facts: Account, functions: Sequence[Examined]) -> list[Finding]:
    """Findings of the account and of every function; of the account alone where its credentials do not work."""
    found = list(account.findings(facts))
    if not account.usable(facts):
        return found
    if not any(each.unavailable_reason for each in functions):
        found.append(Finding(Grade.OK, "rights to read", "every question was answered"))
    for each in functions:
        found += _unknown(each)
        found += [*alias.findings(each), *alarms.findings(each), *codedeploy.findings(each)]
    return found


def _unknown(facts: Examined) -> Iterator[Finding]:
    """Yield a finding for each question that AWS did not answer; the sentence has its remedy."""
    for field, why in facts.unavailable_reason.items():
        grade = Grade.WARNING if field in ASKED_HERE_ALONE else Grade.BAD
        yield Finding(grade, f"{field} of {facts.target.function}", why)
