"""Statements for promotion by event: from the upstream stack's rule to the bus, and from there to the project.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodebuild.html
"""

from infra.codedeploy import SOURCE, STATE_CHANGED
from infra.naming import AwsLocation, Names
from infra.permissions.artifacts import source_read
from infra.permissions.declared import Resources
from infra.permissions.roles import PeerStack
from infra.permissions.statement import Statement

OVERRIDE = "strata:override"  # the tag by which a release records that a refusal is set aside


def bus_arn(names: Names, place: AwsLocation) -> str:
    """Return the ARN of the bus that takes the events which start releases of this stack."""
    return place.arn("events", f"event-bus/{names.promotion}")


def project_arn(names: Names, place: AwsLocation) -> str:
    """Return the ARN of the project that releases this stack by an event."""
    return place.arn("codebuild", f"project/{names.promotion}")


def bus(names: Names, place: AwsLocation, upstream: PeerStack) -> tuple[Statement, ...]:
    """Return the policy of the bus: only the upstream stack's role may put events, and only CodeDeploy's.

    EventBridge alone puts events whose source begins with `aws.`, and writes the account of each.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html
    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
    """
    only = {
        "aws:PrincipalArn": upstream.role(place, upstream.names.successes),
        "events:detail-type": STATE_CHANGED,
        "events:source": SOURCE,
    }
    return (
        Statement(
            "Upstream",
            ("events:PutEvents",),
            (bus_arn(names, place),),
            principal={"AWS": upstream.root(place)},
            condition={"StringEquals": only},
        ),
    )


def put_events(bus: str) -> tuple[Statement, ...]:
    """Return the statement of the role by which a rule sends events to another account's bus. `bus`: its ARN.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    """
    return (Statement("Downstream", ("events:PutEvents",), (bus,)),)


def start_build(names: Names, place: AwsLocation) -> tuple[Statement, ...]:
    """Return the statement of the role by which the rule starts the project."""
    return (Statement("Start", ("codebuild:StartBuild",), (project_arn(names, place),)),)


def build_trust(names: Names, place: AwsLocation) -> tuple[Statement, ...]:
    """Return the statement that lets CodeBuild assume the project's role, for that project alone.

    https://docs.aws.amazon.com/codebuild/latest/userguide/cross-service-confused-deputy-prevention.html
    """
    own = {"StringEquals": {"aws:SourceArn": project_arn(names, place), "aws:SourceAccount": place.account}}
    return (Statement("Assume", ("sts:AssumeRole",), principal={"Service": "codebuild.amazonaws.com"}, condition=own),)


def promote(names: Names, place: AwsLocation, artifact_account: str = "") -> tuple[Statement, ...]:
    """Return what the project's role has beside the deploy role's policies, and what it may not do of these.

    It reads source archives and writes its log. No refusal can be set aside: a release that does so records it in a tag
    of the deployment group first. `artifact_account` holds the bundles, "" for the place's own.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html
    """
    log = place.arn("logs", f"log-group:{names.promotion_log_group}")
    return (
        source_read(names.project, place, artifact_account),
        Statement("Log", ("logs:CreateLogStream", "logs:PutLogEvents"), (f"{log}:*",)),
        Statement(
            "NoOverride",
            ("codedeploy:TagResource",),
            tuple(Resources(names, place).groups),
            condition={"ForAnyValue:StringEquals": {"aws:TagKeys": OVERRIDE}},
            effect="Deny",
        ),
    )
