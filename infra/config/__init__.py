"""The configuration of a stack, read whole: every mistake is reported at once, before any resource is declared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi

from infra.config import cross_checks, stack_file
from infra.config.sections import SECRETS, ConfigError, given, given_secret, handed, read_rooms
from infra.config.settings import (
    AccountConfig,
    ApiConfig,
    ArtifactsConfig,
    Authorizer,
    ComputeConfig,
    Curve,
    DataConfig,
    DeliveryConfig,
    LegacyState,
    ObservabilityConfig,
    SecretsConfig,
    Throttling,
)
from infra.config.upstream import Before
from infra.config.upstream import read as read_before
from infra.naming import Names
from infra.release.model.spec import ReleasePolicy
from infra.schema import Secret

__all__ = [
    "AccountConfig",
    "ApiConfig",
    "ArtifactsConfig",
    "Authorizer",
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
    "Throttling",
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
    "observability": ObservabilityConfig,
    "delivery": DeliveryConfig,
    "release": ReleasePolicy,
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
        mistakes += names.name_errors()
    except ValueError as error:
        mistakes.append(str(error))
    readings = read_rooms(SECTIONS, raw, project, mistakes, secret)
    mistakes += cross_checks.data(readings["data"], stack)
    mistakes += cross_checks.secrets(readings[SECRETS], stack, encrypted=f"{project}:{SECRETS}" in secret)
    mistakes += cross_checks.release(readings["release"])
    before = None if mistakes else read_before(readings["release"], names, folder, mistakes)
    if mistakes:
        raise ConfigError(stack, mistakes)
    rooms: dict[str, Any] = {room: cls(**readings[room].values) for room, cls in SECTIONS.items()}
    rooms["data"] = _with_region(rooms["data"], rooms["account"].region)
    return StackConfig(names, **rooms, before=before)


def of(folder: Path, stack: str) -> StackConfig:
    """A stack of the project in `folder`, by its files, where Pulumi does not run. What is encrypted is not opened.

    Raises ConfigError.
    """
    found = handed(folder, stack)
    try:
        return parse(found.raw, found.stack, found.project, secret=found.secret, folder=folder)
    except ConfigError as problem:
        if not found.environment:
            raise
        unseen = (
            "what only an environment of Pulumi ESC gives is not seen here, where Pulumi does not run; write it down"
        )
        raise ConfigError(found.stack, [*problem.mistakes, unseen]) from None


def stacks(folder: Path) -> list[str]:
    """The stacks of the project in `folder` that have a file. Raises ConfigError."""
    try:
        return stack_file.project(folder).stacks()
    except stack_file.StackFileError as problem:
        raise ConfigError("that is not named yet", [str(problem)]) from None


def _with_region(data: DataConfig, region: str) -> DataConfig:
    if data.legacy is None or data.legacy.region is not None:
        return data
    return replace(data, legacy=replace(data.legacy, region=region))
