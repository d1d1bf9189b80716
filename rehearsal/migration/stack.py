"""The file of the stack `prod` at each stage of its way out of Terraform."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from infra.source import Source
from rehearsal.environment.legacy_document import LAYERS, beside
from rehearsal.environment.legacy_state import TABLE, Backend

Sections = dict[str, Any]
RELEASE = "release"
MANAGED: Mapping[str, Sections] = {
    "compute": {"memory": 1024},
    "observability": {"logRetentionDays": 90},
    "delivery": {"curve": {"percent": 20, "minutes": 10}},
}
"""What Terraform gave its functions, so that nothing is replaced when Pulumi owns them."""


def sections(
    functions: Source, data: Source, *, backend: Backend, endpoint: str, ids: Mapping[str, str]
) -> dict[str, Sections | None]:
    """Return the sections of the stack's file, None for one that is left out.

    `backend`: of the data layer; `ids`: what `python -m infra.migrate ids` prints.
    """

    def legacy(layer: str) -> Sections:
        found = beside(backend, layer)
        return {"bucket": found.bucket, "key": found.key, "endpoint": endpoint, "usePathStyle": True}

    kept: Sections = {"tableName": TABLE}
    sources: dict[str, Sections | None] = {
        "data": {"source": "legacy", "legacy": legacy("data")} if data is Source.LEGACY else {"source": data, **kept}
    }
    if functions is Source.LEGACY:
        found: dict[str, Sections | None] = {layer: {"legacy": legacy(layer)} for layer in LAYERS}
        return {**sources, **found, "compute": {"source": "legacy", "legacy": legacy("compute")}, RELEASE: None}
    compute = dict(MANAGED["compute"])
    delivery = dict(MANAGED["delivery"])
    if functions is Source.ADOPTED:
        compute |= {"source": "adopted", "adopted": {"services": ["orders"], "ids": dict(ids)}}
        delivery["smoke"] = False
    policy = {"evidence": "enforce"}
    return {**sources, **MANAGED, "compute": compute, "delivery": delivery, RELEASE: policy}


def write(file: Path, given: Mapping[str, Sections | None]) -> None:
    """Put sections into a stack's file in place of those that it has. All else stays, such as its secrets' key."""
    document = yaml.safe_load(file.read_text())
    config = document["config"]
    for name, section in given.items():
        config.pop(f"strata:{name}", None)
        if section is not None:
            config[f"strata:{name}"] = _plain(section)
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def _plain(value: Any) -> Any:
    """Return a value without enumerations, which YAML has not."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return str(value) if isinstance(value, Source) else value
