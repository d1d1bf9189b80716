"""Parses the AppSpec of a Lambda deployment from YAML or JSON; the case of its keys does not matter.

https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file.html
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]

from local.cloud.codedeploy.machine import AFTER, BEFORE

VERSION = "0.0"
LATEST = "$LATEST"
BUNDLES = frozenset({"JSON", "YAML"})
_PROPERTIES = ("name", "alias", "currentversion", "targetversion")


Fetch = Callable[[Mapping[str, Any]], bytes]
"""Reads the content of an S3Location; raises AppSpecError if there is none."""


class AppSpecError(ValueError):
    """A revision that cannot be deployed to Lambda; the text says why."""


@dataclass(frozen=True)
class AppSpec:
    """The alias of a function that a deployment shifts, from which version to which, and the hooks by event."""

    function: str
    alias: str
    current: str
    target: str
    hooks: Mapping[str, str]

    def revision(self) -> dict[str, Any]:
        """Return a RevisionLocation that holds it without hooks, which a rollback deploys."""
        properties = {
            "Name": self.function,
            "Alias": self.alias,
            "CurrentVersion": self.current,
            "TargetVersion": self.target,
        }
        resource = {self.function: {"Type": "AWS::Lambda::Function", "Properties": properties}}
        content = json.dumps({"version": 0.0, "Resources": [resource]})
        digest = hashlib.sha256(content.encode()).hexdigest()
        return {"revisionType": "AppSpecContent", "appSpecContent": {"content": content, "sha256": digest}}


def of_revision(revision: Mapping[str, Any], fetch: Fetch) -> AppSpec:
    """Return the AppSpec in a RevisionLocation. `fetch` reads what lies in S3. Raises AppSpecError."""
    kind = revision.get("revisionType")
    if kind == "S3":
        location = check_location(revision)
        return parse(_text(fetch(location), location))
    member = {"AppSpecContent": "appSpecContent", "String": "string"}.get(str(kind))
    if member is None:
        raise AppSpecError(f"revisionType {kind} is not for the Lambda platform: use S3, AppSpecContent or String")
    found = revision.get(member) or {}
    content, digest = found.get("content"), found.get("sha256")
    if not content:
        raise AppSpecError(f"The revision has no {member}.content")
    if digest and digest != hashlib.sha256(content.encode()).hexdigest():
        raise AppSpecError(f"{member}.sha256 {digest} is not the SHA-256 of the content")
    return parse(content)


def check_location(revision: Mapping[str, Any]) -> Mapping[str, Any]:
    """The S3Location of a revision: bucket, key, and that it is one AppSpec file. Raises AppSpecError.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_S3Location.html
    """
    location: Mapping[str, Any] = revision.get("s3Location") or {}
    if missing := [name for name in ("bucket", "key", "bundleType") if not location.get(name)]:
        raise AppSpecError(f"The revision's s3Location lacks {', '.join(missing)}")
    if location["bundleType"] not in BUNDLES:
        raise AppSpecError(f"bundleType {location['bundleType']} is not for the Lambda platform: use JSON or YAML")
    return location


def _text(content: bytes, location: Mapping[str, Any]) -> str:
    where, tag = f"s3://{location['bucket']}/{location['key']}", str(location.get("eTag") or "").strip('"')
    if tag and tag != hashlib.md5(content, usedforsecurity=False).hexdigest():
        raise AppSpecError(f"The eTag of {where} is not {tag}")
    try:
        text = content.decode()
        if location["bundleType"] == "JSON":
            json.loads(text)
    except ValueError as error:
        raise AppSpecError(f"{where} is not {location['bundleType']}") from error
    return text


def parse(content: str) -> AppSpec:
    """Return the AppSpec in a text. Raises AppSpecError."""
    try:
        loaded = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise AppSpecError(f"The AppSpec file is neither YAML nor JSON: {' '.join(str(error).split())}") from error
    spec = _mapping(loaded, "The AppSpec file")
    if str(spec.get("version")) != VERSION:
        raise AppSpecError(f"The AppSpec file has version {spec.get('version')!r}; it must be {VERSION}")
    properties = _properties(spec)
    if LATEST in (properties["currentversion"], properties["targetversion"]):
        raise AppSpecError(f"{LATEST} cannot be deployed: both versions must be published ones")
    name, alias, current, target = (properties[key] for key in _PROPERTIES)
    return AppSpec(name, alias, current, target, _hooks(spec))


def _properties(spec: Mapping[str, Any]) -> dict[str, str]:
    resources = spec.get("resources")
    if not isinstance(resources, list) or len(resources) != 1 or len(_mapping(resources[0], "A resource")) != 1:
        raise AppSpecError("Resources must be a list of exactly one resource, by its name")
    (described,) = _mapping(resources[0], "A resource").values()
    resource = _mapping(described, "The resource")
    if resource.get("type") != "AWS::Lambda::Function":
        raise AppSpecError(f"The resource's Type is {resource.get('type')!r}; it must be AWS::Lambda::Function")
    properties = _mapping(resource.get("properties"), "The resource's Properties")
    if missing := [key for key in _PROPERTIES if not str(properties.get(key) or "")]:
        raise AppSpecError(f"The resource's Properties lack {', '.join(missing)}")
    return {key: str(properties[key]) for key in _PROPERTIES}


def _hooks(spec: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    listed = spec.get("hooks") or []
    if not isinstance(listed, list):
        raise AppSpecError("Hooks must be a list of `event: function`")
    for item in listed:
        if not isinstance(item, Mapping):
            raise AppSpecError("Hooks must be a list of `event: function`")
        for event, function in item.items():
            if event not in (BEFORE, AFTER) or not isinstance(function, str) or not function:
                raise AppSpecError(f"The hook {event}: {function} is not `{BEFORE}` or `{AFTER}` with a function")
            if event in found:
                raise AppSpecError(f"The hook {event} is given twice")
            found[event] = function
    return found


def _mapping(value: Any, what: str) -> dict[str, Any]:
    """Return a mapping with its own keys in lower case; names below it stay as they are."""
    if not isinstance(value, Mapping):
        raise AppSpecError(f"{what} must be a mapping, not {type(value).__name__}")
    return {str(key).lower(): item for key, item in value.items()}
