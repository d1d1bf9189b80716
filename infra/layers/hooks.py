"""The hooks layer: functions that CodeDeploy calls before and after a shift of traffic, and waits for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pulumi_aws as aws
from pulumi import ComponentResource, Input, Output, ResourceOptions

from infra import permissions
from infra.bundle import Code
from infra.config import ComputeConfig, DeliveryConfig
from infra.contracts import FunctionOutputs, HookOutputs
from infra.naming import BAKE, SMOKE, AwsLocation, Names

MEMORY = 256  # MB
SMOKE_TIMEOUT = 180  # seconds; each event may take as long as the function under test
SPARE = 60  # seconds of the bake hook's timeout beyond its minutes


class Hooks(ComponentResource):
    """One function for each hook that the stack wants, shared by all deployments; none has an alias or a canary.

    A change of a hook takes effect at once, before the release of the same update.
    https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html#appspec-hooks-lambda
    """

    outputs: HookOutputs

    def __init__(
        self,
        name: str,
        *,
        names: Names,
        place: AwsLocation,
        config: DeliveryConfig,
        compute: ComputeConfig,
        log_retention_days: int,
        bundles: Mapping[str, Code],
        functions: Mapping[str, FunctionOutputs],
        opts: ResourceOptions | None = None,
    ) -> None:
        """Declare the hooks. `compute` gives their runtime; `bundles` are those of `infra.bundle.hooks`."""
        super().__init__("strata:layers:Hooks", name, None, opts)
        self._name = name
        self._names = names
        self._place = place
        self._compute = compute
        self._retention = log_retention_days
        self._own = permissions.Resources(replace(names, services=tuple(functions)), place)
        made: dict[str, aws.lambda_.Function] = {}
        if config.smoke:
            made[SMOKE] = self._hook(
                SMOKE,
                bundles[SMOKE],
                timeout=SMOKE_TIMEOUT,
                variables={"SERVICES": _services(functions)},
                invoked=self._own.services,
            )
        if config.bake_minutes:
            made[BAKE] = self._hook(
                BAKE,
                bundles[BAKE],
                timeout=config.bake_minutes * 60 + SPARE,
                variables={"BAKE_MINUTES": str(config.bake_minutes)},
            )
        self.outputs = HookOutputs(
            arns=tuple(function.arn for function in made.values()),
            before_allow_traffic=made[SMOKE].name if SMOKE in made else "",
            after_allow_traffic=made[BAKE].name if BAKE in made else "",
        )
        self.register_outputs({})

    def _hook(
        self,
        hook: str,
        bundle: Code,
        *,
        timeout: int,
        variables: Mapping[str, Input[str]],
        invoked: Sequence[str] = (),
    ) -> aws.lambda_.Function:
        opts = ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{self._name}-{hook}-role",
            name=self._names.hook_role(hook),
            assume_role_policy=permissions.document(permissions.trust("lambda", self._place)),
            permissions_boundary=permissions.boundary_arn(self._names, self._place),
            opts=opts,
        )
        logs = self._place.arn("logs", f"log-group:{self._names.hook_log_group(hook)}")
        policy = aws.iam.RolePolicy(
            f"{self._name}-{hook}-calls",
            name="calls",
            role=role.name,
            policy=permissions.document(permissions.hook(self._own.groups, logs, invoked)),
            opts=opts,
        )
        group = aws.cloudwatch.LogGroup(
            f"{self._name}-{hook}-logs",
            name=self._names.hook_log_group(hook),
            retention_in_days=self._retention,
            opts=opts,
        )
        return aws.lambda_.Function(
            f"{self._name}-{hook}",
            name=self._names.hook(hook),
            role=role.arn,
            **bundle.arguments,
            handler=bundle.handler,
            runtime=self._compute.runtime,
            architectures=[self._compute.architecture],
            memory_size=MEMORY,
            timeout=timeout,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=variables),
            opts=ResourceOptions(parent=self, depends_on=[policy, group]),
        )


def _services(functions: Mapping[str, FunctionOutputs]) -> Output[str]:
    """Return the service whose smoke events each function answers, as the smoke hook reads it: JSON by function."""
    names = Output.all(**{service: function.name for service, function in functions.items()})
    return names.apply(lambda names: json.dumps({name: service for service, name in names.items()}, sort_keys=True))
