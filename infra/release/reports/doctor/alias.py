"""Findings of the alias: whether traffic is where the ledger says it should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from infra.release.decision import proven
from infra.release.model.observation import Alias, Deployment, Observation, Status, Version, reverts
from infra.release.model.tags import First, Tags
from infra.release.reports.doctor.facts import UP, Examined, Finding, Grade

UNSTICK = "`python -m infra.release unstick --stack STACK` says what it finds, and does the one safe thing"

FIRST_CANARY = (
    "no deployment has succeeded yet, so CodeDeploy knows no last good version, and AWS does not document whether it "
    "rolls the first canary back by itself: wait for that one by `pulumi up` or by `python -m infra.release watch "
    "--stack STACK`, since the runner puts the alias back where CodeDeploy does not"
)
"""AWS's page speaks of a last known good version, and not of a group that has none.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployments-rollback-and-redeploy.html
"""


def findings(facts: Examined) -> Iterator[Finding]:
    """Yield the finding on the alias, where AWS has answered all that it needs."""
    about = f"alias {facts.target.function}:{facts.target.alias}"
    if not facts.knows("alias", "live", "ledger", "tags"):
        return
    if facts.alias is None or facts.live is None:
        yield Finding(Grade.BAD, about, "does not exist, so no request can be served", UP, drift=True)
        return
    found = _stands(facts, about, facts.alias, facts.live)
    never = facts.tags.first and not any(each.status is Status.SUCCEEDED for each in facts.ledger)
    yield replace(found, said=f"is on {facts.alias}{found.said}{f'; {FIRST_CANARY}' if never else ''}")
    yield from _proof(facts, Observation(facts.alias, facts.live, facts.live, ledger=facts.ledger, tags=facts.tags))


def _proof(facts: Examined, seen: Observation) -> Iterator[Finding]:
    """Yield the finding on a version that has all traffic although no record proves it."""
    if seen.in_flight is None:
        for said in proven.missing(facts.target, seen):
            remedy = "`pulumi up` sends the traffic to what is proved, or releases what is wanted over it"
            yield Finding(Grade.BAD, f"version {seen.live.number}", said, remedy, drift=True)


def _stands(facts: Examined, about: str, alias: Alias, live: Version) -> Finding:
    """Return the finding on the alias, with the end of the sentence on where it is."""
    ledger = facts.ledger
    running = next((each for each in ledger if each.running), None)
    last = next((each for each in ledger if each.rolls_back is None), None)
    if running is not None:
        return Finding(Grade.OK, about, f"; {running.id} is {running.status.value}")
    if alias.shifted is not None:
        return _split(about, last)
    if last is None:
        return _without_ledger(about, alias, facts.tags)
    if last.entry is None:
        said = f"; {last.id}, the last deployment, was started by hand"
        return Finding(Grade.WARNING, about, said, "release by `pulumi up`")
    reverted = reverts(last, ledger)
    wanted = reverted.entry.stable if reverted and reverted.entry else last.entry.stable
    is_expected = alias.version == wanted if last.failed else live.fingerprint == last.entry.fingerprint
    if is_expected:
        return Finding(Grade.OK, about, f", as {last.id} left it")
    expected = f"version {wanted}" if last.failed else f"what {last.id} released"
    said = f", and the ledger says {expected}: it was moved by hand (CloudTrail's UpdateAlias says who)"
    return Finding(Grade.BAD, about, said, "`pulumi up` releases over it", drift=True)


def _split(about: str, last: Deployment | None) -> Finding:
    if last is not None and last.failed and last.entry:
        said = f"; {last.id} is {last.status.value} and left it split"
        return Finding(Grade.BAD, about, said, "`pulumi up` repairs it")
    return Finding(Grade.BAD, about, ", split, and no deployment explains it", UNSTICK, drift=True)


def _without_ledger(about: str, alias: Alias, tags: Tags) -> Finding:
    first = tags.answered.mark if tags.answered else None
    if not isinstance(first, First):
        remedy = "`pulumi up` calls the first version, and records it"
        return Finding(Grade.WARNING, about, ", and was never released", remedy)
    if first.version != alias.version:
        said = f", and the first version, {first.version}, is the only one released: it was moved by hand"
        return Finding(Grade.BAD, about, said, "`pulumi up` releases over it", drift=True)
    return Finding(Grade.OK, about, ", the first version, which answered its call")
