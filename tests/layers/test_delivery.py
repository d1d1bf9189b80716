"""The delivery layer declares CodeDeploy so that an alias is rolled back by itself."""

import json

import pytest
from pulumi import Output

from infra.config import AutoCurve, Canary, Curve, DeliveryConfig
from infra.contracts import FunctionOutputs, HookOutputs, ObservabilityOutputs
from infra.layers.delivery import Delivery
from infra.naming import AwsLocation, Names
from infra.services import Service
from infra.services.model import NO_CANARY
from tests.layers.recorder import ACCOUNT, REGION, Declared, Recorder, known, record

NAMES = Names("strata", "prod")
HOOK = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:CodeDeployHook_strata-prod-smoke"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:strata-prod-orders"
CONFIGURATION = "codedeploy/deploymentConfig:DeploymentConfig"
made: list[Delivery] = []


def declare(
    config: DeliveryConfig | None = None,
    hook_arns: tuple[str, ...] = (),
    canary: Canary = NO_CANARY,
    *,
    removed: bool = False,
) -> Recorder:
    def program() -> None:
        functions = {
            "orders": FunctionOutputs(
                name=Output.from_input("strata-prod-orders"),
                arn=Output.from_input(ARN),
                alias=Output.from_input("live"),
                alias_arn=Output.from_input("alias"),
                invoke_arn=Output.from_input("invoke"),
                version=Output.from_input("7"),
                log_group="/aws/lambda/strata-prod-orders",
                configuration=Output.from_input("{}"),
            )
        }
        alarms = ObservabilityOutputs(
            topic_arn=Output.from_input("topic"),
            error_alarms={"orders": Output.from_input("strata-prod-orders-live-errors")},
            throttle_alarms={"orders": Output.from_input("strata-prod-orders-live-throttles")},
            dashboard=Output.from_input("strata-prod"),
        )
        hooks = HookOutputs(tuple(map(Output.from_input, hook_arns)), "", "")
        config_ = config or DeliveryConfig()
        made[:] = [
            Delivery(
                "delivery",
                names=NAMES,
                place=AwsLocation("aws", REGION, ACCOUNT),
                config=config_,
                services=[Service(name="orders", canary=canary, removed=removed)],
                functions=functions,
                alarms=alarms,
                hooks=hooks,
            )
        ]

    return record(program)


def group() -> Declared:
    return declare().one("codedeploy/deploymentGroup:DeploymentGroup")


def test_the_application_and_the_curve_are_for_lambda() -> None:
    recorded = declare()
    assert recorded.one("codedeploy/application:Application").inputs["computePlatform"] == "Lambda"


@pytest.mark.parametrize("minutes", [5, 10, 15, 30])
def test_a_curve_that_aws_has_is_not_declared_again(minutes: int) -> None:
    recorded = declare(DeliveryConfig(Curve(percent=10, minutes=minutes)))
    assert recorded.of("codedeploy/deploymentConfig:DeploymentConfig") == []
    name = recorded.one("codedeploy/deploymentGroup:DeploymentGroup").inputs["deploymentConfigName"]
    assert name == f"CodeDeployDefault.LambdaCanary10Percent{minutes}Minutes"


def test_the_curve_is_the_stacks_and_its_name_says_so() -> None:
    config = DeliveryConfig(Curve(percent=5, minutes=30))
    curve = declare(config).one("codedeploy/deploymentConfig:DeploymentConfig").inputs
    assert (curve["deploymentConfigName"], curve["computePlatform"]) == ("strata-prod-canary-5-30", "Lambda")
    assert curve["trafficRoutingConfig"] == {
        "type": "TimeBasedCanary",
        "timeBasedCanary": {"percentage": 5, "interval": 30},
    }


def test_the_records_of_codedeploy_are_protected_and_a_groups_until_its_service_goes_away() -> None:
    def protected(recorded: Recorder) -> set[str]:
        return {each.name for each in recorded if each.protect}

    assert protected(declare()) == {"delivery-application", "delivery-orders"}
    assert protected(declare(removed=True)) == {"delivery-application"}


def test_the_group_rolls_back_on_every_event_there_is() -> None:
    assert group().inputs["autoRollbackConfiguration"] == {
        "enabled": True,
        "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
    }


def test_the_group_shifts_traffic_between_two_versions() -> None:
    assert group().inputs["deploymentStyle"] == {
        "deploymentType": "BLUE_GREEN",
        "deploymentOption": "WITH_TRAFFIC_CONTROL",
    }
    assert group().inputs["deploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent10Minutes"


def test_a_deployment_started_by_hand_is_guarded_by_the_alias_wide_alarm() -> None:
    assert group().inputs["alarmConfiguration"] == {"enabled": True, "alarms": ["strata-prod-orders-live-errors"]}


def test_the_tags_of_the_group_and_of_the_application_are_the_releases_to_write() -> None:
    for each in (group(), declare().one("codedeploy/application:Application")):
        assert set(each.ignores) == {"tags", "tagsAll"}
        assert "tags" not in each.inputs


def test_the_group_has_its_rights_as_long_as_it_lives() -> None:
    assert "delivery-deployments" in group().after


def test_only_codedeploy_may_take_the_role_and_only_for_our_functions() -> None:
    recorded = declare()
    trust = json.loads(recorded.one("iam/role:Role").inputs["assumeRolePolicy"])
    policy = json.loads(recorded.one("iam/rolePolicy:RolePolicy").inputs["policy"])
    resources = {statement["Sid"]: statement["Resource"] for statement in policy["Statement"]}
    assert [statement["Principal"] for statement in trust["Statement"]] == [{"Service": "codedeploy.amazonaws.com"}]
    assert trust["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert resources == {"Alarms": ["*"], "Aliases": [ARN, f"{ARN}:*"]}


def test_codedeploy_may_invoke_the_hooks_of_the_stack() -> None:
    policy = json.loads(declare(hook_arns=(HOOK,)).one("iam/rolePolicy:RolePolicy").inputs["policy"])
    (hooks,) = [statement for statement in policy["Statement"] if statement["Sid"] == "Hooks"]
    assert (hooks["Action"], hooks["Resource"]) == (["lambda:InvokeFunction"], [HOOK])


def test_the_contract_names_application_curve_and_group() -> None:
    declare()
    (delivery,) = made
    outputs = delivery.outputs
    assert known(Output.all(outputs.application, outputs.curves["orders"], outputs.groups["orders"])) == [
        "strata-prod",
        "CodeDeployDefault.LambdaCanary10Percent10Minutes",
        "strata-prod-orders",
    ]


def test_the_layer_declares_no_hook_and_moves_no_alias() -> None:
    kinds = {resource.type for resource in declare()}
    assert not {kind for kind in kinds if "lambda" in kind}


def test_a_service_may_have_a_curve_of_its_own() -> None:
    config, own = DeliveryConfig(curve=Curve(7, 12)), Canary(curve=Curve(33, 6))
    recorded = declare(config, canary=own)
    curve = recorded.one("codedeploy/deploymentConfig:DeploymentConfig")
    assert (curve.name, curve.inputs["deploymentConfigName"]) == ("delivery-curve-33-6", "strata-prod-canary-33-6")
    group = recorded.one("codedeploy/deploymentGroup:DeploymentGroup")
    assert group.inputs["deploymentConfigName"] == "strata-prod-canary-33-6"
    assert declare(config).one("codedeploy/deploymentConfig:DeploymentConfig").name == "delivery-curve"


def test_a_curve_that_may_be_chosen_is_declared_and_the_group_has_the_default() -> None:
    config = DeliveryConfig(curve=AutoCurve(), curves=(Curve(50, 45),), default=Curve(20, 15))
    recorded = declare(config)
    names = {each.name: each.inputs["deploymentConfigName"] for each in recorded.of(CONFIGURATION)}
    assert names == {
        "delivery-curve": "strata-prod-canary-20-15",
        "delivery-curve-50-45": "strata-prod-canary-50-45",
    }
    assert recorded.one("codedeploy/deploymentGroup:DeploymentGroup").inputs["deploymentConfigName"] == (
        "strata-prod-canary-20-15"
    )
    assert known(Output.all(**{f"{each}": name for each, name in made[0].outputs.listed.items()})) == {
        "(50, 45)": "strata-prod-canary-50-45"
    }
    assert declare(DeliveryConfig(curve=AutoCurve())).of(CONFIGURATION) == [], "CodeDeploy has all of its own"
