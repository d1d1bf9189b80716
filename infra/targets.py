"""Build the release's targets from the layers' outputs: each function's wanted version and CodeDeploy's names."""

import json
from collections.abc import Mapping

from pulumi import Input

from infra.bundle.smoke import PROBE, Smoke
from infra.config import Curve
from infra.config.upstream import UpstreamStack
from infra.contracts import DeliveryOutputs, FunctionOutputs, HookOutputs, ObservabilityOutputs
from infra.naming import AwsLocation


def build(
    functions: Mapping[str, FunctionOutputs],
    *,
    alarms: ObservabilityOutputs,
    delivery: DeliveryOutputs,
    hooks: HookOutputs,
    curve: Curve,
    smokes: Mapping[str, Mapping[str, Smoke]],
    upstream: UpstreamStack | None = None,
    partition: str = "aws",
) -> list[dict[str, Input[str | int]]]:
    """Return the fields of `infra.release.model.spec.Target`, one dict a function; `curve` is the canary's.

    The probe is the event that a first version must answer before the API reaches it, since CodeDeploy, which calls the
    smoke hook, deploys no first version. `smokes` are those of infra.bundle.smoke, by service and file. `upstream` is
    the stack that must have proved a release, in the same partition; None if no stack must.
    """
    return [
        {
            "function": function.name,
            "alias": function.alias,
            "version": function.version,
            "application": delivery.application,
            "group": delivery.groups[service],
            "curve": delivery.curve,
            "minutes": curve.minutes,
            "percent": curve.percent,
            "alarm": alarms.error_alarms[service],
            "topic": alarms.topic_arn,
            "log_group": function.log_group,
            "throttle_alarm": alarms.throttle_alarms[service],
            "before_allow_traffic": hooks.before_allow_traffic,
            "after_allow_traffic": hooks.after_allow_traffic,
            "configuration": function.configuration,
            **_upstream_records(service, upstream, partition),
            "probe": json.dumps(smokes[service][PROBE].event),
        }
        for service, function in functions.items()
    ]


def _upstream_records(service: str, upstream: UpstreamStack | None, partition: str) -> dict[str, Input[str | int]]:
    """Return the deployment group whose records must prove a release, and the role that may read them."""
    if upstream is None:
        return {}
    names, place = upstream.names, AwsLocation(partition, upstream.region, upstream.account)
    group = place.arn("codedeploy", f"deploymentgroup:{names.application}/{names.deployment_group(service)}")
    return {"proof_group": group, "proof_role": place.global_arn("iam", f"role/{names.proof_role}")}
