"""The events layer: a success of the upstream stack's CodeDeploy starts a project, which releases the stack after it.

An administrator brings it up by `bootstrap/`, half of it in each account: docs/adr/0013-promotion-by-event.md.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

import pulumi_aws as aws
from pulumi import ComponentResource, Input, Output, ResourceOptions

from infra import permissions
from infra.codedeploy import SOURCE, STATE_CHANGED, SUCCESS
from infra.config.promotion import VARIABLE
from infra.layers import dead_letters
from infra.naming import AwsLocation, Names, Shared
from infra.permissions import PeerStack, Statement, promotion

CLI = "3.259.0"  # Pulumi's
IMAGE = "aws/codebuild/standard:7.0"  # https://docs.aws.amazon.com/codebuild/latest/userguide/available-runtimes.html
LONGEST = 4 * 60  # minutes; as long as a session of the deploy role
LOG_DAYS = 90
FIELDS = {
    "source": "$.source",
    "detail-type": "$.detail-type",
    "account": "$.account",
    "region": "$.region",
    "application": "$.detail.application",
    "deploymentGroup": "$.detail.deploymentGroup",
    "deploymentId": "$.detail.deploymentId",
    "state": "$.detail.state",
}
OUTER = ("source", "detail-type", "account", "region")  # the other fields are of the event's detail
NEWEST = "sort_by(Contents, &LastModified)[-1].Key"
BUILD = (
    f'key="$(aws s3api list-objects-v2 --bucket "$ARTIFACTS" --prefix sources/ --query "{NEWEST}" --output json)"',
    'aws s3 cp --only-show-errors "s3://$ARTIFACTS/$(echo "$key" | tr -d \'"\')" source.bundle',
    "git -c advice.detachedHead=false clone --quiet --config transfer.fsckObjects=true source.bundle checkout",
    'cd checkout && PATH="$HOME/.pulumi/bin:$PATH" make by-event WAIT=180 ALONE=true',
)
"""The commands of the project. The newest commit that was built decides; it checks the proved one out of its history.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""


class UpstreamEvents(ComponentResource):
    """In the upstream stack's account: a rule that sends each success of its deployments to the bus of the other.

    What could not be delivered within a day is a dead letter, with an alarm.
    """

    def __init__(
        self, name: str, *, names: Names, place: AwsLocation, after: PeerStack, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("strata:layers:UpstreamEvents", name, None, opts)
        bus = promotion.bus_arn(after.names, replace(place, account=after.account))
        role = _role(self, name, names.successes, permissions.trust("events", place), promotion.put_events(bus))
        rule = _rule(self, name, names.successes, place.account, names.application)
        _target(self, name, names.successes, place.arn("sns", names.topic), rule=rule, arn=bus, role=role)
        self.register_outputs({})


class Promotion(ComponentResource):
    """In the later stack's account: a bus that takes the upstream stack's events alone, and the project they start.

    One build runs at a time, and waits for the rest of a set: EventBridge tries to start the next one again, for a day.
    https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    """

    def __init__(
        self,
        name: str,
        *,
        names: Names,
        place: AwsLocation,
        upstream: PeerStack,
        artifact_account: str = "",
        opts: ResourceOptions | None = None,
    ) -> None:
        """Declare it. `artifact_account` holds the bundles, "" for the stack's own.

        `opts` must depend on the deploy role's policies, which the project's role has too.
        """
        super().__init__("strata:layers:Promotion", name, None, opts)
        self._name, self._names, self._place, self._artifact_account = name, names, place, artifact_account
        own = ResourceOptions(parent=self)
        bus = aws.cloudwatch.EventBus(
            f"{name}-bus", name=names.promotion, description=f"What starts releases of {names.prefix}", opts=own
        )
        policy = aws.cloudwatch.EventBusPolicy(
            f"{name}-bus-policy",
            event_bus_name=bus.name,
            policy=permissions.document(promotion.bus(names, place, upstream)),
            opts=own,
        )
        project = self._project(self._promote())
        trust, start = permissions.trust("events", place), promotion.start_build(names, place)
        role = _role(self, name, names.promotion, trust, start)
        rule = _rule(self, name, names.promotion, upstream.account, upstream.names.application, bus=bus.name)
        _target(
            self,
            name,
            names.promotion,
            place.arn("sns", names.topic),
            rule=rule,
            arn=project.arn,
            role=role,
            bus=bus.name,
            transformer=aws.cloudwatch.EventTargetInputTransformerArgs(input_paths=FIELDS, input_template=template()),
            after=[policy],
        )
        self.register_outputs({"project": project.name})

    def _promote(self) -> aws.iam.Role:
        """Declare the project's role: the deploy role's policies, and one that narrows them."""
        names, place = self._names, self._place
        role = aws.iam.Role(
            f"{self._name}-promote",
            name=names.promote_role,
            assume_role_policy=permissions.document(promotion.build_trust(names, place)),
            opts=ResourceOptions(parent=self),
        )
        aws.iam.RolePolicy(
            f"{self._name}-promote-only",
            name="promotion",
            role=role.name,
            policy=permissions.document(promotion.promote(names, place, self._artifact_account)),
            opts=ResourceOptions(parent=self),
        )
        for part in permissions.PARTS:
            aws.iam.RolePolicyAttachment(
                f"{self._name}-promote-{part}",
                role=role.name,
                policy_arn=place.global_arn("iam", f"policy/{names.deploy_role}-{part}"),
                opts=ResourceOptions(parent=self),
            )
        return role

    def _project(self, role: aws.iam.Role) -> aws.codebuild.Project:
        names, place = self._names, self._place
        log = aws.cloudwatch.LogGroup(
            f"{self._name}-log",
            name=names.promotion_log_group,
            retention_in_days=LOG_DAYS,
            opts=ResourceOptions(parent=self),
        )
        holder = AwsLocation(place.partition, place.region, self._artifact_account or place.account)
        variables = {
            "ARTIFACTS": Shared(names.project).artifact_bucket(holder),
            "PULUMI_BACKEND_URL": permissions.backend(names.project, place),
            "STACK": names.stack,
        }
        return aws.codebuild.Project(
            f"{self._name}-project",
            name=names.promotion,
            description=f"Releases {names.prefix} when an event says that its upstream stack has proved a commit",
            service_role=role.arn,
            source=aws.codebuild.ProjectSourceArgs(type="NO_SOURCE", buildspec=buildspec()),
            artifacts=aws.codebuild.ProjectArtifactsArgs(type="NO_ARTIFACTS"),
            environment=aws.codebuild.ProjectEnvironmentArgs(
                type="LINUX_CONTAINER",
                compute_type="BUILD_GENERAL1_SMALL",
                image=IMAGE,
                privileged_mode=False,
                environment_variables=[
                    aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs(name=key, value=value)
                    for key, value in variables.items()
                ],
            ),
            logs_config=aws.codebuild.ProjectLogsConfigArgs(
                cloudwatch_logs=aws.codebuild.ProjectLogsConfigCloudwatchLogsArgs(group_name=log.name)
            ),
            build_timeout=LONGEST,
            concurrent_build_limit=1,
            opts=ResourceOptions(parent=self),
        )


def buildspec() -> str:
    """Return the project's buildspec, as JSON, which is YAML too."""
    install = f"curl -fsSL https://get.pulumi.com | sh -s -- --version {CLI}"
    phases = {"install": {"commands": [install]}, "build": {"commands": list(BUILD)}}
    return json.dumps({"version": 0.2, "phases": phases}, indent=2)


def template() -> str:
    """Return the input of StartBuild: the fields of the event that the decision reads, as JSON in one variable.

    EventBridge puts a variable's value between quotes that are escaped in the template.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    outer = {name: f"<{name}>" for name in OUTER}
    event = json.dumps({**outer, "detail": {name: f"<{name}>" for name in FIELDS if name not in OUTER}})
    variable = {"name": VARIABLE, "type": "PLAINTEXT", "value": event}
    return json.dumps({"environmentVariablesOverride": [variable]})


def _role(
    parent: ComponentResource, name: str, called: str, trusted: Sequence[Statement], may: Sequence[Statement]
) -> aws.iam.Role:
    """Declare the role, named `called`, by which EventBridge calls the rule's target."""
    role = aws.iam.Role(
        f"{name}-role",
        name=called,
        assume_role_policy=permissions.document(trusted),
        opts=ResourceOptions(parent=parent),
    )
    aws.iam.RolePolicy(
        f"{name}-rights",
        name="promotion",
        role=role.name,
        policy=permissions.document(may),
        opts=ResourceOptions(parent=parent),
    )
    return role


def _rule(
    parent: ComponentResource,
    name: str,
    called: str,
    account: str,
    application: str,
    *,
    bus: Input[str] | None = None,
) -> aws.cloudwatch.EventRule:
    """Declare the rule on successes of the deployments of an account's application."""
    pattern = {
        "source": [SOURCE],
        "account": [account],
        "detail-type": [STATE_CHANGED],
        "detail": {"application": [application], "state": [SUCCESS]},
    }
    return aws.cloudwatch.EventRule(
        f"{name}-rule",
        name=called,
        event_bus_name=bus,
        description=f"Deployments of {application} that have succeeded",
        event_pattern=json.dumps(pattern),
        opts=ResourceOptions(parent=parent),
    )


def _target(
    parent: ComponentResource,
    name: str,
    called: str,
    topic: str,
    *,
    rule: aws.cloudwatch.EventRule,
    arn: Input[str],
    role: aws.iam.Role,
    bus: Input[str] | None = None,
    transformer: aws.cloudwatch.EventTargetInputTransformerArgs | None = None,
    after: Sequence[aws.cloudwatch.EventBusPolicy] = (),
) -> None:
    """Declare the rule's target, the queue of what could not be delivered, and its alarm. `topic`: its ARN."""
    queue = dead_letters.queue(f"{name}-dead", name=called, parent=parent)
    dead_letters.alarm(
        f"{name}-dead-letters",
        name=called,
        of=queue,
        description=f"There is an event that {called} could not deliver: it started no release",
        topic=Output.from_input(topic),
        parent=parent,
    )
    own = ResourceOptions(parent=parent)
    permitted = dead_letters.policy(f"{name}-dead-policy", of=queue, rules=[rule.arn], opts=own)
    aws.cloudwatch.EventTarget(
        f"{name}-target",
        rule=rule.name,
        event_bus_name=bus,
        target_id=called,
        arn=arn,
        role_arn=role.arn,
        input_transformer=transformer,
        dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(arn=queue.arn),
        opts=ResourceOptions(parent=parent, depends_on=[permitted, *after]),
    )
