"""Writes a Terraform state as `terraform apply` leaves one, of resources that were made by other means.

The format is version 4 of github.com/hashicorp/terraform, internal/states/statefile/version4.go.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.environment.legacy_state import FORMAT, PROVIDER, TERRAFORM, Backend

LAYERS = ("compute", "observability", "delivery")  # in the order in which Terraform applies them
READS = {
    "identity": (),
    "compute": ("identity", "data"),
    "observability": ("identity", "compute"),
    "delivery": ("identity", "compute", "observability"),
}


@dataclass(frozen=True)
class Instance:
    """One instance of a managed resource in a state."""

    kind: str
    name: str
    attributes: Mapping[str, Any]
    module: str = ""
    key: str | None = None

    @property
    def address(self) -> str:
        index = "" if self.key is None else f'["{self.key}"]'
        return ".".join(filter(None, (self.module, self.kind, self.name))) + index


def beside(backend: Backend, layer: str) -> Backend:
    """Return the backend of another layer, in the bucket of the data layer."""
    return Backend(backend.bucket, f"{layer}/terraform.tfstate", backend.region, backend.workspace)


def document(instances: Sequence[Instance], outputs: Mapping[str, str], layer: str, backend: Backend) -> dict[str, Any]:
    """Return the state that the first `terraform apply` of a layer leaves."""
    grouped: dict[tuple[str, str, str], list[Instance]] = {}
    for each in instances:
        grouped.setdefault((each.module, each.kind, each.name), []).append(each)
    return {
        "version": FORMAT,
        "terraform_version": TERRAFORM,
        "serial": 1,
        "lineage": str(uuid.uuid4()),
        "outputs": {name: {"value": value, "type": "string"} for name, value in outputs.items()},
        "resources": [
            *(_remote_state(each, backend) for each in READS[layer]),
            *(_resource(*named, found) for named, found in grouped.items()),
        ],
        "check_results": None,
    }


def _resource(module: str, kind: str, name: str, instances: Sequence[Instance]) -> dict[str, Any]:
    found = {
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider": PROVIDER,
        "instances": [
            {
                **({} if each.key is None else {"index_key": each.key}),
                "schema_version": 0,
                "attributes": dict(each.attributes),
                "sensitive_attributes": [],
                "private": "bnVsbA==",
            }
            for each in instances
        ],
    }
    return {"module": module, **found} if module else found


def _remote_state(layer: str, backend: Backend) -> dict[str, Any]:
    config = {"bucket": backend.bucket, "key": f"{layer}/terraform.tfstate", "region": backend.region}
    attributes = {
        "backend": "s3",
        "config": {"value": config, "type": ["object", dict.fromkeys(config, "string")]},
        "defaults": None,
        "outputs": {"value": {}, "type": ["object", {}]},
        "workspace": None,
    }
    return {
        "mode": "data",
        "type": "terraform_remote_state",
        "name": layer,
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [{"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}],
    }
