"""Inserts records of earlier deployments, so that a benchmark need not run a thousand canaries."""

import math
from dataclasses import replace
from typing import Any

from local.cloud.codedeploy.records import LOCK, Record, Region, region_of

_KEYS = {"account", "region", "application", "group", "descriptions", "seconds"}


def add(wanted: Any) -> dict[str, Any]:
    """Insert a record of each description, oldest first and `seconds` apart, before a group's own records.

    Each is a copy of the group's oldest record, which must have ended. Raises ValueError with what is wrong.
    """
    if not isinstance(wanted, dict) or wanted.keys() != _KEYS:
        raise ValueError(f"the body must be a JSON object with {', '.join(sorted(_KEYS))}")
    descriptions, seconds = wanted["descriptions"], wanted["seconds"]
    if not isinstance(descriptions, list) or not all(isinstance(each, str) for each in descriptions):
        raise ValueError("descriptions must be a list of strings, the oldest first")
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds <= 0:
        raise ValueError(f"seconds is {seconds!r}: it must be a number above 0")
    with LOCK:
        region = region_of(str(wanted["account"]), str(wanted["region"]))
        oldest = _oldest(region, wanted["application"], wanted["group"])
        count = len(descriptions)
        copies = [
            _earlier(oldest, (count - index) * seconds, description) for index, description in enumerate(descriptions)
        ]
        later = dict(region.deployments)
        region.deployments.clear()
        region.deployments.update({each.id: each for each in copies} | later)
    return {"deployments": [each.id for each in copies]}


def _oldest(region: Region, application: str, group: str) -> Record:
    own = (
        each for each in region.deployments.values() if (each.application.name, each.group.name) == (application, group)
    )
    if (found := next(own, None)) is None or not found.machine.over:
        raise ValueError(f"the oldest deployment of {application}/{group} has not ended, or there is none")
    return found


def _earlier(record: Record, seconds: float, description: str) -> Record:
    machine = record.machine
    times = {name: at - seconds for name in ("started", "ended") if (at := getattr(machine, name)) is not None}
    return Record(
        record.application,
        record.group,
        record.configuration,
        record.revision,
        record.spec,
        replace(machine, **times),
        record.request | {"description": description},
        previous=record.previous,
        created=record.created - seconds,
    )
