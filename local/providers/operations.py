"""The provider protocol's six operations on any `Resource`, by its declaration and its calls, on plain dicts."""

import contextlib
import hashlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from local.providers.resource import (
    GONE,
    Aws,
    Change,
    Fields,
    Live,
    ProviderError,
    Resource,
    changes,
    error_code,
    filled,
    shown,
)
from local.providers.wire import DEFAULTS, UNKNOWN, Bag, holds_unknown, without_defaults

_TAGS = frozenset({"tags", "tagsAll"})


class PartialError(Exception):
    """The resource exists but is incomplete: it goes into the state, and the next `up` completes it."""

    def __init__(self, reason: str, identity: str, state: Bag) -> None:
        super().__init__(reason)
        self.identity, self.state = identity, state


@dataclass(frozen=True)
class Failure:
    """An invalid input. `path` is empty if the failure is about the resource as a whole."""

    path: str
    reason: str


def home(resource: Resource) -> str:
    """Return the file in which a type is declared."""
    return f"{type(resource).__module__.replace('.', '/')}.py"


def check(
    resource: Resource, name: str, old: Bag, new: Bag, *, seed: bytes, tags: dict[str, str]
) -> tuple[Bag, list[Failure]]:
    """Return the inputs with names, defaults and tags filled in, and what is wrong with them."""
    given = without_defaults(new)
    failures = list(_failures(resource, resource.fields, given))
    inputs = filled(resource.fields, given)
    if resource.name and resource.name not in inputs and not resource.fields[resource.name].required:
        generated = resource.name in old.get(DEFAULTS, ())
        inputs[resource.name] = old[resource.name] if generated else _generated(name, seed)
        inputs[DEFAULTS] = sorted([resource.name, *inputs[DEFAULTS]])
    if resource.tagged:
        own = inputs.get("tags") or {}
        inputs["tagsAll"] = UNKNOWN if holds_unknown(own) else {**tags, **own}
    return inputs, failures


def _failures(resource: Resource, fields: Fields, bag: Bag, prefix: str = "") -> Iterator[Failure]:
    for key, value in bag.items():
        if key not in fields:
            known = f"the stand-in for {resource.kind} has no such property: add it in {home(resource)}"
            yield Failure(prefix + key, known)
        elif fields[key].of:
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict):
                    yield from _failures(resource, fields[key].of, part, f"{prefix}{key}.")
    for key, spec in fields.items():
        if spec.required and key not in bag:
            yield Failure(prefix + key, f"Missing required argument. The argument {prefix + key!r} is required")


def _generated(name: str, seed: bytes) -> str:
    """`name` and 7 hexadecimal digits: from the engine's seed, so that a preview and its update agree on it."""
    digits = hashlib.sha256(seed + name.encode()).hexdigest() if seed else secrets.token_hex(4)
    return f"{name}-{digits[:7]}"


def left_alone(state: Bag, new: Bag, ignored: Iterable[str]) -> Bag:
    """Return the inputs with the properties of `ignoreChanges` as the state has them: a bridged provider compares and
    sends them so, whatever is in the inputs. Raises ProviderError if only a part of a property is to be ignored.

    `processIgnoreChanges` in https://github.com/pulumi/pulumi-terraform-bridge/blob/v3.120.0/pkg/tfshim/sdk-v2
    """
    names = frozenset(ignored)
    if nested := sorted(name for name in names if not name.isidentifier()):
        raise ProviderError(f"ignoreChanges has {', '.join(nested)}; the stand-ins know whole properties alone")
    others = {key: value for key, value in new.items() if key not in names}
    return others | {key: value for key, value in state.items() if key in names}


def diff(resource: Resource, state: Bag, new: Bag) -> tuple[list[Change], bool]:
    """Return the changes between the last known state and new inputs, outputs included, and True if the old resource
    must be deleted before its replacement is created, since both would have the name that the program gives."""
    found = list(changes(resource.fields, state, new))
    moved = resource.unknown_after(new, frozenset(change.top for change in found)) & state.keys()
    found += [Change(name, "UPDATE", replaces=False) for name in sorted(moved)]
    named = resource.name is not None and resource.name not in new.get(DEFAULTS, ())
    keeps_name = named and new.get(str(resource.name)) == state.get(str(resource.name))
    return found, keeps_name and any(change.replaces for change in found)


def create(resource: Resource, aws: Aws, new: Bag, *, preview: bool) -> tuple[str, Bag]:
    """Create the resource; return its id and state. Raises PartialError if it exists and something else failed."""
    inputs = without_defaults(new)
    if preview:
        computed = {key for key, spec in resource.fields.items() if spec.computed and key not in inputs}
        return "", {**dict.fromkeys([*resource.outputs, *computed], UNKNOWN), **inputs}
    with reported("creating", resource, inputs):
        identity = resource.create(aws, inputs)
    try:
        with reported("creating", resource, inputs):
            resource.settle(aws, identity, inputs)
    except ProviderError as error:
        live = _found(resource, aws, identity, inputs)
        raise PartialError(str(error), identity, _state(resource, aws, live, inputs) if live else inputs) from error
    live = _found(resource, aws, identity, inputs)
    if live is None:
        raise ProviderError(f"creating {resource.label} ({identity}): it was made, but AWS does not show it")
    return live.id, _state(resource, aws, live, inputs)


def read(resource: Resource, aws: Aws, identity: str, state: Bag, inputs: Bag) -> tuple[str, Bag, Bag]:
    """Read the resource: its id, state and inputs. The id is empty if it is gone. An empty `state` means an import."""
    live = _found(resource, aws, identity, state or resource.locate(identity))
    if live is None:
        return "", {}, {}
    now = _state(resource, aws, live, {**state, **without_defaults(inputs)})
    found = {change.top for change in changes(resource.fields, now, inputs)}
    told_inputs = {key: value for key, value in inputs.items() if key not in found}
    for name, spec in resource.fields.items():
        filled_in = spec.computed and state and name not in inputs
        if name in now and name not in told_inputs and not filled_in and spec.normal(now[name]) != spec.normal(None):
            told_inputs[name] = now[name]
    return live.id, now, {DEFAULTS: [], **told_inputs}


def update(resource: Resource, aws: Aws, identity: str, old: Bag, new: Bag, *, preview: bool) -> Bag:
    """Change the resource to the inputs `new`; return its state."""
    inputs = without_defaults(new)
    changed = frozenset(change.top for change in changes(resource.fields, old, inputs))
    if preview:
        kept = {key: value for key, value in old.items() if key not in resource.fields or resource.fields[key].computed}
        return {**kept, **inputs, **dict.fromkeys(resource.unknown_after(inputs, changed), UNKNOWN)}
    with reported("updating", resource, old):
        if changed & _TAGS:
            before, after = old.get("tagsAll") or {}, inputs.get("tagsAll") or {}
            resource.retag(aws, old, sorted(before.keys() - after.keys()), after)
        if changed - _TAGS:
            resource.update(aws, identity, old, inputs, changed - _TAGS)
        live = _found(resource, aws, identity, {**old, **inputs})
    if live is None:
        raise ProviderError(
            f"updating {resource.label} ({identity}): it is gone; `pulumi refresh` drops it from the state"
        )
    return _state(resource, aws, live, inputs)


def delete(resource: Resource, aws: Aws, identity: str, state: Bag) -> None:
    """Delete the resource; it is no error if it is gone already."""
    with reported("deleting", resource, state):
        try:
            resource.delete(aws, identity, state)
        except Exception as error:
            if error_code(error) not in GONE:
                raise


def _found(resource: Resource, aws: Aws, identity: str, state: Bag) -> Live | None:
    with reported("reading", resource, state):
        try:
            return resource.read(aws, identity, state)
        except Exception as error:
            if error_code(error) in GONE:
                return None
            raise


def _state(resource: Resource, aws: Aws, live: Live, prior: Bag) -> Bag:
    """Return the state by AWS's answer. Equal values stay as the user wrote them; unread ones stay as they were."""
    now = dict(live.bag)
    if resource.tagged:
        own, everything = prior.get("tags") or {}, now.pop("tags", {})
        now["tagsAll"] = everything
        mine = {key: tag for key, tag in everything.items() if key in own or aws.default_tags.get(key) != tag}
        now["tags"] = mine or None
    if resource.regional:
        now.setdefault("region", aws.region)
    for name, spec in resource.fields.items():
        known = now.get(name) is not None
        if name in prior and (spec.unread or (known and spec.normal(prior[name]) == spec.normal(now[name]))):
            now[name] = prior[name]
        now[name] = shown(spec, now.get(name))
    return {**resource.also, **now, "id": live.id}


@contextlib.contextmanager
def reported(verb: str, resource: Resource, bag: Bag) -> Iterator[None]:
    """Raise AWS's errors in the words in which the real provider reports them."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        answer: dict[str, Any] | None = getattr(error, "response", None)
        if answer is None and not type(error).__module__.startswith("botocore"):
            raise  # a mistake of this program, not AWS's answer
        name = bag.get(str(resource.name)) or bag.get("id") or "new"
        reason = _answered(resource, error, answer) if answer else str(error)
        raise ProviderError(f"{verb} {resource.label} ({name}): {reason}") from error


def _answered(resource: Resource, error: Exception, answer: dict[str, Any]) -> str:
    http = answer.get("ResponseMetadata", {})
    call = getattr(error, "operation_name", "?")
    return (
        f"operation error {resource.label.split()[0]}: {call}, https response error StatusCode: "
        f"{http.get('HTTPStatusCode')}, RequestID: {http.get('RequestId')}, "
        f"{error_code(error)}: {answer.get('Error', {}).get('Message')}"
    )
