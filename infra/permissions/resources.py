"""Resource policies of the alarm topic, the KMS keys and the buckets."""

from collections.abc import Sequence

from infra.permissions.statement import Statement


def alarm_topic(topic_arn: str, account: str) -> tuple[Statement, ...]:
    """Return the topic's policy: only CloudWatch may publish, and only for alarms of this account.

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


def dead_letters(queue_arn: str, rule_arns: Sequence[str]) -> tuple[Statement, ...]:
    """Return the policy of a dead-letter queue: EventBridge may send to it what it cannot deliver for these rules.

    Lambda and SQS need none: Lambda sends by the function's role, and SQS moves messages by the redrive policy.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/rule-dlq.html
    """
    return (
        Statement(
            "Events",
            ("sqs:SendMessage",),
            (queue_arn,),
            principal={"Service": "events.amazonaws.com"},
            condition={"ArnEquals": {"aws:SourceArn": list(rule_arns)}},
        ),
    )


def topic_key(partition: str, account: str) -> tuple[Statement, ...]:
    """Return the policy of the topic's key: IAM administers it, and CloudWatch encrypts its alarms' messages by it.

    AWS's own key `alias/aws/sns` does not work: its policy cannot be changed and excludes CloudWatch, so alarms would
    fail to publish without an error. https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
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


def secrets_key(partition: str, account: str) -> tuple[Statement, ...]:
    """Return the policy of the key of the stacks' secrets: IAM administers it, and binds each role to its own stack.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    root = f"arn:{partition}:iam::{account}:root"
    return (Statement("Administration", ("kms:*",), ("*",), principal={"AWS": root}),)


def encrypted_in_transit(bucket_arn: str) -> tuple[Statement, ...]:
    """Return the bucket's statement that denies every request without TLS.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html#transit
    """
    return (
        Statement(
            "TlsOnly",
            ("s3:*",),
            (bucket_arn, f"{bucket_arn}/*"),
            principal="*",
            condition={"Bool": {"aws:SecureTransport": "false"}},
            effect="Deny",
        ),
    )
