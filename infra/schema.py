"""Read configuration objects by small checks that collect every mistake instead of stopping at the first.

A mistake is one line: the path of the key, the value given, the bound that it breaks, the remedy.
"""

import json
import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, get_type_hints

LONGEST_SHOWN = 60  # characters of a value in a mistake
MOST_DIGITS = 15  # of a whole number; floats represent these exactly


class InvalidValueError(ValueError):
    """One value is wrong. The text gives the problem and the remedy; the caller puts path and value before it."""


@dataclass(frozen=True)
class Secret:
    """A value that no mistake, log or repr shows; code that needs it reads `value`."""

    value: str = field(repr=False)


@dataclass(frozen=True)
class Sealed(Secret):
    """A secret that is encrypted in the stack's file and that this program does not decrypt: its value is unknown."""

    value: str = field(default="", repr=False)


class Reader(ABC):
    """Reads one JSON value. `expected` describes the values that it accepts, with an example if the form needs one."""

    expected: str

    @abstractmethod
    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Any]:
        """Yield the value as the program uses it. If it is wrong, yield nothing and append to `mistakes`."""


@dataclass(frozen=True)
class Reading:
    """The result of reading one object: valid values and defaults by field, and the names of the fields given."""

    path: str
    values: Mapping[str, Any]
    given: frozenset[str]

    def path_of(self, name: str) -> str:
        return f"{self.path}.{key_of(name)}"


def key_of(name: str) -> str:
    """Return a field's key in the configuration, e.g. `logRetentionDays` for `log_retention_days`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@dataclass(frozen=True)
class Setting:
    """A field that the configuration can set. `default`: MISSING if it is required."""

    name: str
    reader: Reader
    default: Any


def settings(cls: type) -> Mapping[str, Setting]:
    """Return the settings of a dataclass, by their keys in the configuration.

    They are its annotated fields, `memory: Annotated[int, Whole(...)] = 512`: the reader, then the key if it is not
    the field's name in camelCase. The configuration cannot set a field without annotation.
    """
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for item in fields(cls):
        reader, *key = getattr(hints[item.name], "__metadata__", (None,))
        if reader is not None:
            found[key[0] if key else key_of(item.name)] = Setting(item.name, reader, item.default)
    return found


def shown(value: object) -> str:
    """Return a value as text for a message, shortened; a secret as "[secret]"."""
    text = json.dumps(value, ensure_ascii=False, default=_masked)
    if not text.isprintable():
        text = json.dumps(value, default=_masked)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def listed(subject: str, mistakes: Sequence[str], consequence: str = "nothing was declared") -> str:
    """Return an error of all mistakes, each on a line. `subject` ends in its verb, e.g. "the services have"."""
    count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    head = f"{subject} {count}; {consequence}" if consequence else f"{subject} {count}"
    return f"{head}:" + "".join(f"\n  - {mistake}" for mistake in mistakes)


def _masked(_: Secret) -> str:
    return "[secret]"


def unknown(path: str, key: str, value: object, known: Iterable[str]) -> str:
    """Return the mistake for the unknown key at `path`."""
    names = {name.lower(): name for name in known}
    close = get_close_matches(key.lower().replace("_", "").replace("-", ""), names, n=1)
    remedy = f'did you mean "{names[close[0]]}"?' if close else f"the keys here are {', '.join(names.values())}"
    return f"{path} is {shown(value)}, but there is no such key; {remedy}"


def below(path: str, key: str) -> str:
    """Return the path of a key below `path`; the key may be any text."""
    return f"{path}.{key if key.isidentifier() else shown(key)}"


def decode(text: str) -> object:
    """Read the JSON text of an object, as Pulumi gives it to the program.

    Raises InvalidValueError, also for NaN and for a key given twice.
    """

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InvalidValueError(f"with the key {shown(twice[0])} twice; keep one of them")
        return dict(pairs)

    def no_number(name: str) -> object:
        raise InvalidValueError(f"with {name} in it, which is not a number; give a finite one")

    def whole(digits: str) -> int:
        if len(digits) > MOST_DIGITS:
            raise InvalidValueError(f"with a number of {len(digits)} digits in it; give one of {MOST_DIGITS} at most")
        return int(digits)

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=no_number, parse_int=whole)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidValueError(f"not an object ({error}); write its keys below it, indented") from None


def mask(value: object) -> object:
    """Replace every value, but no key, by a Secret. An encrypted value, {"secure": "..."}, becomes Sealed."""
    if isinstance(value, dict) and value.keys() == {"secure"} and isinstance(value["secure"], str):
        return Sealed()
    if isinstance(value, dict):
        return {key: mask(each) for key, each in value.items()}
    return Secret(value if isinstance(value, str) else json.dumps(value))


def read_object(cls: type, value: object, path: str, mistakes: list[str]) -> Reading:
    """Read every key of the object `value` by the fields of the dataclass `cls`.

    A setting without a default is required.
    """
    if not isinstance(value, dict):
        mistakes.append(f"{path} is {shown(value)}, not an object; write its keys below it, indented")
        return Reading(path, {}, frozenset())
    known = settings(cls)
    rest = next((each for each in known.values() if isinstance(each.reader, Rest)), None)
    known = {key: each for key, each in known.items() if each is not rest}
    good: dict[str, Any] = {}
    if rest is None:
        mistakes += [unknown(below(path, key), key, value[key], known) for key in value if key not in known]
    else:
        others = {key: each for key, each in value.items() if key not in known}
        good.update((rest.name, found) for found in rest.reader.read(others, path, mistakes))
    for key, each in known.items():
        if key in value:
            for result in each.reader.read(value[key], f"{path}.{key}", mistakes):
                good[each.name] = result
        elif each.default is MISSING:
            mistakes.append(f"{path}.{key} is missing and has no default; give {each.reader.expected}")
        else:
            good[each.name] = each.default
    return Reading(path, good, frozenset(each.name for key, each in known.items() if key in value))


def mistakes_in(made: object) -> list[str]:
    """Return a line for each wrong scalar in an instance of a dataclass. It does not check values that are defaults."""
    found = []
    for each in settings(type(made)).values():
        value = getattr(made, each.name)
        if isinstance(each.reader, Check) and not (type(value) is type(each.default) and value == each.default):
            try:
                each.reader.check(value)
            except InvalidValueError as error:
                found.append(f"{each.name} is {value!r}, {error}; give {each.reader.expected}")
    return found


def typed(value: object, path: str, takes: Callable[[object], bool]) -> str:
    """Return how to give the value as another type that is accepted; empty if no type would help.

    `pulumi config set --path` alone makes 0.2 a string and an account's digits a number. Only a path that begins with a
    namespace is a key of Pulumi's configuration.
    https://www.pulumi.com/docs/iac/cli/commands/pulumi_config_set/
    """
    if not re.match(r"[\w-]+:", path):
        return ""
    text = value if isinstance(value, str) else json.dumps(value) if isinstance(value, bool | int | float) else ""
    others: list[tuple[str, object]] = [("string", text)]
    if isinstance(value, str):
        others = [("bool", text == "true")] if text in {"true", "false"} else []
        others += [("int", int(text))] if re.fullmatch(rf"-?\d{{1,{MOST_DIGITS}}}", text, re.ASCII) else []
        others += [("float", float(text))] if re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII) else []
    name = next((name for name, other in others if text and takes(other)), None)
    if name is None:
        return ""
    key = shlex.quote(path)  # rm first, since the CLI keeps the quotes of a value that it overwrites
    return f" (by `pulumi config rm --path {key}`, then `pulumi config set --path --type {name} {key} {text}` it is)"


class Check(Reader):
    """A reader of one scalar."""

    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Any]:
        try:
            yield self.check(value)
        except InvalidValueError as error:
            by_cli = typed(value, path, self._takes)
            mistakes.append(f"{path} is {shown(value)}, {error}{by_cli}; give {self.expected}")

    def _takes(self, value: object) -> bool:
        try:
            self.check(value)
        except InvalidValueError:
            return False
        return True

    @abstractmethod
    def check(self, value: object) -> object:
        """Return the value as the program uses it. Raises InvalidValueError; its remedy is `expected`."""


class Whole(Check):
    """A whole number from `low` to `high`; `why` gives the reason for the bounds."""

    def __init__(self, low: int, high: int, unit: str, why: str) -> None:
        self.low, self.high, self.why = low, high, why
        self.expected = f"a whole number of {unit} from {low} to {high}"

    def check(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidValueError("not a whole number")
        if not self.low <= value <= self.high:
            raise InvalidValueError(f"out of bounds: {self.why}")
        return value


class Share(Check):
    """A fraction of a whole."""

    expected = "a fraction above 0 and up to 1, e.g. 0.25"

    def check(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidValueError("not a number")
        if not 0 < value <= 1:
            raise InvalidValueError("out of bounds")
        return float(value)


class Flag(Check):
    """A yes or no."""

    expected = "true or false, without quotes"

    def check(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise InvalidValueError("neither true nor false")
        return value


class OneOf(Check):
    """One of a few words or numbers; `why` gives the reason for the list."""

    def __init__(self, *choices: str | int, why: str) -> None:
        self.choices, self.why = choices, why
        *most, last = map(str, choices)
        self.expected = f"{', '.join(most)} or {last}"

    def check(self, value: object) -> str | int:
        for choice in self.choices:
            if type(value) is type(choice) and value == choice:
                return choice
        raise InvalidValueError(f"not supported: {self.why}")


class Text(Check):
    """A string that matches a pattern."""

    def __init__(self, pattern: str, expected: str) -> None:
        self.pattern, self.expected = pattern, expected

    def check(self, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidValueError("not a string (it may lack quotes)")
        if not re.fullmatch(self.pattern, value):
            raise InvalidValueError("not of the form wanted")
        return value


LONGEST_STACK = 32  # keeps the longest name, an execution role's, within IAM's 64 characters
STACK = Text(rf"[a-z][a-z0-9-]{{0,{LONGEST_STACK - 1}}}", 'the name of a stack, e.g. "staging"')


class Key(Check):
    """A secret of `least` to `most` characters, each safe in a header, a URL's query and a shell."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.expected = f"{least} to {most} letters, digits and + / = _ -, as of `openssl rand -base64 48`"

    def check(self, value: object) -> Secret:
        if not isinstance(value, Secret):
            raise InvalidValueError("not a secret")
        if isinstance(value, Sealed):
            return value
        if not self.least <= len(value.value) <= self.most:
            raise InvalidValueError(f"of {len(value.value)} characters")
        if not re.fullmatch(r"[A-Za-z0-9+/=_-]+", value.value):
            raise InvalidValueError("with other characters in it")
        return value


class ListOf(Reader):
    """A list of at least `least` different items."""

    def __init__(self, item: Reader, least: int) -> None:
        self.item, self.least = item, least
        self.expected = f"a list, each item {item.expected}"

    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Any]:
        if not isinstance(value, list) or len(value) < self.least:
            problem = f"shorter than {self.least}" if isinstance(value, list) else "not a list"
            mistakes.append(f"{path} is {shown(value)}, {problem}; give {self.expected}")
            return
        good: list[Any] = []
        for number, each in enumerate(value):
            if each in value[:number]:
                mistakes.append(f"{path}[{number}] is {shown(each)}, which the list already has; leave it out")
            good += self.item.read(each, f"{path}[{number}]", mistakes)
        if len(good) == len(value):
            yield tuple(good)


class Section(Reader):
    """An object with the fields of a dataclass."""

    expected = "an object"

    def __init__(self, cls: type) -> None:
        self.cls = cls

    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Any]:
        before = len(mistakes)
        reading = read_object(self.cls, value, path, mistakes)
        if len(mistakes) > before:
            return
        try:
            made = self.cls(**reading.values)
        except ValueError as error:  # each value is right, but not beside the others
            mistakes.append(f"{path} does not hold together: {error}")
        else:
            yield made


class Rest(Reader):
    """The keys of an object that none of its other settings has, each a name of the form `key`: values by name."""

    expected = "an object"

    def __init__(self, key: Text, item: Reader) -> None:
        self.key, self.item = key, item

    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Any]:
        good: dict[str, Any] = {}
        given = value if isinstance(value, dict) else {}
        for name, each in given.items():
            try:
                self.key.check(name)
            except InvalidValueError as error:
                mistakes.append(f"{below(path, name)} is {shown(each)}, its name {error}; give {self.key.expected}")
                continue
            for result in self.item.read(each, f"{path}.{name}", mistakes):
                good[name] = result
        if len(good) == len(given):
            yield good
