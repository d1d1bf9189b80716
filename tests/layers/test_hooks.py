"""The hooks layer declares the functions that CodeDeploy calls, and none where the stack wants none."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import Output

from infra.bundle import Bundle
from infra.config import ComputeConfig, DeliveryConfig
from infra.contracts import FunctionOutputs
from infra.layers.hooks import Hooks
from infra.naming import AwsLocation, Names
from tests.layers.recorder import ACCOUNT, REGION, Declared, Recorder, known, record

NAMES = Names("strata", "prod")
PLACE = AwsLocation("aws", REGION, ACCOUNT)
FUNCTION = PLACE.arn("lambda", "function:strata-prod-orders")
GROUP = f"arn:aws:codedeploy:{REGION}:{ACCOUNT}:deploymentgroup:strata-prod/strata-prod-orders"
BAKED = DeliveryConfig(bake_minutes=14)
made: list[Hooks] = []


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    path = tmp_path_factory.mktemp("dist") / "hooks.zip"
    path.write_bytes(b"zip")
    return {name: Bundle(path, f"app.hooks.{name}.handler", "digest", ()) for name in ("smoke", "bake")}


def declare(
    bundles: dict[str, Bundle], config: DeliveryConfig | None = None, compute: ComputeConfig | None = None
) -> Recorder:
    def program() -> None:
        orders = FunctionOutputs(
            name=Output.from_input("strata-prod-orders"),
            arn=Output.from_input(FUNCTION),
            alias=Output.from_input("live"),
            alias_arn=Output.from_input("alias"),
            invoke_arn=Output.from_input("invoke"),
            version=Output.from_input("7"),
            log_group="/aws/lambda/strata-prod-orders",
            configuration=Output.from_input("{}"),
        )
        made[:] = [
            Hooks(
                "hooks",
                names=NAMES,
                place=PLACE,
                config=config or DeliveryConfig(),
                compute=compute or ComputeConfig(),
                log_retention_days=90,
                bundles=bundles,
                functions={"orders": orders},
            )
        ]

    return record(program)


def allowed(recorded: Recorder, hook: str) -> dict[str, tuple[list[str], list[str]]]:
    """Return the actions and resources of a hook's role, by statement."""
    policy: dict[str, Any] = json.loads(recorded.named(f"hooks-{hook}-calls").inputs["policy"])
    return {each["Sid"]: (each["Action"], each["Resource"]) for each in policy["Statement"]}


def function(recorded: Recorder, hook: str) -> Declared:
    return recorded.named(f"hooks-{hook}")


def test_a_stack_that_says_nothing_has_a_smoke_hook_and_no_bake_hook(bundles: dict[str, Bundle]) -> None:
    recorded = declare(bundles)
    assert recorded.one("lambda/function:Function").inputs["name"] == "CodeDeployHook_strata-prod-smoke"
    (hooks,) = made
    assert known(Output.all(hooks.outputs.before_allow_traffic, *hooks.outputs.arns)) == [
        "CodeDeployHook_strata-prod-smoke",
        f"arn:aws:test:{REGION}:{ACCOUNT}:CodeDeployHook_strata-prod-smoke",
    ]
    assert hooks.outputs.after_allow_traffic == ""


def test_a_stack_without_hooks_declares_nothing(bundles: dict[str, Bundle]) -> None:
    assert [resource.name for resource in declare(bundles, DeliveryConfig(smoke=False))] == ["hooks"]
    (hooks,) = made
    assert hooks.outputs.arns == ()
    assert (hooks.outputs.before_allow_traffic, hooks.outputs.after_allow_traffic) == ("", "")


def test_a_stack_with_minutes_to_bake_has_both_hooks(bundles: dict[str, Bundle]) -> None:
    recorded = declare(bundles, BAKED)
    assert {each.inputs["name"] for each in recorded.of("lambda/function:Function")} == {
        "CodeDeployHook_strata-prod-smoke",
        "CodeDeployHook_strata-prod-bake",
    }
    (hooks,) = made
    assert len(hooks.outputs.arns) == 2
    assert known(Output.from_input(hooks.outputs.after_allow_traffic)) == "CodeDeployHook_strata-prod-bake"


def test_a_hook_costs_four_resources(bundles: dict[str, Bundle]) -> None:
    assert len(list(declare(bundles))) == 1 + 4
    assert len(list(declare(bundles, BAKED))) == 1 + 8


def test_the_bake_hook_may_run_longer_than_it_waits_and_no_longer_than_lambda_lets_it(
    bundles: dict[str, Bundle],
) -> None:
    bake = function(declare(bundles, BAKED), "bake").inputs
    assert bake["environment"]["variables"] == {"BAKE_MINUTES": "14"}
    assert 14 * 60 < bake["timeout"] <= 900


def test_the_smoke_hook_answers_long_before_codedeploys_hour_is_over(bundles: dict[str, Bundle]) -> None:
    assert function(declare(bundles), "smoke").inputs["timeout"] == 180


def test_the_smoke_hook_gets_the_service_whose_events_a_function_answers(bundles: dict[str, Bundle]) -> None:
    variables = function(declare(bundles), "smoke").inputs["environment"]["variables"]
    assert variables.keys() == {"SERVICES"}
    assert json.loads(variables["SERVICES"]) == {"strata-prod-orders": "orders"}


def test_every_variable_that_a_hook_reads_is_given_or_the_rehearsals(bundles: dict[str, Bundle]) -> None:
    hooks = Path(__file__).resolve().parents[2] / "app/hooks"
    recorded = declare(bundles, BAKED)
    for name in ("smoke", "bake"):
        (variable,) = function(recorded, name).inputs["environment"]["variables"]
        assert f'os.environ["{variable}"]' in (hooks / f"{name}.py").read_text()


def test_hooks_run_on_the_stacks_runtime_from_the_hooks_bundle_unpublished(bundles: dict[str, Bundle]) -> None:
    compute = ComputeConfig(runtime="python3.12", architecture="arm64")
    smoke = function(declare(bundles, compute=compute), "smoke").inputs
    assert (smoke["runtime"], smoke["architectures"]) == ("python3.12", ["arm64"])
    assert smoke["handler"] == "app.hooks.smoke.handler"
    assert isinstance(smoke["code"], pulumi.FileArchive)
    assert "publish" not in smoke


def test_hooks_have_no_alias_and_no_permission_that_lets_others_in(bundles: dict[str, Bundle]) -> None:
    recorded = declare(bundles, BAKED)
    assert recorded.of("lambda/alias:Alias") == []
    assert recorded.of("lambda/permission:Permission") == []


def test_each_hook_has_a_role_of_its_own_that_only_lambda_takes(bundles: dict[str, Bundle]) -> None:
    roles = declare(bundles, BAKED).of("iam/role:Role")
    assert {role.inputs["name"] for role in roles} == {"strata-prod-smoke-hook", "strata-prod-bake-hook"}
    for role in roles:
        (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_the_smoke_hook_reads_and_answers_deployments_of_our_groups_and_invokes_our_versions(
    bundles: dict[str, Bundle],
) -> None:
    assert allowed(declare(bundles), "smoke") == {
        "Deployments": (["codedeploy:GetDeployment", "codedeploy:PutLifecycleEventHookExecutionStatus"], [GROUP]),
        "Versions": (["lambda:InvokeFunction"], [f"{FUNCTION}:*"]),
        "Logs": (
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [PLACE.arn("logs", "log-group:/aws/lambda/CodeDeployHook_strata-prod-smoke:*")],
        ),
    }


def test_the_bake_hook_only_answers(bundles: dict[str, Bundle]) -> None:
    calls = allowed(declare(bundles, BAKED), "bake")
    assert calls.keys() == {"Deployments", "Logs"}
    assert calls["Deployments"] == (["codedeploy:PutLifecycleEventHookExecutionStatus"], [GROUP])


def test_a_hook_has_its_rights_and_its_log_before_it_can_be_called(bundles: dict[str, Bundle]) -> None:
    recorded = declare(bundles, BAKED)
    for name in ("smoke", "bake"):
        assert {f"hooks-{name}-calls", f"hooks-{name}-logs"} <= function(recorded, name).after


def test_logs_of_hooks_end_after_the_days_that_the_stack_says(bundles: dict[str, Bundle]) -> None:
    group = declare(bundles).one("cloudwatch/logGroup:LogGroup").inputs
    assert group == {"name": "/aws/lambda/CodeDeployHook_strata-prod-smoke", "retentionInDays": 90}


def test_every_resource_is_a_child_of_the_layer(bundles: dict[str, Bundle]) -> None:
    assert [each.name for each in declare(bundles, BAKED) if each.parent != "hooks"] == ["hooks"]
