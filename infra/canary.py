"""Give one function of another program its canary: alias, alarms, CodeDeploy's resources and the release.

It is a composition root of its own, beside infra.stack, because it joins parts of the layers with a release, and no
layer may import the release. It reads neither Strata's configuration nor its services. docs/adopting.md shows how a
program comes to use it.
"""

import hashlib
import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi.runtime import mocks, settings

from infra import git, permissions, targets
from infra.answered import ANSWERED, RAISED
from infra.bundle.smoke import PROBE, Smoke
from infra.codedeploy import CANARIES
from infra.config import Curve, DeliveryConfig, ObservabilityConfig
from infra.contracts import DeliveryOutputs, FunctionOutputs, HookOutputs, ObservabilityOutputs
from infra.layers.compute import MOVED_BY_CODEDEPLOY
from infra.layers.delivery import deployment_config, deployment_group
from infra.layers.observability import alias_alarm
from infra.naming import LIVE, AwsLocation
from infra.release.model.spec import ReleasePolicy
from infra.release.provider.resource import Release
from infra.release.verdict.rule import Rule
from infra.schema import listed, mistakes_in
from infra.services import Service

__all__ = ["CanaryError", "CanaryRelease", "Curve", "ReleasePolicy", "Rule"]

ALIAS = re.compile(r"(?!\d+$)[A-Za-z0-9_-]{1,128}")
"""An alias's name: https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html"""
LONGEST_ROLE = 64
DEFAULT_CURVE, DEFAULT_POLICY = Curve(), ReleasePolicy()


class CanaryError(pulumi.RunError):
    """A CanaryRelease is used wrongly; the message has a line for each mistake. Pulumi shows it without a traceback."""

    def __init__(self, name: str, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(
            listed(f"CanaryRelease {name!r} has", mistakes, "") + "\ndocs/adopting.md of Strata describes it."
        )


class CanaryRelease(ComponentResource):
    """Every new version of `function`, which must have publish=True, gets the alias's traffic by a canary.

    The first `up` puts the alias on the version that there is, once it has answered `probe`. Each later `up` that
    publishes a version shifts the alias's traffic to it, waits for the verdict, and fails where it was rolled back.
    Whatever calls the function must call the alias: `alias_arn`, or `invoke_arn` behind an API. What depends on this
    component (`depends_on`) comes after the release.

    All AWS names are made of the function's. Resources use the provider of `opts`; the release itself uses the
    credentials of the environment, as the AWS CLI does.
    """

    alias: Output[str]
    alias_arn: Output[str]
    invoke_arn: Output[str]  # the alias's, by which API Gateway calls it
    topic_arn: Output[str]
    live_versions: Output[Mapping[str, str]]  # the version with all traffic, by the function's name

    def __init__(
        self,
        name: str,
        function: aws.lambda_.Function,
        *,
        alias: str = LIVE,
        curve: Curve = DEFAULT_CURVE,
        policy: ReleasePolicy = DEFAULT_POLICY,
        error_share: float = 0.25,
        throttle_share: float = 0.05,
        errors: str = RAISED,
        probe: Mapping[str, Any] | None = None,
        topic: Input[str] | None = None,
        permissions_boundary: Input[str] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        """Declare the canary of a function.

        `curve`: the canary's share of the traffic and its minutes. `policy`: how the release judges and waits.
        `error_share`, `throttle_share`: fractions of the alias's requests above which its alarms fire. `errors`:
        "raised", what Lambda counts, or "answered", which adds the faults that the function answers in good order and
        counts itself (docs/services.md). `probe`: the event that a first version must answer; {} where it is left out.
        `topic`: ARN of the SNS topic that alarms notify; without it, one is declared. `permissions_boundary`: ARN of
        the policy that limits CodeDeploy's role.

        Raises CanaryError with every mistake, before anything is declared. A function without publish=True is refused
        as soon as that is known, before any resource in AWS.
        """
        config = ObservabilityConfig(error_share=error_share, throttle_share=throttle_share)
        _check(
            name, function=function, alias=alias, curve=curve, policy=policy, config=config, errors=errors, probe=probe
        )
        policy = _with_commit(name, policy)
        super().__init__("strata:canary:CanaryRelease", name, None, opts)
        self._name, self._alias_name = name, alias
        self._function = Output.all(function.name, function.publish).apply(lambda known: _published(name, *known))
        self._place = function.arn.apply(_place)
        self._child = ResourceOptions(parent=self)
        live = self._live(function)
        self.topic_arn = Output.from_input(topic) if topic is not None else self._topic().arn
        alarms = {
            kind: alias_alarm(
                f"{name}-{kind}",
                name=Output.concat(self._function, f"-{alias}-{kind}"),
                function=self._function,
                alias=alias,
                kind=kind,
                limit=limit,
                topic=self.topic_arn,
                answered=errors == ANSWERED and kind == "errors",
                opts=self._child,
            ).name
            for kind, limit in (("errors", config.error_share), ("throttles", config.throttle_share))
        }
        role, rights = self._role(function.arn, permissions_boundary)
        delivery = self._delivery(curve, alarms["errors"], role, rights)
        wanted = targets.build(
            {name: self._outputs(function, live)},
            alarms=ObservabilityOutputs(
                self.topic_arn, {name: alarms["errors"]}, {name: alarms["throttles"]}, Output.from_input("")
            ),
            delivery=delivery,
            hooks=HookOutputs((), "", ""),
            services=[Service(name=name, errors=errors)],
            config=DeliveryConfig(curve=curve),
            policy=policy,
            smokes={name: {PROBE: Smoke(probe or {}, {})}},
        )
        release = Release(
            f"{name}-release",
            targets=wanted,
            policy=policy,
            region=self._place.apply(lambda place: place.region),
            opts=self._child,
        )
        self.alias, self.alias_arn, self.invoke_arn = live.name, live.arn, live.invoke_arn
        self.live_versions = release.live_versions
        self.register_outputs(
            {"alias_arn": self.alias_arn, "invoke_arn": self.invoke_arn, "live_versions": self.live_versions}
        )

    def _live(self, function: aws.lambda_.Function) -> aws.lambda_.Alias:
        """Declare the alias, which CodeDeploy moves from then on."""
        opts = ResourceOptions(parent=self, ignore_changes=MOVED_BY_CODEDEPLOY)
        if not isinstance(settings.get_monitor(), mocks.MockMonitor):  # mocks take no hooks
            opts.hooks = pulumi.ResourceHookBinding(
                before_create=[
                    pulumi.ResourceHook(
                        f"{self._name}-no-other-alias",
                        _refuse_other(self._name, self),
                        opts=pulumi.ResourceHookOptions(on_dry_run=True),
                    )
                ]
            )
        return aws.lambda_.Alias(
            f"{self._name}-alias",
            name=self._alias_name,
            function_name=self._function,
            function_version=function.version,
            opts=opts,
        )

    def _topic(self) -> aws.sns.Topic:
        """Declare a topic that CloudWatch alone may publish to, without a key: CloudWatch may not use AWS's own.

        https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        """
        name = Output.concat(self._function, "-alarms")
        policy = Output.all(name, self._place).apply(
            lambda known: permissions.document(
                permissions.alarm_topic(known[1].arn("sns", known[0]), known[1].account),
            )
        )
        return aws.sns.Topic(f"{self._name}-topic", name=name, policy=policy, opts=self._child)

    def _role(self, arn: Output[str], boundary: Input[str] | None) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        """Declare the role by which CodeDeploy moves the aliases of this function alone."""
        role = aws.iam.Role(
            f"{self._name}-codedeploy",
            name=Output.all(self._function, arn).apply(lambda known: role_name(*known)),
            assume_role_policy=self._place.apply(
                lambda place: permissions.document(permissions.trust("codedeploy", place))
            ),
            permissions_boundary=boundary,
            opts=self._child,
        )
        policy = aws.iam.RolePolicy(
            f"{self._name}-deployments",
            name="deployments",
            role=role.name,
            policy=arn.apply(lambda arn: permissions.document(permissions.deployments([arn]))),
            opts=self._child,
        )
        return role, policy

    def _delivery(
        self, curve: Curve, alarm: Output[str], role: aws.iam.Role, rights: aws.iam.RolePolicy
    ) -> DeliveryOutputs:
        """Declare CodeDeploy's application, group and, where AWS has none like it, deployment configuration."""
        name = self._name
        application = aws.codedeploy.Application(
            f"{name}-application", name=self._function, compute_platform="Lambda", opts=self._child
        )
        moves: Output[str]
        if predefined := CANARIES.get((curve.percent, curve.minutes)):
            moves = Output.from_input(predefined)
        else:
            shape = f"{curve.percent}-{curve.minutes}"  # in both names, since a configuration can only be replaced
            moves = deployment_config(
                f"{name}-curve-{shape}",
                name=Output.concat(self._function, f"-canary-{shape}"),
                curve=curve,
                opts=self._child,
            )
        group = deployment_group(
            f"{name}-group",
            name=self._function,
            application=application.name,
            curve=moves,
            role=role.arn,
            alarm=alarm,
            opts=ResourceOptions(parent=self, depends_on=[rights]),
        )
        return DeliveryOutputs(application.name, {name: moves}, {name: group.deployment_group_name})

    def _outputs(self, function: aws.lambda_.Function, live: aws.lambda_.Alias) -> FunctionOutputs:
        """Return the function as a release sees it. A preview does not know the next version's configuration."""
        return FunctionOutputs(
            name=self._function,
            arn=function.arn,
            alias=live.name,
            alias_arn=live.arn,
            invoke_arn=live.invoke_arn,
            version=function.version,
            log_group=Output.all(self._function, function.logging_config).apply(lambda known: _log_group(*known)),
            configuration=Output.from_input(""),
        )


def role_name(function: str, arn: str) -> str:
    """Return the name of CodeDeploy's role. It has a hash, since IAM's names have no region and 64 characters at most.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    ending = f"-{hashlib.sha256(arn.encode()).hexdigest()[:8]}-codedeploy"
    return function[: LONGEST_ROLE - len(ending)] + ending


def _check(
    name: str,
    *,
    function: object,
    alias: object,
    curve: object,
    policy: object,
    config: ObservabilityConfig,
    errors: object,
    probe: object,
) -> None:
    """Raise CanaryError with every mistake in what a CanaryRelease is given."""
    mistakes = []
    if not isinstance(function, aws.lambda_.Function):
        mistakes.append(f"function is {_shown(function)}, not an aws.lambda_.Function; give the resource itself")
    if not (isinstance(alias, str) and ALIAS.fullmatch(alias)):
        mistakes.append(
            f"alias is {_shown(alias)}, and Lambda takes at most 128 letters, digits, hyphens and underscores, not "
            f"digits alone; give a text such as {LIVE!r}"
        )
    for what, given, kind in (("curve", curve, Curve), ("policy", policy, ReleasePolicy)):
        if not isinstance(given, kind):
            mistakes.append(f"{what} is {_shown(given)}, not a {kind.__name__}; give one whose values are known")
        else:
            mistakes += [f"{what}.{mistake}" for mistake in mistakes_in(given)]
    mistakes += mistakes_in(config)
    if isinstance(policy, ReleasePolicy) and policy.source:
        mistakes.append(f"policy.source is {policy.source!r}, and this release follows no other stack's; leave it out")
    if errors not in {RAISED, ANSWERED}:
        mistakes.append(f"errors is {_shown(errors)}, not one of the two; give {RAISED!r} or {ANSWERED!r}")
    if probe is not None and not _is_event(probe):
        mistakes.append(f"probe is {_shown(probe)}, not an object of JSON; give an event whose values are known")
    if mistakes:
        raise CanaryError(name, mistakes)


def _shown(value: object) -> str:
    if isinstance(value, Output):
        return "an Output, whose value the program does not know yet"
    return repr(value)


def _is_event(value: object) -> bool:
    try:
        return isinstance(value, Mapping) and bool(json.dumps(value))
    except (TypeError, ValueError):
        return False


def _published(name: str, function: str, publish: bool | None) -> str:
    """Return the function's name. Raises CanaryError where its changes become no versions.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
    """
    if publish:
        return function
    raise CanaryError(
        name,
        [
            f"function {function} has publish={publish}, so a change of it becomes no version, and an alias can shift "
            "traffic only between versions; declare it with publish=True"
        ],
    )


def _place(arn: str) -> AwsLocation:
    """Return the location of a function by its ARN."""
    partition, _, region, account = arn.split(":")[1:5]
    return AwsLocation(partition, region, account)


def _log_group(function: str, logging: Mapping[str, Any] | None) -> str:
    """Return the log group that a function writes to: its own, or else Lambda's default.

    The SDK gives `logging` the names of Python or, where it does not know an output's type, those of the engine.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
    """
    given = logging or {}
    return given.get("log_group") or given.get("logGroup") or f"/aws/lambda/{function}"


def _with_commit(name: str, policy: ReleasePolicy) -> ReleasePolicy:
    """Return the policy with the commit of the program's repository, for the ledger."""
    try:
        return replace(policy, commit=git.current_commit(Path.cwd(), os.environ))
    except git.CommitError as problem:
        raise CanaryError(name, [str(problem)]) from None


def _refuse_other(name: str, parent: CanaryRelease) -> Callable[[pulumi.ResourceHookArgs], Awaitable[None]]:
    """Return the hook that refuses to create the alias where AWS has one of its name, which something else moves."""

    async def refuse(hooked: pulumi.ResourceHookArgs) -> None:
        given = hooked.new_inputs or {}
        function, alias = given.get("functionName"), given.get("name")
        if not (isinstance(function, str) and isinstance(alias, str)):
            return  # a preview does not know the function's name before it exists
        try:
            # Not get_alias_output: the SDK ends the program where an output fails, and a missing alias is fine.
            found = await pulumi.runtime.invoke_async(
                "aws:lambda/getAlias:getAlias",
                {"functionName": function, "name": alias},
                pulumi.InvokeOptions(parent=parent, version=metadata.version("pulumi_aws")),
            )
        except Exception:  # the SDK raises plain Exception for whatever the provider says, here that there is none
            return
        raise CanaryError(
            name,
            [
                f"function {function} has an alias {alias!r} already, on version {found['functionVersion']}, which "
                "something else declares and would move; give another name by alias=, or take that declaration away "
                "and delete the alias once its callers use this one"
            ],
        )

    return refuse
