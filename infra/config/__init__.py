"""The configuration of a stack, read whole: every mistake is reported at once, before any resource is declared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from infra.config import rules
from infra.config.reader import Secret
from infra.config.rooms import SECRETS, ConfigError, given, given_secret, read_rooms
from infra.config.settings import (
    AccountConfig,
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

ROOMS: Mapping[str, type] = {
    "account": AccountConfig,
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
    data: DataConfig
    secrets: SecretsConfig
    compute: ComputeConfig
    observability: ObservabilityConfig
    delivery: DeliveryConfig
    release: ReleasePolicy


def load() -> StackConfig:
    """The configuration of the stack that Pulumi runs. Raises ConfigError, which Pulumi shows without a traceback."""
    return parse(given(), pulumi.get_stack(), pulumi.get_project(), secret=given_secret())


def parse(
    raw: Mapping[str, str], stack: str, project: str = "strata", *, secret: frozenset[str] = frozenset()
) -> StackConfig:
    """Read Pulumi's raw mapping, `{"strata:data": "<JSON>", ...}`; `secret`: its keys that hold secrets.

    Raises ConfigError with every mistake.
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
