"""What a resource type is here: which properties it has, how they compare, and the calls that make and change it.

A type is a subclass of `Resource` in `local/providers/aws/`. It declares its properties as the SDK names them and makes
real AWS calls; the rest (checks, names, diffs, tags, previews) is done from the declaration. Standard library only.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from local.providers.wire import ARCHIVE, DEFAULTS, UNKNOWN, Bag, signature

GONE = frozenset(
    {
        "ApplicationDoesNotExistException",
        "404",  # S3's, of a request without a body
        "DashboardNotFoundError",
        "DeploymentConfigDoesNotExistException",
        "DeploymentGroupDoesNotExistException",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchKey",
        "NoSuchPublicAccessBlockConfiguration",
        "NotFound",
        "NotFoundException",
        "ParameterNotFound",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)
"""The error codes by which AWS says that a thing is not there."""


class ProviderError(Exception):
    """Something the user must read: printed as it is, without a traceback."""


class Aws(Protocol):
    """AWS in one region: `aws("lambda")` is the boto3 client."""

    def __call__(self, service: str) -> Any: ...
    @property
    def region(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def default_tags(self) -> dict[str, str]: ...


def error_code(error: BaseException) -> str:
    """The code of an error that AWS answered, "" for any other."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def same(value: Any) -> Any:
    """The normal form of a value that is compared as it is."""
    return value


def json_text(value: Any) -> Any:
    """The normal form of JSON text: formatting and the order of keys do not matter."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def policy_text(value: Any) -> Any:
    """The normal form of an IAM policy document: nor does the order of lists, nor whether a list of one is a list."""
    return _policy(json_text(value))


def _policy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _policy(value[key]) for key in sorted(value)}  # in one order, by which lists are sorted too
    if isinstance(value, list):
        parts = sorted((_policy(part) for part in value), key=repr)
        return parts[0] if len(parts) == 1 else parts
    return value


def sorted_text(value: Any) -> Any:
    """JSON text as the provider keeps it: without spaces, keys in order."""
    parsed = json_text(value)
    return value if isinstance(parsed, str) else json.dumps(parsed, sort_keys=True, separators=(",", ":"))


def version_first(value: Any) -> Any:
    """As `sorted_text`, but a policy's Version comes first, as the provider keeps policies of IAM."""
    parsed = json_text(value)
    if not isinstance(parsed, dict) or "Version" not in parsed:
        return sorted_text(value)
    rest = sorted_text({key: part for key, part in parsed.items() if key != "Version"})
    return f'{{"Version":{json.dumps(parsed["Version"])},{rest[1:]}'


def archive_hash(value: Any) -> Any:
    """The normal form of an archive: its contents' hash, which the engine computes and always sends."""
    return value.get("hash", value) if signature(value) == ARCHIVE else value


@dataclass(frozen=True, kw_only=True)
class Field:
    """One input property.

    `default`: what the real provider fills in where it is left out; `implied`: it does not, AWS takes that value.
    `zero`: what the state shows where it is not set. `computed`: AWS fills it in, so leaving it out changes nothing.
    `unread`: AWS does not tell it, so it is kept as it was given. `unordered`: a list whose order says nothing. `form`:
    the normal form in which values are compared, `kept` the one in the state. `of`: the properties of an object, or of
    each object in a list. `api`: its name in AWS, where that is not spelled as the service spells the others.
    """

    required: bool = False
    default: Any = None
    implied: bool = False
    zero: Any = None
    replaces: bool = False
    computed: bool = False
    unread: bool = False
    unordered: bool = False
    form: Callable[[Any], Any] = same
    kept: Callable[[Any], Any] = same
    of: "Fields" = field(default_factory=dict)
    api: str = ""

    def normal(self, value: Any) -> Any:
        """`value` in the one form in which equal settings are equal; None where it says no more than leaving it out."""
        if value is None or value == UNKNOWN:
            return self.default or None if value is None else value
        if isinstance(value, list):
            parts = [self._object(part) if self.of else part for part in value]
            value = sorted(parts, key=repr) if self.unordered else parts
        elif self.of:
            value = self._object(value)
        value = self.form(value)
        return None if not self.default and value in ("", False, 0, [], {}) else value

    def _object(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        normal = {name: part.normal(value.get(name)) for name, part in self.of.items()}
        return {name: part for name, part in normal.items() if part is not None}


Fields = Mapping[str, Field]


def filled(fields: Fields, bag: Mapping[str, Any]) -> Bag:
    """`bag` with the defaults that are left out, and in each object the names of those that were filled in."""
    given = {name: _filled(fields[name], value) if name in fields else value for name, value in bag.items()}
    added = {
        name: spec.default
        for name, spec in fields.items()
        if name not in bag and spec.default is not None and not spec.implied
    }
    return {**given, **added, DEFAULTS: sorted(added)}


def _filled(spec: Field, value: Any) -> Any:
    if isinstance(value, list):
        return [_filled(spec, part) for part in value]
    return filled(spec.of, value) if spec.of and isinstance(value, Mapping) else value


def shown(spec: Field, value: Any) -> Any:
    """`value` as the state shows it: whole, what is not set as the provider writes that."""
    if value is None or value in ([], {}):
        return spec.default if spec.zero is None and not spec.implied else spec.zero
    if isinstance(value, list):
        return [shown(spec, part) for part in value]
    if spec.of and isinstance(value, Mapping):
        whole = {name: shown(part, value.get(name)) for name, part in spec.of.items()}
        return spec.zero if all(part is None for part in whole.values()) else whole
    return spec.kept(value)


def props(**fields: Field) -> Fields:
    """Properties by their names."""
    return fields


def unset(**zeros: Any) -> Bag:
    """Properties that no program here sets, each with what the real provider's state shows of it then."""
    return zeros


TAGS = props(tags=Field(), tagsAll=Field())
REGION = props(region=Field(computed=True, replaces=True))


@dataclass(frozen=True)
class Change:
    """A property that differs: its path as Pulumi writes it; ADD, DELETE or UPDATE; whether it asks for a new thing."""

    path: str
    kind: str
    replaces: bool

    @property
    def top(self) -> str:
        """The resource's own property that the path starts with."""
        return self.path.partition(".")[0].partition("[")[0]


def changes(fields: Fields, old: Bag, new: Bag, prefix: str = "", replaces: bool = False) -> Iterator[Change]:
    """What differs between the state `old` and the inputs `new`."""
    for name, spec in fields.items():
        if name not in new and spec.computed:
            continue
        replaced = replaces or spec.replaces
        yield from _changes(spec, old.get(name), new.get(name), f"{prefix}{name}", replaced)


def _changes(spec: Field, old: Any, new: Any, path: str, replaces: bool) -> Iterator[Change]:
    before, after = spec.normal(old), spec.normal(new)
    if before == after:
        return
    nested = isinstance(old, dict) and isinstance(new, dict) and signature(new) is None
    if nested and spec.of:
        yield from changes(spec.of, old, new, f"{path}.", replaces)
    elif nested:
        for key in sorted({*old, *new}):
            dotted = f"{path}.{key}" if key.isidentifier() else f'{path}["{key}"]'
            yield from _changes(Field(), old.get(key), new.get(key), dotted, replaces)
    else:
        added, dropped = old is None and before is None, new is None and after is None
        yield Change(path, "ADD" if added else "DELETE" if dropped else "UPDATE", replaces)


def to_api(fields: Fields, bag: Bag, spell: Callable[[str], str]) -> dict[str, Any]:
    """The properties of `bag` under the names AWS gives them."""
    return {
        spec.api or spell(name): _nested(spec, bag[name], to_api, spell) for name, spec in fields.items() if name in bag
    }


def from_api(fields: Fields, answer: Mapping[str, Any], spell: Callable[[str], str]) -> Bag:
    """The properties that AWS's `answer` holds, under the names Pulumi gives them."""
    named = {name: (spec, answer.get(spec.api or spell(name))) for name, spec in fields.items()}
    return {name: _nested(spec, value, from_api, spell) for name, (spec, value) in named.items() if value is not None}


def _nested(spec: Field, value: Any, convert: Callable[..., Any], spell: Callable[[str], str]) -> Any:
    if not spec.of:
        return value
    if isinstance(value, list):
        return [convert(spec.of, part, spell) for part in value]
    return convert(spec.of, value, spell)


def pascal(name: str) -> str:
    """memorySize -> MemorySize, as most services spell it."""
    return name[0].upper() + name[1:]


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """A map as AWS's list of pairs."""
    return [{key: name, value: tags[name]} for name in tags]


def unpaired(items: Any, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """AWS's list of pairs as a map."""
    return {item[key]: item[value] for item in items or ()}


_TAGGING = {
    "apigatewayv2": ("ResourceArn", "Tags", "TagKeys", False),
    "cloudwatch": ("ResourceARN", "Tags", "TagKeys", True),
    "codedeploy": ("ResourceArn", "Tags", "TagKeys", True),
    "dynamodb": ("ResourceArn", "Tags", "TagKeys", True),
    "lambda": ("Resource", "Tags", "TagKeys", False),
    "logs": ("resourceArn", "tags", "tagKeys", False),
    "sns": ("ResourceArn", "Tags", "TagKeys", True),
}
"""How TagResource and UntagResource are spelled: the ARN, the tags, their keys; whether tags are a list of pairs."""


@dataclass(frozen=True)
class Live:
    """A thing as AWS has it: its id and the properties AWS tells, under Pulumi's names; `tags` are all of its tags."""

    id: str
    bag: Bag


class Resource:
    """A resource type. Subclasses declare the class variables and define `create`, `read`, `update` and `delete`."""

    kind: ClassVar[str]  # the type token
    service: ClassVar[str]  # as boto3 names it
    label: ClassVar[str]  # as the real provider's errors name it
    own: ClassVar[Fields] = {}  # the declared `fields`, without tags and region
    fields: ClassVar[Fields] = {}
    outputs: ClassVar[tuple[str, ...]] = ()  # beside the inputs
    also: ClassVar[Bag] = {}  # the SDK's further properties, as the state shows them unset
    name: ClassVar[str | None] = "name"  # the property that is named by itself where it is left out
    regional: ClassVar[bool] = True
    tagged: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        cls.own = cls.fields
        cls.fields = {**cls.own, **(TAGS if cls.tagged else {}), **(REGION if cls.regional else {})}

    def locate(self, identity: str) -> Bag:
        """The properties by which a thing is found, from the id that `import` is given."""
        return {self.name: identity} if self.name else {}

    def create(self, aws: Aws, new: Bag) -> str:
        """Make it and return its id. What may fail after the thing exists belongs into `settle`."""
        raise NotImplementedError

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        """What is left to do once the thing exists; if it fails, the thing is kept and the next `up` goes on."""

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        """The thing, found by `identity` and `state` (its last known properties, or `locate`); None if it is gone."""
        raise NotImplementedError

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        """Bring the thing from `old` to `new`; `changed`: the top-level properties that differ, tags aside."""
        raise NotImplementedError

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        """Take the tags `gone` away and set `tags`."""
        arn, all_tags, keys, listed = _TAGGING[self.service]
        if gone:
            aws(self.service).untag_resource(**{arn: state["arn"], keys: gone})
        if tags:
            aws(self.service).tag_resource(**{arn: state["arn"], all_tags: pairs(tags) if listed else tags})

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        """End it. An error by which AWS says that it is gone already is success."""
        raise NotImplementedError

    def unknown_after(self, new: Bag, changed: frozenset[str]) -> frozenset[str]:
        """The outputs that an update which changes the properties `changed` will change too."""
        return frozenset()
