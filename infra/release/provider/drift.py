"""The diff of a release: inputs that changed, and aliases that were moved outside of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.release.decision.context import ReleaseContext
from infra.release.decision.failure import ended
from infra.release.decision.preconditions import refusals
from infra.release.model.commands import WATCH
from infra.release.model.observation import Alias, Deployment, Observation
from infra.release.model.outcome import Ending

SILENT = re.compile(r"policy\.(commit|retry|override)|targets\[\d+\]\.(configuration|percent)")
"""Inputs that release nothing by themselves: the next release uses or records them."""
MOVED = "moved"
"""The outcome, in the state, of a release whose version was no longer live at a refresh."""


def changed(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield the property paths at which two plain values differ, without those that release nothing."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from changed(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from changed(*pair, f"{path}[{index}]")
    elif old != new and not SILENT.fullmatch(path):
        yield path


def unfinished(state: Mapping[str, Any]) -> bool:
    """True if something is left to release although no input changed: no run waited, or a refresh found it moved."""
    return any(each["outcome"] in {Ending.STARTED.value, MOVED} for each in state["outcomes"].values())


def is_surprise(target: Mapping[str, Any], expected: str | None, found: Alias | None) -> bool:
    """True if an alias is not where the last release left it.

    It is no surprise where the wanted version has traffic: that is this release's own canary, or an end not seen.
    """
    wanted = target["version"]
    at_work = found is not None and wanted in {found.version, found.shifted}
    return expected is not None and str(found) != expected and not at_work


def warning(
    target: Mapping[str, Any], expected: str | None, found: Alias | None, context: ReleaseContext | None
) -> str:
    """Return the warning of an alias that was moved since the last release. context: None if AWS was not observed."""
    now = f"is on version {found}" if found else "is gone"
    where = f"{target['function']}: alias {target['alias']} {now}, where the last release left it on version {expected}"
    if found is None:
        by = "CloudTrail's DeleteAlias says by whom"
        why = f"it was deleted outside of Strata ({by}): `pulumi up --refresh` creates it again"
    else:
        why = (acted(context) if context else None) or (
            "it was moved outside of Strata (CloudTrail's UpdateAlias says by whom): `pulumi up` releases over it"
        )
    return f"{where}; {why}"


def acted(context: ReleaseContext) -> str | None:
    """Say which deployment of ours left the alias where it is, and what the next `up` does; None if none did."""
    seen, last = context.seen, context.seen.in_flight or context.seen.last_attempt
    if last is None or last.entry is None:
        return None
    if last.running:
        return f"{last.id}, started by {last.entry.by}, is in flight; follow it by {WATCH}"
    reverted = seen.reverts(last) or (last if last.failed else None)
    if not (seen.alias.is_whole_on(last.entry.stable) if last.failed else _brought(seen, last)):
        return None
    if reverted is None:
        return f"{last.id}, started by {last.entry.by}, released it; {_next(context)}"
    reason, why = ended(reverted, context.target, seen.tags)
    return f"{reverted.id} was rolled back ({reason}: {why}); {_next(context)}"


def _brought(seen: Observation, last: Deployment) -> bool:
    return seen.alias.shifted is None and last.entry is not None and seen.live.fingerprint == last.entry.fingerprint


def _next(context: ReleaseContext) -> str:
    if any(each.reason == "rejected" for each in refusals(context)):
        allow = f"`python -m infra.release allow-retry --stack STACK --function {context.target.function} --reason WHY`"
        return f"the next `pulumi up` is refused until the code changes, or {allow} allows one more try"
    return f"the next `pulumi up` releases {context.seen.wanted}"
