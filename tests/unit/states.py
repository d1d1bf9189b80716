"""Stacks' states, as `pulumi stack export` prints them."""

from collections.abc import Mapping
from typing import Any

Resource = Mapping[str, Any]


def stack(*resources: Resource, outputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The state of a stack with those resources and outputs."""
    root = {
        "urn": "urn:pulumi:prod::strata::pulumi:pulumi:Stack::strata-prod",
        "custom": False,
        "type": "pulumi:pulumi:Stack",
    }
    if outputs is not None:
        root["outputs"] = outputs
    return {"version": 3, "deployment": {"manifest": {}, "resources": [root, *resources]}}


def release(inputs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The release, which was given that."""
    return {
        "urn": "urn:pulumi:prod::strata::strata:release:Release::release",
        "custom": True,
        "id": "release",
        "type": "strata:release:Release",
        "inputs": inputs,
        "outputs": {**inputs, "liveVersions": {}, "outcomes": {}},
        **more,
    }
