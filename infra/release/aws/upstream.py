"""Read a function's releases in the upstream stack: its own records, by a role that can do nothing else.

A deployment group is named after its function in every stack.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from infra.release.aws import reach
from infra.release.aws.clients import Clients
from infra.release.aws.deployments import described, infos, tags_of
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import AwsError
from infra.release.model import tags
from infra.release.model.attempt import Attempt, UpstreamReleases
from infra.release.model.spec import Target
from infra.release.reports import history

LONGEST = timedelta(days=366)
"""How far back a proof is searched: `proofDays`, and a day that its canary may have taken."""


def releases(clients: Clients, clock: ScaledClock, target: Target, digest: str) -> UpstreamReleases:
    """Return the releases there, back to those of that code, or why not: the role and the call that failed."""
    group = target.proof_group
    try:
        theirs = clients.of(group.split(":")[3], target.proof_role)
        return UpstreamReleases(tuple(_attempts(theirs, clock, target, digest)))
    except AwsError as problem:
        return UpstreamReleases(unavailable_reason=f"{problem} (tried for {group} by {target.proof_role})")


def _attempts(clients: Clients, clock: ScaledClock, target: Target, digest: str) -> list[Attempt]:
    def read(ids: Iterable[str]) -> reach.Records:
        return {info["deploymentId"]: described(info, clock) for info in infos(clients, ids)}

    application, group = target.proof_group.split(":", 6)[6].split("/")
    there = reach.Group(application, group)
    records = reach.recent(clients, clock, [there], read)[group]
    older = reach.further(clients, clock, there, records, clock.now() - LONGEST)
    while digest and not any(each.entry and each.entry.digest == digest for each in records.values()):
        if (ids := next(older, None)) is None:
            break
        records |= read(ids)
    ledger = sorted(records.values(), key=lambda each: each.created, reverse=True)
    found = tags.parse(tags_of(clients, target.proof_group))
    return history.attempts(replace(target, function=group), ledger, found, clock.simulated)
