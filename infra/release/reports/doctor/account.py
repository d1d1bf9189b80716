"""Findings of the account: credentials, clock, rights, quotas, and the clone that a release is made from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from infra.release.reports.doctor.facts import Account, Finding, Grade, Storage

REFUSED_SKEW = timedelta(minutes=5)
"""AWS refuses a request signed by a clock that is further off than this.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""
NOTICED_SKEW = timedelta(minutes=1)
FULL, NEARLY_FULL = 0.95, 0.8
UNRESERVED = 100
"""Lambda keeps so many concurrent executions free of reservations; an account with no more has no room, or is new.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""


def findings(facts: Account) -> Iterator[Finding]:
    """Yield every finding of the account; only that of the credentials where those do not work."""
    yield from _clock(facts)
    yield from _credentials(facts)
    if usable(facts):
        yield from _rights(facts)
        yield from _storage(facts.storage) if facts.storage else ()
        yield from (
            Finding(Grade.WARNING, "quotas", why) for name, why in facts.unavailable_reason.items() if name == "storage"
        )
    yield _clone(facts)


def usable(facts: Account) -> bool:
    """Return the finding on the credentials: they work, and belong to the release's account."""
    return "caller" not in facts.unavailable_reason and facts.account == facts.wanted


def _clock(facts: Account) -> Iterator[Finding]:
    if facts.skew is None:
        return
    off, minutes = abs(facts.skew), abs(facts.skew) / timedelta(minutes=1)
    side = "ahead of" if facts.skew > timedelta(0) else "behind"
    if off >= NOTICED_SKEW:
        grade = Grade.BAD if off >= REFUSED_SKEW else Grade.WARNING
        said = f"this machine's is {minutes:.1f} minutes {side} AWS's, which refuses requests from 5 minutes on"
        yield Finding(grade, "clock", said, "set it, and keep it by NTP: timedatectl set-ntp true")
    else:
        yield Finding(Grade.OK, "clock", f"within {max(off.total_seconds(), 1):.0f} s of AWS's")


def _credentials(facts: Account) -> Iterator[Finding]:
    if "caller" in facts.unavailable_reason:
        yield Finding(Grade.BAD, "credentials", facts.unavailable_reason["caller"])
    elif facts.account != facts.wanted:
        said = f"they are of account {facts.account}, and the release is in {facts.wanted}"
        yield Finding(Grade.BAD, "credentials", said, "use the credentials that Pulumi's AWS provider uses")
    else:
        yield Finding(Grade.OK, "credentials", facts.caller)


def _rights(facts: Account) -> Iterator[Finding]:
    if "allowed" in facts.unavailable_reason:
        why = facts.unavailable_reason["allowed"]
        said = f"what a release writes cannot be tried without doing it, nor simulated: {why}"
        yield Finding(Grade.OK, "rights to write", said)
        return
    if not facts.allowed:
        yield Finding(Grade.OK, "rights to write", "the account's root user may do everything")
        return
    denied = sorted(action for action, allowed in facts.allowed.items() if not allowed)
    if denied:
        said = f"IAM's simulation denies {', '.join(denied)}"
        yield Finding(Grade.BAD, "rights to write", said, "add these actions to the role that deploys")
    else:
        yield Finding(Grade.OK, "rights to write", f"IAM's simulation allows all {len(facts.allowed)} actions")


def _storage(storage: Storage) -> Iterator[Finding]:
    share = storage.used / storage.limit
    grade = Grade.BAD if share >= FULL else Grade.WARNING if share >= NEARLY_FULL else Grade.OK
    said = f"{storage.used / 1e9:.2f} of {storage.limit / 1e9:.1f} GB ({share:.0%}); every version counts"
    remedy = "`python -m infra.release prune --stack STACK`, or ask AWS for more" if grade is not Grade.OK else ""
    yield Finding(grade, "quota of code", said, remedy)
    said = f"{storage.unreserved} of {storage.concurrency} executions at once are unreserved"
    if storage.unreserved <= UNRESERVED:
        said += f": with {UNRESERVED} or fewer a burst is throttled, and a canary judged by it"
        yield Finding(Grade.WARNING, "quota of concurrency", said, "ask AWS for more, or reserve less")
    else:
        yield Finding(Grade.OK, "quota of concurrency", said)


def _clone(facts: Account) -> Finding:
    if facts.git:
        said, _, remedy = facts.git.partition(" To add an exception for this directory, call: ")
        said = f"{said}: it is not known whether a commit is older than the live one"
        return Finding(Grade.WARNING, "git", said, remedy or "repair what git reports")
    if facts.shallow is None:
        said = "there is no git repository here: whether a commit is older than the live one is not checked"
        return Finding(Grade.WARNING, "git", said, "release from a clone")
    if facts.shallow:
        said = "this clone is shallow: it is not known whether a commit is older than the live one"
        return Finding(Grade.WARNING, "git", said, "git fetch --unshallow; in Actions, fetch-depth: 0")
    return Finding(Grade.OK, "git", "this clone has every commit, so an older one is refused")
