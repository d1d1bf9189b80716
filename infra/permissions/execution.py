"""Statements for the roles of a running stack: its functions, its hooks, CodeDeploy, and messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.naming import AwsLocation, Names
from infra.permissions.statement import Statement

STREAM_READS = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
QUEUE_READS = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
TRACES = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")


@dataclass(frozen=True)
class Uses:
    """The resources that one function uses, by ARN; empty where it uses none.

    `log_group` has no trailing `:*`. `parameters` are those of its secrets and what it reads; `topics`, `buses` and
    `queues` are those that it sends to. `stream`, `queue` and `dead_letters` are those of its triggers, which Lambda
    reads and writes by the function's role.
    """

    log_group: str
    table: str = ""
    reads_table: bool = False
    writes_table: bool = False
    parameters: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    buses: tuple[str, ...] = ()
    stream: str = ""
    queue: str = ""
    dead_letters: str = ""
    tracing: bool = False


def execution(uses: Uses) -> tuple[Statement, ...]:
    """Return the statements of a function's role, which grant exactly the calls on what it uses.

    Of the orders function, GetItem reads an order or an idempotency record, PutItem writes an order and opens a record,
    UpdateItem closes a record and DeleteItem drops one whose order failed. CreateLogGroup is not granted: Pulumi
    creates the group, with a retention.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html

    Lambda polls a queue or a stream, and sends dead letters, by the function's role. ListStreams has no resource level.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html

    X-Ray's calls have no resource level either. https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
    """
    return tuple(_execution(uses))


def _execution(uses: Uses) -> Iterator[Statement]:
    reads = ("dynamodb:GetItem",) if uses.reads_table else ()
    writes = ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem") if uses.writes_table else ()
    if calls := (*reads, *writes):
        yield Statement("Orders", tuple(sorted(calls)), (uses.table,))
    if uses.parameters:
        yield Statement("Secrets", ("ssm:GetParameter",), uses.parameters)
    yield from _keys(uses, bool(calls))
    yield Statement("Logs", ("logs:CreateLogStream", "logs:PutLogEvents"), (f"{uses.log_group}:*",))
    if uses.topics:
        yield Statement("Topics", ("sns:Publish",), uses.topics)
    if sent := tuple(filter(None, (*uses.queues, uses.dead_letters))):
        yield Statement("Messages", ("sqs:SendMessage",), sent)
    if uses.buses:
        yield Statement("Events", ("events:PutEvents",), uses.buses)
    if uses.stream:
        yield Statement("Stream", STREAM_READS, (uses.stream,))
        yield Statement("Streams", ("dynamodb:ListStreams",), ("*",))
    if uses.queue:
        yield Statement("Queue", QUEUE_READS, (uses.queue,))
    if uses.tracing:
        yield Statement("Traces", TRACES, ("*",))


def _keys(uses: Uses, calls_table: bool) -> Iterator[Statement]:
    """Yield the statements that allow use of keys by these services alone, in the table's account and region.

    The policies of AWS's own keys, aws/ssm and aws/dynamodb, let a role that may read a parameter or a table decrypt it
    by that service. AWS does not document whether that suffices within a permissions boundary, so it is granted too. A
    topic's publisher needs its key: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    partition, _, region, account = (uses.table or uses.log_group).split(":")[1:5]
    users = {"dynamodb": calls_table or uses.stream, "sns": uses.topics, "ssm": uses.parameters}
    for sid, call, services in (
        ("Keys", "kms:Decrypt", [name for name, used in users.items() if used]),
        ("TopicKey", "kms:GenerateDataKey", ["sns"] if uses.topics else []),
    ):
        if services:
            by = {"StringEquals": {"kms:ViaService": [f"{each}.{region}.amazonaws.com" for each in services]}}
            yield Statement(sid, (call,), (f"arn:{partition}:kms:{region}:{account}:key/*",), condition=by)


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


def messages(names: Names, place: AwsLocation) -> tuple[Statement, ...]:
    """Return the statements of the role by which EventBridge calls the targets of the rule on ended releases.

    A topic's publisher needs its key: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    by_sns = {"StringEquals": {"kms:ViaService": [f"sns.{place.region}.amazonaws.com"]}}
    return (
        Statement("Topic", ("sns:Publish",), (place.arn("sns", names.topic),)),
        Statement("TopicKey", ("kms:Decrypt", "kms:GenerateDataKey"), (place.arn("kms", "key/*"),), condition=by_sns),
        webhooks(names, place),
    )


def webhooks(names: Names, place: AwsLocation) -> Statement:
    """Return the statement on the stack's API destinations. Their ARNs end in a random id."""
    return Statement(
        "Webhooks",
        ("events:InvokeApiDestination",),
        (place.arn("events", f"api-destination/{names.webhook('*')}"),),
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
