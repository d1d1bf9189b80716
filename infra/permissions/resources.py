"""What resources let others do to them: topic, keys, state bucket."""

from infra.permissions.statement import Statement


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


def secrets_key(partition: str, account: str) -> tuple[Statement, ...]:
    """The key of the stacks' secrets: the account administers it by IAM, where each role is bound to its own stack.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    root = f"arn:{partition}:iam::{account}:root"
    return (Statement("Administration", ("kms:*",), ("*",), principal={"AWS": root}),)


def encrypted_in_transit(bucket_arn: str) -> tuple[Statement, ...]:
    """Nobody reaches the bucket but by TLS.

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
