"""Decide whether an event of the upstream stack's CodeDeploy starts a release of this stack. Pure.

An event says only that it is time to look. What is released is what the upstream stack's own records prove, so an event
that comes twice, late, or out of order can start nothing that those records would not start. EventBridge writes account
and source of an event itself: no caller can put one whose source begins with `aws.`, nor one of another account.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated

from infra.codedeploy import SOURCE, STATE_CHANGED, SUCCESS
from infra.release.decision import promotion
from infra.release.model.attempt import Attempt, UpstreamReleases
from infra.schema import Check, ListOf, OneOf, Section, Text

EXPECTED = {"source": SOURCE, "detail-type": STATE_CHANGED, "detail.state": SUCCESS}


DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MIDNIGHT = "24:00"  # the end of a day


@dataclass(frozen=True)
class Upstream:
    """The stack whose events count, and the one that they may `release`. `groups`: the functions by their deployment
    groups."""

    account: str
    region: str
    application: str
    groups: Mapping[str, str]
    release: str

    @classmethod
    def of(cls, proof_groups: Mapping[str, str], release: str) -> Upstream:
        """Return it from the ARNs of its deployment groups, by function. They are of one stack.

        https://docs.aws.amazon.com/codedeploy/latest/userguide/auth-and-access-control-permissions-reference.html
        """
        groups: dict[str, str] = {}
        account = region = application = ""
        for function, arn in proof_groups.items():
            _, _, _, region, account, _, path = arn.split(":", 6)
            application, _, group = path.partition("/")
            groups[group] = function
        return cls(account, region, application, groups, release)


class TimeOfDay(Check):
    """Hours and minutes of a day, UTC; "24:00" is its end."""

    expected = 'a time of day in UTC, e.g. "09:30", or "24:00" for the end of the day'

    def check(self, value: object) -> time:
        if value == MIDNIGHT:
            return time.max
        Text(r"([01]\d|2[0-3]):[0-5]\d", self.expected).check(value)
        return time.fromisoformat(str(value))


class Days(ListOf):
    """A list of days of the week."""

    def __init__(self) -> None:
        super().__init__(OneOf(*DAYS, why="a week has these days"), least=1)


@dataclass(frozen=True)
class Window:
    """strata:promotion.windows: releases may start by an event on these days, from `start` until before `end`, UTC."""

    days: Annotated[tuple[str, ...], Days()]
    start: Annotated[time, TimeOfDay(), "from"]
    end: Annotated[time, TimeOfDay(), "until"]

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(
                f"it is from {self.start:%H:%M} until {self.end:%H:%M}, so it never opens; let it end later on the "
                "same day, and give a window that passes midnight as two"
            )

    def is_open(self, now: datetime) -> bool:
        return DAYS[now.weekday()] in self.days and self.start <= now.time() < self.end


@dataclass(frozen=True)
class Freeze:
    """strata:promotion.frozen: who stopped promotion by event, and why."""

    by: Annotated[str, Text(r"[\w +\-=./@]{1,64}", 'who froze it, e.g. "ann"')]
    why: Annotated[str, Text(r"[^\r\n]{1,200}", "why, in 200 characters of one line at most")]

    def __str__(self) -> str:
        return f"{self.by}: {self.why}"


@dataclass(frozen=True)
class Switch:
    """strata:promotion: whether events may start anything. Without windows they may at any time."""

    frozen: Annotated[Freeze | None, Section(Freeze)] = None
    windows: Annotated[tuple[Window, ...], ListOf(Section(Window), least=1)] = ()


@dataclass(frozen=True)
class Promote:
    """Release this commit: by function, the digest that the upstream stack has proved."""

    deployment: str
    commit: str
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Leave:
    """Start nothing. `reason` is one word, `why` a sentence without its full stop, with the remedy if one is needed."""

    reason: str
    why: str


def decide(  # noqa: PLR0917 - everything that the decision depends on
    event: Mapping[str, object],
    upstream: Upstream,
    switch: Switch,
    records: Mapping[str, UpstreamReleases],
    live: Mapping[str, str],
    proof_days: int,
    now: datetime,
) -> Promote | Leave:
    """Return what an event starts. `records`: the upstream stack's, by function; `now`: UTC.

    live: the digests of this stack's live versions, by function.
    """
    if doubt := stopped(event, upstream, switch, now):
        return doubt
    for name, each in records.items():
        if each.unavailable_reason:
            return Leave("unreadable", f"the records of {name} cannot be read: {each.unavailable_reason}")
    deployment = str(_at(event, "detail.deploymentId"))
    return _by_records(deployment, {name: each.attempts for name, each in records.items()}, live, proof_days, now)


def stopped(event: Mapping[str, object], upstream: Upstream, switch: Switch, now: datetime) -> Leave | None:
    """Return why an event starts nothing, whatever the records say; None if they decide. `now`: UTC."""
    if foreign := list(_foreign(event, upstream)):
        return Leave("foreign", f"this is no event of the upstream stack's releases: {'; '.join(foreign)}")
    by_hand = f"`make deploy STACK={upstream.release}` by hand"
    if switch.frozen:
        return Leave("frozen", f"promotion is frozen ({switch.frozen}); {by_hand} once it is not")
    if switch.windows and not any(each.is_open(now) for each in switch.windows):
        return Leave("closed", f"{now:%A %H:%M} UTC is in no window for promotion; {by_hand} within one")
    return None


def _foreign(event: Mapping[str, object], upstream: Upstream) -> Iterator[str]:
    """Yield what is missing in an event, or not as it must be."""
    expected = {
        **EXPECTED,
        "account": upstream.account,
        "region": upstream.region,
        "detail.application": upstream.application,
    }
    for path, wanted in expected.items():
        if (found := _at(event, path)) != wanted:
            yield f"{path} is {found!r}, not {wanted!r}"
    if (group := _at(event, "detail.deploymentGroup")) not in upstream.groups:
        yield f"detail.deploymentGroup is {group!r}, not one of {', '.join(sorted(upstream.groups))}"
    deployment = _at(event, "detail.deploymentId")
    if not isinstance(deployment, str) or not deployment.startswith("d-"):
        yield f"detail.deploymentId is {deployment!r}, not a deployment's id"


def _at(event: Mapping[str, object], path: str) -> object:
    """Return the value at a dotted path; None where there is none."""
    found: object = event
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _by_records(
    deployment: str, attempts: Mapping[str, Sequence[Attempt]], live: Mapping[str, str], proof_days: int, now: datetime
) -> Promote | Leave:
    tries = [each for listed in attempts.values() for each in listed]
    named = next((each for each in tries if each.deployment == deployment), None)
    if named is None or named.set_id is None:
        return Leave("unknown", f"{deployment} is no release by Strata in the upstream stack's records")
    if doubt := next(_doubts(named, named.set_id, tries), None):
        return doubt
    proved = {name: promotion.newest(listed, proof_days, now) for name, listed in attempts.items()}
    digests = {name: each.digest for name, each in proved.items() if each}
    if missing := sorted(attempts.keys() - digests.keys()):
        return Leave("unproven", f"the upstream stack proves no version of {', '.join(missing)}")
    if all(live.get(name) == digest for name, digest in digests.items()):
        return Leave("unchanged", f"what {deployment} released is live here")
    return Promote(deployment, named.commit, digests)


def _doubts(named: Attempt, set_id: datetime, tries: Sequence[Attempt]) -> Iterator[Leave]:
    """Yield why the release that an event is of may not be promoted. `tries`: of all functions."""
    for each in tries:
        if each.set_id is not None and each.set_id > set_id:
            yield Leave("superseded", f"{named} is not the upstream stack's newest release: {each} is")
    together = [each for each in tries if each.set_id == set_id]
    for each in together:
        if each.ending is None:
            yield Leave("incomplete", f"{each} of the same release is still in flight; its own event follows")
    for each in together:
        if each.ending not in promotion.PROVING:
            why = f"{each.reason}: {each.why}"
            yield Leave("unproven", f"{each} of the same release was not promoted ({why})")
