"""Read from a deployment's revision between which versions it moves traffic."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_codedeploy.type_defs import RevisionLocationTypeDef

Shift = tuple[str, str]
"""The version that a deployment starts from, and the one that it shifts to."""


def shift(revision: RevisionLocationTypeDef) -> Shift | None:
    """Return the shift in our own AppSpec; None if AWS does not return it, or it is not ours.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
    """
    content = (revision.get("appSpecContent") or revision.get("string") or {}).get("content", "")
    try:
        [resource] = json.loads(content)["Resources"]
        [properties] = [each["Properties"] for each in resource.values()]
        return str(properties["CurrentVersion"]), str(properties["TargetVersion"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
