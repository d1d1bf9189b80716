"""Lambda's control plane: the patches of all its operations together."""

from collections.abc import Sequence

from local.cloud.ministack import Patch, Seam
from local.cloud.patches import (
    code_signing,
    configuration,
    invoke_configs,
    lambda_api,
    permissions,
    updates,
    versions,
)
from local.cloud.patches.lambda_api import Check, Route
from local.cloud.sources import api as sources

_ROUTES: dict[str, Route] = {
    **versions.ROUTES,
    **permissions.ROUTES,
    **invoke_configs.ROUTES,
    **code_signing.ROUTES,
    **sources.ROUTES,
}
_CHECKS: Sequence[dict[str, Sequence[Check]]] = (
    configuration.CHECKS,
    invoke_configs.CHECKS,
    updates.CHECKS,
    sources.CHECKS,
)


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    modules = (configuration, invoke_configs, lambda_api, permissions)
    return [*(seam for module in modules for seam in module.needs()), *sources.needs()]


def patches() -> list[Patch]:
    """Return all patches; of two on one function the later one runs first."""
    names = {name for checks in _CHECKS for name in checks}
    merged = {name: [check for checks in _CHECKS for check in checks.get(name, ())] for name in names}
    return [
        *configuration.patches(),
        *updates.patches(),
        *versions.patches(),
        *permissions.patches(),
        *lambda_api.patches(_ROUTES, merged),
    ]
