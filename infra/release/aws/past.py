"""Between which versions old deployments moved traffic: their revisions say it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from infra.release.aws.clients import Clients
from infra.release.aws.records import infos, lambda_targets

if TYPE_CHECKING:
    from mypy_boto3_codedeploy.type_defs import RevisionLocationTypeDef

Shift = tuple[str, str]
"""The version that a deployment starts from, and the one that it shifts to."""


def shifts(clients: Clients, deployments: Iterable[str]) -> dict[str, Shift]:
    """The shift of each deployment, where CodeDeploy can tell it.

    AWS does not promise to give an AppSpec back, and one by hand may be YAML: of those the target is asked instead.
    """
    found: dict[str, Shift] = {}
    for info in infos(clients, deployments):
        id_ = info["deploymentId"]
        if (shift := _written(info.get("revision", {})) or _of_target(clients, id_)) is not None:
            found[id_] = shift
    return found


def _written(revision: RevisionLocationTypeDef) -> Shift | None:
    """As our own AppSpec says it.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
    """
    content = (revision.get("appSpecContent") or revision.get("string") or {}).get("content", "")
    try:
        [resource] = json.loads(content)["Resources"]
        [properties] = [each["Properties"] for each in resource.values()]
        return str(properties["CurrentVersion"]), str(properties["TargetVersion"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _of_target(clients: Clients, deployment: str) -> Shift | None:
    for target in lambda_targets(clients, deployment):
        function = target.get("lambdaFunctionInfo", {})
        if "currentVersion" in function and "targetVersion" in function:
            return function["currentVersion"], function["targetVersion"]
    return None
