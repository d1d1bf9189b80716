"""Who may do what, as IAM statements. Pure: ARNs in, policy documents out.

Nothing here grants more than the calls that are made.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

IAM_VERSION = "2012-10-17"  # of the policy language


@dataclass(frozen=True)
class Statement:
    """One Allow. Only trust and resource policies have a `principal`, e.g. {"Service": "lambda.amazonaws.com"}."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    principal: Mapping[str, str] | None = None
    condition: Mapping[str, Mapping[str, str]] | None = None

    def as_json(self) -> dict[str, object]:
        body: dict[str, object] = {"Sid": self.sid, "Effect": "Allow", "Action": sorted(self.actions)}
        if self.principal is not None:
            body["Principal"] = dict(self.principal)
        if self.resources:
            body["Resource"] = list(self.resources)
        if self.condition is not None:
            body["Condition"] = {operator: dict(keys) for operator, keys in self.condition.items()}
        return body


def document(statements: Sequence[Statement]) -> str:
    """The statements as a policy document: JSON text, equal for equal statements."""
    return json.dumps({"Version": IAM_VERSION, "Statement": [statement.as_json() for statement in statements]})


def trust(service: str) -> tuple[Statement, ...]:
    """An AWS service, e.g. "lambda", may take the role."""
    return (Statement("Assume", ("sts:AssumeRole",), principal={"Service": f"{service}.amazonaws.com"}),)


def execution(table_arn: str, log_group_arn: str) -> tuple[Statement, ...]:
    """What the orders function calls, and no more. `log_group_arn` has no trailing `:*`.

    PutItem writes an order and opens an idempotency record, GetItem reads either, UpdateItem closes a record and
    DeleteItem drops one whose order failed. No CreateLogGroup: the group is the program's, with its retention.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    """
    return (
        Statement(
            "Orders",
            ("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
            (table_arn,),
        ),
        Statement("Logs", ("logs:CreateLogStream", "logs:PutLogEvents"), (f"{log_group_arn}:*",)),
    )


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


def alarm_topic(topic_arn: str, account: str) -> tuple[Statement, ...]:
    """CloudWatch may publish for alarms of this account, no other service and no other account may.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    return (
        Statement(
            "Alarms",
            ("sns:Publish",),
            (topic_arn,),
            principal={"Service": "cloudwatch.amazonaws.com"},
            condition={"StringEquals": {"aws:SourceAccount": account}},
        ),
    )


def topic_key(partition: str, account: str) -> tuple[Statement, ...]:
    """The key that encrypts the topic: the account administers it by IAM, CloudWatch encrypts what its alarms publish.

    AWS's own key `alias/aws/sns` would not do: its policy, which nobody can change, keeps CloudWatch out, and alarms on
    such a topic fail in silence. https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    root = f"arn:{partition}:iam::{account}:root"
    return (
        Statement("Administration", ("kms:*",), ("*",), principal={"AWS": root}),
        Statement(
            "Alarms",
            ("kms:Decrypt", "kms:GenerateDataKey*"),
            ("*",),
            principal={"Service": "cloudwatch.amazonaws.com"},
            condition={"StringEquals": {"aws:SourceAccount": account}},
        ),
    )
