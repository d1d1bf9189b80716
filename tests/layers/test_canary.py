"""The canary of a function in another program: what it declares, by which names, and what it refuses."""

import json
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import Output, ResourceOptions

from infra import canary
from infra.canary import CanaryError, CanaryRelease, Curve, ReleasePolicy
from tests.layers.recorder import ACCOUNT, REGION, Recorder, known, record

FUNCTION = "shop-greet"
ARN = f"arn:aws:test:{REGION}:{ACCOUNT}:{FUNCTION}"  # as the recorder makes one
made: list[CanaryRelease] = []


def function(**given: Any) -> aws.lambda_.Function:
    settings = {"name": FUNCTION, "role": "role", "runtime": "python3.11", "handler": "main.handler", "publish": True}
    return aws.lambda_.Function("greet", **{**settings, **given})


def declare(*, of: dict[str, Any] | None = None, **given: Any) -> Recorder:
    def program() -> None:
        made[:] = [CanaryRelease("greet", function(**(of or {})), **given)]

    return record(program, project="shop")


def target(recorded: Recorder) -> dict[str, Any]:
    (found,) = recorded.one("Release").inputs["targets"]
    return dict(found)


def test_all_names_are_made_of_the_functions() -> None:
    recorded = declare()
    names = {each.name: each.inputs.get("name") for each in recorded}
    assert names["greet-alias"] == "live"
    assert names["greet-errors"] == "shop-greet-live-errors"
    assert names["greet-throttles"] == "shop-greet-live-throttles"
    assert names["greet-topic"] == "shop-greet-alarms"
    assert names["greet-application"] == "shop-greet"
    assert names["greet-codedeploy"] == canary.role_name(FUNCTION, ARN)
    assert recorded.one("codedeploy/deploymentGroup:DeploymentGroup").inputs["deploymentGroupName"] == "shop-greet"


def test_everything_belongs_to_the_component() -> None:
    recorded = declare()
    assert {each.parent for each in recorded if each.name.startswith("greet-")} == {"greet"}
    assert recorded.named("greet-release").type == "strata:release:Release"


def test_the_release_has_the_functions_version_and_region_and_waits_for_the_group() -> None:
    recorded = declare()
    release = recorded.named("greet-release")
    assert release.inputs["region"] == REGION
    assert "greet-group" in release.after
    assert target(recorded) == {
        "function": FUNCTION,
        "alias": "live",
        "version": "7",
        "application": FUNCTION,
        "group": FUNCTION,
        "curve": "CodeDeployDefault.LambdaCanary10Percent10Minutes",
        "minutes": 10,
        "percent": 10,
        "alarm": "shop-greet-live-errors",
        "throttle_alarm": "shop-greet-live-throttles",
        "topic": f"arn:aws:test:{REGION}:{ACCOUNT}:shop-greet-alarms",
        "log_group": "/aws/lambda/shop-greet",
        "before_allow_traffic": "",
        "after_allow_traffic": "",
        "configuration": "",
        "probe": "{}",
    }


def test_codedeploy_alone_moves_the_alias() -> None:
    alias = declare().named("greet-alias")
    assert alias.inputs["functionVersion"] == "7"
    assert set(alias.ignores) == {"functionVersion", "routingConfig", "description"}


def test_codedeploy_may_move_the_aliases_of_this_function_alone() -> None:
    recorded = declare()
    policy = json.loads(recorded.one("iam/rolePolicy:RolePolicy").inputs["policy"])
    trust = json.loads(recorded.one("iam/role:Role").inputs["assumeRolePolicy"])
    resources = {statement["Sid"]: statement["Resource"] for statement in policy["Statement"]}
    assert resources == {"Alarms": ["*"], "Aliases": [ARN, f"{ARN}:*"]}
    assert trust["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert "greet-deployments" in recorded.named("greet-group").after


def test_a_role_has_a_boundary_only_where_one_is_given() -> None:
    assert "permissionsBoundary" not in declare().one("iam/role:Role").inputs
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/limits"
    given = declare(permissions_boundary=boundary).one("iam/role:Role").inputs
    assert given["permissionsBoundary"] == boundary


def test_the_roles_of_two_regions_differ_and_the_longest_name_fits() -> None:
    longest = "f" * 64
    names = {canary.role_name(longest, ARN.replace(REGION, region)) for region in ("eu-west-1", "us-east-1")}
    assert [len(name) for name in names] == [64, 64]


def test_a_curve_of_its_own_is_declared_with_its_shape_in_the_name() -> None:
    recorded = declare(curve=Curve(percent=25, minutes=7))
    made_ = recorded.one("codedeploy/deploymentConfig:DeploymentConfig")
    assert (made_.name, made_.inputs["deploymentConfigName"]) == ("greet-curve-25-7", "shop-greet-canary-25-7")
    assert (target(recorded)["curve"], target(recorded)["percent"], target(recorded)["minutes"]) == (
        "shop-greet-canary-25-7",
        25,
        7,
    )
    assert declare().of("codedeploy/deploymentConfig:DeploymentConfig") == []


def test_alias_shares_topic_and_probe_may_be_given() -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:oncall"
    recorded = declare(alias="stable", error_share=0.5, throttle_share=0.25, topic=topic, probe={"ping": True})
    alarm = recorded.named("greet-errors")
    assert alarm.inputs["name"] == "shop-greet-stable-errors"
    assert alarm.inputs["alarmActions"] == [topic]
    assert "> 0.5 *" in alarm.inputs["metricQueries"][-1]["expression"]
    assert alarm.inputs["metricQueries"][0]["metric"]["dimensions"]["Resource"] == "shop-greet:stable"
    assert "> 0.25 *" in recorded.named("greet-throttles").inputs["metricQueries"][-1]["expression"]
    assert recorded.of("sns/topic:Topic") == []
    assert (target(recorded)["alias"], target(recorded)["topic"]) == ("stable", topic)
    assert target(recorded)["probe"] == '{"ping": true}'


def test_answered_faults_count_where_they_are_asked_for() -> None:
    recorded = declare(errors="answered")
    assert target(recorded)["answered"] is True
    assert "FILL(answered, 0)" in recorded.named("greet-errors").inputs["metricQueries"][-1]["expression"]
    assert "answered" not in str(recorded.named("greet-throttles").inputs["metricQueries"])
    assert "answered" not in target(declare())
    assert "answered" not in str(declare().named("greet-errors").inputs["metricQueries"])


def test_its_own_topic_takes_alarms_of_this_account_alone() -> None:
    (statement,) = json.loads(declare().one("sns/topic:Topic").inputs["policy"])["Statement"]
    assert statement["Resource"] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:shop-greet-alarms"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_the_functions_own_log_group_is_read() -> None:
    logging = {"log_format": "JSON", "log_group": "/shop/greet"}
    assert target(declare(of={"logging_config": logging}))["log_group"] == "/shop/greet"


def test_the_policy_is_the_given_one_with_the_commit_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_COMMIT", "abc1234")
    policy = ReleasePolicy(minimum_requests=5, evidence="enforce")
    inputs = declare(policy=policy).named("greet-release").inputs["policy"]
    assert (inputs["minimum_requests"], inputs["evidence"], inputs["commit"]) == (5, "enforce", "abc1234")


def test_resources_use_the_provider_of_the_component() -> None:
    def program() -> None:
        provider = aws.Provider("elsewhere", region="us-east-1")
        CanaryRelease("greet", function(), opts=ResourceOptions(provider=provider))

    recorded = record(program, project="shop")
    of_aws = [each for each in recorded if each.name.startswith("greet-") and each.type.startswith("aws:")]
    assert len(of_aws) >= 8
    assert {each.provider for each in of_aws} == {"elsewhere"}
    assert recorded.named("greet-release").provider != "elsewhere"


def test_what_depends_on_the_component_comes_after_the_release() -> None:
    def program() -> None:
        component = CanaryRelease("greet", function())
        aws.sns.Topic("after", opts=ResourceOptions(depends_on=[component]))

    assert "greet-release" in record(program, project="shop").named("after").after


def test_the_outputs_are_the_aliases() -> None:
    declare()
    (component,) = made
    assert known(component.alias) == "live"
    assert known(component.invoke_arn).endswith("/live/invocations")
    assert known(component.live_versions) == {"strata-prod-orders": "7"}


@pytest.mark.parametrize("publish", [False, None])
def test_a_function_whose_changes_become_no_versions_is_refused(publish: bool | None) -> None:
    with pytest.raises(CanaryError, match=r"function shop-greet has publish=.*declare it with publish=True"):
        declare(of={"publish": publish})


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ({"alias": "7"}, "alias is '7', and Lambda takes"),
        ({"alias": Output.from_input("live")}, "alias is an Output, whose value the program does not know yet"),
        ({"curve": Output.from_input("x")}, "curve is an Output, whose value the program does not know yet"),
        ({"curve": Curve(percent=0)}, "curve.percent is 0, "),
        ({"policy": {"wait": True}}, "policy is {'wait': True}, not a ReleasePolicy"),
        ({"policy": ReleasePolicy(source="staging")}, "policy.source is 'staging', and this release follows no other"),
        ({"error_share": 2.0}, "error_share is 2.0, "),
        ({"throttle_share": -1.0}, "throttle_share is -1.0, "),
        ({"probe": {"at": Output.from_input("x")}}, "probe is "),
        ({"probe": []}, "probe is [], not an object of JSON"),
    ],
)
def test_a_wrong_setting_is_refused_by_name_and_nothing_is_declared(given: dict[str, Any], mistake: str) -> None:
    refused: list[CanaryError] = []

    def program() -> None:
        with pytest.raises(CanaryError) as error:
            CanaryRelease("greet", function(), **given)
        refused.append(error.value)

    recorded = record(program, project="shop")
    assert [each.name for each in recorded] == ["greet"]
    assert recorded.named("greet").type == "aws:lambda/function:Function"
    ((found,),) = (each.mistakes for each in refused)
    assert found.startswith(mistake)


def test_all_mistakes_are_named_at_once() -> None:
    wrong: Any = "shop-greet"
    with pytest.raises(CanaryError) as error:
        CanaryRelease("greet", wrong, alias="", curve=replace(Curve(), minutes=1))
    assert [each.split(" is ")[0] for each in error.value.mistakes] == ["function", "alias", "curve.minutes"]
    assert "'shop-greet', not an aws.lambda_.Function" in error.value.mistakes[0]
    assert isinstance(error.value, pulumi.RunError)
