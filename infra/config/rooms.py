"""The raw configuration of a stack, read room by room; a room is one object of it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import yaml  # type: ignore[import-untyped]

from infra.config.reader import Reading, Secret, UnfitError, decode, hidden, read_object, shown, unknown

SECRETS = "secrets"  # the one room whose values stay secret, from here to AWS


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


def given() -> dict[str, str]:
    """What Pulumi hands over, `{"strata:data": "<JSON>", ...}`."""
    return {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}


def written(file: Path) -> dict[str, Any]:
    """What the file of a stack, `Pulumi.STACK.yaml`, configures, by key. Raises what reading it raises."""
    found: dict[str, Any] = (yaml.safe_load(file.read_text()) or {}).get("config") or {}
    return found


def raw(file: Path) -> dict[str, str]:
    """The same as Pulumi would hand it over."""
    return {key: json.dumps(value) for key, value in written(file).items()}


def given_secret() -> frozenset[str]:
    """Those of the keys given that hold a value set with `--secret`; Pulumi tells it of a whole object."""
    known = set(pulumi.runtime.config.get_config_secret_keys_env())
    return frozenset(known | {name for name in given() if pulumi.runtime.config.is_config_secret(name)})


def read_rooms(
    rooms: Mapping[str, type],
    raw: Mapping[str, str],
    project: str,
    mistakes: list[str],
    secret: frozenset[str] = frozenset(),
) -> dict[str, Reading]:
    """Each room by the fields of its dataclass. A room that nobody configures has its defaults. `secret`: the keys of
    `raw` that hold secrets, of which no mistake shows a value."""
    mistakes += _strangers(rooms, raw, project, secret)
    readings = {}
    for room, cls in rooms.items():
        path = f"{project}:{room}"
        if path in secret and room != SECRETS:
            mistakes.append(
                f"{path} holds a value that was set with --secret, and it would stand in plain text in AWS and in the "
                "state; set it without --secret"
            )
            readings[room] = Reading(path, {}, frozenset())
        else:
            readings[room] = _read(cls, raw.get(path, "{}"), path, mistakes, hide=room == SECRETS)
    return readings


def _read(cls: type, text: str, path: str, mistakes: list[str], *, hide: bool) -> Reading:
    try:
        value = decode(text)
    except UnfitError as error:
        mistakes.append(f"{path} is {shown(Secret(text) if hide else text)}, {error}")
        return Reading(path, {}, frozenset())
    return read_object(cls, hidden(value) if hide else value, path, mistakes)


def _strangers(rooms: Iterable[str], raw: Mapping[str, str], project: str, secret: frozenset[str]) -> Iterator[str]:
    """Keys that nothing reads. Pulumi's own namespace is Pulumi's to judge."""
    for name, text in raw.items():
        value = Secret(text) if name in secret else text
        path = name if name.isprintable() else shown(name)
        namespace, _, key = name.partition(":")
        if namespace == project and key not in rooms:
            yield unknown(path, key, value, rooms)
        elif namespace not in (project, "pulumi"):
            yield (
                f"{path} is {shown(value)}, without effect: providers are configured by {project}:account alone; "
                "leave it out"
            )
