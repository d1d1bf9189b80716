"""Read a stack's whole configuration. It reports all mistakes at once, before any resource is declared."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from infra.config import bootstrap_files, cross_checks, stack_file
from infra.config.curves import AutoCurve, Curve, CurveSettings, Detect
from infra.config.promotion import EVENT, ReleaseConfig
from infra.config.sections import SECRETS, ConfigError, from_file, from_pulumi, read_sections, secret_keys
from infra.config.service import Canary, ServiceOverride, ServicesConfig
from infra.config.settings import (
    AccountConfig,
    Adopted,
    ApiAlarms,
    ApiConfig,
    ArtifactsConfig,
    Authorizer,
    ComputeConfig,
    Cors,
    DataConfig,
    DeliveryConfig,
    Domain,
    LegacyState,
    ObservabilityConfig,
    SecretsConfig,
    Throttling,
    with_region,
)
from infra.config.upstream import UpstreamStack
from infra.config.upstream import read as read_upstream
from infra.naming import Names
from infra.release.decision.by_event import Freeze, Switch, Window
from infra.release.model.spec import ReleasePolicy
from infra.schema import Secret

__all__ = [
    "AccountConfig",
    "Adopted",
    "ApiAlarms",
    "ApiConfig",
    "ArtifactsConfig",
    "Authorizer",
    "AutoCurve",
    "Canary",
    "ComputeConfig",
    "ConfigError",
    "Cors",
    "Curve",
    "CurveSettings",
    "DataConfig",
    "DeliveryConfig",
    "Detect",
    "Domain",
    "Freeze",
    "LegacyState",
    "ObservabilityConfig",
    "Secret",
    "SecretsConfig",
    "ServiceOverride",
    "ServicesConfig",
    "StackConfig",
    "Switch",
    "Throttling",
    "Window",
    "load",
    "of",
    "parse",
    "stacks",
]

REPOSITORY = Path(__file__).resolve().parents[2]
SECTIONS: Mapping[str, type] = {
    "account": AccountConfig,
    "artifacts": ArtifactsConfig,
    "data": DataConfig,
    SECRETS: SecretsConfig,
    "compute": ComputeConfig,
    "services": ServicesConfig,
    "observability": ObservabilityConfig,
    "delivery": DeliveryConfig,
    "release": ReleaseConfig,
    "promotion": Switch,
}

LAYERS = ("data", *cross_checks.SHARED)  # those with a source


@dataclass(frozen=True)
class StackConfig:
    """The configuration of a stack, one field for each section."""

    names: Names
    account: AccountConfig
    artifacts: ArtifactsConfig
    data: DataConfig
    secrets: SecretsConfig
    compute: ComputeConfig
    services: ServicesConfig
    observability: ObservabilityConfig
    delivery: DeliveryConfig
    release: ReleasePolicy
    promotion: Switch
    promoted_by_event: bool = False  # an event of the upstream stack's starts a release, not only a pipeline
    upstream: UpstreamStack | None = None  # the stack that must have proved a release


def load() -> StackConfig:
    """Read the configuration of the running stack. Raises ConfigError, which Pulumi shows without a traceback."""
    return parse(from_pulumi(), pulumi.get_stack(), pulumi.get_project(), secret=secret_keys())


def parse(
    raw: Mapping[str, str],
    stack: str,
    project: str = "strata",
    *,
    secret: frozenset[str] = frozenset(),
    folder: Path = REPOSITORY,
) -> StackConfig:
    """Read Pulumi's raw mapping, `{"strata:data": "<JSON>", ...}`; `secret`: its keys that hold secrets.

    folder: contains the upstream stack's file, and `bootstrap/`. Raises ConfigError with every mistake.
    """
    mistakes: list[str] = []
    try:
        names = Names(project, stack)
        mistakes += names.name_errors()
    except ValueError as error:
        mistakes.append(str(error))
    readings = read_sections(SECTIONS, raw, project, mistakes, secret)
    mistakes += cross_checks.data(readings["data"], stack)
    mistakes += cross_checks.layers(readings)
    mistakes += cross_checks.secrets(readings[SECRETS], stack, encrypted=f"{project}:{SECRETS}" in secret)
    mistakes += cross_checks.api(readings["compute"], readings["account"])
    mistakes += cross_checks.release(readings["release"])
    mistakes += cross_checks.promotion(readings["promotion"], readings["release"])
    upstream = None
    if not mistakes:
        upstream = read_upstream(readings["release"], names, folder, mistakes)
        mistakes += bootstrap_files.promotion(readings["release"], stack, project, folder)
    if mistakes:
        raise ConfigError(stack, mistakes)
    sections: dict[str, Any] = {section: cls(**readings[section].values) for section, cls in SECTIONS.items()}
    for layer in LAYERS:
        sections[layer] = with_region(sections[layer], sections["account"].region)
    started: ReleaseConfig = sections["release"]
    sections["release"] = started.policy
    return StackConfig(names, **sections, promoted_by_event=started.promote_by == EVENT, upstream=upstream)


def of(folder: Path, stack: str) -> StackConfig:
    """Read a stack of the project in `folder` from its files, without Pulumi. It decrypts nothing.

    Raises ConfigError.
    """
    found = from_file(folder, stack)
    try:
        return parse(found.raw, found.stack, found.project, secret=found.secret, folder=folder)
    except ConfigError as problem:
        if not found.environment:
            raise
        unseen = (
            "values that only an environment of Pulumi ESC gives are unknown without Pulumi; write them into the file"
        )
        raise ConfigError(found.stack, [*problem.mistakes, unseen]) from None


def stacks(folder: Path) -> list[str]:
    """List the stacks of the project in `folder` that have a file. Raises ConfigError."""
    try:
        return stack_file.project(folder).stacks()
    except stack_file.StackFileError as problem:
        raise ConfigError("that is not named yet", [str(problem)]) from None
