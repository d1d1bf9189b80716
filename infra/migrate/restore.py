"""Put resources from a backup back into Terraform's state. Pure."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Mapping
from typing import Any

from infra.migrate.model import MigrationError
from infra.migrate.read import address, document


def restored(state: bytes, backup: bytes, addresses: Collection[str]) -> bytes:
    """Return the state with the resources at `addresses` as the backup has them, and the next serial.

    Resources that it has already stay as they are. Raises MigrationError if the two are not of one lineage, or if the
    backup lacks an address.
    """
    into, source = copy.deepcopy(dict(document(state, "in the bucket"))), document(backup, "in the backup")
    if into["lineage"] != source["lineage"]:
        raise MigrationError(
            f"Terraform's state has the lineage {into['lineage']}, and the move's backup {source['lineage']}: "
            "it was created anew; restore the bucket's version of before, and run this again"
        )
    present = {address(resource, each) for resource in into["resources"] for each in resource["instances"]}
    missing = set(addresses) - present
    for resource in source["resources"]:
        instances = [each for each in resource["instances"] if address(resource, each) in missing]
        if not instances:
            continue
        missing -= {address(resource, each) for each in instances}
        same = [each for each in into["resources"] if _named(each) == _named(resource)]
        if same:
            same[0]["instances"] += instances
        else:
            into["resources"].append({**resource, "instances": instances})
    if missing:
        raise MigrationError(
            f"the move's backup has no {', '.join(sorted(missing))}; restore the bucket's version of Terraform's state "
            "from before the move, and run this again"
        )
    into["serial"] += 1
    return json.dumps(into, indent=2).encode()


def _named(resource: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(resource.get(name) or "") for name in ("module", "mode", "type", "name"))
