"""Statements for the roles of a running stack: its functions, its hooks, and CodeDeploy."""

from collections.abc import Sequence

from infra.permissions.statement import Statement


def execution(table_arn: str, log_group_arn: str, parameter_arns: Sequence[str] = ()) -> tuple[Statement, ...]:
    """Return the statements of the orders function, which grant exactly its calls.

    `log_group_arn` has no trailing `:*`; `parameter_arns` are those of its secrets.

    PutItem writes an order and opens an idempotency record, GetItem reads either, UpdateItem closes a record and
    DeleteItem drops one whose order failed. CreateLogGroup is not granted: Pulumi creates the group, with a retention.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html

    The policies of AWS's own keys, aws/ssm and aws/dynamodb, let a role that may read a parameter or a table decrypt it
    by that service. AWS does not document whether that suffices within a permissions boundary, so it is granted too.
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
    """Return the statement that allows decryption by these services alone, in the table's account and region."""
    partition, _, region, account = table_arn.split(":")[1:5]
    by = {"StringEquals": {"kms:ViaService": [f"{each}.{region}.amazonaws.com" for each in services]}}
    return Statement("Keys", ("kms:Decrypt",), (f"arn:{partition}:kms:{region}:{account}:key/*",), condition=by)


def hook(group_arns: Sequence[str], log_group_arn: str, function_arns: Sequence[str] = ()) -> tuple[Statement, ...]:
    """Return the statements of a hook, which answers CodeDeploy and logs.

    With `function_arns` it also reads deployments and invokes versions of those functions.

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
    """Return the statements of CodeDeploy's role: read alarms, move the functions' aliases, invoke the hooks.

    AWS's own AWSCodeDeployRoleForLambda may move every alias of the account, publish to every topic and read buckets.
    DescribeAlarms is granted on "*" because AWS documents no narrower form of CodeDeploy's call.
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
