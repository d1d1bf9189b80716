"""A resource that holds state is protected, so that Pulumi refuses to delete or replace it."""

from collections.abc import Iterator

from policy.rule import Rule, must
from policy.tokens import APPLICATION, BUCKETS, GROUP, QUEUE, TABLE
from policy.view import Resource, Stack

# CodeDeploy's records are the ledger of releases, and are deleted with the group and the application; so are a queue's
# messages with it. KMS keys are not listed: KMS itself waits for at least a week before it deletes one.
STATEFUL = frozenset({APPLICATION, GROUP, QUEUE, TABLE, *BUCKETS})


def protection(resource: Resource, stack: Stack) -> Iterator[str]:
    """https://www.pulumi.com/docs/iac/concepts/options/protect/"""
    if stack.settings.production and not resource.protect:
        remedy = "set ResourceOptions(protect=True), or a rename deletes it with all that it holds"
        yield must(resource, "be protected in production", "protect", False, remedy)


RULES = (Rule("stateful-protection", "A stateful resource is protected in production", STATEFUL, protection),)
