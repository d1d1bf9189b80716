"""The operator's commands that act, on the local cloud: typed in one terminal while a release waits in another."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from infra.release.__main__ import app
from infra.release.aws import Aws
from infra.release.model.outcome import Ending, Outcome
from infra.release.model.spec import ReleasePolicy
from local.tests.cloud.conftest import REGION, until
from tests.cloud.test_release_engine import GOOD, POLICY, World, cloud, live, world
from tests.unit.states import release, stack

__all__ = ["cloud", "live", "world"]  # fixtures

ALONE = ReleasePolicy(wait=False)
WHY = "orders without a currency"
PULUMI = """#!/bin/sh
case "$1 $2" in
  "stack export") cat {folder}/state.json;;
  "whoami --json") echo '{{"url": "file:///state"}}';;
  "stack rename") cat {folder}/lock >&2; exit 255;;
  "cancel --yes") : > {folder}/lock;;
esac
"""


@dataclass
class Terminal:
    """Where the commands are typed: the stack's state has version 1, as it does until an `up` has ended.

    Every command is a process of its own, and so remembers nothing of the one before.
    """

    world: World
    folder: Path

    def type(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--stack", "prod"])

    def document(self, *arguments: str, code: int = 0) -> Any:
        """Return the one JSON document that a command answers with."""
        typed = self.type(*arguments, "--json")
        assert typed.exit_code == code, typed.output
        return json.loads(typed.stdout)

    def up(self, version: str, policy: ReleasePolicy = POLICY) -> Outcome:
        """Release as `pulumi up` does."""
        self.world.aws = Aws(REGION, self.world.clock)
        return self.world.release(version, policy)

    def publish(self) -> str:
        return self.world.functions.publish(GOOD.replace("VERSION", "2"))

    def start(self) -> str:
        """Start a release without a running `up`, and wait for its canary; return the deployment."""
        started = self.up(self.publish(), ALONE)
        assert until(lambda: "with" in self.world.alias())
        return str(started.deployment_id)


def put_state(world: World, folder: Path, version: str) -> None:
    inputs = {"region": REGION, "targets": [asdict(world.target(version))], "policy": asdict(POLICY)}
    (folder / "state.json").write_text(json.dumps(stack(release(inputs))))


@pytest.fixture
def terminal(live: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    put_state(live, tmp_path, "1")
    (tmp_path / "lock").write_text("error: a stack named prod already exists\n")
    (tmp_path / "pulumi").write_text(PULUMI.format(folder=tmp_path))
    (tmp_path / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STRATA_CLOCK_RATE", f"{live.cloud.factor:g}")
    return Terminal(live, tmp_path)


@pytest.fixture
def background() -> Iterator[Callable[..., Any]]:
    with ThreadPoolExecutor(1) as other:
        yield other.submit


def test_an_abort_ends_the_release_that_waits_in_another_terminal(
    terminal: Terminal, background: Callable[..., Any]
) -> None:
    waiting = background(terminal.up, terminal.publish())
    assert until(lambda: "with" in terminal.world.alias())
    flying = terminal.document("status")["functions"]["orders"]["in_flight"]
    assert (flying["phase"], flying["from"], flying["to"]) == ("canary", "1", "2")
    aborted = terminal.document("abort", "--reason", WHY)
    assert aborted["outcomes"]["orders"]["outcome"] == "rolled_back"
    assert aborted["outcomes"]["orders"]["traffic"] == "all traffic is on 1"
    end = waiting.result(timeout=600)
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "operator")
    assert WHY in end.detail
    assert terminal.world.alias() == "1"
    again = terminal.type("abort", "--reason", WHY)
    assert again.exit_code == 0
    assert "orders: nothing is in flight, so nothing was stopped; the alias is on 1" in again.stdout


def test_a_watcher_of_a_stack_whose_state_has_the_old_version_still_sees_the_new_one_promoted(
    terminal: Terminal,
) -> None:
    deployment = terminal.start()
    end = terminal.document("watch")["outcomes"]["orders"]
    assert (end["outcome"], end["to_version"], end["deployment_id"]) == ("promoted", "2", deployment)


def test_a_rolled_back_version_is_refused_until_a_retry_is_allowed(terminal: Terminal) -> None:
    world = terminal.world
    version = terminal.publish()
    promoted = terminal.up(version)
    back = terminal.type("rollback", "--reason", WHY)
    assert back.exit_code == 0, back.output
    assert f"took {promoted.deployment_id} back" in back.stdout
    assert world.alias() == "1"
    assert terminal.up(version).reason == "rejected"
    status = terminal.document("status", code=1)["functions"]["orders"]
    assert (status["last"]["outcome"], status["last"]["reason"]) == ("rolled_back", "operator")
    assert WHY in status["stops"][0]["why"]
    forgiven = terminal.document("allow-retry", "--function", "orders", "--reason", "the network was down")
    assert forgiven["rejected"]["deployment"] == promoted.deployment_id
    assert terminal.document("forgive", "--function", "orders", "--reason", "again")["forgiven"] == "already"
    [grant] = terminal.document("status", code=1)["functions"]["orders"]["pardons"]
    assert (grant["why"], grant["standing"]) == ("the network was down", True)


def test_a_rollback_whose_version_is_gone_is_refused(terminal: Terminal) -> None:
    world = terminal.world
    terminal.up(terminal.publish())
    put_state(world, terminal.folder, "2")
    world.functions.client.delete_function(FunctionName="orders", Qualifier="1")
    refused = terminal.document("rollback", "--reason", WHY, code=3)
    assert "version 1 of orders" in refused["error"]
    assert "is deleted, so it cannot be restored" in refused["error"]
    assert world.alias() == "2"


def test_an_alias_that_a_stop_left_split_is_put_right(terminal: Terminal) -> None:
    deployment = terminal.start()
    terminal.world.codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=False)
    dry = terminal.document("unstick", "--dry-run", code=1)
    assert [(each["kind"], each["function"]) for each in dry["found"]] == [("left", "orders")]
    assert terminal.document("unstick")["left"] == []
    assert terminal.world.alias() == "1"
    assert terminal.type("unstick").stdout == "Nothing is stuck.\n"


def test_a_split_by_hand_takes_a_persons_word(terminal: Terminal) -> None:
    terminal.world.functions.alias("1", {terminal.publish(): 0.3})
    asked = terminal.type("unstick")
    assert asked.exit_code == 3
    assert "say which version should be live by `--to`: 1\n" in asked.stdout
    assert terminal.type("unstick", "--to", "7").exit_code == 2
    assert terminal.type("unstick", "--to", "2").exit_code == 2, "no release has tried it"
    assert terminal.type("unstick", "--to", "1").exit_code == 0
    assert terminal.world.alias() == "1"


def test_a_deployment_that_is_none_of_ours_is_stopped_and_goes_back(terminal: Terminal) -> None:
    world = terminal.world
    properties = {"Name": "orders", "Alias": "live", "CurrentVersion": "1", "TargetVersion": terminal.publish()}
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    content = json.dumps({"version": 0.0, "Resources": [{"orders": resource}]})
    stray = world.codedeploy.create_deployment(
        applicationName="strata",
        deploymentGroupName="orders",
        revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content}},
    )["deploymentId"]
    assert until(lambda: "with" in world.alias())
    refused = terminal.document("abort", "--reason", WHY, code=3)
    assert f"deployment {stray} of orders was not started by this release" in refused["error"]
    assert [each["kind"] for each in terminal.document("unstick")["found"]] == ["orphan"]
    assert world.deployment(stray)["status"] == "Stopped"
    assert world.alias() == "1"


def test_a_lost_lock_is_cancelled_and_one_of_another_machine_is_left(terminal: Terminal) -> None:
    lock = terminal.folder / "lock"
    held = "locked by 1 lock(s).\n  file:///x.json: created by ann@{} (pid 99999999) at 2026-11-24T20:45:08Z\n"
    lock.write_text(held.format("build-7"))
    elsewhere = terminal.document("unstick", code=3)
    assert "if no pulumi runs on that machine any more" in elsewhere["found"][0]["remedy"]
    lock.write_text(held.format(socket.gethostname()))
    assert terminal.document("unstick")["left"] == []
    assert lock.read_text() == ""


def test_an_invalid_command_is_reported_with_the_remedy(terminal: Terminal) -> None:
    for code, said, *typed in (
        (2, "--reason has 300 characters", "abort", "--reason", "x" * 300),
        (2, "--reason is ''", "rollback", "--reason", ""),
        (2, "function 'order' is not in the release of stack prod: it has orders", "status", "--function", "order"),
        (2, "deployment d-9 is not one of orders; in flight: nothing", "abort", "--reason", WHY, "--deployment", "d-9"),
        (3, "there is no deployment to revert: orders is on 1", "rollback", "--reason", WHY),
        (3, "no version of orders is rejected", "allow-retry", "--function", "orders", "--reason", WHY),
        (2, "--to 1 is for exactly one split alias", "unstick", "--to", "1"),
    ):
        refused = terminal.type(*typed)
        assert (refused.exit_code, said in refused.stderr) == (code, True), refused.output
        assert "Traceback" not in refused.output
