"""Build the contracts of the layers that Terraform still owns from the root outputs of their remote state.

An error names the layer, the state (bucket, key, workspace) and the outputs. It is raised while the program runs,
before any resource that would need the value is declared.
"""

from dataclasses import dataclass
from textwrap import shorten

import pulumi
from pulumi import Output
from pulumi_terraform.state import get_s3_reference

from infra.config import LegacyState
from infra.contracts import DataOutputs
from infra.naming import AwsLocation

LONGEST_REASON = 200  # characters of the provider's own words


class LegacyError(pulumi.RunError):
    """A legacy layer's state lacks an output that its contract needs. Pulumi shows it without a traceback."""


def data(state: LegacyState, place: AwsLocation) -> DataOutputs:
    """Return the contract of the data layer, from `terraform-legacy/data`. Raises LegacyError.

    The table must be in the stack's account and region, else the state is another stack's; the stream must be that
    table's. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
    """
    layer = LegacyLayer("data", state, ("table_name", "table_arn", "table_stream_arn"))
    outputs = layer.read()
    expected = place.arn("dynamodb", f"table/{outputs['table_name']}")
    if outputs["table_arn"] != expected:
        raise layer.error(
            f"table_arn is {outputs['table_arn']!r}, but a table of that name in this stack's account and region is "
            f"{expected!r}; point strata:data.legacy at the state of this stack's own table"
        )
    if not outputs["table_stream_arn"].startswith(f"{expected}/stream/"):
        raise layer.error(
            f"table_stream_arn is {outputs['table_stream_arn']!r}, but a stream of that table is "
            f"'{expected}/stream/LABEL'; correct terraform-legacy/data/outputs.tf and apply it"
        )
    return DataOutputs(*(Output.from_input(outputs[name]) for name in layer.wanted))


@dataclass(frozen=True)
class LegacyLayer:
    """A layer, its state, and the root outputs that its contract is made of.

    Terraform stores a sensitive output in clear, and Pulumi's provider does not mark it: the caller that makes a
    contract of one wraps it in `Output.secret`.
    """

    name: str
    state: LegacyState
    wanted: tuple[str, ...]

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
            raise self.error(f"{problem}; correct strata:{self.name}.legacy, or apply terraform-legacy/{self.name}")
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
            remedy = f"correct bucket, key or workspace of strata:{self.name}.legacy"
        else:
            remedy = f"give credentials that may read it, or correct strata:{self.name}.legacy"
        return f"it cannot be read ({reason}); {remedy}"
