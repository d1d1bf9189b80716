"""A release that another account's records must have proved first, on the local cloud."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.release.aws.deployments import group_arn
from infra.release.engine.runner import run
from infra.release.model.outcome import Ending, Outcome
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.model.tags import parse
from local.tests.cloud.conftest import REGION, Cloud, Functions, archive, until
from tests.cloud.test_release_engine import BAD, GOOD, POLICY, World, cloud

__all__ = ["cloud"]  # a fixture

FOLLOWS = replace(POLICY, source="staging")


class Pair:
    """Two accounts with a function each; the second may read the first's records."""

    def __init__(self, cloud: Cloud, account: str, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        other = f"9{account[1:]}"
        self.role = f"arn:aws:iam::{account}:role/proof"
        patch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
        patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        self.first = archive(GOOD)
        self.staging, self.prod = (self._world(cloud, each) for each in (account, other))
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{other}:root"}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.staging.client("iam").create_role(RoleName="proof", AssumeRolePolicyDocument=policy)

    def _world(self, cloud: Cloud, account: str) -> World:
        def client(service: str) -> Any:
            return cloud.client(service, account)

        self._patch.setenv("AWS_ACCESS_KEY_ID", account)
        return World(cloud, account, Functions(client, account), client)

    def group(self, world: World) -> str:
        """Return the ARN of its deployment group."""
        return group_arn(world.target("1"))

    def ship(self, world: World, code: bytes) -> str:
        """Publish those very bytes; return the version."""
        functions = world.functions
        if not any(each["FunctionName"] == "orders" for each in functions.client.list_functions()["Functions"]):
            functions.create(GOOD)
            functions.client.update_function_code(FunctionName="orders", ZipFile=code)
            functions._wait("orders")
        made = functions.client.update_function_code(FunctionName="orders", ZipFile=code, Publish=True)
        functions._wait("orders")
        return str(made["Version"])

    def release(self, world: World, code: bytes, policy: ReleasePolicy = POLICY, **changed: Any) -> Outcome:
        """Release those very bytes with that account's own credentials."""
        self._patch.setenv("AWS_ACCESS_KEY_ID", world.topic.split(":")[4])
        version = self.ship(world, code)
        if not world.functions.client.list_aliases(FunctionName="orders")["Aliases"]:
            world.functions.alias(version)
        target: Target = replace(world.target(version), **changed)
        aws = type(world.aws)(REGION, world.clock)  # a command of its own, which remembers nothing
        return run([target], policy, aws, world.clock, lambda progress: world.reported.append(progress.line()))[
            "orders"
        ]

    def follow(self, code: bytes, role: str = "") -> Outcome:
        """Release to prod, which follows staging."""
        proof = {"proof_group": self.group(self.staging), "proof_role": role or self.role}
        return self.release(self.prod, code, FOLLOWS, **proof)


@pytest.fixture
def pair(cloud: Cloud, account: str, monkeypatch: pytest.MonkeyPatch) -> Pair:
    return Pair(cloud, account, monkeypatch)


def changes(pair: Pair) -> Callable[[], int]:
    """Return how many calls have changed anything in CodeDeploy and CloudWatch."""
    return lambda: len(pair.prod.codedeploy.list_deployments()["deployments"]) + len(pair.prod.verdict_alarms())


def test_prod_takes_what_staging_has_proved_and_nothing_else(pair: Pair) -> None:
    good, bad, unseen = archive(GOOD.replace("VERSION", "2")), archive(BAD), archive(GOOD.replace("VERSION", "9"))
    assert pair.follow(pair.first).reason == "unproven"
    assert pair.release(pair.staging, pair.first).ending is Ending.FIRST
    first = pair.follow(pair.first)
    assert first.ending is Ending.FIRST, first.line()
    with pair.staging.traffic():
        promoted = pair.release(pair.staging, good)
        assert promoted.ending is Ending.PROMOTED, promoted.line()
        assert pair.release(pair.staging, bad).ending is Ending.ROLLED_BACK

    count = changes(pair)
    for code, said in ((unseen, "it was never released there"), (bad, "was reverted there (verdict: ")):
        end = pair.follow(code)
        assert (end.ending, end.reason) == (Ending.REFUSED, "unproven")
        assert said in end.detail
    assert count() == 0
    missing = pair.role.replace("proof", "missing")
    denied = pair.follow(good, missing)
    assert (denied.ending, denied.reason) == (Ending.REFUSED, "unproven")
    assert f"(tried for {pair.group(pair.staging)} by {missing})" in denied.detail

    with pair.prod.traffic():
        end = pair.follow(good)
    assert end.ending is Ending.PROMOTED, end.line()
    assert promoted.deployment_id in {mark.deployment for mark in proofs(pair)}


def proofs(pair: Pair) -> list[Any]:
    """Return the tags of promotions at prod's group."""
    tags = pair.prod.codedeploy.list_tags_for_resource(ResourceArn=pair.group(pair.prod))["Tags"]
    return [noted.mark for noted in parse({each["Key"]: each["Value"] for each in tags}).proved.values()]


def test_what_is_in_flight_in_staging_is_not_proved_yet(pair: Pair) -> None:
    good = archive(GOOD.replace("VERSION", "2"))
    assert pair.release(pair.staging, pair.first).ending is Ending.FIRST
    assert pair.follow(pair.first).ending is Ending.FIRST
    started = pair.release(pair.staging, good, replace(POLICY, wait=False))
    end = pair.follow(good)
    assert (end.ending, end.reason) == (Ending.REFUSED, "unproven")
    assert f"{started.deployment_id} is still in flight there" in end.detail
    assert until(lambda: pair.staging.deployment(started.deployment_id)["status"] == "Succeeded", seconds=300)
