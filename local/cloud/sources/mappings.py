"""Event source mappings as Lambda keeps them: settings, state, and what reads the source.

https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from local.cloud.clock import CLOCK
from local.cloud.ministack import Seam, ministack
from local.cloud.timeline import TIMELINE

_LAMBDA = "services.lambda_svc"
KEPT = "strata_mapping"
"""In ministack's record of a mapping, which answers calls on its tags: our own."""
_HIDDEN = frozenset({KEPT, "Tags", "FunctionName", "Qualifier"})
_SECONDS = 5.0
"""Simulated seconds that a change of a mapping takes. AWS says seconds, and up to minutes for streams."""
_POLLED = frozenset({"Enabled", "Updating"})
STABLE = frozenset({"Enabled", "Disabled"})
NEEDS = [
    Seam(_LAMBDA, "_esm_arn", "esm_id"),
    Seam(_LAMBDA, "_get_func_record_for_qualifier", "name qualifier"),
    Seam("core.responses", "request_scope", "account_id region"),
]


class Reader(Protocol):
    """Reads a source. All of it is done on the timeline, so its state needs no locks."""

    def begin(self) -> None:
        """Note where in the source to begin, when the mapping is enabled for the first time."""

    def poll(self) -> None:
        """Read what has come by now, and see to what is due later."""


@dataclass
class Mapping:
    """One event source mapping. `record` has the members of AWS's answer, without the ARN."""

    account: str
    region: str
    record: dict[str, Any]
    reader: Reader | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        self.record |= {"UUID": self.id, KEPT: self}

    @property
    def source(self) -> str:
        """Return the ARN of the queue or the stream."""
        return str(self.record["EventSourceArn"])

    @property
    def state(self) -> str:
        """Return AWS's name of the state."""
        return str(self.record["State"])

    def polled(self) -> bool:
        """Return True if the source is read now."""
        return self.state in _POLLED and self.kept()

    def kept(self) -> bool:
        """Return False once the mapping is deleted, or the cloud is reset."""
        return self._store().get_scoped(self.account, self.region, self.id) is self.record

    def scope(self) -> Any:
        """Return a context in which ministack's stores are those of the mapping's account and region."""
        return ministack("core.responses").request_scope(self.account, self.region)

    def function(self) -> dict[str, Any] | None:
        """Return ministack's record of what is invoked, under the ARN that the mapping names; None if it is gone."""
        found: dict[str, Any] | None = ministack(_LAMBDA)._get_func_record_for_qualifier(
            self.record["FunctionName"], self.record["Qualifier"]
        )[0]
        return found

    def role(self) -> str:
        """Return the ARN of the function's execution role; empty if the function is gone."""
        found = self.function()
        return str(found["config"]["Role"]) if found else ""

    def view(self) -> dict[str, Any]:
        """Return AWS's answer."""
        shown = {name: value for name, value in self.record.items() if name not in _HIDDEN}
        return shown | {"EventSourceMappingArn": ministack(_LAMBDA)._esm_arn(self.id)}

    def keep(self) -> None:
        """Make it one of the account's mappings."""
        self._store().set_scoped(self.account, self.region, self.id, self.record)

    def change(self, state: str, then: str | None) -> None:
        """Go to `state`, and a moment later to `then`; None deletes the mapping."""
        self.record |= {"State": state, "LastModified": CLOCK.now()}
        TIMELINE.at(CLOCK.now() + CLOCK.real(_SECONDS), lambda: self._become(state, then))

    def _become(self, before: str, then: str | None) -> None:
        if self.state != before or not self.kept():
            return
        if then is None:
            self._store().pop_scoped(self.account, self.region, self.id, None)
            return
        enabled = self.reader if then == "Enabled" else None
        if enabled is not None and before in ("Creating", "Enabling"):
            enabled.begin()  # before anyone sees that it is enabled, and so before it is polled
        self.record["State"] = then
        if enabled is not None:
            enabled.poll()

    @staticmethod
    def _store() -> Any:
        return ministack(_LAMBDA)._esms


def found(mapping_id: str) -> Mapping | None:
    """Return a mapping of the current account and region."""
    record = ministack(_LAMBDA)._esms.get(mapping_id)
    return record[KEPT] if record else None


def listed() -> list[Mapping]:
    """Return the mappings of the current account and region, the oldest first."""
    return [record[KEPT] for record in ministack(_LAMBDA)._esms.values()]


def every() -> Iterator[Mapping]:
    """Yield the mappings of all accounts."""
    for _, record in ministack(_LAMBDA)._esms.all_items():
        yield record[KEPT]
