"""What a release's diff shows: inputs that changed, and aliases that somebody has moved. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.release.model import Alias
from infra.release.outcome import Ending

SILENT = re.compile(r"policy\.(commit|retry|override)|targets\[\d+\]\.configuration")
"""What releases nothing by itself: it is recorded with, or said of, the next version."""
MOVED = "moved"
"""The outcome, in the state, of a release whose version a refresh found to be live no longer."""


def changed(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The property paths at which two plain values differ, but for those that release nothing."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from changed(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from changed(*pair, f"{path}[{index}]")
    elif old != new and not SILENT.fullmatch(path):
        yield path


def unfinished(state: Mapping[str, Any]) -> bool:
    """Whether something is left to release although no input changed: nobody waited, or a refresh found it moved."""
    return any(each["outcome"] in {Ending.STARTED.value, MOVED} for each in state["outcomes"].values())


def warning(target: Mapping[str, Any], expected: str | None, found: Alias | None) -> str | None:
    """What to tell of an alias that is not where the last release left it, or None where that is no surprise.

    None too where the wanted version has traffic: then it is this release's own canary, or its end, that was not seen.
    """
    wanted = target["version"]
    if expected is None or str(found) == expected or (found and wanted in {found.version, found.shifted}):
        return None
    now = f"is on version {found}" if found else "is gone"
    return (
        f"{target['function']}: alias {target['alias']} {now}, where the last release left it on version {expected}; "
        "somebody moved it outside of Strata (CloudTrail's UpdateAlias says who): `pulumi up` releases over it"
    )
