"""The configuration of a stack, read whole: every mistake is reported at once, before any resource is declared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from infra.config import rules
from infra.config.reader import Reading, UnfitError, decode, read_object, shown, unknown
from infra.config.settings import (
    AccountConfig,
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
    "data": DataConfig,
    "compute": ComputeConfig,
    "observability": ObservabilityConfig,
    "delivery": DeliveryConfig,
    "release": ReleaseConfig,
}


class ConfigError(pulumi.RunError):
    """Everything that is wrong with the configuration of a stack, in `mistakes`, one line each."""

    def __init__(self, stack: str, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
        super().__init__(
            f"the configuration of stack {stack} has {count}; nothing was declared:{lines}\n"
            f"Correct Pulumi.{stack}.yaml and run again; Pulumi.yaml describes every key."
        )


@dataclass(frozen=True)
class StackConfig:
    """What a stack is to be."""

    names: Names
    account: AccountConfig
    data: DataConfig
    compute: ComputeConfig
    observability: ObservabilityConfig
    delivery: DeliveryConfig
    release: ReleasePolicy


def load() -> StackConfig:
    """The configuration of the stack that Pulumi runs. Raises ConfigError, which Pulumi shows without a traceback."""
    raw = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    return parse(raw, pulumi.get_stack(), pulumi.get_project())


def parse(raw: Mapping[str, str], stack: str, project: str = "strata") -> StackConfig:
    """Read Pulumi's raw mapping, `{"strata:data": "<JSON>", ...}`. Raises ConfigError with every mistake."""
    mistakes: list[str] = []
    try:
        names = Names(project, stack)
    except ValueError as error:
        mistakes.append(str(error))
    mistakes += _strangers(raw, project)
    readings = {room: _read(cls, raw, f"{project}:{room}", mistakes) for room, cls in ROOMS.items()}
    mistakes += rules.data(readings["data"], stack)
    mistakes += rules.release(readings["release"])
    if mistakes:
        raise ConfigError(stack, mistakes)
    built = {**ROOMS, "release": ReleasePolicy}
    rooms: dict[str, Any] = {room: cls(**readings[room].values) for room, cls in built.items()}
    rooms["data"] = _with_region(rooms["data"], rooms["account"].region)
    return StackConfig(names, **rooms)


def _read(cls: type, raw: Mapping[str, str], path: str, mistakes: list[str]) -> Reading:
    """A room that nobody configures has its defaults."""
    try:
        value = decode(raw[path]) if path in raw else {}
    except UnfitError as error:
        mistakes.append(f"{path} is {shown(raw[path])}, {error}")
        return Reading(path, {}, frozenset())
    return read_object(cls, value, path, mistakes)


def _strangers(raw: Mapping[str, str], project: str) -> Iterator[str]:
    """Keys that nothing reads. Pulumi's own namespace is Pulumi's to judge."""
    for name, value in raw.items():
        path = name if name.isprintable() else shown(name)
        namespace, _, key = name.partition(":")
        if namespace == project and key not in ROOMS:
            yield unknown(path, key, value, ROOMS)
        elif namespace not in (project, "pulumi"):
            yield (
                f"{path} is {shown(value)}, without effect: providers are configured by {project}:account alone; "
                "leave it out"
            )


def _with_region(data: DataConfig, region: str) -> DataConfig:
    if data.legacy is None or data.legacy.region is not None:
        return data
    return replace(data, legacy=replace(data.legacy, region=region))
