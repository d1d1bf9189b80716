"""Read a group's records as far back as is needed, however many there are.

The newest are read first, until those needed are among them, and always enough to know a recently rejected fingerprint.
AWS documents no order for ListDeployments, so the first ids of an answer need not be the newest: everything created
since the oldest of them is read. CodeDeploy documents no retention either, so nothing may depend on older records.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ListDeployments.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.release.aws.clients import Clients
from infra.release.aws.errors import aws_call
from infra.release.engine.clock import ScaledClock
from infra.release.model.observation import Deployment

if TYPE_CHECKING:
    from mypy_boto3_codedeploy.type_defs import ListDeploymentsOutputTypeDef

RECENT = 50
"""Records of a group that are always read, and that each further step reads: two calls of BatchGetDeployments."""
MOST = 200
"""Records after which the search in a group ends: what is needed is not there, or too old to rely on."""
EARLIER = timedelta(seconds=1)
"""How much earlier the range begins than its oldest record, so that one created at the same time is not missed."""
FURTHER = 4
"""Factor by which each further step reaches back."""

Records = dict[str, Deployment]
Read = Callable[[Iterable[str]], Records]
Explained = Callable[[Records], bool]


@dataclass(frozen=True)
class Group:
    """A deployment group, and whether the records that were read suffice."""

    application: str
    name: str
    explained: Explained = lambda _: True
    first: ListDeploymentsOutputTypeDef | None = None  # the first page of its ids, where it has been read already


class Listing:
    """The ids of a group, in AWS's order, page by page."""

    def __init__(self, clients: Clients, group: Group) -> None:
        self._clients, self._group = clients, group
        self._ids: list[str] = []
        self._token: str | None = ""

    def part(self, start: int) -> list[str]:
        """RECENT ids from index `start` on; fewer at the end."""
        while len(self._ids) < start + RECENT and self._token is not None:
            self._page()
        return self._ids[start : start + RECENT]

    def ends_at(self, count: int) -> bool:
        """True if there are no more than `count` ids."""
        return self._token is None and len(self._ids) <= count

    def _page(self) -> None:
        read = self._group.first if self._token == "" else None
        page = read or page_of(self._clients, self._group.application, self._group.name, self._token or "")
        self._ids += page["deployments"]
        self._token = page.get("nextToken") or None


def page_of(clients: Clients, application: str, group: str, token: str = "") -> ListDeploymentsOutputTypeDef:
    """Return a page of a group's ids, the first one without a token."""
    more: dict[str, Any] = {"nextToken": token} if token else {}
    with aws_call("codedeploy ListDeployments", f"deployment group {group}"):
        return clients.codedeploy.list_deployments(applicationName=application, deploymentGroupName=group, **more)


def recent(clients: Clients, clock: ScaledClock, groups: Iterable[Group], read: Read) -> dict[str, Records]:
    """Return the records of each group, by its name: the newest, and those that are needed. Groups share requests."""
    wanted = {each.name: each for each in groups}
    listings = {name: Listing(clients, each) for name, each in wanted.items()}
    found = _read(read, {name: each.part(0) for name, each in listings.items()})
    unsure = {name for name, each in listings.items() if not each.ends_at(len(found[name]))}
    newer = {name: _since(clients, clock, wanted[name], found[name]) - found[name].keys() for name in unsure}
    found = _joined(found, _read(read, newer))
    for start in range(RECENT, MOST, RECENT):
        lacking = {name for name in unsure if not wanted[name].explained(found[name])}
        parts = {name: [id_ for id_ in listings[name].part(start) if id_ not in found[name]] for name in lacking}
        found = _joined(found, _read(read, parts))
    return found


def _read(read: Read, ids: Mapping[str, Iterable[str]]) -> dict[str, Records]:
    known = read(id_ for some in ids.values() for id_ in some)
    return {name: {id_: known[id_] for id_ in some if id_ in known} for name, some in ids.items()}


def _joined(some: Mapping[str, Records], more: Mapping[str, Records]) -> dict[str, Records]:
    return {name: each | more.get(name, {}) for name, each in some.items()}


def _since(clients: Clients, clock: ScaledClock, group: Group, found: Records) -> set[str]:
    """Ids of every record created since the oldest of `found`, those included."""
    oldest = min((each.created for each in found.values()), default=None)
    return _from(clients, clock, group, oldest) if oldest else set()


def _from(clients: Clients, clock: ScaledClock, group: Group, start: datetime) -> set[str]:
    since = {"createTimeRange": {"start": clock.real(start) - EARLIER}}
    return listed(clients, group.application, group.name, **since)


def further(
    clients: Clients, clock: ScaledClock, group: Group, found: Records, horizon: datetime
) -> Iterator[set[str]]:
    """Ids of older records, step by step back to the horizon, for a caller that has not found what it needs."""
    now, known = clock.now(), set(found)
    oldest = min((each.created for each in found.values()), default=now)
    back = max(now - oldest, timedelta(days=1))
    while oldest > horizon:
        back *= FURTHER
        oldest = max(now - back, horizon)
        ids = _from(clients, clock, group, oldest) - known
        known |= ids
        yield ids


def listed(clients: Clients, application: str, group: str, **only: Any) -> set[str]:
    """Return the ids of a deployment group's records. `only`: a range of ListDeployments."""
    with aws_call("codedeploy ListDeployments", f"deployment group {group}"):
        pages = clients.codedeploy.get_paginator("list_deployments").paginate(
            applicationName=application, deploymentGroupName=group, **only
        )
        return {id_ for page in pages for id_ in page["deployments"]}
