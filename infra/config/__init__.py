"""The configuration of a stack, read whole: every mistake is reported at once, before any resource is declared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi

from infra.config import rules
from infra.config.before import Before
from infra.config.before import read as read_before
from infra.config.reader import Secret
from infra.config.rooms import SECRETS, ConfigError, given, given_secret, read_rooms
from infra.config.settings import (
    AccountConfig,
    ArtifactsConfig,
    ComputeConfig,
    Curve,
    DataConfig,
    DeliveryConfig,
    LegacyState,
    ObservabilityConfig,
    ReleaseConfig,
    SecretsConfig,
)
from infra.naming import Names
from infra.release.model import ReleasePolicy

__all__ = [
    "AccountConfig",
    "ArtifactsConfig",
    "ComputeConfig",
    "ConfigError",
    "Curve",
    "DataConfig",
    "DeliveryConfig",
    "LegacyState",
    "ObservabilityConfig",
    "Secret",
    "SecretsConfig",
    "StackConfig",
    "load",
    "parse",
]

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS: Mapping[str, type] = {
    "account": AccountConfig,
    "artifacts": ArtifactsConfig,
    "data": DataConfig,
    SECRETS: SecretsConfig,
    "compute": ComputeConfig,
    "observability": ObservabilityConfig,
    "delivery": DeliveryConfig,
    "release": ReleaseConfig,
}


@dataclass(frozen=True)
class StackConfig:
    """What a stack is to be."""

    names: Names
    account: AccountConfig
    artifacts: ArtifactsConfig
    data: DataConfig
    secrets: SecretsConfig
    compute: ComputeConfig
    observability: ObservabilityConfig
    delivery: DeliveryConfig
    release: ReleasePolicy
    before: Before | None = None  # the stack that must have proved a release


def load() -> StackConfig:
    """The configuration of the stack that Pulumi runs. Raises ConfigError, which Pulumi shows without a traceback."""
    return parse(given(), pulumi.get_stack(), pulumi.get_project(), secret=given_secret())


def parse(
    raw: Mapping[str, str],
    stack: str,
    project: str = "strata",
    *,
    secret: frozenset[str] = frozenset(),
    folder: Path = REPOSITORY,
) -> StackConfig:
    """Read Pulumi's raw mapping, `{"strata:data": "<JSON>", ...}`; `secret`: its keys that hold secrets.

    folder: where the file of the stack before this one is. Raises ConfigError with every mistake.
    """
    mistakes: list[str] = []
    try:
        names = Names(project, stack)
    except ValueError as error:
        mistakes.append(str(error))
    readings = read_rooms(ROOMS, raw, project, mistakes, secret)
    mistakes += rules.data(readings["data"], stack)
    mistakes += rules.secrets(readings[SECRETS], stack, encrypted=f"{project}:{SECRETS}" in secret)
    mistakes += rules.release(readings["release"])
    before = None if mistakes else read_before(readings["release"], names, folder, mistakes)
    if mistakes:
        raise ConfigError(stack, mistakes)
    rooms: dict[str, Any] = {room: cls(**readings[room].values) for room, cls in ROOMS.items() if room != "release"}
    rooms["data"] = _with_region(rooms["data"], rooms["account"].region)
    return StackConfig(names, **rooms, release=_policy(readings["release"].values), before=before)


def _policy(release: Mapping[str, Any]) -> ReleasePolicy:
    return ReleasePolicy(source=release["from_"], **{name: release[name] for name in release if name != "from_"})


def _with_region(data: DataConfig, region: str) -> DataConfig:
    if data.legacy is None or data.legacy.region is not None:
        return data
    return replace(data, legacy=replace(data.legacy, region=region))
