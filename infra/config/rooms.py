"""The raw configuration of a stack, read room by room; a room is one object of it."""

from collections.abc import Iterable, Iterator, Mapping

import pulumi

from infra.config.reader import Reading, UnfitError, decode, read_object, shown, unknown


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


def read_rooms(
    rooms: Mapping[str, type], raw: Mapping[str, str], project: str, mistakes: list[str]
) -> dict[str, Reading]:
    """Each room by the fields of its dataclass. A room that nobody configures has its defaults."""
    mistakes += _strangers(rooms, raw, project)
    return {room: _read(cls, raw, f"{project}:{room}", mistakes) for room, cls in rooms.items()}


def _read(cls: type, raw: Mapping[str, str], path: str, mistakes: list[str]) -> Reading:
    try:
        value = decode(raw[path]) if path in raw else {}
    except UnfitError as error:
        mistakes.append(f"{path} is {shown(raw[path])}, {error}")
        return Reading(path, {}, frozenset())
    return read_object(cls, value, path, mistakes)


def _strangers(rooms: Iterable[str], raw: Mapping[str, str], project: str) -> Iterator[str]:
    """Keys that nothing reads. Pulumi's own namespace is Pulumi's to judge."""
    for name, value in raw.items():
        path = name if name.isprintable() else shown(name)
        namespace, _, key = name.partition(":")
        if namespace == project and key not in rooms:
            yield unknown(path, key, value, rooms)
        elif namespace not in (project, "pulumi"):
            yield (
                f"{path} is {shown(value)}, without effect: providers are configured by {project}:account alone; "
                "leave it out"
            )
