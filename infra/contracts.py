"""What each layer promises to the others. The same whatever the layer's source: legacy, adopted or managed."""

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import Output


@dataclass(frozen=True)
class DataOutputs:
    """The table of orders: hash key `id` (S), TTL attribute `expiration` (seconds since the epoch)."""

    table_name: Output[str]
    table_arn: Output[str]


@dataclass(frozen=True)
class SecretsOutputs:
    """Names of SSM parameters that functions may read; None where the stack has no such secret."""

    receipt_key: Output[str] | None


@dataclass(frozen=True)
class FunctionOutputs:
    """One function behind its alias. `version` is the one this program wants live; what is live, CodeDeploy decides.

    configuration: JSON, what the program declares of the version, in the words of GetFunctionConfiguration: a preview
    knows it before the version has a number.
    """

    name: Output[str]
    arn: Output[str]  # unqualified
    alias: Output[str]
    version: Output[str]
    log_group: str
    configuration: Output[str]


@dataclass(frozen=True)
class ObservabilityOutputs:
    """Where alarms go, and by function the alarms on its alias; that on errors guards any deployment."""

    topic_arn: Output[str]
    error_alarms: Mapping[str, Output[str]]
    throttle_alarms: Mapping[str, Output[str]]
    dashboard: Output[str]


@dataclass(frozen=True)
class HookOutputs:
    """The functions that CodeDeploy calls around the shift of any function's traffic, by ARN, and their names: empty
    where there is none."""

    arns: tuple[Output[str], ...]
    before_allow_traffic: Output[str] | str
    after_allow_traffic: Output[str] | str


@dataclass(frozen=True)
class DeliveryOutputs:
    """CodeDeploy's names: one application and one curve, a deployment group for each function."""

    application: Output[str]
    curve: Output[str]
    groups: Mapping[str, Output[str]]
