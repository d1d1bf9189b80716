"""Build the contracts of the layers that Terraform still owns from the root outputs of their remote state.

An error names the layer, the state (bucket, key, workspace) and the outputs. It is raised while the program runs,
before any resource that would need the value is declared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import shorten

import pulumi
import pulumi_aws as aws
from pulumi import InvokeOptions, Output
from pulumi_terraform.state import get_s3_reference

from infra.config import LegacyState
from infra.contracts import DataOutputs, LegacyIdentity, LegacyOutputs
from infra.identity.config import PROJECT as BOOTSTRAP
from infra.naming import AwsLocation, Names

OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "identity": ("boundary_arn", "alarms_key_alias", "deploy_role_arn", "preview_role_arn"),
    "data": ("table_name", "table_arn", "table_stream_arn"),
    "compute": ("function_name", "function_arn", "alias", "api_url"),
    "observability": ("topic_arn", "dashboard"),
    "delivery": ("application", "deployment_group"),
}
"""The root outputs that a stack, or `bootstrap/`, takes from each layer: each a text that is not empty."""
SECRET: Mapping[str, frozenset[str]] = {}
"""Those among them that are sensitive, by layer: Terraform stores them in clear, and Pulumi's provider drops the mark.

https://developer.hashicorp.com/terraform/language/values/outputs#sensitive-suppressing-values-in-cli-output
"""

LONGEST_REASON = 200  # characters of the provider's own words


class LegacyError(pulumi.RunError):
    """A legacy layer's state lacks an output that its contract needs. Pulumi shows it without a traceback."""


def data(state: LegacyState, place: AwsLocation) -> DataOutputs:
    """Return the contract of the data layer, from `terraform-legacy/data`. Raises LegacyError.

    The table must be in the stack's account and region, else the state is another stack's; the stream must be that
    table's. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
    """
    layer = LegacyLayer("data", state)
    outputs = layer.read()
    expected = place.arn("dynamodb", f"table/{outputs['table_name']}")
    layer.require("table_arn", outputs, expected, "a table of that name")
    if not outputs["table_stream_arn"].startswith(f"{expected}/stream/"):
        raise layer.error(
            f"table_stream_arn is {outputs['table_stream_arn']!r}, but a stream of that table is "
            f"'{expected}/stream/LABEL'; correct terraform-legacy/data/outputs.tf and apply it"
        )
    return DataOutputs(*(layer.output(name, outputs) for name in layer.wanted))


def identity(state: LegacyState, names: Names, place: AwsLocation) -> LegacyIdentity:
    """Return the contract of `terraform-legacy/identity`. Raises LegacyError.

    `names`: of the stack that the layer serves. Its resources must have the names by which the stack looks for them,
    and be in its account, else the state is another stack's.
    """
    layer = LegacyLayer("identity", state, project=BOOTSTRAP)
    outputs = layer.read()
    expected = {
        "boundary_arn": (place.global_arn("iam", f"policy/{names.boundary}"), "the boundary"),
        "alarms_key_alias": (names.topic_key, "the alias of the alarms' key"),
        "deploy_role_arn": (place.global_arn("iam", f"role/{names.deploy_role}"), "the role that deploys"),
        "preview_role_arn": (place.global_arn("iam", f"role/{names.preview_role}"), "the role that previews"),
    }
    for name, (value, what) in expected.items():
        layer.require(name, outputs, value, what)
    return LegacyIdentity(*(layer.output(name, outputs) for name in layer.wanted))


def functions(
    compute: LegacyState, observability: LegacyState, delivery: LegacyState, place: AwsLocation, opts: InvokeOptions
) -> LegacyOutputs:
    """Return the contract of `terraform-legacy/compute`, `observability` and `delivery`. Raises LegacyError.

    Function and topic must be in the stack's account and region, else a state is another stack's. Which version is live
    is read from the alias, since CodeDeploy moves it and Terraform's state does not say so.
    """
    layer = LegacyLayer("compute", compute)
    alarms, deploys = LegacyLayer("observability", observability), LegacyLayer("delivery", delivery)
    found, observed, named = layer.read(), alarms.read(), deploys.read()
    function, topic = found["function_name"], observed["topic_arn"]
    layer.require("function_arn", found, place.arn("lambda", f"function:{function}"), "a function of that name")
    alarms.require("topic_arn", observed, place.arn("sns", topic.rpartition(":")[2]), "a topic of that name")
    live = aws.lambda_.get_alias_output(function_name=function, name=found["alias"], opts=opts)
    return LegacyOutputs(
        live_versions=live.function_version.apply(lambda version: {function: version}),
        api_url=layer.output("api_url", found),
        dashboard=alarms.output("dashboard", observed),
        application=deploys.output("application", named),
        deployment_group=deploys.output("deployment_group", named),
    )


@dataclass(frozen=True)
class LegacyLayer:
    """A layer and its state. Its contract is made of the root outputs `wanted`. `project` reads it."""

    name: str
    state: LegacyState
    project: str = "strata"

    @property
    def setting(self) -> str:
        """Return the path of the state in the configuration."""
        return f"{self.project}:{self.name}.legacy"

    @property
    def wanted(self) -> tuple[str, ...]:
        return OUTPUTS[self.name]

    def output(self, name: str, outputs: Mapping[str, str]) -> Output[str]:
        """Return a root output for a contract: a secret from here to the state if Terraform has it as sensitive."""
        made = Output.secret if name in SECRET.get(self.name, ()) else Output.from_input
        return made(outputs[name])

    def require(self, name: str, outputs: Mapping[str, str], expected: str, what: str) -> None:
        """Raise LegacyError unless an output is the ARN, or the name, of this stack's own resource."""
        if outputs[name] != expected:
            raise self.error(
                f"{name} is {outputs[name]!r}, but {what} in this stack's account and region is {expected!r}; point "
                f"{self.setting} at the state of this stack's own layer"
            )

    def read(self) -> dict[str, str]:
        """Return the wanted outputs by name, each a string that is not empty. Raises LegacyError."""
        try:
            found = get_s3_reference(
                bucket=self.state.bucket,
                key=self.state.key,
                region=self.state.region,
                workspace=self.state.workspace,
                endpoint=self.state.endpoint,
                force_path_style=self.state.use_path_style,
            ).outputs
        except Exception as error:  # the SDK raises plain Exception for whatever the provider says
            raise self.error(self._unreadable(str(error))) from None
        if not found:
            problem = "it has no outputs: never applied, destroyed, or of a workspace that does not exist"
            raise self.error(f"{problem}; correct {self.setting}, or apply terraform-legacy/{self.name}")
        return {name: self._text(name, found.get(name)) for name in self.wanted}

    def error(self, problem: str) -> LegacyError:
        state = self.state
        return LegacyError(
            f"layer {self.name} is legacy: it takes {', '.join(self.wanted)} from the Terraform state "
            f"s3://{state.bucket}/{state.key} (workspace {state.workspace}, region {state.region}), but {problem}"
        )

    def _text(self, name: str, value: object) -> str:
        if isinstance(value, str) and value:
            return value
        kind = "missing" if value is None else "an empty string" if value == "" else f"a {type(value).__name__}"
        raise self.error(
            f"{name} is {kind}, not a string; correct terraform-legacy/{self.name}/outputs.tf and apply it"
        )

    def _unreadable(self, said: str) -> str:
        """Return the error for a state that cannot be read, with a remedy that fits the provider's words."""
        reason = shorten(said.rpartition("returned an error: ")[2], LONGEST_REASON, placeholder=" …")
        lowered = reason.lower()
        if "version" in lowered:
            remedy = "write it with a version of Terraform whose states Pulumi's terraform provider reads"
        elif any(word in lowered for word in ("not found", "notfound", "nosuch", "no such", "not exist", "no state")):
            remedy = f"correct bucket, key or workspace of {self.setting}"
        else:
            remedy = f"give credentials that may read it, or correct {self.setting}"
        return f"it cannot be read ({reason}); {remedy}"
