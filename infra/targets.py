"""Build the release's targets from the layers' outputs: each function's wanted version and CodeDeploy's names."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pulumi import Input

from infra.answered import ANSWERED
from infra.bundle.smoke import PROBE, Smoke
from infra.config import CurveSettings, DeliveryConfig
from infra.config.upstream import UpstreamStack
from infra.contracts import DeliveryOutputs, FunctionOutputs, HookOutputs, ObservabilityOutputs
from infra.naming import AwsLocation, deployment_group_arn
from infra.release.model.spec import ReleasePolicy
from infra.services import Service

NO_RECORDS: dict[str, Any] = {"Records": []}
"""The probe of a function that no smoke event names: a batch of a queue or a stream without a record."""


def build(
    functions: Mapping[str, FunctionOutputs],
    *,
    alarms: ObservabilityOutputs,
    delivery: DeliveryOutputs,
    hooks: HookOutputs,
    services: Sequence[Service],
    config: DeliveryConfig,
    policy: ReleasePolicy,
    smokes: Mapping[str, Mapping[str, Smoke]],
    upstream: UpstreamStack | None = None,
    partition: str = "aws",
    adopted: bool = False,
) -> list[dict[str, Input[Any]]]:
    """Return the fields of `infra.release.model.spec.Target`, one dict a function.

    `config` and `policy` are the stack's; a service's own take their place.

    The probe is the event that a first version must answer before the API reaches it, since CodeDeploy, which calls the
    smoke hook, deploys no first version. `smokes` are those of infra.bundle.smoke, by service and file. `upstream` is
    the stack that must have proved a release, in the same partition; None if no stack must.
    """
    wanted = []
    for service in services:
        name, function, curve = service.name, functions[service.name], service.canary.settled(config)
        smoke = smokes.get(name, {}).get(PROBE)
        wanted.append(
            {
                "function": function.name,
                "alias": function.alias,
                "version": function.version,
                "application": delivery.application,
                "group": delivery.groups[name],
                "curve": delivery.curves[name],
                "minutes": curve.default.minutes,
                "percent": curve.default.percent,
                "alarm": alarms.error_alarms[name],
                "topic": alarms.topic_arn,
                "log_group": function.log_group,
                "throttle_alarm": alarms.throttle_alarms[name],
                "before_allow_traffic": hooks.before_allow_traffic if smokes.get(name) else "",
                "after_allow_traffic": hooks.after_allow_traffic,
                "configuration": function.configuration,
                **_upstream_records(name, upstream, partition),
                **_own_policy(service, policy),
                **({"answered": True} if service.errors == ANSWERED else {}),
                **_choice(curve, delivery),
                **({"adopted": True} if adopted else {}),
                "probe": json.dumps(smoke.event if smoke else NO_RECORDS),
            }
        )
    return wanted


def _choice(curve: CurveSettings, delivery: DeliveryOutputs) -> dict[str, Any]:
    """Return the field by which each release chooses its curve, where it does."""
    if curve.detect is None:
        return {}
    listed = [
        {"name": delivery.listed[each.percent, each.minutes], "percent": each.percent, "minutes": each.minutes}
        for each in curve.listed
    ]
    return {"auto": {**asdict(curve.detect), "longest": curve.longest, "listed": listed}}


def _own_policy(service: Service, policy: ReleasePolicy) -> dict[str, Any]:
    """Return the fields by which the service's canary is judged and stopped otherwise than the stack's."""
    canary = service.canary
    own: dict[str, Any] = {"rule": asdict(policy.rule.overridden(canary.rule))} if canary.rule else {}
    if canary.minimum_requests is not None:
        own["minimum_requests"] = canary.minimum_requests
    if canary.alarms:
        own["alarms"] = list(canary.alarms)
    return {**own, "evidence": canary.evidence} if canary.evidence else own


def _upstream_records(service: str, upstream: UpstreamStack | None, partition: str) -> dict[str, Input[Any]]:
    """Return the deployment group whose records must prove a release, and the role that may read them."""
    if upstream is None:
        return {}
    names, place = upstream.names, AwsLocation(partition, upstream.region, upstream.account)
    group = deployment_group_arn(place, names, service)
    return {"proof_group": group, "proof_role": place.global_arn("iam", f"role/{names.proof_role}")}
