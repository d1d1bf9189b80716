"""The base of resource types: their properties, how these compare, and the calls that create and change a resource.

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
        "AWS.SimpleQueueService.NonExistentQueue",
        "DashboardNotFoundError",
        "DeploymentConfigDoesNotExistException",
        "DeploymentGroupDoesNotExistException",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchHostedZone",
        "NoSuchKey",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NotFound",
        "NotFoundException",
        "ParameterNotFound",
        "QueueDoesNotExist",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)
"""AWS's error codes for a resource that does not exist."""


class ProviderError(Exception):
    """An error for the user: it is printed as it is, without a traceback."""


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
    """Return the code of an error of AWS's; "" for any other error."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def same(value: Any) -> Any:
    """Return a value that is compared as it is."""
    return value


def json_text(value: Any) -> Any:
    """Return the normal form of JSON text: formatting and the order of keys do not matter."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def policy_text(value: Any) -> Any:
    """Return the normal form of an IAM policy document: as for JSON; the order of lists and lists of one do not matter
    either."""
    return _policy(json_text(value))


def _policy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _policy(value[key]) for key in sorted(value)}  # in one order, by which lists are sorted too
    if isinstance(value, list):
        parts = sorted((_policy(part) for part in value), key=repr)
        return parts[0] if len(parts) == 1 else parts
    return value


def sorted_text(value: Any) -> Any:
    """Return JSON text as the provider keeps it: without spaces, keys in order."""
    parsed = json_text(value)
    return value if isinstance(parsed, str) else json.dumps(parsed, sort_keys=True, separators=(",", ":"))


def version_first(value: Any) -> Any:
    """Return `sorted_text`, but with a policy's Version first, as the provider keeps policies of IAM."""
    parsed = json_text(value)
    if not isinstance(parsed, dict) or "Version" not in parsed:
        return sorted_text(value)
    rest = sorted_text({key: part for key, part in parsed.items() if key != "Version"})
    return f'{{"Version":{json.dumps(parsed["Version"])},{rest[1:]}'


def archive_hash(value: Any) -> Any:
    """Return the normal form of an archive: its contents' hash, which the engine computes and always sends."""
    return value.get("hash", value) if signature(value) == ARCHIVE else value


@dataclass(frozen=True, kw_only=True)
class Field:
    """One input property.

    `default`: filled in by the real provider if the property is left out; `implied`: not filled in, but AWS uses it.
    `zero`: the state's value if it is not set. `computed`: AWS fills it in, so leaving it out changes nothing.
    `unread`: AWS does not return it, so it is kept as it was given. `unordered`: a list whose order says nothing.
    `form`: the normal form in which values are compared, `kept` the one in the state. `of`: the properties of an
    object, or of each object in a list. `api`: its name in AWS, where that is not spelled as the service spells the
    others.
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
        """Return the normal form of `value`, in which equal settings are equal; None if it means the same as leaving it
        out."""
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
    """Return `bag` with its defaults filled in and, in each object, the names of the filled-in properties."""
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
    """Return `value` as the state shows it: complete, with unset properties as the provider writes them."""
    if value is None or value in ([], {}):
        return spec.default if spec.zero is None and not spec.implied else spec.zero
    if isinstance(value, list):
        return [shown(spec, part) for part in value]
    if spec.of and isinstance(value, Mapping):
        whole = {name: shown(part, value.get(name)) for name, part in spec.of.items()}
        return spec.zero if all(part is None for part in whole.values()) else whole
    return spec.kept(value)


def props(**fields: Field) -> Fields:
    """Return properties by their names."""
    return fields


def unset(**zeros: Any) -> Bag:
    """Return properties that no program here sets, each with its value in the real provider's state."""
    return zeros


TAGS = props(tags=Field(), tagsAll=Field())
REGION = props(region=Field(computed=True, replaces=True))


@dataclass(frozen=True)
class Change:
    """A changed property: its path as Pulumi writes it; ADD, DELETE or UPDATE; True if it requires a replacement."""

    path: str
    kind: str
    replaces: bool

    @property
    def top(self) -> str:
        """Return the resource's own property that the path starts with."""
        return self.path.partition(".")[0].partition("[")[0]


def changes(fields: Fields, old: Bag, new: Bag, prefix: str = "", replaces: bool = False) -> Iterator[Change]:
    """Return the changes between the state `old` and the inputs `new`."""
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
    """Return the properties of `bag` under the names AWS gives them."""
    return {
        spec.api or spell(name): _nested(spec, bag[name], to_api, spell) for name, spec in fields.items() if name in bag
    }


def from_api(fields: Fields, answer: Mapping[str, Any], spell: Callable[[str], str]) -> Bag:
    """Return the properties that AWS's `answer` holds, under the names Pulumi gives them."""
    named = {name: (spec, answer.get(spec.api or spell(name))) for name, spec in fields.items()}
    return {name: _nested(spec, value, from_api, spell) for name, (spec, value) in named.items() if value is not None}


def _nested(spec: Field, value: Any, convert: Callable[..., Any], spell: Callable[[str], str]) -> Any:
    if not spec.of:
        return value
    if isinstance(value, list):
        return [convert(spec.of, part, spell) for part in value]
    return convert(spec.of, value, spell)


def pascal(name: str) -> str:
    """Return a name as most services spell it: memorySize -> MemorySize."""
    return name[0].upper() + name[1:]


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return a map as AWS's list of pairs."""
    return [{key: name, value: tags[name]} for name in tags]


def unpaired(items: Any, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Return AWS's list of pairs as a map."""
    return {item[key]: item[value] for item in items or ()}


_TAGGING = {
    "apigatewayv2": ("ResourceArn", "Tags", "TagKeys", False),
    "cloudwatch": ("ResourceARN", "Tags", "TagKeys", True),
    "codedeploy": ("ResourceArn", "Tags", "TagKeys", True),
    "dynamodb": ("ResourceArn", "Tags", "TagKeys", True),
    "events": ("ResourceARN", "Tags", "TagKeys", True),
    "lambda": ("Resource", "Tags", "TagKeys", False),
    "logs": ("resourceArn", "tags", "tagKeys", False),
    "sns": ("ResourceArn", "Tags", "TagKeys", True),
}
"""The names of TagResource's and UntagResource's parameters: the ARN, the tags, their keys; True if tags are pairs."""


@dataclass(frozen=True)
class Live:
    """A resource as AWS has it: its id and the properties AWS returns, under Pulumi's names; `tags` are all of its
    tags."""

    id: str
    bag: Bag


class Resource:
    """A resource type. Subclasses declare the class variables and define `create`, `read`, `update` and `delete`."""

    kind: ClassVar[str]  # the type token
    service: ClassVar[str]  # boto3's name of it
    label: ClassVar[str]  # the name in the real provider's errors
    own: ClassVar[Fields] = {}  # the declared `fields`, without tags and region
    fields: ClassVar[Fields] = {}
    outputs: ClassVar[tuple[str, ...]] = ()  # beside the inputs
    also: ClassVar[Bag] = {}  # the SDK's other properties, with their unset values in the state
    name: ClassVar[str | None] = "name"  # the property whose value is generated if it is left out
    regional: ClassVar[bool] = True
    tagged: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        cls.own = cls.fields
        cls.fields = {**cls.own, **(TAGS if cls.tagged else {}), **(REGION if cls.regional else {})}

    def locate(self, identity: str) -> Bag:
        """Return the properties that identify a resource, from the id that is given to `import`."""
        return {self.name: identity} if self.name else {}

    def create(self, aws: Aws, new: Bag) -> str:
        """Create the resource and return its id. What may fail after it exists belongs into `settle`."""
        raise NotImplementedError

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        """Do the rest once the resource exists; if this fails, the resource is kept and the next `up` completes it."""

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        """Read the resource by `identity` and `state` (its last known properties, or `locate`); None if it is gone."""
        raise NotImplementedError

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        """Change the resource from `old` to `new`; `changed`: the top-level properties that differ, except tags."""
        raise NotImplementedError

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        """Remove the tags `gone` and set `tags`."""
        arn, all_tags, keys, listed = _TAGGING[self.service]
        if gone:
            aws(self.service).untag_resource(**{arn: state["arn"], keys: gone})
        if tags:
            aws(self.service).tag_resource(**{arn: state["arn"], all_tags: pairs(tags) if listed else tags})

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        """Delete the resource. AWS's error for a resource that is gone already is no failure."""
        raise NotImplementedError

    def unknown_after(self, new: Bag, changed: frozenset[str]) -> frozenset[str]:
        """Return the outputs that also change in an update of the properties `changed`."""
        return frozenset()
