"""The permissions boundary: what any role of a running stack may at most do, whoever writes its policies."""

from dataclasses import replace

from infra.naming import AwsLocation, Names
from infra.permissions.declared import Resources
from infra.permissions.execution import deployments, execution, hook
from infra.permissions.statement import Statement


def boundary_arn(names: Names, place: AwsLocation) -> str:
    """The ARN of the stack's boundary, which `bootstrap/` creates."""
    return place.global_arn("iam", f"policy/{names.boundary}")


def boundary(names: Names, place: AwsLocation, table: str) -> tuple[Statement, ...]:
    """The union of what functions, hooks and CodeDeploy do, on this stack's resources alone. `table`: its name.

    It grants nothing by itself. A role has what both its policies and the boundary allow.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """
    there = Resources(names, place)
    logs = [*there.logs, *there.hook_logs]
    table_arn = place.arn("dynamodb", f"table/{table}")
    secrets = [place.parameter_arn(names.receipt_key)]
    own = [
        *(each for group in logs for each in execution(table_arn, group, secrets)),
        *hook(there.groups, logs[0], there.services),
        *deployments(there.services, there.hooks),
    ]
    return _merged(own)


def _merged(statements: list[Statement]) -> tuple[Statement, ...]:
    """One statement for each set of actions, on all the resources that they are allowed on."""
    merged: dict[tuple[str, ...], Statement] = {}
    for each in statements:
        before = merged.setdefault(each.actions, each)
        merged[each.actions] = replace(before, resources=tuple(dict.fromkeys((*before.resources, *each.resources))))
    return tuple(merged.values())
