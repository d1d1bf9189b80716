"""Read a stack's raw configuration section by section. A section is one object, such as strata:data."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pulumi

from infra.config import stack_file
from infra.config.stack_file import Handed, StackFileError
from infra.schema import InvalidValueError, Reading, Sealed, Secret, decode, listed, mask, read_object, shown, unknown

SECRETS = "secrets"  # the only section whose values are secret


class ConfigError(pulumi.RunError):
    """The configuration of a stack has mistakes: `mistakes`, one line each."""

    def __init__(self, stack: str, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(
            listed(f"the configuration of stack {stack} has", mistakes)
            + f"\nCorrect Pulumi.{stack}.yaml and run again; Pulumi.yaml describes every key."
        )


def from_pulumi() -> dict[str, str]:
    """Return the configuration that Pulumi gives the program, `{"strata:data": "<JSON>", ...}`."""
    return {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}


def from_file(folder: Path, stack: str, otherwise: str = "") -> Handed:
    """Read the configuration that Pulumi would give a stack of the project in `folder`.

    otherwise: the project's name if no file describes it. Raises ConfigError.
    """
    try:
        of = stack_file.project(folder, otherwise)
        name = stack_file.short(stack, of.name)
        if not of.file_of(name).exists():
            known = ", ".join(of.stacks()) or "none"
            raise StackFileError(f"there is no file {of.file_of(name).name}; the stacks here are {known}")
        return stack_file.read(of, name)
    except StackFileError as problem:
        raise ConfigError(stack.rpartition("/")[2], [str(problem)]) from None


def secret_keys() -> frozenset[str]:
    """Return the given keys that hold a value set with `--secret`. Pulumi marks only whole objects."""
    known = set(pulumi.runtime.config.get_config_secret_keys_env())
    return frozenset(known | {name for name in from_pulumi() if pulumi.runtime.config.is_config_secret(name)})


def read_sections(
    sections: Mapping[str, type],
    raw: Mapping[str, str],
    project: str,
    mistakes: list[str],
    secret: frozenset[str] = frozenset(),
) -> dict[str, Reading]:
    """Read each section by the fields of its dataclass. A section without configuration has its defaults.

    secret: the keys of `raw` that hold secrets. No mistake shows their values.
    """
    mistakes += _unknown_keys(sections, raw, project, secret)
    readings = {}
    for section, cls in sections.items():
        path = f"{project}:{section}"
        if path in secret and section != SECRETS:
            mistakes.append(
                f"{path} holds a value that was set with --secret, and it would stand in plain text in AWS and in the "
                "state; set it without --secret"
            )
            readings[section] = Reading(path, {}, frozenset())
        else:
            readings[section] = _read(cls, raw.get(path, "{}"), path, mistakes, hide=section == SECRETS)
    return readings


def _read(cls: type, text: str, path: str, mistakes: list[str], *, hide: bool) -> Reading:
    try:
        value = decode(text)
    except InvalidValueError as error:
        mistakes.append(f"{path} is {shown(Secret(text) if hide else text)}, {error}")
        return Reading(path, {}, frozenset())
    value = mask(value) if hide else value
    return read_object(cls, {} if isinstance(value, Sealed) else value, path, mistakes)


def _unknown_keys(
    sections: Iterable[str], raw: Mapping[str, str], project: str, secret: frozenset[str]
) -> Iterator[str]:
    """Yield a mistake for each unknown key. Pulumi itself checks the keys of its own namespace."""
    for name, text in raw.items():
        value = Secret(text) if name in secret else text
        path = name if name.isprintable() else shown(name)
        namespace, _, key = name.partition(":")
        if namespace == project and key not in sections:
            yield unknown(path, key, value, sections)
        elif namespace not in (project, "pulumi"):
            yield (
                f"{path} is {shown(value)}, without effect: providers are configured by {project}:account alone; "
                "leave it out"
            )
