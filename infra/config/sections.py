"""The raw configuration of a stack, read room by room; a room is one object of it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pulumi

from infra.config import stack_file
from infra.config.stack_file import Handed, StackFileError
from infra.schema import InvalidValueError, Reading, Sealed, Secret, decode, hidden, read_object, shown, unknown

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


def handed(folder: Path, stack: str, otherwise: str = "") -> Handed:
    """What Pulumi would hand over of a stack of the project in `folder`, which is named `otherwise` where no file
    describes it. Raises ConfigError."""
    try:
        of = stack_file.project(folder, otherwise)
        name = stack_file.short(stack, of.name)
        if not of.file_of(name).exists():
            known = ", ".join(of.stacks()) or "none"
            raise StackFileError(f"there is no file {of.file_of(name).name}; the stacks here are {known}")
        return stack_file.read(of, name)
    except StackFileError as problem:
        raise ConfigError(stack.rpartition("/")[2], [str(problem)]) from None


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
    except InvalidValueError as error:
        mistakes.append(f"{path} is {shown(Secret(text) if hide else text)}, {error}")
        return Reading(path, {}, frozenset())
    value = hidden(value) if hide else value
    return read_object(cls, {} if isinstance(value, Sealed) else value, path, mistakes)


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
