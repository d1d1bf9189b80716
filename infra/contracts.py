"""The outputs that each layer hands to the others, the same for every source: legacy, adopted or managed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pulumi import Input, Output


@dataclass(frozen=True)
class DataOutputs:
    """The table of orders: hash key `id` (S), TTL attribute `expiration` (seconds since the epoch).

    `stream_arn` is of its stream, whose records have the new image of an item (NEW_IMAGE).
    """

    table_name: Output[str]
    table_arn: Output[str]
    stream_arn: Output[str]


@dataclass(frozen=True)
class SecretsOutputs:
    """Names of SSM parameters that functions may read; None if the stack has no such secret."""

    receipt_key: Output[str] | None

    def parameter(self, key: str) -> Output[str] | None:
        """Return the name of a secret's parameter; `key` is the secret's in strata:secrets."""
        return {"receiptKey": self.receipt_key}[key]


@dataclass(frozen=True)
class FunctionOutputs:
    """One function behind its alias. `version` is the one that this program wants live; CodeDeploy decides which is.

    `configuration` is the version's declared configuration as JSON, with the keys of GetFunctionConfiguration: a
    preview knows it before the version has a number.
    """

    name: Output[str]
    arn: Output[str]  # unqualified
    alias: Output[str]
    alias_arn: Output[str]
    invoke_arn: Output[str]  # the alias's, by which API Gateway calls it
    version: Output[str]
    log_group: Input[str]
    configuration: Output[str]


@dataclass(frozen=True)
class TriggerOutputs:
    """The queues that services send to, by service, and the stack's bus; None if no service takes its events.

    `dead_letter_urls`: the queues of what the stream's consumers cannot do, each for its own service alone.
    """

    queue_urls: Mapping[str, Output[str]]
    dead_letter_urls: Mapping[str, Output[str]]
    bus: Output[str] | None


@dataclass(frozen=True)
class ApiOutputs:
    """The HTTP API in front of the services: its id, its stage, and the address by which callers reach it."""

    id: Output[str]
    stage: Output[str]
    url: Output[str]


@dataclass(frozen=True)
class ObservabilityOutputs:
    """The alarms' topic, and by function the alarms on its alias; the one on errors guards every deployment."""

    topic_arn: Output[str]
    error_alarms: Mapping[str, Output[str]]
    throttle_alarms: Mapping[str, Output[str]]
    dashboard: Output[str]


@dataclass(frozen=True)
class LegacyOutputs:
    """What Terraform's compute, observability and delivery layers give to a stack that declares none of them."""

    live_versions: Output[Mapping[str, str]]
    api_url: Output[str]
    dashboard: Output[str]
    application: Output[str]
    deployment_group: Output[str]


@dataclass(frozen=True)
class LegacyIdentity:
    """What Terraform's identity layer gives to `bootstrap/`, which declares none of it: ARNs, and an alias' name."""

    boundary: Output[str]
    alarms_key_alias: Output[str]
    deploy_role: Output[str]
    preview_role: Output[str]


@dataclass(frozen=True)
class HookOutputs:
    """The functions that CodeDeploy calls before and after it shifts traffic; a name is empty where there is none."""

    arns: tuple[Output[str], ...]
    before_allow_traffic: Output[str] | str
    after_allow_traffic: Output[str] | str


@dataclass(frozen=True)
class DeliveryOutputs:
    """CodeDeploy's names: one application, and for each function a deployment configuration and a group.

    `listed`: those of the deployment configurations that a release may choose beside CodeDeploy's own, by percent and
    minutes.
    """

    application: Output[str]
    curves: Mapping[str, Output[str]]
    groups: Mapping[str, Output[str]]
    listed: Mapping[tuple[int, int], Output[str]] = field(default_factory=dict)
