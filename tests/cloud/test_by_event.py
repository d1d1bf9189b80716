"""What an event of CodeDeploy in one account starts in another, by the records that are really there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from infra.artifacts.store import manifest_key, source_key
from infra.bundle.model import digest
from infra.pipeline.by_event import decided
from infra.release.cli.session import Session
from infra.release.decision.by_event import Freeze, Leave, Promote, Switch, Upstream
from infra.release.model.outcome import Ending
from local.tests.cloud.conftest import REGION, archive
from tests.cloud.test_artifacts import artifacts, s3
from tests.cloud.test_release_engine import BAD, GOOD, POLICY, cloud
from tests.cloud.test_release_promotion import FOLLOWS, Pair, pair

__all__ = ["artifacts", "cloud", "pair", "s3"]  # fixtures

COMMIT = "0123456789" * 4
Asked = Callable[..., Promote | Leave]


@pytest.fixture
def asked(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Return what an event starts in prod, asked with prod's own credentials. Nothing may be changed by asking."""

    def ask(deployment: str | None, switch: Switch = Switch(), **changed: Any) -> Promote | Leave:  # noqa: B008 - frozen
        group = pair.group(pair.staging)
        there = Upstream.of({"orders": group}, "prod")
        detail = {
            "application": there.application,
            "deploymentGroup": next(iter(there.groups)),
            "deploymentId": deployment,
            "state": "SUCCESS",
        }
        event = {
            "source": "aws.codedeploy",
            "detail-type": "CodeDeploy Deployment State-change Notification",
            "account": there.account,
            "region": there.region,
            "detail": detail,
            **changed,
        }
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", pair.prod.topic.split(":")[4])
        live = pair.prod.functions.client.get_alias(FunctionName="orders", Name="live")["FunctionVersion"]
        target = replace(pair.prod.target(live), proof_group=group, proof_role=pair.role)
        with unchanged(pair):
            return decided(event, Session("prod", REGION, (target,), FOLLOWS, pair.prod.clock), switch, None)

    return ask


@contextmanager
def unchanged(pair: Pair) -> Iterator[None]:
    """Fail if prod has another deployment, alarm, tag or traffic afterwards."""

    def observe() -> list[Any]:
        world = pair.prod
        tags = world.codedeploy.list_tags_for_resource(ResourceArn=pair.group(world))["Tags"]
        return [
            world.codedeploy.list_deployments()["deployments"],
            world.verdict_alarms(),
            tags,
            world.functions.client.get_alias(FunctionName="orders", Name="live")["RevisionId"],
        ]

    before = observe()
    yield
    assert observe() == before


def reason(found: Promote | Leave) -> str:
    assert isinstance(found, Leave), found
    return found.reason


def test_an_event_starts_what_the_records_of_its_account_prove(pair: Pair, asked: Asked) -> None:
    good, bad = archive(GOOD.replace("VERSION", "2")), archive(BAD)
    assert pair.release(pair.staging, pair.first).ending is Ending.FIRST
    assert pair.follow(pair.first).ending is Ending.FIRST
    with pair.staging.traffic():
        first = pair.release(pair.staging, good, replace(POLICY, commit=COMMIT[:12]))
        assert first.ending is Ending.PROMOTED, first.line()
        proved = Promote(str(first.deployment_id), COMMIT[:12], {"orders": digest(good)})
        assert asked(first.deployment_id) == proved
        assert asked(first.deployment_id) == proved, "a second event, since nothing was released yet"

        assert reason(asked(first.deployment_id, account="999999999999")) == "foreign"
        assert reason(asked(first.deployment_id, source="strata.release")) == "foreign"
        assert reason(asked("d-UNKNOWN")) == "unknown"
        assert reason(asked(first.deployment_id, Switch(Freeze("ann", "inventory")))) == "frozen"

        lost = pair.release(pair.staging, bad)
        assert lost.ending is Ending.ROLLED_BACK
        assert reason(asked(lost.deployment_id)) == "unproven"
        assert reason(asked(first.deployment_id)) == "superseded", "of the release before"
        again = pair.release(pair.staging, archive(GOOD.replace("VERSION", "3")))
        assert again.ending is Ending.PROMOTED, again.line()
    with pair.prod.traffic():
        assert pair.follow(archive(GOOD.replace("VERSION", "3"))).ending is Ending.PROMOTED
    assert reason(asked(again.deployment_id)) == "unchanged"


def test_an_event_that_comes_while_the_release_is_in_flight_waits_for_its_last_one(pair: Pair, asked: Asked) -> None:
    assert pair.release(pair.staging, pair.first).ending is Ending.FIRST
    assert pair.follow(pair.first).ending is Ending.FIRST
    started = pair.release(pair.staging, archive(GOOD.replace("VERSION", "2")), replace(POLICY, wait=False))
    assert reason(asked(started.deployment_id)) == "incomplete"


def test_records_that_the_role_may_not_read_start_nothing(pair: Pair, asked: Asked) -> None:
    assert pair.release(pair.staging, pair.first).ending is Ending.FIRST
    assert pair.follow(pair.first).ending is Ending.FIRST
    pair.role = pair.role.replace("proof", "missing")
    assert reason(asked("d-2")) == "unreadable"


def test_a_commit_is_found_by_its_first_digits_and_its_archive_is_written_once(artifacts: Any, s3: Any) -> None:
    other = COMMIT[:39] + "f"
    for commit in (COMMIT, other):
        artifacts.publish(commit, "{}")
    assert artifacts.commits(COMMIT[:12]) == [COMMIT, other]
    assert artifacts.commits(COMMIT) == [COMMIT]
    assert artifacts.commits("beef") == []
    assert artifacts.source(COMMIT) is None
    artifacts.publish_source(COMMIT, b"first")
    artifacts.publish_source(COMMIT, b"packed otherwise")
    assert artifacts.source(COMMIT) == b"first"
    held = [each["Key"] for each in s3.list_objects_v2(Bucket=artifacts.bucket)["Contents"]]
    assert held == [manifest_key(COMMIT), manifest_key(other), source_key(COMMIT)]
