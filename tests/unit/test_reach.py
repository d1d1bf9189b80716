"""How many requests a group's past costs: those that are needed, whatever there is behind."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from infra.release.aws import reach, upstream
from infra.release.aws.clients import Clients
from infra.release.aws.deployments import Records
from infra.release.engine.clock import ScaledClock
from infra.release.model import ledger
from infra.release.model.observation import Notes
from tests.unit.fake_cloud import target, version

NOW = datetime.now(UTC)
PAGE = 100
HOUR = timedelta(hours=1)
ORDERS = target()


class CodeDeploy:
    """One group with a deployment an hour; lists them in any order, as AWS may, and counts what it is asked."""

    def __init__(self, past: int, order: str = "newest first", every: timedelta = HOUR) -> None:
        self.calls: Counter[str] = Counter()
        self.at = {f"d-{hours}": NOW - hours * every for hours in range(1, past + 1)}
        self.ids = list(self.at)
        if order == "oldest first":
            self.ids.reverse()
        if order == "any":
            random.Random(7).shuffle(self.ids)  # noqa: S311 - it need not be a secret
        self.digest = version(1).digest

    def list_deployments(self, nextToken: str = "0", **asked: Any) -> dict[str, Any]:  # noqa: N803
        self.calls["ListDeployments"] += 1
        start = asked.get("createTimeRange", {}).get("start", datetime.min.replace(tzinfo=UTC))
        found, begin = [id_ for id_ in self.ids if self.at[id_] >= start], int(nextToken)
        more = {"nextToken": str(begin + PAGE)} if len(found) > begin + PAGE else {}
        return {"deployments": found[begin : begin + PAGE], **more}

    def get_paginator(self, name: str) -> "CodeDeploy":
        assert name == "list_deployments"
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        page = self.list_deployments(**asked)
        yield page
        while "nextToken" in page:
            yield (page := self.list_deployments(**asked, nextToken=page["nextToken"]))

    def batch_get_deployments(self, deploymentIds: list[str]) -> dict[str, Any]:  # noqa: N803
        self.calls["BatchGetDeployments"] += 1
        assert len(deploymentIds) <= 25
        return {"deploymentsInfo": [self.described(id_) for id_ in deploymentIds]}

    def described(self, id_: str) -> dict[str, Any]:
        at = self.at[id_]
        released = version(1)
        line = ledger.Entry(
            released.fingerprint, self.digest, released.contract, "abc", ledger.to_milliseconds(at), "1", "ann"
        )
        return {
            "deploymentId": id_,
            "status": "Succeeded",
            "createTime": at,
            "description": str(line),
            "completeTime": at,
        }

    def list_tags_for_resource(self, **_: Any) -> dict[str, Any]:
        return {"Tags": []}


class Stub:
    """In the place of `Clients`."""

    def __init__(self, codedeploy: CodeDeploy) -> None:
        self.codedeploy = codedeploy

    def of(self, *_: str) -> "Stub":
        return self


def clients(codedeploy: CodeDeploy) -> Clients:
    return cast("Clients", Stub(codedeploy))


def read(codedeploy: CodeDeploy, needed: str = "") -> set[str]:
    records = Records(clients(codedeploy), ScaledClock())
    settled = {"orders": lambda found: needed in found} if needed else {}
    found = records.deployments([ORDERS], {"orders": Notes()}, explained=settled)
    return set(found[ORDERS.group])


def newest(count: int) -> set[str]:
    return {f"d-{hours}" for hours in range(1, count + 1)}


def test_a_past_of_thousands_costs_what_one_of_a_hundred_does() -> None:
    asked = {past: CodeDeploy(past) for past in (10, 101, 1000, 5000)}
    assert {past: len(read(each)) for past, each in asked.items()} == {10: 10, 101: 50, 1000: 50, 5000: 50}
    assert asked[10].calls == {"ListDeployments": 1, "BatchGetDeployments": 1}
    assert (
        asked[101].calls == asked[1000].calls == asked[5000].calls == {"ListDeployments": 2, "BatchGetDeployments": 2}
    )


@pytest.mark.parametrize("order", ["newest first", "oldest first", "any"])
@pytest.mark.parametrize("past", [0, 1, 50, 51, 100, 300])
def test_the_newest_are_read_in_whatever_order_they_are_listed(order: str, past: int) -> None:
    assert read(CodeDeploy(past, order)) >= newest(min(past, 50))


@pytest.mark.parametrize(("hours", "there"), [(3, 50), (120, 150), (200, 200), (299, 200)])
def test_what_is_needed_is_read_on_for_and_given_up_for_when_it_is_too_far_back(hours: int, there: int) -> None:
    codedeploy = CodeDeploy(1000)
    assert len(read(codedeploy, f"d-{hours}")) == there
    assert codedeploy.calls["BatchGetDeployments"] == there / 25


def test_a_past_that_was_made_within_seconds_is_not_read_either() -> None:
    codedeploy = CodeDeploy(1000, every=timedelta(seconds=0.2))
    assert len(read(codedeploy)) <= 60


def test_a_deployment_that_is_followed_is_read_however_old_it_is() -> None:
    records = Records(clients(CodeDeploy(300)), ScaledClock())
    records._canaries["d-299"] = "2"
    records._shifting["d-299"] = datetime(2026, 11, 24, tzinfo=UTC)
    found = records.deployments([ORDERS], {"orders": Notes(following="d-299")})[ORDERS.group]
    assert found["d-299"].entry is not None


def test_later_looks_read_only_what_is_new() -> None:
    codedeploy = CodeDeploy(300)
    records = Records(clients(codedeploy), ScaledClock())
    for _ in range(3):
        records.deployments([ORDERS], {"orders": Notes()})
    assert codedeploy.calls == {"ListDeployments": 4, "BatchGetDeployments": 2}


PROVEN = target()
PROVEN = type(PROVEN)(**{**vars(PROVEN), "proof_group": "arn:aws:codedeploy:r:1:deploymentgroup:app/orders"})


@pytest.mark.parametrize(("wanted", "there", "lists"), [(1, 50, 2), (2, 365, 15)])
def test_the_stack_before_is_read_back_to_the_wanted_code_and_no_further_than_a_proof_may_be_old(
    wanted: int, there: int, lists: int
) -> None:
    codedeploy = CodeDeploy(800, every=timedelta(days=1))
    found = upstream.releases(clients(codedeploy), ScaledClock(), PROVEN, version(wanted).digest)
    assert found.unavailable_reason == ""
    assert 0 <= len(found.attempts) - there <= 2
    assert codedeploy.calls["ListDeployments"] <= lists


def test_whoever_asks_for_no_code_reads_the_newest() -> None:
    assert len(upstream.releases(clients(CodeDeploy(1000)), ScaledClock(), PROVEN, "").attempts) == 50


def test_further_looks_reach_back_to_the_horizon_once_each() -> None:
    codedeploy = CodeDeploy(1000)
    group = reach.Group("app", "orders")
    found = list(reach.further(clients(codedeploy), ScaledClock(), group, {}, NOW - 500 * HOUR))
    ids = [id_ for some in found for id_ in some]
    assert len(ids) == len(set(ids))
    assert set(ids) >= newest(500)
