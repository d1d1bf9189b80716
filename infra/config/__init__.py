"""The configuration of a stack, read whole: every mistake is reported at once, before any resource is declared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from infra.config import rules
from infra.config.rooms import ConfigError, given, read_rooms
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
    "StackConfig",
    "load",
    "parse",
]

ROOMS: Mapping[str, type] = {
    "account": AccountConfig,
    "artifacts": ArtifactsConfig,
    "data": DataConfig,
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
    compute: ComputeConfig
    observability: ObservabilityConfig
    delivery: DeliveryConfig
    release: ReleasePolicy


def load() -> StackConfig:
    """The configuration of the stack that Pulumi runs. Raises ConfigError, which Pulumi shows without a traceback."""
    return parse(given(), pulumi.get_stack(), pulumi.get_project())


def parse(raw: Mapping[str, str], stack: str, project: str = "strata") -> StackConfig:
    """Read Pulumi's raw mapping, `{"strata:data": "<JSON>", ...}`. Raises ConfigError with every mistake."""
    mistakes: list[str] = []
    try:
        names = Names(project, stack)
    except ValueError as error:
        mistakes.append(str(error))
    readings = read_rooms(ROOMS, raw, project, mistakes)
    mistakes += rules.data(readings["data"], stack)
    mistakes += rules.release(readings["release"])
    if mistakes:
        raise ConfigError(stack, mistakes)
    built = {**ROOMS, "release": ReleasePolicy}
    rooms: dict[str, Any] = {room: cls(**readings[room].values) for room, cls in built.items()}
    rooms["data"] = _with_region(rooms["data"], rooms["account"].region)
    return StackConfig(names, **rooms)


def _with_region(data: DataConfig, region: str) -> DataConfig:
    if data.legacy is None or data.legacy.region is not None:
        return data
    return replace(data, legacy=replace(data.legacy, region=region))
