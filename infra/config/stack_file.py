"""Read `Pulumi.yaml` and `Pulumi.STACK.yaml` as Pulumi would for a program, without Pulumi.

It follows the CLI's code: sdk/go/common/workspace/loaders.go, sdk/go/common/resource/config and
pkg/workspace/config.go of github.com/pulumi/pulumi. Files alone do not give two things: encrypted values stay
encrypted, and the values that an environment of Pulumi ESC adds are unknown.
https://www.pulumi.com/docs/iac/concepts/config/
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.config.go_yaml import Moment, OtherKey, YamlError, json_text, load
from infra.config.property_path import PathError, parsed, put, there

EXTENSIONS = (".yaml", ".yml")
SECURE = "secure"  # {"secure": "..."} is one encrypted value, at any depth
LONGEST_NAME = 100


class StackFileError(ValueError):
    """Pulumi would refuse a project's or a stack's file. The text is Pulumi's own where that is clear."""


@dataclass(frozen=True)
class Project:
    """The parts of `Pulumi.yaml` that reading a stack needs. `config`: its description of each key, by the key."""

    file: Path
    name: str
    folder: Path  # where the stacks' files are
    config: Mapping[str, Any]

    def file_of(self, stack: str) -> Path:
        """Return the file of a stack; it need not exist."""
        return self.folder / f"Pulumi.{stack}{self.file.suffix}"

    def stacks(self) -> list[str]:
        """Return the stacks that have a file, sorted."""
        start, end = "Pulumi.", self.file.suffix
        files = (file.name for file in self.folder.glob(f"{start}?*{end}"))
        return sorted(name[len(start) : -len(end)] for name in files)


@dataclass(frozen=True)
class Handed:
    """The configuration that Pulumi would give a program.

    raw: text by key; an encrypted value is still {"secure": "..."}. secret: the keys that hold one. environment:
    whether Pulumi ESC would add values.
    """

    stack: str
    project: str
    raw: Mapping[str, str]
    secret: frozenset[str]
    environment: bool = False


def short(stack: str, project: str) -> str:
    """Return the stack's own name, `prod`, from each form that Pulumi accepts: `organization/strata/prod`,
    `organization/prod`. Raises StackFileError.

    https://www.pulumi.com/docs/iac/concepts/stacks/#stack-naming
    """
    *outer, name = stack.split("/")
    if len(outer) > 2 or not all(outer):
        raise StackFileError(f"could not parse stack name '{stack}'; give STACK or ORGANIZATION/PROJECT/STACK")
    if len(outer) == 2 and outer[1] != project:
        raise StackFileError(
            f"the stack {stack} is of project {outer[1]}, and this is {project}; give organization/{project}/{name}"
        )
    if not name or len(name) > LONGEST_NAME or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise StackFileError(
            f"the stack is named {name!r}, but a stack name may only contain alphanumeric, hyphens, underscores, or "
            f"periods, 1 to {LONGEST_NAME}"
        )
    return name


def project(folder: Path, otherwise: str = "") -> Project:
    """Return the project of a folder, or one named `otherwise` if no file describes it. Raises StackFileError."""
    file = next((each for end in EXTENSIONS if (each := folder / f"Pulumi{end}").exists()), None)
    if file is None and otherwise:
        return Project(folder / "Pulumi.yaml", otherwise, folder, {})
    if file is None:
        raise StackFileError(f"no Pulumi.yaml project file found in {folder}; check the repository out whole")
    found = _mapping(file)
    name = found.get("name")
    if not isinstance(name, str) or not name:
        raise StackFileError(f"could not validate '{file}': project is missing a non-empty string 'name' attribute")
    where, config = found.get("stackConfigDir"), found.get("config")
    if isinstance(config, str):  # the former key of stackConfigDir
        where, config = config, None
    if not isinstance(config or {}, dict):
        raise StackFileError(f"could not validate '{file}': #/config: expected object or string or null")
    described = {key: _described(file, name, key, each) for key, each in (config or {}).items()}
    return Project(file, name, folder / str(where or ""), described)


def read(of: Project, stack: str) -> Handed:
    """Return what `pulumi up` would give the stack's program; its file need not exist. Raises StackFileError."""
    file = of.file_of(stack)
    found = _mapping(file) if file.exists() else {}
    values = _values(file, of.name, found.get("config"))
    missing = [f"'{key}'" for key, about in sorted(of.config.items()) if not _completed(values, of, key, about)]
    if missing:
        what = "value" if len(missing) == 1 else "values"
        raise StackFileError(f"Stack '{stack}' is missing configuration {what} {', '.join(missing)}")
    for key, about in sorted(of.config.items()):
        _typed(stack, key, about, values.get(key if ":" in key else f"{of.name}:{key}"))
    texts = {key: _text(file, key, value) for key, value in values.items()}
    secret = frozenset(key for key, value in values.items() if _holds_secret(value))
    return Handed(stack, of.name, texts, secret, bool(found.get("environment")))


def _completed(values: dict[str, Any], of: Project, key: str, about: Mapping[str, Any]) -> bool:
    """Return whether a key of the project has a value; it sets the project's default if not. The key is a path."""
    namespace, name = _split(of.file, key if ":" in key else f"{of.name}:{key}")
    try:
        first, *rest = parsed(name)
        root = f"{namespace}:{first}"
        if root in values and there(values[root], rest):
            return True
        default = about.get("default", about.get("value"))
        if default is None:
            return namespace != of.name
        values[root] = put(values.get(root), rest, _default(default, nested=bool(rest)))
    except PathError as problem:
        raise StackFileError(f"could not read '{of.file}': {key}: {problem}") from None
    return True


def _mapping(file: Path) -> dict[str, Any]:
    """Load a file's document: an object, {} for an empty file. Raises StackFileError."""
    try:
        found = load(file.read_bytes())
    except (OSError, YamlError) as problem:
        raise StackFileError(f"could not read '{file}': {problem}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise StackFileError(f"could not read '{file}': expected project to be an object, was a {kind}")
    if strange := [key for key in found if isinstance(key, OtherKey)]:
        raise StackFileError(f"could not read '{file}': expected only string keys, got '{strange[0]}'")
    return found


def _values(file: Path, project: str, config: Any) -> dict[str, Any]:
    """Return the values of a stack's file, by full key."""
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise StackFileError(
            f"could not read '{file}': could not unmarshal map: config is no object; write its keys below it, indented"
        )
    whole = not any(isinstance(key, OtherKey) for key in config)  # else the CLI prefixes no key with the project's name
    found: dict[str, Any] = {}
    written: dict[str, str] = {}
    for text, value in config.items():
        namespace, name = _split(file, text if ":" in text or not whole else f"{project}:{text}")
        full = f"{namespace}:{name}"
        if full in written:
            raise StackFileError(
                f"could not read '{file}': {written[full]} and {text} are one key, and Pulumi takes either; keep one"
            )
        written[full] = text
        found[full] = "" if value is None else _object(value)
    return found


def _split(file: Path, key: str) -> tuple[str, str]:
    """Split a key into namespace and name: `NAMESPACE:NAME`, or the older `NAMESPACE:config:NAME`."""
    match key.split(":"):
        case [namespace, name] | [namespace, "config", name]:
            return namespace, name
    raise StackFileError(
        f"could not read '{file}': could not unmarshal map: could not parse {key} as a configuration key "
        "(configuration keys should be of the form `<namespace>:<name>`)"
    )


def _described(file: Path, project: str, key: str, about: Any) -> Mapping[str, Any]:
    """Return the project's description of a key: an object with default or value, type ..., or the value alone."""
    own = ":" not in key or key.startswith(f"{project}:")
    if not isinstance(about, dict):
        return {"default" if own else "value": about}
    if about.get("default") is not None and about.get("value") is not None:
        raise StackFileError(
            f"could not unmarshal '{file}': project config '{key}' cannot have both a 'default' and 'value' attribute"
        )
    if not own and about.get("default") is not None:
        raise StackFileError(
            f"could not unmarshal '{file}': Configuration key '{key}' is not namespaced by the project and should not "
            "define a default value. Did you mean to use the 'value' attribute instead of 'default'?"
        )
    return about


def _object(value: Any) -> Any:
    """Convert a nested value as JSON would: keys become strings, a timestamp becomes text."""
    match value:
        case dict():
            return {str(key): _object(each) for key, each in value.items()}
        case list():
            return [_object(each) for each in value]
        case Moment():
            return str(value)
    return value


def _default(value: Any, *, nested: bool) -> Any:
    """Convert a default of the project. A scalar becomes text; a nested text that is a number or a boolean becomes
    one again."""
    if isinstance(value, Moment):
        return value.rfc3339()
    if not isinstance(value, str | bool | int):
        return _object(value)
    text = value if isinstance(value, str) else json_text(value)
    return coerced(text) if nested else text


def coerced(text: str) -> Any:
    """Convert a text as `pulumi config set --path` without --type does: to a number or a boolean if it is one."""
    if text in {"true", "false"}:
        return text == "true"
    if re.fullmatch(r"[-+]?[0-9]+", text) and not (len(text) > 1 and text[0] == "0"):
        number = int(text)
        if -(2**63) <= number < 2**63 or (text[0] not in "+-" and number < 2**64):
            return number
    return text


def _typed(stack: str, key: str, about: Mapping[str, Any], value: Any) -> None:
    """Raise StackFileError if the CLI would: the project requires another type, or a secret."""
    wanted = about.get("type")
    if wanted is None:
        return
    if about.get("secret") is True and not _holds_secret(value):
        raise StackFileError(f"Stack '{stack}' with configuration key '{key}' must be encrypted as it's secret")
    plain = value if isinstance(value, dict | list) else _flat(value)
    if not _is_secure(value) and not _is(wanted, about.get("items"), plain):
        raise StackFileError(f"Stack '{stack}' with configuration key '{key}' must be of type '{_type(about)}'")


def _is(wanted: Any, items: Any, value: Any) -> bool:
    match wanted:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, str | int | float) and re.fullmatch(r"[-+]?[0-9]+", _flat(value)) is not None
        case "boolean":
            return _flat(value) in {"true", "false"}
        case "object":
            return isinstance(value, dict)
    each = items if isinstance(items, dict) else {}
    return (
        isinstance(value, list) and bool(each) and all(_is(each.get("type"), each.get("items"), one) for one in value)
    )


def _type(about: Mapping[str, Any]) -> str:
    items = about.get("items")
    return f"array<{_type(items)}>" if isinstance(items, dict) else str(about.get("type"))


def _flat(value: Any) -> str:
    """Return a scalar as the text that the program gets."""
    return value if isinstance(value, str) else json_text(value)


def _text(file: Path, key: str, value: Any) -> str:
    """Return the text that the program gets for one key: a text unchanged, any other value as JSON."""
    try:
        return value if isinstance(value, str) else json_text(value)
    except YamlError as problem:
        raise StackFileError(f"could not read '{file}': {key}: {problem}") from None


def _holds_secret(value: Any) -> bool:
    match value:
        case dict():
            return _is_secure(value) or any(map(_holds_secret, value.values()))
        case list():
            return any(map(_holds_secret, value))
    return False


def _is_secure(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {SECURE} and isinstance(value[SECURE], str)
