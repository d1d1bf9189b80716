"""The permissions boundary limits every role of a running stack, whatever policies it is given."""

from dataclasses import replace

from infra.naming import AwsLocation, Names
from infra.permissions.declared import Resources
from infra.permissions.execution import QUEUE_READS, Uses, deployments, execution, hook, webhooks
from infra.permissions.statement import Statement


def boundary_arn(names: Names, place: AwsLocation) -> str:
    """Return the ARN of the stack's boundary, which `bootstrap/` creates."""
    return place.global_arn("iam", f"policy/{names.boundary}")


def boundary(names: Names, place: AwsLocation, table: str) -> tuple[Statement, ...]:
    """Return the union of what functions, hooks and CodeDeploy do, on this stack's resources alone.

    `table` is the name of the stack's table. The boundary grants nothing by itself: a role may do what both its
    policies and the boundary allow.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """
    there = Resources(names, place)
    logs = [*there.logs, *there.hook_logs]
    table_arn = place.arn("dynamodb", f"table/{table}")
    everything = Uses(
        log_group=logs[0],
        table=table_arn,
        reads_table=True,
        writes_table=True,
        parameters=(place.parameter_arn(names.receipt_key),),
        topics=(place.arn("sns", names.topic),),
        queues=there.queues,
        buses=(there.bus,),
        stream=f"{table_arn}/stream/*",
        tracing=True,
    )
    own = [
        *(each for group in logs for each in execution(replace(everything, log_group=group))),
        *(Statement("Queue", QUEUE_READS, (queue,)) for queue in there.consumed),
        *hook(there.groups, logs[0], there.services),
        *deployments(there.services, there.hooks),
        webhooks(names, place),
    ]
    return _merged(own)


def _merged(statements: list[Statement]) -> tuple[Statement, ...]:
    """Merge statements of the same actions into one, on the resources of all of them."""
    merged: dict[tuple[str, ...], Statement] = {}
    for each in statements:
        before = merged.setdefault(each.actions, each)
        merged[each.actions] = replace(before, resources=tuple(dict.fromkeys((*before.resources, *each.resources))))
    return tuple(merged.values())
