"""Deployments: how they end, what they leave behind, and what is refused."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.tests.cloud.codedeploy import ALL_AT_ONCE, EVERY, Deployer, appspec, refused, trust
from local.tests.cloud.conftest import Cloud, Functions, until

INVALID = (
    "The deployment failed because the AppSpec file that specifies the AWS Lambda deployment configuration is "
    "missing or has an invalid configuration."
)


@pytest.fixture
def deployer(client: Callable[[str], Any], functions: Functions) -> Deployer:
    return Deployer(client, functions)


@pytest.fixture(scope="module")
def quiet(cloud: Cloud) -> Deployer:
    """One for all tests that change nothing."""
    account = "333344445555"
    return Deployer(
        lambda service: cloud.client(service, account), Functions(lambda s: cloud.client(s, account), account)
    )


def test_all_at_once_moves_everything_in_one_step(deployer: Deployer) -> None:
    deployment = deployer.deploy(deploymentConfigName=ALL_AT_ONCE)
    assert deployer.ended(deployment)["status"] == "Succeeded"
    assert deployer.alias() == ("2", {})
    assert deployer.events(deployment) == ["Succeeded"] * 3


def test_a_linear_curve_takes_its_steps(deployer: Deployer) -> None:
    linear = {"linearPercentage": 40, "linearInterval": 1}
    deployer.codedeploy.create_deployment_config(
        deploymentConfigName="steps",
        computePlatform="Lambda",
        trafficRoutingConfig={"type": "TimeBasedLinear", "timeBasedLinear": linear},
    )
    deployment = deployer.deploy(deploymentConfigName="steps")
    seen: list[tuple[str, dict[str, float]]] = []
    while deployer.info(deployment)["status"] in {"Created", "InProgress"}:
        alias = deployer.alias()
        if not seen or seen[-1] != alias:
            seen.append(alias)
        time.sleep(0.05)
    assert [step for step in seen if step != ("1", {})][:2] == [("1", {"2": 0.4}), ("1", {"2": 0.8})]
    assert deployer.alias() == ("2", {})


# Alarms


def test_an_alarm_that_turns_red_stops_the_canary_and_takes_it_back(deployer: Deployer) -> None:
    deployer.alarm("errors")
    deployer.codedeploy.update_deployment_group(
        applicationName="shop",
        currentDeploymentGroupName="orders",
        alarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]},
    )
    deployment = deployer.deploy(deploymentConfigName="hours")
    deployer.split()
    deployer.turn("errors", "ALARM")
    stopped = deployer.ended(deployment)
    back = deployer.rolled_back(deployment)
    assert stopped["status"] == "Stopped"
    assert stopped["errorInformation"] == {
        "code": "ALARM_ACTIVE",
        "message": "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, "
        "and the affected deployments have been stopped. Activated alarms: <errors>",
    }
    assert stopped["rollbackInfo"] == {
        "rollbackDeploymentId": back["deploymentId"],
        "rollbackMessage": f"Deployment {deployment} terminated. Automatic rollback is triggered with a DeploymentId "
        f"{back['deploymentId']}.",
    }
    assert back["rollbackInfo"] == {
        "rollbackTriggeringDeploymentId": deployment,
        "rollbackMessage": f"Deployment {back['deploymentId']} is triggered to roll back deployment {deployment}.",
    }
    assert (back["status"], back["creator"], back["deploymentConfigName"]) == (
        "Succeeded",
        "codeDeployRollback",
        ALL_AT_ONCE,
    )
    assert deployer.alias() == ("1", {})
    assert deployer.events(deployment) == ["Succeeded", "Failed", "Skipped"]
    assert deployer.events(back["deploymentId"]) == ["Succeeded"] * 3


def test_an_alarm_that_is_red_beforehand_stops_before_traffic_moves(deployer: Deployer) -> None:
    deployer.alarm("errors")
    deployer.turn("errors", "ALARM")
    deployment = deployer.deploy(overrideAlarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]})
    assert deployer.ended(deployment)["errorInformation"]["code"] == "ALARM_ACTIVE"
    assert deployer.rolled_back(deployment)["status"] == "Succeeded"
    assert deployer.alias() == ("1", {})


def test_the_override_replaces_the_alarms_of_the_group(deployer: Deployer) -> None:
    for name in ("red", "green"):
        deployer.alarm(name)
    deployer.turn("red", "ALARM")
    deployer.group("watched", alarmConfiguration={"enabled": True, "alarms": [{"name": "red"}]})
    override = {"enabled": True, "alarms": [{"name": "green"}]}
    replaced = deployer.deploy(
        deploymentGroupName="watched", overrideAlarmConfiguration=override, deploymentConfigName=ALL_AT_ONCE
    )
    assert deployer.ended(replaced)["status"] == "Succeeded"
    assert deployer.info(replaced)["overrideAlarmConfiguration"] == override
    kept = deployer.deploy(appspec("2", "3"), deploymentGroupName="watched", deploymentConfigName=ALL_AT_ONCE)
    assert deployer.ended(kept)["status"] == "Stopped"


def test_alarms_that_are_not_enabled_do_not_count(deployer: Deployer) -> None:
    deployer.alarm("red")
    deployer.turn("red", "ALARM")
    disabled = {"enabled": False, "alarms": [{"name": "red"}]}
    deployment = deployer.deploy(overrideAlarmConfiguration=disabled, deploymentConfigName=ALL_AT_ONCE)
    assert deployer.ended(deployment)["status"] == "Succeeded"


@pytest.mark.parametrize(("ignore", "status"), [(False, "Stopped"), (True, "Succeeded")])
def test_an_alarm_that_does_not_exist_stops_unless_that_is_ignored(
    deployer: Deployer, ignore: bool, status: str
) -> None:
    override = {"enabled": True, "ignorePollAlarmFailure": ignore, "alarms": [{"name": "nowhere"}]}
    deployment = deployer.deploy(overrideAlarmConfiguration=override, deploymentConfigName=ALL_AT_ONCE)
    assert deployer.ended(deployment)["status"] == status


# Stops


def test_a_stop_without_rollback_leaves_the_alias_split_and_the_next_deployment_fails(deployer: Deployer) -> None:
    deployer.group("bare", events=[])
    deployment = deployer.deploy(deploymentGroupName="bare", deploymentConfigName="hours")
    deployer.split()
    answer = deployer.codedeploy.stop_deployment(deploymentId=deployment)
    assert answer["status"] in {"Pending", "Succeeded"}
    stopped = deployer.ended(deployment)
    assert (stopped["status"], stopped["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    assert stopped["rollbackInfo"] == {}
    assert deployer.alias() == ("1", {"2": 0.1})
    failed = deployer.ended(deployer.deploy(deploymentGroupName="bare"))
    assert (failed["status"], failed["errorInformation"]["code"]) == ("Failed", "INVALID_LAMBDA_CONFIGURATION")
    assert deployer.alias() == ("1", {"2": 0.1})


@pytest.mark.parametrize(
    ("events", "asked", "rolled_back"),
    [(EVERY, {}, True), ([], {"autoRollbackEnabled": True}, True), (EVERY, {"autoRollbackEnabled": False}, False)],
)
def test_a_stop_rolls_back_as_it_says_or_else_as_configured(
    deployer: Deployer, events: list[str], asked: dict[str, bool], rolled_back: bool
) -> None:
    deployer.group("stopped", events=events)
    deployment = deployer.deploy(deploymentGroupName="stopped", deploymentConfigName="hours")
    deployer.split()
    deployer.codedeploy.stop_deployment(deploymentId=deployment, **asked)
    assert ("rollbackDeploymentId" in deployer.ended(deployment)["rollbackInfo"]) is rolled_back
    if rolled_back:
        assert deployer.rolled_back(deployment)["status"] == "Succeeded"
        assert deployer.alias() == ("1", {})


def test_what_has_ended_cannot_be_stopped(deployer: Deployer) -> None:
    deployment = deployer.deploy(deploymentConfigName=ALL_AT_ONCE)
    deployer.ended(deployment)
    code, message = refused(deployer.codedeploy.stop_deployment, deploymentId=deployment)
    assert (code, message) == (
        "DeploymentAlreadyCompletedException",
        f"The deployment {deployment} has already completed.",
    )


# Revisions that cannot be deployed


@pytest.mark.parametrize(
    ("revision", "code", "message"),
    [
        (appspec("1", "1"), "INVALID_LAMBDA_CONFIGURATION", INVALID),
        (
            appspec("2", "3"),
            "INVALID_LAMBDA_CONFIGURATION",
            f"{INVALID} The Lambda function alias version does not match the current version in AppSpec file.",
        ),
        (appspec("1", "9"), "INVALID_LAMBDA_CONFIGURATION", f"{INVALID} The Lambda function orders has no version 9."),
        (
            appspec("1", "2", function="missing"),
            "INVALID_LAMBDA_FUNCTION",
            "The Lambda function missing does not exist.",
        ),
    ],
)
def test_a_revision_that_does_not_fit_fails_after_it_was_accepted(
    deployer: Deployer, revision: dict[str, Any], code: str, message: str
) -> None:
    failed = deployer.ended(deployer.deploy(revision))
    assert (failed["status"], failed["errorInformation"]) == ("Failed", {"code": code, "message": message})
    assert failed["rollbackInfo"] == {}
    assert deployer.alias() == ("1", {})


def test_versions_of_two_roles_fail_as_lambda_refuses_them(deployer: Deployer) -> None:
    other = deployer.client("iam").create_role(RoleName="other", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    deployer.lambda_.update_function_configuration(FunctionName="orders", Role=other["Role"]["Arn"])
    assert until(
        lambda: deployer.lambda_.get_function_configuration(FunctionName="orders")["LastUpdateStatus"] == "Successful"
    )
    version = deployer.lambda_.publish_version(FunctionName="orders")["Version"]
    failed = deployer.ended(deployer.deploy(appspec("1", version)))
    assert failed["errorInformation"]["code"] == "INVALID_LAMBDA_CONFIGURATION"
    assert "same execution role" in failed["errorInformation"]["message"]
    assert deployer.alias() == ("1", {})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"revision": appspec("$LATEST", "2")}, "InvalidRevisionException"),
        ({"revision": appspec("1", "$LATEST")}, "InvalidRevisionException"),
        ({"revision": {"revisionType": "S3"}}, "InvalidRevisionException"),
        ({"description": "x" * 257}, "DescriptionTooLongException"),
        ({"applicationName": "nowhere"}, "ApplicationDoesNotExistException"),
        ({"applicationName": "no spaces"}, "InvalidApplicationNameException"),
        ({"deploymentGroupName": "nowhere"}, "DeploymentGroupDoesNotExistException"),
        ({"deploymentConfigName": "nowhere"}, "DeploymentConfigDoesNotExistException"),
        ({"overrideAlarmConfiguration": {"enabled": True, "alarms": []}}, "InvalidAlarmConfigException"),
        (
            {"overrideAlarmConfiguration": {"enabled": True, "alarms": [{"name": str(i)} for i in range(11)]}},
            "AlarmsLimitExceededException",
        ),
        ({"autoRollbackConfiguration": {"enabled": True, "events": []}}, "InvalidAutoRollbackConfigException"),
        ({"autoRollbackConfiguration": {"enabled": True, "events": ["X"]}}, "InvalidAutoRollbackConfigException"),
        ({"targetInstances": {"tagFilters": [{"Key": "x"}]}}, "InvalidTargetInstancesException"),
    ],
)
def test_a_wrong_request_is_refused_by_name(quiet: Deployer, change: dict[str, Any], code: str) -> None:
    assert refused(quiet.deploy, **change)[0] == code
    assert quiet.codedeploy.list_deployments()["deployments"] == []


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("deploymentGroupName", "DeploymentGroupNameRequiredException"),
        ("revision", "RevisionRequiredException"),
    ],
)
def test_what_boto3_does_not_ask_for_the_service_does(quiet: Deployer, missing: str, code: str) -> None:
    request = {"applicationName": "shop", "deploymentGroupName": "orders", "revision": appspec("1", "2")}
    del request[missing]
    assert refused(quiet.codedeploy.create_deployment, **request)[0] == code


def test_a_description_may_have_256_characters(deployer: Deployer) -> None:
    deployment = deployer.deploy(description="x" * 256)
    assert deployer.info(deployment)["description"] == "x" * 256


def test_a_group_has_one_active_deployment(deployer: Deployer) -> None:
    deployment = deployer.deploy(deploymentConfigName="hours")
    assert refused(deployer.deploy) == (
        "DeploymentLimitExceededException",
        f"The Deployment Group 'orders' already has an active Deployment '{deployment}'",
    )


# Where a rollback leads


def test_a_rollback_leads_to_the_last_known_good_revision(deployer: Deployer) -> None:
    good = deployer.deploy(deploymentConfigName=ALL_AT_ONCE)
    revision = deployer.ended(good)["revision"]
    deployment = deployer.deploy(appspec("2", "3"), deploymentConfigName="hours")
    assert deployer.info(deployment)["previousRevision"] == revision
    deployer.split()
    deployer.codedeploy.stop_deployment(deploymentId=deployment)
    back = deployer.rolled_back(deployment)
    assert back["revision"] == revision
    assert deployer.alias() == ("2", {})
    info = deployer.target(back["deploymentId"])["lambdaFunctionInfo"]
    assert (info["currentVersion"], info["targetVersion"], info["targetVersionWeight"]) == ("3", "2", 1.0)


def test_without_a_known_good_revision_a_rollback_leads_back_to_where_it_began(deployer: Deployer) -> None:
    deployment = deployer.deploy(deploymentConfigName="hours")
    deployer.split()
    deployer.codedeploy.stop_deployment(deploymentId=deployment)
    assert deployer.rolled_back(deployment)["status"] == "Succeeded"
    assert deployer.alias() == ("1", {})


def test_a_rollback_is_not_stopped_by_the_alarm_that_caused_it(deployer: Deployer) -> None:
    deployer.alarm("errors")
    deployer.group("watched", alarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]})
    deployment = deployer.deploy(deploymentGroupName="watched", deploymentConfigName="hours")
    deployer.split()
    deployer.turn("errors", "ALARM")
    assert deployer.rolled_back(deployment)["status"] == "Succeeded"


# Reading


def test_deployments_are_listed_newest_first_and_filtered(deployer: Deployer, cloud: Cloud) -> None:
    first = deployer.deploy(deploymentConfigName=ALL_AT_ONCE)
    deployer.ended(first)
    between = datetime.now(UTC)
    time.sleep(0.01)
    second = deployer.deploy()
    failed = deployer.ended(second)
    assert failed["status"] == "Failed"
    deployer.group("other")

    def listed(**filters: Any) -> list[str]:
        where: Mapping[str, str] = {"applicationName": "shop", "deploymentGroupName": "orders"}
        return list(deployer.codedeploy.list_deployments(**{**where, **filters})["deployments"])

    assert listed() == [second, first]
    assert listed(includeOnlyStatuses=["Succeeded"]) == [first]
    assert listed(createTimeRange={"start": between}) == [second]
    assert listed(createTimeRange={"end": between}) == [first]
    assert listed(deploymentGroupName="other") == []
    assert deployer.codedeploy.list_deployments()["deployments"] == [second, first]
    assert refused(deployer.codedeploy.list_deployments, applicationName="shop")[0] == (
        "DeploymentGroupNameRequiredException"
    )
    assert refused(listed, createTimeRange={"start": between, "end": between - timedelta(hours=1)})[0] == (
        "InvalidTimeRangeException"
    )
    got = deployer.codedeploy.batch_get_deployments(deploymentIds=[first, "d-NOTTHERE1"])["deploymentsInfo"]
    assert [info["deploymentId"] for info in got] == [first]


@pytest.mark.parametrize(
    ("identifier", "code"),
    [("d-NOTTHERE1", "DeploymentDoesNotExistException"), ("nonsense", "InvalidDeploymentIdException")],
)
def test_an_unknown_deployment_is_refused_everywhere(quiet: Deployer, identifier: str, code: str) -> None:
    for call in ("get_deployment", "stop_deployment", "list_deployment_targets", "continue_deployment"):
        assert refused(getattr(quiet.codedeploy, call), deploymentId=identifier)[0] == code


def test_targets_are_known_by_their_id_and_nothing_can_be_continued(deployer: Deployer) -> None:
    deployment = deployer.deploy(deploymentConfigName=ALL_AT_ONCE)
    deployer.ended(deployment)
    assert deployer.target(deployment)["status"] == "Succeeded"
    batch = deployer.codedeploy.batch_get_deployment_targets(
        deploymentId=deployment, targetIds=[deployer.target(deployment)["targetId"]]
    )
    assert [target["deploymentTargetType"] for target in batch["deploymentTargets"]] == ["LambdaTarget"]
    code, message = refused(deployer.codedeploy.get_deployment_target, deploymentId=deployment, targetId="x")
    assert (code, "its target is orders:live" in message) == ("DeploymentTargetDoesNotExistException", True)
    assert refused(deployer.codedeploy.continue_deployment, deploymentId=deployment)[0] == (
        "UnsupportedActionForDeploymentTypeException"
    )


def test_deleting_a_group_deletes_its_records(deployer: Deployer) -> None:
    deployment = deployer.deploy(deploymentConfigName=ALL_AT_ONCE)
    deployer.ended(deployment)
    deployer.codedeploy.delete_deployment_group(applicationName="shop", deploymentGroupName="orders")
    assert refused(deployer.codedeploy.get_deployment, deploymentId=deployment)[0] == "DeploymentDoesNotExistException"
    assert deployer.codedeploy.list_deployments()["deployments"] == []
