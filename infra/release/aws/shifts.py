"""Read from their revisions between which versions old deployments moved traffic."""

from __future__ import annotations

from collections.abc import Iterable

from infra.release.aws import revisions
from infra.release.aws.clients import Clients
from infra.release.aws.deployments import infos, lambda_targets
from infra.release.aws.revisions import Shift


def shifts(clients: Clients, deployments: Iterable[str]) -> dict[str, Shift]:
    """Return the shift of each deployment, where CodeDeploy returns it.

    AWS does not promise to give an AppSpec back, and one by hand may be YAML: of those the target is asked instead.
    """
    found: dict[str, Shift] = {}
    for info in infos(clients, deployments):
        id_ = info["deploymentId"]
        if (shift := revisions.shift(info.get("revision", {})) or _of_target(clients, id_)) is not None:
            found[id_] = shift
    return found


def _of_target(clients: Clients, deployment: str) -> Shift | None:
    for target in lambda_targets(clients, deployment):
        function = target.get("lambdaFunctionInfo", {})
        if "currentVersion" in function and "targetVersion" in function:
            return function["currentVersion"], function["targetVersion"]
    return None
