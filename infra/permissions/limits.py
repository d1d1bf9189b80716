"""The permissions boundary: what any role of a running stack may at most do, whoever writes its policies."""

from infra.naming import HOOKS, Names, Place
from infra.permissions.running import deployments, execution, hook
from infra.permissions.statement import Statement


def boundary_arn(names: Names, place: Place) -> str:
    """The ARN of the stack's boundary, which `bootstrap/` creates."""
    return place.global_arn("iam", f"policy/{names.boundary}")


def boundary(names: Names, place: Place, table: str) -> tuple[Statement, ...]:
    """The union of what functions, hooks and CodeDeploy do, on this stack's resources alone. `table`: its name.

    It grants nothing by itself. A role has what both its policies and the boundary allow.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """
    functions = [place.arn("lambda", f"function:{names.function(service)}") for service in names.services]
    hooks = [place.arn("lambda", f"function:{names.hook(each)}") for each in HOOKS]
    groups = [
        place.arn("codedeploy", f"deploymentgroup:{names.application}/{names.deployment_group(service)}")
        for service in names.services
    ]
    logs = [names.log_group(service) for service in names.services] + [names.hook_log_group(each) for each in HOOKS]
    table_arn = place.arn("dynamodb", f"table/{table}")
    secrets = [place.parameter_arn(names.receipt_key)]
    own = [
        *(each for group in logs for each in execution(table_arn, place.arn("logs", f"log-group:{group}"), secrets)),
        *hook(groups, place.arn("logs", f"log-group:{logs[0]}"), functions),
        *deployments(functions, hooks),
    ]
    return _merged(own)


def _merged(statements: list[Statement]) -> tuple[Statement, ...]:
    """One statement for each set of actions, on all the resources that they are allowed on."""
    resources: dict[tuple[str, ...], dict[str, None]] = {}
    sids: dict[tuple[str, ...], str] = {}
    for each in statements:
        sids.setdefault(each.actions, each.sid)
        resources.setdefault(each.actions, {}).update(dict.fromkeys(each.resources))
    return tuple(Statement(sids[actions], actions, tuple(found)) for actions, found in resources.items())
