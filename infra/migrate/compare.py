"""Compare a resource in Terraform's state with what the program declares. Pure.

A preview of an import says which properties of the program are not what AWS has. Where it says none, the program is
AWS's answer, and what differs here is drift.

Pulumi's provider is Terraform's, bridged: its names are Terraform's in camelCase, a list's in the plural, and a block
that can stand only once is an object. https://github.com/pulumi/pulumi-terraform-bridge, pkg/tfbridge/names.go
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from infra.migrate.model import Resource

OF_THE_TOOLS = {"id", "tags", "tags_all", "timeouts"}
"""Attributes that differ by nature: an id is the tool's, default tags are the provider's, time-outs are no property."""
SCHEMELESS = {("aws_iam_openid_connect_provider", "url")}
"""Attributes from which AWS leaves the scheme out, by type.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOpenIDConnectProvider.html
"""
SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - marks a secret in Pulumi's documents


def unlike(resource: Resource, declared: Mapping[str, Any]) -> Mapping[str, tuple[str, str]]:
    """Return by property what the state has and what the program declares, where they differ.

    What only one of them names is not compared.
    """
    found = {}
    for name, value in sorted(resource.attributes.items()):
        if name in OF_THE_TOOLS or not (key := _key(name, declared)):
            continue
        strip = _schemeless if (resource.type, name) in SCHEMELESS else _as_it_is
        if not _same(strip(value), strip(declared[key])):
            found[key] = (_shown(value), _shown(declared[key]))
    return found


def _schemeless(value: Any) -> Any:
    return str(value).removeprefix("https://")


def _as_it_is(value: Any) -> Any:
    return value


def _key(name: str, answer: Mapping[str, Any]) -> str | None:
    camel = re.sub("_([a-z0-9])", lambda found: found[1].upper(), name)
    return next((key for key in (camel, f"{camel}s") if key in answer), None)


def _same(state: Any, answer: Any) -> bool:
    if _empty(state) and _empty(answer):
        return True
    if isinstance(answer, Mapping):
        if SECRET in answer:
            return True  # nothing is known of it without the stack's key
        if isinstance(state, list) and len(state) == 1:
            state = state[0]
        return isinstance(state, Mapping) and all(
            _same(value, answer[key]) for name, value in state.items() if (key := _key(name, answer)) is not None
        )
    if isinstance(state, list) and isinstance(answer, list):
        return len(state) == len(answer) and all(any(_same(one, two) for two in answer) for one in state)
    if isinstance(state, str) and isinstance(answer, str):
        return state == answer or (state[:1] in "[{" and _document(state) == _document(answer))
    return str(state).lower() == str(answer).lower()


def _empty(value: Any) -> bool:
    return value in (None, "", False, 0, [], {})


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
