"""Lifecycle hooks: functions that CodeDeploy really invokes, and that answer it by boto3."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.tests.cloud.codedeploy import ALL_AT_ONCE, Deployer, appspec, refused
from local.tests.cloud.conftest import Cloud, Functions, start_cloud, stop_cloud, until

BEFORE, AFTER = "BeforeAllowTraffic", "AfterAllowTraffic"
ANSWERING = """
import os, json, boto3

def handler(event, context):
    print(json.dumps(event))
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=os.environ["STATUS"],
    )
"""
RAISES_ONCE = """
calls = 0

def handler(event, context):
    global calls
    calls += 1
    if calls == 1:
        raise RuntimeError("not yet")
    answer(event)
"""
SILENT = "def handler(event, context):\n    print(__import__('json').dumps(event))\n"


@pytest.fixture
def deployer(client: Callable[[str], Any], functions: Functions) -> Deployer:
    return Deployer(client, functions)


def hook(deployer: Deployer, name: str, status: str | None) -> str:
    """A hook that answers with `status`, or not at all."""
    full = f"CodeDeployHook_{name}"
    environment = {"Variables": {"STATUS": status or ""}}
    deployer.functions.create(ANSWERING if status else SILENT, full, Environment=environment)
    return full


def calls(deployer: Deployer, name: str) -> list[str]:
    """Return the events that a hook printed; its log group is there once it has."""
    logs, group = deployer.client("logs"), f"/aws/lambda/{name}"
    try:
        found = logs.filter_log_events(logGroupName=group, filterPattern="DeploymentId")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"].strip() for event in found]


def called(deployer: Deployer, name: str) -> dict[str, str]:
    """Return the first event that a hook printed, once it has."""
    logs = deployer.client("logs")

    def printed() -> list[str]:
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
        return calls(deployer, name) if groups else []

    assert until(printed), f"{name} was not called"
    event: dict[str, str] = json.loads(printed()[0])
    return event


def test_both_hooks_are_invoked_and_get_two_members_only(deployer: Deployer) -> None:
    hooks = {BEFORE: hook(deployer, "smoke", "Succeeded"), AFTER: hook(deployer, "bake", "Succeeded")}
    deployment = deployer.deploy(appspec("1", "2", hooks), deploymentConfigName=ALL_AT_ONCE)
    assert deployer.ended(deployment)["status"] == "Succeeded"
    for name in hooks.values():
        event = called(deployer, name)
        assert set(event) == {"DeploymentId", "LifecycleEventHookExecutionId"}
        assert event["DeploymentId"] == deployment
    assert deployer.alias() == ("2", {})


@pytest.mark.parametrize(
    ("event", "events"),
    [
        (BEFORE, ["Failed", "Skipped", "Skipped"]),
        (AFTER, ["Succeeded", "Succeeded", "Failed"]),
    ],
)
def test_a_hook_that_says_failed_fails_the_deployment_and_traffic_goes_back(
    deployer: Deployer, event: str, events: list[str]
) -> None:
    hooks = {event: hook(deployer, "smoke", "Failed")}
    deployment = deployer.deploy(appspec("1", "2", hooks), deploymentConfigName=ALL_AT_ONCE)
    failed = deployer.ended(deployment)
    assert failed["status"] == "Failed"
    assert failed["errorInformation"] == {
        "code": "HOOK_EXECUTION_FAILURE",
        "message": "The deployment failed because one or more of the lifecycle event validation functions failed.",
    }
    assert deployer.events(deployment) == events
    back = deployer.rolled_back(deployment)
    assert back["status"] == "Succeeded"
    assert deployer.alias() == ("1", {})
    assert until(lambda: calls(deployer, hooks[event]))
    assert len(calls(deployer, hooks[event])) == 1, "a rollback invokes no hook"


def test_traffic_waits_for_the_hook_and_an_answer_counts_once(deployer: Deployer) -> None:
    hooks = {BEFORE: hook(deployer, "slow", None)}
    deployment = deployer.deploy(appspec("1", "2", hooks), deploymentConfigName=ALL_AT_ONCE)
    execution = called(deployer, hooks[BEFORE])["LifecycleEventHookExecutionId"]
    assert deployer.alias() == ("1", {})
    assert deployer.events(deployment) == ["InProgress", "Pending", "Pending"]

    def answer(status: str = "Succeeded", of: str = execution) -> Any:
        return deployer.codedeploy.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment, lifecycleEventHookExecutionId=of, status=status
        )

    assert refused(answer, status="Skipped")[0] == "InvalidLifecycleEventHookExecutionStatusException"
    assert refused(answer, of="nonsense")[0] == "InvalidLifecycleEventHookExecutionIdException"
    assert answer()["lifecycleEventHookExecutionId"] == execution
    assert refused(answer)[0] == "LifecycleEventAlreadyCompletedException"
    assert deployer.ended(deployment)["status"] == "Succeeded"
    assert refused(answer)[0] == "LifecycleEventAlreadyCompletedException"


def test_an_alarm_stops_a_deployment_whose_hook_is_awaited(deployer: Deployer) -> None:
    deployer.alarm("errors")
    hooks = {AFTER: hook(deployer, "bake", None)}
    override = {"enabled": True, "alarms": [{"name": "errors"}]}
    deployment = deployer.deploy(
        appspec("1", "2", hooks), deploymentConfigName=ALL_AT_ONCE, overrideAlarmConfiguration=override
    )
    called(deployer, hooks[AFTER])
    assert deployer.alias() == ("2", {})
    deployer.turn("errors", "ALARM")
    assert deployer.ended(deployment)["status"] == "Stopped"
    assert deployer.rolled_back(deployment)["status"] == "Succeeded"
    assert deployer.alias() == ("1", {})


def test_the_managed_role_invokes_functions_of_one_prefix_only(deployer: Deployer) -> None:
    deployer.functions.create(SILENT, "smoke")
    failed = deployer.ended(deployer.deploy(appspec("1", "2", {BEFORE: "smoke"})))
    assert failed["errorInformation"]["code"] == "IAM_ROLE_PERMISSIONS"
    assert "CodeDeployHook_" in failed["errorInformation"]["message"]


def test_a_hook_that_raises_has_not_answered_and_is_called_again_by_lambda(deployer: Deployer) -> None:
    source = ANSWERING.replace("def handler(event, context):", "def answer(event):") + RAISES_ONCE
    name = "CodeDeployHook_unsure"
    deployer.functions.create(source, name, Environment={"Variables": {"STATUS": "Succeeded"}})
    deployment = deployer.deploy(appspec("1", "2", {BEFORE: name}), deploymentConfigName=ALL_AT_ONCE)
    assert deployer.ended(deployment)["status"] == "Succeeded"
    assert len(calls(deployer, name)) == 1


def test_an_answer_counts_for_its_own_deployment_alone(deployer: Deployer) -> None:
    hooks = {BEFORE: hook(deployer, "slow", None)}
    deployment = deployer.deploy(appspec("1", "2", hooks), deploymentConfigName=ALL_AT_ONCE)
    execution = called(deployer, hooks[BEFORE])["LifecycleEventHookExecutionId"]
    deployer.group("others")
    other = deployer.deploy(appspec("1", "3", hooks), deploymentGroupName="others")
    answer = deployer.codedeploy.put_lifecycle_event_hook_execution_status
    answer_of_another = {"lifecycleEventHookExecutionId": execution, "status": "Succeeded"}
    assert until(lambda: deployer.info(other)["status"] == "InProgress")
    assert until(lambda: deployer.events(other)[0] == "InProgress")
    assert (
        refused(answer, deploymentId=other, **answer_of_another)[0] == "InvalidLifecycleEventHookExecutionIdException"
    )
    assert refused(answer, deploymentId="d-NOSUCH123", **answer_of_another)[0] == "DeploymentDoesNotExistException"
    assert deployer.events(other)[0] == "InProgress"
    deployer.codedeploy.stop_deployment(deploymentId=deployment)
    assert deployer.ended(deployment)["status"] == "Stopped"
    assert refused(answer, deploymentId=deployment, **answer_of_another)[0] == "LifecycleEventAlreadyCompletedException"


def test_a_hook_that_does_not_exist_fails_the_deployment(deployer: Deployer) -> None:
    failed = deployer.ended(deployer.deploy(appspec("1", "2", {BEFORE: "CodeDeployHook_nowhere"})))
    assert failed["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE"


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud in which an hour takes three seconds."""
    folder: Path = tmp_path_factory.mktemp("fast")
    process, running = start_cloud(folder, factor=1200)
    yield running
    stop_cloud(process)


def test_a_hook_that_never_answers_has_an_hour_and_a_late_answer_is_refused(fast: Cloud) -> None:
    account = "333344445555"
    late = Deployer(lambda s: fast.client(s, account), Functions(lambda s: fast.client(s, account), account))
    hooks = {BEFORE: hook(late, "silent", None)}
    deployment = late.deploy(appspec("1", "2", hooks))
    execution = called(late, hooks[BEFORE])["LifecycleEventHookExecutionId"]
    failed = late.ended(deployment)
    assert failed["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE"
    took = (failed["completeTime"] - failed["startTime"]).total_seconds()
    assert 60 * fast.minute <= took < 80 * fast.minute
    code, _ = refused(
        late.codedeploy.put_lifecycle_event_hook_execution_status,
        deploymentId=deployment,
        lifecycleEventHookExecutionId=execution,
        status="Succeeded",
    )
    assert code == "LifecycleEventAlreadyCompletedException"
    assert late.alias() == ("1", {})
