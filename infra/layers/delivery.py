"""The delivery layer: the resources by which CodeDeploy moves an alias, and moves it back by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pulumi_aws as aws
from pulumi import ComponentResource, Input, Output, ResourceOptions

from infra import permissions
from infra.codedeploy import CANARIES, ROLLBACK_EVENTS
from infra.config import Curve, DeliveryConfig
from infra.contracts import DeliveryOutputs, FunctionOutputs, HookOutputs, ObservabilityOutputs
from infra.naming import AwsLocation, Names
from infra.services import Service
from infra.source import OURS, Ownership

MARKED = ["tags", "tagsAll"]
"""Not compared, since releases keep records in these: see docs/adr/0008."""


class Delivery(ComponentResource):
    """One CodeDeploy application, and a deployment group for each function, which always rolls back.

    It declares a deployment configuration for each percent and minutes of which AWS has none. It declares no
    deployment: that is a release's. https://docs.aws.amazon.com/codedeploy/latest/userguide/welcome.html

    The application and the groups are protected from deletion, since CodeDeploy's records go with them; a group is so
    until strata:services.removed names its service.
    """

    outputs: DeliveryOutputs

    def __init__(
        self,
        name: str,
        *,
        names: Names,
        place: AwsLocation,
        config: DeliveryConfig,
        services: Sequence[Service],
        functions: Mapping[str, FunctionOutputs],
        alarms: ObservabilityOutputs,
        hooks: HookOutputs,
        owner: Ownership = OURS,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("strata:layers:Delivery", name, None, opts)
        self._name = name
        self._names = names
        self._place = place
        self._owner = owner
        application = aws.codedeploy.Application(
            f"{name}-application",
            name=names.application,
            compute_platform="Lambda",
            opts=ResourceOptions.merge(
                owner.options(self, names.application, protect=True), ResourceOptions(ignore_changes=MARKED)
            ),
        )
        settled = {each.name: each.canary.settled(config) for each in services}
        listed = [curve for each in settled.values() for curve in each.listed]
        wanted = {service: each.default for service, each in settled.items()}
        own = config.default or config.curve
        made = {curve: self._curve(curve, own=curve == own) for curve in dict.fromkeys([*wanted.values(), *listed])}
        curves = {service: made[curve] for service, curve in wanted.items()}
        going = {each.name for each in services if each.removed}
        role, policy = self._role(functions, hooks, permissions.boundary_arn(names, place))
        groups = {
            service: self._group(
                service,
                application=application,
                curve=curves[service],
                role=role,
                policy=policy,
                alarm=alarms.error_alarms[service],
                protect=service not in going,
            )
            for service in functions
        }
        self.outputs = DeliveryOutputs(
            application=application.name,
            curves={service: Output.from_input(curve) for service, curve in curves.items()},
            groups={service: group.deployment_group_name for service, group in groups.items()},
            listed={(curve.percent, curve.minutes): Output.from_input(made[curve]) for curve in listed},
        )
        self.register_outputs({"application": application.name})

    def _curve(self, curve: Curve, *, own: bool) -> Input[str]:
        """Return the name of the deployment configuration: a percent of the traffic, and all of it minutes later.

        It is declared only where AWS has none like it, since an account may have 50. `own`: it is the stack's, and not
        one of a service alone.
        """
        name = self._names.curve(curve.percent, curve.minutes)
        if (curve.percent, curve.minutes) in CANARIES:
            return name
        resource = f"{self._name}-curve" if own else f"{self._name}-curve-{curve.percent}-{curve.minutes}"
        return deployment_config(resource, name=name, curve=curve, opts=self._owner.options(self, name))

    def _role(
        self, functions: Mapping[str, FunctionOutputs], hooks: HookOutputs, boundary: str
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        role = aws.iam.Role(
            f"{self._name}-codedeploy",
            name=self._names.codedeploy_role,
            assume_role_policy=permissions.document(permissions.trust("codedeploy", self._place)),
            permissions_boundary=boundary,
            opts=self._owner.options(self, self._names.codedeploy_role),
        )
        own = permissions.Resources(replace(self._names, services=tuple(functions)), self._place)
        policy = aws.iam.RolePolicy(
            f"{self._name}-deployments",
            name="deployments",
            role=role.name,
            policy=Output.all(*hooks.arns).apply(
                lambda arns: permissions.document(permissions.deployments(own.services, arns))
            ),
            opts=self._owner.options(self, f"{self._names.codedeploy_role}:deployments"),
        )
        return role, policy

    def _group(
        self,
        service: str,
        *,
        application: aws.codedeploy.Application,
        curve: Input[str],
        role: aws.iam.Role,
        policy: aws.iam.RolePolicy,
        alarm: Output[str],
        protect: bool,
    ) -> aws.codedeploy.DeploymentGroup:
        group_id = f"{self._names.application}:{self._names.deployment_group(service)}"
        return deployment_group(
            f"{self._name}-{service}",
            name=self._names.deployment_group(service),
            application=application.name,
            curve=curve,
            role=role.arn,
            alarm=alarm,
            opts=self._owner.options(self, group_id, protect=protect, depends_on=[policy]),
        )


def deployment_config(resource: str, *, name: Input[str], curve: Curve, opts: ResourceOptions) -> Output[str]:
    """Declare how traffic moves: a percent of it, and all of it minutes later. Returns the configuration's name.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_TimeBasedCanary.html
    """
    return aws.codedeploy.DeploymentConfig(
        resource,
        deployment_config_name=name,
        compute_platform="Lambda",
        traffic_routing_config=aws.codedeploy.DeploymentConfigTrafficRoutingConfigArgs(
            type="TimeBasedCanary",
            time_based_canary=aws.codedeploy.DeploymentConfigTrafficRoutingConfigTimeBasedCanaryArgs(
                percentage=curve.percent, interval=curve.minutes
            ),
        ),
        opts=opts,
    ).deployment_config_name


def deployment_group(
    resource: str,
    *,
    name: Input[str],
    application: Input[str],
    curve: Input[str],
    role: Input[str],
    alarm: Input[str],
    opts: ResourceOptions,
) -> aws.codedeploy.DeploymentGroup:
    """Declare a deployment group. Its alarm guards deployments started by hand; a release adds a verdict alarm.

    `role`: an ARN. `opts` must depend on the role's policy: a deployment in flight needs it to the end, so the group is
    deleted first. The release records its state in the group's tags, so Pulumi ignores them.
    https://docs.aws.amazon.com/codedeploy/latest/userguide/deployments-rollback-and-redeploy.html
    """
    return aws.codedeploy.DeploymentGroup(
        resource,
        app_name=application,
        deployment_group_name=name,
        service_role_arn=role,
        deployment_config_name=curve,
        deployment_style=aws.codedeploy.DeploymentGroupDeploymentStyleArgs(
            deployment_type="BLUE_GREEN", deployment_option="WITH_TRAFFIC_CONTROL"
        ),
        auto_rollback_configuration=aws.codedeploy.DeploymentGroupAutoRollbackConfigurationArgs(
            enabled=True, events=list(ROLLBACK_EVENTS)
        ),
        alarm_configuration=aws.codedeploy.DeploymentGroupAlarmConfigurationArgs(enabled=True, alarms=[alarm]),
        opts=ResourceOptions.merge(opts, ResourceOptions(ignore_changes=MARKED)),
    )
