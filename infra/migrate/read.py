"""Read the documents of Terraform and Pulumi strictly: a format that is not known is refused, never guessed.

Terraform's state: internal/states/statefile/version4.go of github.com/hashicorp/terraform. Pulumi's state and preview:
sdk/go/common/apitype/core.go and pkg/backend/display/json.go of github.com/pulumi/pulumi.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.migrate.homes import home
from infra.migrate.model import MigrationError, PreviewStep, PulumiResource, Resource, TerraformState, Thing

STATE_VERSION = 4
DEPLOYMENT_VERSIONS = (3, 4)  # 4 is 3 with features that must be known; none is needed here
REMOTE_STATE = "terraform_remote_state"
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def terraform_state(text: bytes | str, where: str, layer: str = "") -> TerraformState:
    """Read the Terraform state of a layer. Raises MigrationError, which names `where` the state is."""
    found = document(text, where)
    if (version := found.get("version")) != STATE_VERSION:
        raise MigrationError(
            f"the Terraform state {where} has the format version {version!r}, and this tool knows {STATE_VERSION}; run "
            "`terraform apply -refresh-only` with Terraform 1.x, which writes that version, or move by hand"
        )
    try:
        resources = tuple(_instances(found["resources"], layer))
        outputs = frozenset(found.get("outputs") or {})
        return TerraformState(
            str(found["lineage"]), int(found["serial"]), resources, outputs, frozenset(_reads(found["resources"]))
        )
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise MigrationError(
            f"the Terraform state {where} is not of its own format: {type(problem).__name__} {problem}; restore it "
            "from the bucket's versions"
        ) from None


def _instances(resources: Sequence[Mapping[str, Any]], layer: str) -> Iterator[Resource]:
    for resource in resources:
        if resource["mode"] != "managed":
            continue
        for instance in resource["instances"]:
            attributes = instance.get("attributes") or {}
            found = home(layer, resource["type"])
            import_id = found.id_of(attributes) if found else None
            flaw = "deposed" if instance.get("deposed") else str(instance.get("status") or "")
            thing = Thing(found.token, import_id) if found and import_id else None
            yield Resource(address(resource, instance), resource["type"], attributes, thing, flaw)


def address(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    """Return an instance's address as Terraform's commands take it: module.a["b"].aws_x.y["z"]."""
    path = [resource["module"]] if resource.get("module") else []
    key = instance.get("index_key")
    index = "" if key is None else f"[{key}]" if isinstance(key, int) else f'["{_escaped(key)}"]'
    return ".".join([*path, resource["type"], resource["name"]]) + index


def _escaped(key: str) -> str:
    """Escape a key as HCL's templates need it. https://developer.hashicorp.com/terraform/language/expressions/strings"""
    text = "".join(_ESCAPES.get(each, each) for each in key)
    return text.replace("${", "$${").replace("%{", "%%{")


def _reads(resources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the keys of the S3 states that data sources of this state read."""
    for resource in resources:
        if resource["mode"] == "data" and resource["type"] == REMOTE_STATE:
            for instance in resource["instances"]:
                config = (instance["attributes"].get("config") or {}).get("value") or {}
                if key := config.get("key"):
                    yield key


def pulumi_state(text: bytes | str, stack: str) -> tuple[PulumiResource, ...]:
    """Read the document of `pulumi stack export`. Raises MigrationError."""
    found = document(text, f"of the stack {stack}")
    if (version := found.get("version")) not in DEPLOYMENT_VERSIONS:
        known = " or ".join(map(str, DEPLOYMENT_VERSIONS))
        raise MigrationError(
            f"the Pulumi state of {stack} has the format version {version!r}, and this tool knows {known}; use the "
            "Pulumi CLI that requirements.txt names"
        )
    resources = (found.get("deployment") or {}).get("resources") or ()
    return tuple(_resource(each) for each in resources if not each.get("delete"))


def preview(text: bytes | str, stack: str) -> tuple[PreviewStep, ...]:
    """Read the document of `pulumi preview --json`. Raises MigrationError."""
    return tuple(_step(each) for each in document(text, f"of a preview of {stack}").get("steps") or ())


def _step(step: Mapping[str, Any]) -> PreviewStep:
    state = step.get("newState") or step.get("oldState") or {}
    detailed = step.get("detailedDiff") or {}
    replaces = {name for name, each in detailed.items() if str(each.get("kind", "")).endswith("-replace")}
    # The inputs are the program's even where the import keeps what AWS has.
    ignored = set(state.get("ignoreChanges") or ())
    return PreviewStep(
        op=step["op"],
        resource=_resource({**state, "urn": step["urn"]}),
        import_id=state.get("importID") or "",
        differs=tuple(sorted({*detailed, *(step.get("diffReasons") or ())})),
        replaces=tuple(sorted(replaces | set(step.get("replaceReasons") or ()))),
        inputs={name: value for name, value in (state.get("inputs") or {}).items() if name not in ignored},
    )


def _resource(found: Mapping[str, Any]) -> PulumiResource:
    outputs = found.get("outputs") or {}
    arn = outputs.get("arn")
    return PulumiResource(
        urn=found["urn"],
        token=found.get("type", ""),
        id=found.get("id") or "",
        arn=arn if isinstance(arn, str) else "",
        custom=bool(found.get("custom")),
        retain=bool(found.get("retainOnDelete")),
    )


def document(text: bytes | str, what: str) -> Mapping[str, Any]:
    """Parse a JSON object. Raises MigrationError."""
    try:
        found = json.loads(text)
    except ValueError as problem:
        raise MigrationError(f"the document {what} is no JSON: {problem}; restore it") from None
    if not isinstance(found, dict):
        raise MigrationError(f"the document {what} is a {type(found).__name__}, not an object; restore it")
    return found
