"""What the layers hand to the release: for each function the version that is wanted, and the means to shift traffic."""

from collections.abc import Mapping
from pathlib import Path

from pulumi import Input

from infra.contracts import DeliveryOutputs, FunctionOutputs, ObservabilityOutputs


def build(
    functions: Mapping[str, FunctionOutputs],
    alarms: ObservabilityOutputs,
    delivery: DeliveryOutputs,
    minutes: int,
    repository: Path,
) -> list[dict[str, Input[str | int]]]:
    """The fields of `infra.release.model.Target`, one dict a function; `minutes` is the canary's.

    The probe is the event that a first version must answer before the API reaches it: `app/SERVICE/smoke/health.json`.
    """
    return [
        {
            "function": function.name,
            "alias": function.alias,
            "version": function.version,
            "application": delivery.application,
            "group": delivery.groups[service],
            "curve": delivery.curve,
            "minutes": minutes,
            "alarm": alarms.error_alarms[service],
            "topic": alarms.topic_arn,
            "log_group": function.log_group,
            "probe": (repository / "app" / service / "smoke/health.json").read_text(),
        }
        for service, function in functions.items()
    ]


def exported(targets: list[dict[str, Input[str | int]]]) -> list[dict[str, Input[str | int]]]:
    """The targets for the operator's command, which never calls a first version: without the probe, a page of JSON."""
    return [{name: value for name, value in target.items() if name != "probe"} for target in targets]
