"""The whole program: what each stack declares, in which order, and what it does not."""

import gc
import json
import runpy
import threading
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml  # type: ignore[import-untyped]

from infra import git
from infra import stack as stack_module
from infra.account import AccountError
from infra.artifacts import ManifestError
from infra.bundle import smoke
from infra.bundle.smoke import SmokeError
from infra.config import ConfigError, bootstrap_files
from infra.legacy import LegacyError
from infra.program import OBJECTS
from infra.release.model.spec import READ_AHEAD
from infra.release.verdict.rule import Rule
from tests.layers.recorder import REGION, Answers, Recorder, known, record

ROOT = Path(__file__).resolve().parents[2]
ACCOUNTS = {"dev": "111111111111", "staging": "222222222222", "prod": "333333333333"}
IDENTITY = "aws:index/getCallerIdentity:getCallerIdentity"
STATE = "terraform:state:getS3Reference"


def answers(account: str) -> dict[str, Any]:
    caller = {"accountId": account, "arn": f"arn:aws:sts::{account}:assumed-role/deploy/ci", "userId": "x", "id": "x"}
    arn = f"arn:aws:dynamodb:{REGION}:{account}:table/orders-x"
    table = {"table_name": "orders-x", "table_arn": arn, "table_stream_arn": f"{arn}/stream/2026-01-31T12:00:00.000"}
    return {IDENTITY: lambda _: caller, STATE: lambda _: {"outputs": table}}


def run(
    stack: str,
    monkeypatch: pytest.MonkeyPatch,
    given: Answers | None = None,
    folder: Path = ROOT,
    preview: bool = False,
    **sections: object,
) -> tuple[Recorder, dict[str, Any]]:
    """Run the `__main__.py` of `folder` as the stack; returns what it declared and what it exported."""
    written = yaml.safe_load((folder / f"Pulumi.{stack}.yaml").read_text())["config"]
    written = {f"strata:{key.rpartition(':')[2]}": value for key, value in written.items()}
    written |= {f"strata:{section}": value for section, value in sections.items()}
    pulumi.runtime.set_all_config({key: json.dumps(value) for key, value in written.items()})
    exported: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)
    monkeypatch.setenv("STRATA_COMMIT", "abc123")
    program = str(folder / "__main__.py")
    given = given or answers(ACCOUNTS[stack])
    recorded = record(lambda: runpy.run_path(program), stack=stack, answers=given, preview=preview)
    return recorded, exported


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_a_stack_with_a_legacy_data_layer_declares_no_table(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run(stack, monkeypatch)
    assert recorded.of("dynamodb/table:Table") == []
    assert recorded.of("Data") == []
    assert recorded.named("compute-orders").inputs["environment"]["variables"]["TABLE_NAME"] == "orders-x"


@pytest.mark.parametrize("debug", ["", "1"])
def test_the_sdk_sends_the_engine_debug_messages_only_where_they_are_asked_for(
    debug: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("STRATA_SDK_DEBUG", debug)
    with caplog.at_level("DEBUG"):
        run("dev", monkeypatch)
    assert ("resource registration successful" in caplog.text) == bool(debug)


def test_the_bundles_are_built_while_the_providers_start(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, build, given = threading.Event(), stack_module._built, answers(ACCOUNTS["dev"])

    def noted(*about: Any) -> Any:
        begun.set()
        return build(*about)

    def started(args: Any) -> Any:
        assert begun.wait(30), "nothing was built while the provider was awaited"
        return given[IDENTITY](args)

    monkeypatch.setattr(stack_module, "_built", noted)
    recorded, _ = run("dev", monkeypatch, given={**given, IDENTITY: started})
    assert recorded.of("lambda/function:Function")


def test_the_program_looks_for_cycles_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    run("dev", monkeypatch)
    assert gc.get_threshold()[0] == OBJECTS
    assert gc.get_freeze_count()


def test_dev_declares_its_own_table_and_reads_no_terraform_state(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("dev", monkeypatch)
    assert recorded.one("dynamodb/table:Table").inputs["name"] == "strata-dev-orders"
    assert [call.token for call in recorded.called] == [IDENTITY]


def test_a_preview_reads_ahead_what_it_releases_and_an_update_reads_nothing_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {**answers(ACCOUNTS["dev"]), READ_AHEAD: lambda _: {}}
    recorded, _ = run("dev", monkeypatch, given=given, preview=True)
    (ahead,) = [call.args for call in recorded.called if call.token == READ_AHEAD]
    (release,) = recorded.of("Release")
    names = ("function", "alias", "application", "group")
    of_targets = [{name: target[name] for name in names} for target in release.inputs["targets"]]
    assert [{name: each[name] for name in names} for each in ahead["functions"]] == of_targets
    arns = [
        f"arn:aws:codedeploy:{REGION}:{ACCOUNTS['dev']}:deploymentgroup:strata-dev/{t['group']}" for t in of_targets
    ]
    assert ([each["group_arn"] for each in ahead["functions"]], ahead["region"]) == (arns, REGION)
    recorded, _ = run("dev", monkeypatch, given=given)
    assert READ_AHEAD not in [call.token for call in recorded.called]


def test_a_table_can_be_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch, data={"source": "adopted", "tableName": "orders-prod"})
    assert recorded.one("dynamodb/table:Table").imports == "orders-prod"
    assert STATE not in [call.token for call in recorded.called]


def test_every_aws_resource_is_the_explicit_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("dev", monkeypatch)
    elsewhere = [made.name for made in recorded if made.type.startswith("aws:") and made.provider != "aws"]
    assert elsewhere == []


def test_the_provider_is_bound_to_region_and_accounts_and_tags_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch)
    provider = recorded.named("aws").inputs
    assert provider["region"] == REGION
    assert json.loads(provider["allowedAccountIds"]) == ["333333333333"]
    assert json.loads(provider["defaultTags"])["tags"]["Stack"] == "prod"


def test_the_release_waits_for_logs_alarms_hooks_and_codedeploy(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch)
    release = recorded.one("Release")
    layers = {made.name for made in recorded if made.parent in {"observability", "hooks", "delivery"}}
    assert layers
    assert layers <= release.after


def test_only_what_calls_a_function_waits_for_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch)
    waiting = {made.type for made in recorded if "release" in made.after}
    assert waiting == {"aws:apigatewayv2/route:Route", "aws:lambda/eventSourceMapping:EventSourceMapping"}


def test_the_release_gets_every_name_that_it_acts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch)
    release = recorded.one("Release").inputs
    (target,) = (each for each in release["targets"] if each["function"] == "strata-prod-orders")
    probe = json.loads(target.pop("probe"))
    assert probe["routeKey"] == "GET /health"
    declared = json.loads(target.pop("configuration"))
    assert (declared["MemorySize"], declared["Handler"]) == (1024, "app.orders.main.handler")
    assert declared["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "orders"
    assert target == {
        "answered": True,
        "function": "strata-prod-orders",
        "alias": "live",
        "version": "7",
        "application": "strata-prod",
        "group": "strata-prod-orders",
        "curve": "CodeDeployDefault.LambdaCanary10Percent10Minutes",
        "minutes": 10,
        "percent": 10,
        "alarm": "strata-prod-orders-live-errors",
        "topic": f"arn:aws:test:{REGION}:333333333333:strata-prod-alarms",
        "log_group": "/aws/lambda/strata-prod-orders",
        "throttle_alarm": "strata-prod-orders-live-throttles",
        "before_allow_traffic": "CodeDeployHook_strata-prod-smoke",
        "after_allow_traffic": "",
        "proof_group": f"arn:aws:codedeploy:{REGION}:222222222222:deploymentgroup:strata-staging/strata-staging-orders",
        "proof_role": "arn:aws:iam::222222222222:role/strata-staging-proof",
    }
    assert release["region"] == REGION
    assert release["policy"]["commit"] == "abc123"


def test_the_release_names_the_hooks_that_the_stack_wants_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch, delivery={"smoke": False, "bakeMinutes": 5})
    targets = recorded.one("Release").inputs["targets"]
    assert {each["before_allow_traffic"] for each in targets} == {""}
    assert {each["after_allow_traffic"] for each in targets} == {"CodeDeployHook_strata-prod-bake"}


def test_every_role_of_the_stack_carries_its_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch, delivery={"bakeMinutes": 5})
    found = {role.inputs["name"]: role.inputs.get("permissionsBoundary") for role in recorded.of("iam/role:Role")}
    assert found == dict.fromkeys(
        (
            "strata-prod-orders-execution",
            "strata-prod-fulfilment-execution",
            "strata-prod-smoke-hook",
            "strata-prod-bake-hook",
            "strata-prod-codedeploy",
        ),
        "arn:aws:iam::333333333333:policy/strata-prod-boundary",
    )


def test_codedeploy_may_invoke_the_hooks_before_the_release_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch)
    policy = json.loads(recorded.named("delivery-deployments").inputs["policy"])
    (hooks,) = [statement for statement in policy["Statement"] if statement["Sid"] == "Hooks"]
    assert hooks["Resource"] == [f"arn:aws:test:{REGION}:333333333333:CodeDeployHook_strata-prod-smoke"]


def test_a_smoke_event_that_is_none_declares_nothing_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong = tmp_path / "app/orders/smoke"
    wrong.mkdir(parents=True)
    (wrong / "health.json").write_text("{")
    read = smoke.read
    monkeypatch.setattr(smoke, "read", lambda services, _: read(services, tmp_path))
    recorded = None
    with pytest.raises(SmokeError, match=r"app/orders/smoke/health\.json is not JSON"):
        recorded, _ = run("prod", monkeypatch)
    assert recorded is None


def test_a_manifest_that_cannot_be_deployed_declares_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_MANIFEST", "dist/no-such-manifest.json")
    recorded = None
    with pytest.raises(ManifestError, match="cannot be read"):
        recorded, _ = run("prod", monkeypatch)
    assert recorded is None


def test_a_commit_that_git_cannot_describe_declares_nothing_and_is_reported_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> str:
        raise git.CommitError("the commit to release is unknown: `git describe` says: no")

    monkeypatch.setattr(git, "current_commit", refuse)
    recorded = None
    with pytest.raises(pulumi.RunError, match="the commit to release is unknown"):
        recorded, _ = run("prod", monkeypatch)
    assert recorded is None


def test_the_outputs_are_what_a_person_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    _, exported = run("prod", monkeypatch)
    assert exported.keys() == {"api_url", "live_versions", "dashboard", "table_name"}
    assert known(exported["live_versions"]) == {"strata-prod-orders": "7"}
    assert known(exported["table_name"]) == "orders-x"


def test_a_freeze_of_promotion_is_exported_and_declares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap_files, "FOLDER", "elsewhere")
    release, frozen = {"from": "staging", "promoteBy": "event"}, {"by": "ann", "why": "inventory"}
    plain, _ = run("prod", monkeypatch, release={"from": "staging"})
    recorded, exported = run("prod", monkeypatch, release=release, promotion={"frozen": frozen})
    assert exported["promotion_frozen"] == frozen
    assert {each.urn for each in recorded} == {each.urn for each in plain}
    assert recorded.one("release:Release").inputs == plain.one("release:Release").inputs


def test_a_mistake_in_the_configuration_declares_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = None
    with pytest.raises(ConfigError) as caught:
        recorded, _ = run("prod", monkeypatch, compute={"memory": 1, "timeout": 99})
    assert recorded is None
    assert len(caught.value.mistakes) == 2


def test_credentials_of_another_account_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AccountError, match=r"are of account 111111111111, but .*allowedAccountIds.* is 333333333333"):
        run("prod", monkeypatch, answers("111111111111"))


def test_an_empty_legacy_state_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {**answers("333333333333"), STATE: lambda _: {"outputs": {}}}
    with pytest.raises(LegacyError, match="layer data is legacy"):
        run("prod", monkeypatch, given)


def test_a_service_without_routes_is_probed_by_an_empty_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch)
    (target,) = (each for each in recorded.one("Release").inputs["targets"] if "fulfilment" in each["function"])
    assert json.loads(target["probe"]) == {"Records": []}
    function = recorded.named("compute-fulfilment").inputs
    assert (function["runtime"], function["handler"]) == ("nodejs22.x", "main.handler")


def test_a_service_may_be_judged_by_bounds_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    canary = {"minimumRequests": 5, "evidence": "enforce", "rule": {"z": 4}, "curve": {"percent": 25, "minutes": 6}}
    recorded, _ = run("prod", monkeypatch, services={"fulfilment": {"canary": canary}})
    own, orders = (
        next(each for each in recorded.one("Release").inputs["targets"] if each["function"].endswith(name))
        for name in ("fulfilment", "orders")
    )
    assert (own["minimum_requests"], own["evidence"], own["percent"], own["minutes"]) == (5, "enforce", 25, 6)
    assert (own["rule"]["z"], own["rule"]["absolute"]) == (4, Rule().absolute)
    assert orders.keys().isdisjoint({"rule", "minimum_requests", "evidence"})


def test_answered_faults_count_for_the_service_that_says_so_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch)
    answered = {each["function"]: each.get("answered") for each in recorded.one("Release").inputs["targets"]}
    assert answered == {"strata-prod-fulfilment": None, "strata-prod-orders": True}
    alarms = {each.name: str(each.inputs) for each in recorded.of("cloudwatch/metricAlarm:MetricAlarm")}
    assert [name for name, inputs in alarms.items() if "AnsweredFaults" in inputs] == ["observability-orders-errors"]


def test_each_function_of_a_stack_may_choose_its_curve_by_bounds_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = {"curve": "auto", "detect": {"points": 3}, "curves": [{"percent": 50, "minutes": 45}]}
    services = {"fulfilment": {"canary": {"curve": "auto", "longest": 90}}}
    recorded, _ = run("prod", monkeypatch, delivery=delivery, services=services)
    found = {each["function"]: each for each in recorded.one("Release").inputs["targets"]}
    listed = [{"name": "strata-prod-canary-50-45", "percent": 50, "minutes": 45}]
    assert found["strata-prod-orders"]["auto"] == {"points": 3, "chance": 0.9, "longest": 60, "listed": listed}
    assert found["strata-prod-fulfilment"]["auto"] == {"points": 3, "chance": 0.9, "longest": 90, "listed": listed}
    assert found["strata-prod-orders"]["curve"] == "CodeDeployDefault.LambdaCanary10Percent10Minutes"
    configured, _ = run("prod", monkeypatch)
    assert all("auto" not in each for each in configured.one("Release").inputs["targets"])
