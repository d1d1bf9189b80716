"""Applications, configurations, groups, revisions and tags of CodeDeploy."""

from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.codedeploy import ALL_AT_ONCE, STYLE, appspec, refused, trust

PREDEFINED = {
    "CodeDeployDefault.LambdaAllAtOnce",
    *(f"CodeDeployDefault.LambdaCanary10Percent{minutes}Minutes" for minutes in (5, 10, 15, 30)),
    "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
    *(f"CodeDeployDefault.LambdaLinear10PercentEvery{minutes}Minutes" for minutes in (2, 3, 10)),
}


@pytest.fixture
def codedeploy(client: Callable[[str], Any]) -> Any:
    return client("codedeploy")


@pytest.fixture
def role(client: Callable[[str], Any]) -> str:
    made = client("iam").create_role(RoleName="deployer", AssumeRolePolicyDocument=trust("codedeploy.amazonaws.com"))
    return str(made["Role"]["Arn"])


@pytest.fixture
def group(codedeploy: Any, role: str) -> Callable[..., Any]:
    """Creates the group `orders` of the application `shop`, with changes."""
    codedeploy.create_application(applicationName="shop", computePlatform="Lambda")

    def create(**changes: Any) -> Any:
        request = {
            "applicationName": "shop",
            "deploymentGroupName": "orders",
            "serviceRoleArn": role,
            "deploymentStyle": STYLE,
            **changes,
        }
        return codedeploy.create_deployment_group(**{key: value for key, value in request.items() if value is not None})

    return create


def test_an_application_is_created_read_renamed_and_deleted(codedeploy: Any) -> None:
    made = codedeploy.create_application(applicationName="shop", computePlatform="Lambda")["applicationId"]
    found = codedeploy.get_application(applicationName="shop")["application"]
    assert (found["applicationId"], found["computePlatform"], found["linkedToGitHub"]) == (made, "Lambda", False)
    assert refused(codedeploy.create_application, applicationName="shop", computePlatform="Lambda") == (
        "ApplicationAlreadyExistsException",
        "Application already exists: shop",
    )
    codedeploy.update_application(applicationName="shop", newApplicationName="store")
    assert codedeploy.list_applications()["applications"] == ["store"]
    codedeploy.delete_application(applicationName="store")
    codedeploy.delete_application(applicationName="store")
    assert refused(codedeploy.get_application, applicationName="store") == (
        "ApplicationDoesNotExistException",
        "No application found for name: store",
    )


def test_other_platforms_than_lambda_are_refused_and_not_ignored(codedeploy: Any) -> None:
    for more in ({}, {"computePlatform": "Server"}, {"computePlatform": "ECS"}, {"computePlatform": "Cray"}):
        code, _ = refused(codedeploy.create_application, applicationName="shop", **more)
        assert code == "InvalidComputePlatformException"


def test_a_long_list_comes_in_pages(codedeploy: Any) -> None:
    names = sorted(f"app{index}" for index in range(103))
    for name in names:
        codedeploy.create_application(applicationName=name, computePlatform="Lambda")
    pages = list(codedeploy.get_paginator("list_applications").paginate())
    assert [len(page["applications"]) for page in pages] == [100, 3]
    assert [name for page in pages for name in page["applications"]] == names
    assert refused(codedeploy.list_applications, nextToken="x")[0] == "InvalidNextTokenException"


def test_accounts_and_regions_do_not_see_one_another(codedeploy: Any, cloud: Any, account: str) -> None:
    codedeploy.create_application(applicationName="shop", computePlatform="Lambda")
    for other in (
        cloud.client("codedeploy", "111122223333"),
        cloud.client("codedeploy", account, region="us-west-2"),
    ):
        assert other.list_applications()["applications"] == []


# Configurations


def test_the_predefined_configurations_are_there_and_protected(codedeploy: Any) -> None:
    assert set(codedeploy.list_deployment_configs()["deploymentConfigsList"]) == PREDEFINED
    name = "CodeDeployDefault.LambdaCanary10Percent10Minutes"
    found = codedeploy.get_deployment_config(deploymentConfigName=name)["deploymentConfigInfo"]
    assert found["trafficRoutingConfig"] == {
        "type": "TimeBasedCanary",
        "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 10},
    }
    assert refused(codedeploy.delete_deployment_config, deploymentConfigName=name)[0] == "InvalidOperationException"
    mine = {"deploymentConfigName": "CodeDeployDefault.Mine", "computePlatform": "Lambda"}
    code, _ = refused(codedeploy.create_deployment_config, **mine, trafficRoutingConfig={"type": "AllAtOnce"})
    assert code == "InvalidDeploymentConfigNameException"


def test_a_configuration_is_created_and_kept_while_a_group_uses_it(codedeploy: Any, group: Callable[..., Any]) -> None:
    routing = {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 25, "linearInterval": 2}}
    request = {"deploymentConfigName": "mine", "computePlatform": "Lambda", "trafficRoutingConfig": routing}
    codedeploy.create_deployment_config(**request)
    found = codedeploy.get_deployment_config(deploymentConfigName="mine")["deploymentConfigInfo"]
    assert (found["trafficRoutingConfig"], found["computePlatform"]) == (routing, "Lambda")
    assert refused(codedeploy.create_deployment_config, **request)[0] == "DeploymentConfigAlreadyExistsException"
    group(deploymentConfigName="mine")
    assert refused(codedeploy.delete_deployment_config, deploymentConfigName="mine") == (
        "DeploymentConfigInUseException",
        "mine is used by shop/orders",
    )
    codedeploy.delete_deployment_group(applicationName="shop", deploymentGroupName="orders")
    codedeploy.delete_deployment_config(deploymentConfigName="mine")
    assert refused(codedeploy.get_deployment_config, deploymentConfigName="mine")[0] == (
        "DeploymentConfigDoesNotExistException"
    )


@pytest.mark.parametrize(
    "routing",
    [
        None,
        {"type": "AllAtOnce", "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 5}},
        {"type": "TimeBasedCanary"},
        {"type": "TimeBasedCanary", "timeBasedLinear": {"linearPercentage": 10, "linearInterval": 5}},
        {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 0, "canaryInterval": 5}},
        {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 100, "canaryInterval": 5}},
        {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 0}},
        {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 2881}},
        {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 10, "linearInterval": 321}},
    ],
)
def test_a_curve_out_of_bounds_is_refused(codedeploy: Any, routing: dict[str, Any] | None) -> None:
    request = {"deploymentConfigName": "mine", "computePlatform": "Lambda", "trafficRoutingConfig": routing}
    given = {key: value for key, value in request.items() if value is not None}
    assert refused(codedeploy.create_deployment_config, **given)[0] == "InvalidTrafficRoutingConfigurationException"


# Groups


def test_a_group_shows_what_it_was_given_and_what_an_update_changed(
    codedeploy: Any, group: Callable[..., Any], account: str
) -> None:
    rollback = {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}
    made = group(autoRollbackConfiguration=rollback, tags=[{"Key": "team", "Value": "orders"}])["deploymentGroupId"]

    def info(name: str = "orders") -> dict[str, Any]:
        found = codedeploy.get_deployment_group(applicationName="shop", deploymentGroupName=name)
        return dict(found["deploymentGroupInfo"])

    assert info()["deploymentGroupId"] == made
    assert (info()["deploymentConfigName"], info()["deploymentStyle"]) == (ALL_AT_ONCE, STYLE)
    assert info()["autoRollbackConfiguration"] == rollback
    assert info()["alarmConfiguration"] == {"enabled": False, "ignorePollAlarmFailure": False, "alarms": []}
    assert "lastAttemptedDeployment" not in info()
    alarms = {"enabled": True, "ignorePollAlarmFailure": True, "alarms": [{"name": "errors"}]}
    codedeploy.update_deployment_group(
        applicationName="shop",
        currentDeploymentGroupName="orders",
        newDeploymentGroupName="renamed",
        alarmConfiguration=alarms,
    )
    assert (info("renamed")["alarmConfiguration"], info("renamed")["autoRollbackConfiguration"]) == (alarms, rollback)
    listed = codedeploy.list_deployment_groups(applicationName="shop")
    assert (listed["applicationName"], listed["deploymentGroups"]) == ("shop", ["renamed"])
    batch = codedeploy.batch_get_deployment_groups(applicationName="shop", deploymentGroupNames=["renamed", "orders"])
    assert [found["deploymentGroupName"] for found in batch["deploymentGroupsInfo"]] == ["renamed"]
    assert "orders" in batch["errorMessage"]
    arn = f"arn:aws:codedeploy:eu-central-1:{account}:deploymentgroup:shop/renamed"
    assert codedeploy.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "orders"}]
    deleted = codedeploy.delete_deployment_group(applicationName="shop", deploymentGroupName="renamed")
    assert deleted["hooksNotCleanedUp"] == []
    assert codedeploy.list_deployment_groups(applicationName="shop")["deploymentGroups"] == []


def test_what_terraforms_provider_sends_for_instances_on_every_create_is_taken_and_shown(
    codedeploy: Any, group: Callable[..., Any]
) -> None:
    def strategy() -> str:
        found = codedeploy.get_deployment_group(applicationName="shop", deploymentGroupName="orders")
        return str(found["deploymentGroupInfo"]["outdatedInstancesStrategy"])

    group(
        outdatedInstancesStrategy="UPDATE",
        terminationHookEnabled=False,
        alarmConfiguration={"enabled": False, "ignorePollAlarmFailure": False, "alarms": []},
        autoRollbackConfiguration={"enabled": False, "events": []},
        ec2TagFilters=[],
        autoScalingGroups=[],
    )
    assert strategy() == "UPDATE"
    change = {"applicationName": "shop", "currentDeploymentGroupName": "orders"}
    codedeploy.update_deployment_group(**change, outdatedInstancesStrategy="IGNORE")
    assert strategy() == "IGNORE"
    codedeploy.update_deployment_group(**change, deploymentConfigName=ALL_AT_ONCE)
    assert strategy() == "IGNORE"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"applicationName": "nowhere"}, "ApplicationDoesNotExistException"),
        ({"deploymentGroupName": "no spaces"}, "InvalidDeploymentGroupNameException"),
        ({"deploymentConfigName": "nowhere"}, "DeploymentConfigDoesNotExistException"),
        ({"serviceRoleArn": "arn:aws:iam::999999999999:role/deployer"}, "InvalidRoleException"),
        ({"deploymentStyle": None}, "InvalidDeploymentStyleException"),
        ({"deploymentStyle": {**STYLE, "deploymentType": "IN_PLACE"}}, "InvalidDeploymentStyleException"),
        ({"alarmConfiguration": {"enabled": True}}, "InvalidAlarmConfigException"),
        ({"alarmConfiguration": {"enabled": True, "alarms": [{"name": "x"}] * 2}}, "InvalidAlarmConfigException"),
        ({"alarmConfiguration": {"alarms": [{"name": f"{i}"} for i in range(11)]}}, "AlarmsLimitExceededException"),
        ({"autoRollbackConfiguration": {"enabled": True}}, "InvalidAutoRollbackConfigException"),
        ({"triggerConfigurations": [{"triggerName": "x"}]}, "InvalidTriggerConfigException"),
        ({"autoScalingGroups": ["x"]}, "InvalidInputException"),
        ({"outdatedInstancesStrategy": "LATER"}, "InvalidInputException"),
        ({"tags": [{"Key": "aws:x", "Value": "y"}]}, "InvalidTagsToAddException"),
    ],
)
def test_a_wrong_group_is_refused_by_name(group: Callable[..., Any], changes: dict[str, Any], code: str) -> None:
    assert refused(group, **changes)[0] == code


def test_a_role_that_codedeploy_may_not_assume_is_refused(client: Callable[[str], Any], group: Any) -> None:
    made = client("iam").create_role(RoleName="other", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    assert refused(group, serviceRoleArn=made["Role"]["Arn"])[0] == "InvalidRoleException"


# Revisions and tags


def test_revisions_are_registered_and_say_who_used_them(codedeploy: Any, group: Callable[..., Any]) -> None:
    group()
    registered, used = appspec("1", "2"), appspec("2", "3")
    codedeploy.register_application_revision(applicationName="shop", revision=registered, description="by hand")
    codedeploy.create_deployment(applicationName="shop", deploymentGroupName="orders", revision=used)
    assert codedeploy.list_application_revisions(applicationName="shop")["revisions"] == [registered, used]
    listed = codedeploy.list_application_revisions(
        applicationName="shop", sortBy="registerTime", sortOrder="descending", deployed="exclude"
    )
    assert listed["revisions"] == [registered]
    info = codedeploy.get_application_revision(applicationName="shop", revision=used)["revisionInfo"]
    assert info["deploymentGroups"] == ["orders"]
    assert info["firstUsedTime"] == info["lastUsedTime"]
    other = {"applicationName": "shop", "revision": appspec("8", "9")}
    assert refused(codedeploy.get_application_revision, **other)[0] == "RevisionDoesNotExistException"


def test_tags_come_and_go_by_arn(codedeploy: Any, account: str) -> None:
    codedeploy.create_application(applicationName="shop", computePlatform="Lambda", tags=[{"Key": "a", "Value": "1"}])
    arn = f"arn:aws:codedeploy:eu-central-1:{account}:application:shop"
    codedeploy.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    codedeploy.untag_resource(ResourceArn=arn, TagKeys=["b", "c"])
    assert codedeploy.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "3"}]
    for wrong, code in (
        (arn.replace("shop", "nowhere"), "ApplicationDoesNotExistException"),
        (arn.replace("application:shop", "instance:x"), "ArnNotSupportedException"),
        ("arn:aws:s3:::bucket", "InvalidArnException"),
    ):
        assert refused(codedeploy.list_tags_for_resource, ResourceArn=wrong)[0] == code


def test_an_operation_that_is_not_imitated_says_so(codedeploy: Any) -> None:
    code, message = refused(codedeploy.list_on_premises_instances)
    assert (code, message) == (
        "UnknownOperationException",
        "The operation 'ListOnPremisesInstances' is not imitated.",
    )
