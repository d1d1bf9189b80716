"""The function and version that a deployment shifts, from CodeDeploy's record: the hook's event has only its id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_codedeploy.type_defs import DeploymentInfoTypeDef


class RevisionError(Exception):
    """The deployment's revision is not an AppSpec that this module reads."""


@dataclass(frozen=True)
class Shift:
    """The function's name, and the version that is to get its traffic."""

    function: str
    version: str


def read(deployment: DeploymentInfoTypeDef) -> Shift:
    """Return the shift in the AppSpec of GetDeployment's answer. Raises RevisionError.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
    """
    revision: Any = deployment.get("revision", {})
    content = (revision.get("appSpecContent") or revision.get("string") or {}).get("content", "")
    try:
        (resource,) = json.loads(content)["Resources"]
        ((_, described),) = resource.items()
        properties = described["Properties"]
        return Shift(str(properties["Name"]), str(properties["TargetVersion"]))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise RevisionError(
            f"its revision is {content[:120]!r}, not an AppSpec in JSON with the Name and the TargetVersion of one "
            "function; start the deployment by a release, or write its AppSpec in JSON"
        ) from None
