"""What the roles of a running stack may do: its functions, its hooks, and CodeDeploy for it."""

from collections.abc import Sequence

from infra.permissions.statement import Statement


def execution(table_arn: str, log_group_arn: str, parameter_arns: Sequence[str] = ()) -> tuple[Statement, ...]:
    """What the orders function calls, and no more. `log_group_arn` has no trailing `:*`; `parameter_arns`: its secrets.

    PutItem writes an order and opens an idempotency record, GetItem reads either, UpdateItem closes a record and
    DeleteItem drops one whose order failed. No CreateLogGroup: the group is the program's, with its retention.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html

    The policies of AWS's own keys, aws/ssm and aws/dynamodb, let whoever may read a parameter or a table decrypt it by
    that service. Whether this is enough within a permissions boundary is not documented, so it is granted too.
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    secrets = (Statement("Secrets", ("ssm:GetParameter",), tuple(parameter_arns)),) if parameter_arns else ()
    return (
        Statement(
            "Orders",
            ("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
            (table_arn,),
        ),
        *secrets,
        _keys(table_arn, ("dynamodb", "ssm") if secrets else ("dynamodb",)),
        Statement("Logs", ("logs:CreateLogStream", "logs:PutLogEvents"), (f"{log_group_arn}:*",)),
    )


def _keys(table_arn: str, services: Sequence[str]) -> Statement:
    """Decrypt by these services alone, in the account and region of the table."""
    partition, _, region, account = table_arn.split(":")[1:5]
    by = {"StringEquals": {"kms:ViaService": [f"{each}.{region}.amazonaws.com" for each in services]}}
    return Statement("Keys", ("kms:Decrypt",), (f"arn:{partition}:kms:{region}:{account}:key/*",), condition=by)


def hook(group_arns: Sequence[str], log_group_arn: str, function_arns: Sequence[str] = ()) -> tuple[Statement, ...]:
    """What any hook does: answer CodeDeploy, and log. One that judges versions also reads which, and invokes them.

    CodeDeploy's actions on deployments are granted on their groups.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html
    """
    answer, groups = "codedeploy:PutLifecycleEventHookExecutionStatus", tuple(group_arns)
    logs = Statement("Logs", ("logs:CreateLogStream", "logs:PutLogEvents"), (f"{log_group_arn}:*",))
    if not function_arns:
        return (Statement("Deployments", (answer,), groups), logs)
    return (
        Statement("Deployments", (answer, "codedeploy:GetDeployment"), groups),
        Statement("Versions", ("lambda:InvokeFunction",), tuple(f"{function}:*" for function in function_arns)),
        logs,
    )


def deployments(function_arns: Sequence[str], hook_arns: Sequence[str] = ()) -> tuple[Statement, ...]:
    """What CodeDeploy does in a deployment: look at alarms, move the aliases of our functions, call our hooks.

    AWS's own AWSCodeDeployRoleForLambda may move every alias of the account, publish to every topic and read buckets.
    DescribeAlarms is asked for by name, but AWS documents no narrower form of CodeDeploy's call.
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRoleForLambda.html
    """
    aliases = tuple(arn for function in function_arns for arn in (function, f"{function}:*"))
    statements = [
        Statement("Alarms", ("cloudwatch:DescribeAlarms",), ("*",)),
        Statement(
            "Aliases", ("lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"), aliases
        ),
    ]
    if hook_arns:
        statements.append(Statement("Hooks", ("lambda:InvokeFunction",), tuple(hook_arns)))
    return tuple(statements)
