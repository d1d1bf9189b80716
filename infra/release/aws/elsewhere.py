"""What the stack before this one tells of a function: its own records, read by a role that can do nothing else.

A deployment group is named after its function in every stack.
"""

from __future__ import annotations

from dataclasses import replace

from infra.release import history, tags
from infra.release.attempt import Attempt, Elsewhere
from infra.release.aws.clients import Clients
from infra.release.aws.records import described, infos, listed, tags_of
from infra.release.clock import ScaledClock
from infra.release.model import Target
from infra.release.runner import CloudError


def told(clients: Clients, clock: ScaledClock, target: Target) -> Elsewhere:
    """Every release there, or why it cannot be told: with whose rights what was tried."""
    group = target.proof_group
    try:
        return Elsewhere(tuple(_attempts(clients.of(group.split(":")[3], target.proof_role), clock, target)))
    except CloudError as problem:
        return Elsewhere(untold=f"{problem} (tried for {group} by {target.proof_role})")


def _attempts(clients: Clients, clock: ScaledClock, target: Target) -> list[Attempt]:
    application, group = target.proof_group.split(":", 6)[6].split("/")
    records = (described(info, clock) for info in infos(clients, listed(clients, application, group)))
    ledger = sorted(records, key=lambda each: each.created, reverse=True)
    found = tags.parse(tags_of(clients, target.proof_group))
    return history.attempts(replace(target, function=group), ledger, found, clock.simulated)
