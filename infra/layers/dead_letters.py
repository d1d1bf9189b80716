"""A queue of dead letters with the alarm on it. No layer: those that need one declare it as their own."""

from collections.abc import Sequence

import pulumi_aws as aws
from pulumi import Input, Output, Resource, ResourceOptions

from infra import permissions

KEPT = 14 * 24 * 3600  # seconds; the longest that SQS keeps a message


def queue(resource: str, *, name: str, parent: Resource, protect: bool = True) -> aws.sqs.Queue:
    """Declare the queue, encrypted by SQS's own key.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    return aws.sqs.Queue(
        resource,
        name=name,
        message_retention_seconds=KEPT,
        sqs_managed_sse_enabled=True,
        opts=ResourceOptions(parent=parent, protect=protect),
    )


def policy(
    resource: str, *, of: aws.sqs.Queue, rules: Sequence[Input[str]], opts: ResourceOptions
) -> aws.sqs.QueuePolicy:
    """Declare that EventBridge may send what these rules, by their ARNs, could not deliver.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    return aws.sqs.QueuePolicy(
        resource,
        queue_url=of.url,
        policy=Output.all(of.arn, *rules).apply(
            lambda arns: permissions.document(permissions.dead_letters(arns[0], arns[1:]))
        ),
        opts=opts,
    )


def alarm(
    resource: str, *, name: str, of: aws.sqs.Queue, description: str, topic: Output[str], parent: Resource
) -> None:
    """Declare the alarm that fires while there is a dead letter. `topic`: the ARN of the topic that it notifies.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-queues-alarms-cloudwatch.html
    """
    aws.cloudwatch.MetricAlarm(
        resource,
        name=name,
        alarm_description=description,
        namespace="AWS/SQS",
        metric_name="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": of.name},
        statistic="Maximum",
        period=60,
        evaluation_periods=1,
        comparison_operator="GreaterThanThreshold",
        threshold=0,
        treat_missing_data="notBreaching",
        alarm_actions=[topic],
        ok_actions=[topic],
        opts=ResourceOptions(parent=parent),
    )
