"""The report of a rehearsal: `.rehearsal/report.json`, the table at the end, and what did not end as expected."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from infra import console
from infra.release.reports.page.model import Chart
from rehearsal.files import put
from rehearsal.observe.iam_decisions import EXCHANGE
from rehearsal.observe.traffic import Orders
from rehearsal.release.set_result import SetResult
from rehearsal.secrets.scan import Search

FEWEST_ORDERS = 200
# What is expected of each step: its name, the outcome, the reason if one is required, and the exit code of `pulumi up`.
EXPECTED = (
    ("first", "first", None, "zero"),
    ("good", "promoted", None, "zero"),
    ("stream", "rolled_back", "verdict", "other than zero"),
    ("bad", "rolled_back", "verdict", "other than zero"),
    ("revert", "unchanged", None, "zero"),
    ("smoke", "rolled_back", "hook", "other than zero"),
    ("retry", "refused", "rejected", "other than zero"),
    ("evidence", "rolled_back", "evidence", "other than zero"),
    ("answered", "rolled_back", "verdict", "other than zero"),
    ("outage", "promoted", "verdict", "zero"),
)
BREAKING = {"stream", "bad"}  # steps in which calls of the canary fail, and no others
ANSWERED = "answered"  # the step in which the canary answers faults in good order, and no call fails
FAILING = {name for name, _, _, exits in EXPECTED if exits != "zero"}
# What is expected of the service that a step is not about; of any other step: that it is not released.
BESIDE = {"first": "first", "good": "promoted"}
# Bounds of the canary's share at its weight of 10 %: a good canary gets hundreds of requests, a bad one some dozens, so
# its bounds are wider. Both exclude a share near 1, which the canary would have after the shift.
SHARES = {"good": (0.05, 0.15), "bad": (0.0, 0.4), ANSWERED: (0.0, 0.4)}


@dataclass(frozen=True)
class Release:
    """One step that releases; `stream` is about fulfilment, the others about orders. Versions are Lambda's, null if
    there was none; `canary_share` is of the requests during the split, null if traffic was not split; `requests` were
    sent from this step's start to the next one's.
    """

    name: str
    outcome: str
    reason: str | None
    detail: str
    from_version: str | None
    to_version: str | None
    deployment_id: str | None
    exit_code: int
    seconds: float
    requests: int
    harmed_requests: int  # Lambda's Errors of orders' alias, and the faults that it answered
    canary_share: float | None

    @property
    def versions(self) -> str:
        """Return the versions, from and to, for a person."""
        if self.from_version in {None, self.to_version}:
            return self.to_version or ""
        return f"{self.from_version} -> {self.to_version}"


@dataclass(frozen=True)
class Harm:
    """The failures in one step: the requests that failed for callers, and Lambda's Errors by executed version, of the
    service that the step is about; and, beside the Errors, the faults that its versions answered. `faults` shows what
    callers saw."""

    name: str
    failed_requests: int
    of_canary: int
    of_others: int
    faults: tuple[str, ...] = ()
    answered_by_canary: int = 0
    answered_by_others: int = 0


@dataclass(frozen=True)
class Bystander:
    """The result of a step for a service that it is not about. `errors`: Lambda's Errors of its alias."""

    name: str
    service: str
    outcome: str
    from_version: str | None
    to_version: str | None
    deployment_id: str | None
    errors: int

    @property
    def ended(self) -> str:
        """Return the outcome in words."""
        by = f" by {self.deployment_id}" if self.deployment_id else ""
        return f"{self.service} {self.from_version} -> {self.to_version} {self.outcome.replace('_', ' ')}{by}"


@dataclass(frozen=True)
class Refused:
    """A step that must be refused. `changes`: the release engine's calls that changed something nevertheless."""

    name: str
    reason: str
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Noop:
    """The `pulumi up` that must change nothing: how many resources it changed, its seconds and exit code."""

    changed: int
    seconds: float
    exit_code: int


@dataclass(frozen=True)
class Report:
    """A whole rehearsal; `as_json` is the form of the file, in which `harm`, `bystanders`, `other_problems` and the
    `charts` of the steps are not. `calls`: by role, how often each action was allowed; empty without policies."""

    seconds: float
    time_factor: float
    pulumi_version: str
    releases: tuple[Release, ...]
    orders: Orders
    noop: Noop
    harm: tuple[Harm, ...] = ()
    bystanders: tuple[Bystander, ...] = ()
    refused: tuple[Refused, ...] = ()
    set: SetResult | None = None
    receipts: int = 0  # orders that were acknowledged with a valid receipt
    secrets: Search | None = None
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    other_problems: tuple[str, ...] = ()
    charts: Mapping[str, tuple[Chart, ...]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the form of the file."""
        return {
            "seconds": self.seconds,
            "time_factor": self.time_factor,
            "pulumi": {"version": self.pulumi_version},
            "releases": [asdict(release) for release in self.releases],
            "orders": {**asdict(self.orders), "lost": self.orders.lost},
            "noop": {"changed": self.noop.changed, "seconds": self.noop.seconds},
            "refused": [{"name": one.name, "reason": one.reason, "calls": len(one.changes)} for one in self.refused],
            "set": self.set.as_json() if self.set else None,
            "secrets": self.secrets.as_json() if self.secrets else None,
            "calls": {role: dict(counts) for role, counts in self.calls.items()},
        }

    def write(self, file: Path) -> None:
        """Write the file, whole or not at all."""
        put(self.as_json(), file)

    def problems(self) -> list[str]:
        """Return what did not end as expected, one line each."""
        return [*self._steps(), *self._beside(), *self._harm(), *self._rest()]

    def _steps(self) -> Iterator[str]:
        found = {release.name: release for release in self.releases}
        for name, outcome, reason, exits in EXPECTED:
            release = found.get(name)
            if release is None:
                yield f"{name}: never happened"
            elif release.outcome != outcome or (reason and release.reason != reason):
                wanted = f"{outcome} ({reason})" if reason else outcome
                yield f"{name}: ended {release.outcome} ({release.reason}), not {wanted}: {release.detail}"
            elif (release.exit_code == 0) != (exits == "zero"):
                yield f"{name}: `pulumi up` exited {release.exit_code}, not {exits}, although it ended {outcome}"
        yield from self._canaries(found)

    def _beside(self) -> Iterator[str]:
        for one in self.bystanders:
            wanted = BESIDE.get(one.name, "unchanged")
            if one.outcome != wanted or (wanted == "unchanged" and one.deployment_id):
                yield f"{one.name}: {one.ended}, not {wanted if wanted in BESIDE.values() else 'left as it was'}"
            if one.errors:
                yield f"{one.name}: {one.errors} calls of {one.service} failed, not none"
        for name in sorted({release.name for release in self.releases} - {one.name for one in self.bystanders}):
            yield f"{name}: of the other service nothing is known"

    def _canaries(self, found: dict[str, Release]) -> Iterator[str]:
        for name, (low, high) in SHARES.items():
            if (release := found.get(name)) is None:
                continue
            if release.canary_share is None:
                yield f"{name}: live traffic never saw two versions serve"
            elif not low <= release.canary_share <= high:
                yield f"{name}: the canary had {release.canary_share:.1%} of the requests, not about 10 %"
        good, bad, revert = found.get("good"), found.get("bad"), found.get("revert")
        if good and revert and (revert.to_version != good.to_version or revert.deployment_id is not None):
            yield (
                f"revert: version {revert.to_version} by deployment {revert.deployment_id}, "
                f"not the live version {good.to_version} without one"
            )
        if bad and bad.deployment_id and bad.deployment_id not in bad.detail:
            yield f"bad: `pulumi up` ended with a line that does not name {bad.deployment_id}: {bad.detail}"

    def _harm(self) -> Iterator[str]:
        for harm in self.harm:
            errors = harm.of_canary + harm.of_others
            if harm.name in BREAKING:
                if harm.of_others:
                    yield f"{harm.name}: {harm.of_others} of {errors} errors were not the canary's"
                if not harm.of_canary:
                    yield f"{harm.name}: no call of the canary failed, so the rehearsal proves nothing"
            elif harm.name == "outage":
                if harm.of_canary:
                    yield f"outage: {harm.of_canary} of {errors} errors were the fix's, not none"
                if not harm.of_others:
                    yield "outage: no request to the live version failed, so the rehearsal proves nothing"
            elif errors:
                yield f"{harm.name}: {errors} requests were harmed, not none"
            yield from self._answered(harm)
            yield from self._callers_saw(harm, 0 if harm.name == "stream" else errors)

    def _answered(self, harm: Harm) -> Iterator[str]:
        answered = harm.answered_by_canary + harm.answered_by_others
        if harm.name != ANSWERED:
            if answered:
                yield f"{harm.name}: {answered} requests were answered with a fault, not none"
            return
        if harm.answered_by_others:
            yield f"{harm.name}: {harm.answered_by_others} of {answered} answered faults were not the canary's"
        if not harm.answered_by_canary:
            yield f"{harm.name}: the canary answered no request with a fault, so the rehearsal proves nothing"

    def _callers_saw(self, harm: Harm, errors: int) -> Iterator[str]:
        answered = harm.answered_by_canary + harm.answered_by_others
        if harm.failed_requests != errors + answered:
            counted = f"Lambda counted {errors} errors" + (f" beside {answered} answered faults" if answered else "")
            seen = "".join(f"; {fault}" for fault in harm.faults)
            yield f"{harm.name}: callers saw {harm.failed_requests} failures, {counted}{seen}"

    def _rest(self) -> Iterator[str]:
        noop, orders = self.noop, self.orders
        yield from self.set.problems() if self.set else ["set: never happened"]
        yield from self.secrets.problems() if self.secrets else ["secrets: they were not searched for"]
        if self.receipts != orders.acknowledged:
            yield f"orders: {self.receipts} of {orders.acknowledged} came with a valid receipt, not all"
        yield from self.other_problems
        for refused in self.refused:
            if refused.changes:
                yield f"{refused.name}: was refused, but only after {', '.join(refused.changes)}"
        if noop.exit_code or noop.changed:
            yield f"noop: changed {noop.changed} resources and exited {noop.exit_code}, not 0 and 0"
        if orders.lost:
            yield f"orders: {orders.lost} of {orders.acknowledged} acknowledged orders are lost"
        if orders.fulfilled != orders.readable:
            yield f"orders: {orders.readable - orders.fulfilled} of {orders.readable} readable orders are not fulfilled"
        if orders.twice:
            yield f"orders: {orders.twice} of {orders.acknowledged} acknowledged orders were fulfilled more than once"
        if orders.acknowledged < FEWEST_ORDERS:
            yield f"orders: only {orders.acknowledged} were acknowledged; a rehearsal needs at least {FEWEST_ORDERS}"

    def table(self) -> Table:
        """Return the table of the releases, for a person."""
        table = console.plain_table()
        for heading in ("release", "outcome", "versions"):
            table.add_column(heading, no_wrap=True)
        for heading in ("seconds", "requests", "harmed", "canary"):
            table.add_column(heading, justify="right", no_wrap=True)
        for one in self.releases:
            share = "" if one.canary_share is None else f"{one.canary_share:.1%}"
            named = one.outcome in {"rolled_back", "refused"}
            ending = one.outcome.replace("_", " ") + (f" ({one.reason})" if named else "")
            numbers = (f"{one.seconds:.1f}", f"{one.requests}", f"{one.harmed_requests}", share)
            table.add_row(one.name, ending, one.versions, *numbers)
            if one.name == "revert":
                table.add_row("noop", f"{self.noop.changed} changed", "", f"{self.noop.seconds:.1f}", "", "", "")
        for member in (self.set.good, self.set.bad) if self.set else ():
            ending = f"{member.outcome.replace('_', ' ')} ({member.reason})"
            numbers = (f"{self.set.seconds:.1f}" if self.set else "", f"{member.calls}", f"{member.failed}", "")
            table.add_row("set", ending, f"{member.from_version} -> {member.to_version}", *numbers)
        return table

    def callers(self) -> Table:
        """Return the table of the callers, for a person: each role, its numbers of tokens, calls and actions, and the
        action that it called most often."""
        table = console.plain_table()
        table.add_column("role", no_wrap=True)
        for heading in ("tokens", "calls", "actions"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("most often", no_wrap=True)
        for role, counts in self.calls.items():
            called = {action: count for action, count in counts.items() if action != EXCHANGE}
            tokens = f"{counts[EXCHANGE]}" if EXCHANGE in counts else ""
            most = max(called, key=lambda action: called[action], default="")
            table.add_row(role, tokens, f"{sum(called.values())}", f"{len(called)}", most)
        return table
