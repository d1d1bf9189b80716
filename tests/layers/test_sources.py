"""The source of compute, observability and delivery: what a stack declares that reads, adopts or owns them."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from infra.config import ConfigError
from infra.legacy import LegacyError
from infra.services import ServiceError
from tests.adopted_ids import IDS
from tests.hcl import LEGACY, Module, system
from tests.layers.recorder import ACCOUNT, LOOP, REGION, Declared, Recorder, known
from tests.layers.test_program import STATE, answers, run

ADOPTED: dict[str, Any] = {
    "data": {"source": "adopted", "tableName": "orders-prod"},
    "compute": {"source": "adopted", "adopted": {"services": ["orders"], "ids": IDS}, "memory": 1024},
    "observability": {"logRetentionDays": 90},
    "delivery": {"smoke": False, "curve": {"percent": 20, "minutes": 10}},
}
MANAGED: dict[str, Any] = {**ADOPTED, "compute": {"memory": 1024}}
ROW = re.compile(r"^\| `(\w+)/` `(.+?)` \| .+? \| `(aws:\S+)` `(\S+)` \| `(.+)` \|$", re.MULTILINE)
CALLED_OTHERWISE: dict[Any, str] = {  # by Pulumi's SDK
    "alarmName": "name",
    "attribute": "attributes",
    "metricQuery": "metricQueries",
    ("aws:lambda/function:Function", "functionName"): "name",
    ("aws:lambda/permission:Permission", "functionName"): "function",
    ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "clientIdList"): "clientIdLists",
}
MADE_UP = {
    "aws_apigatewayv2_api.this-id": "http-api-id",
    "aws_apigatewayv2_integration.orders-id": "http-orders-integration-id",
}


def state(layer: str) -> dict[str, Any]:
    return {"bucket": "strata-terraform-state-prod", "key": f"{layer}/terraform.tfstate"}


LAYERS = ("compute", "observability", "delivery")
READ: dict[str, Any] = {
    "data": {"source": "legacy", "legacy": state("data")},
    "compute": {"source": "legacy", "legacy": state("compute")},
    "observability": {"legacy": state("observability")},
    "delivery": {"legacy": state("delivery")},
    "release": {},
}
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:strata-prod-orders"
OUTPUTS: dict[str, dict[str, str]] = {
    "compute": {
        "function_name": "strata-prod-orders",
        "function_arn": FUNCTION,
        "alias": "live",
        "api_url": "https://api.example.com",
    },
    "observability": {"topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:strata-prod-alarms", "dashboard": "strata-prod"},
    "delivery": {"application": "strata-prod", "deployment_group": "strata-prod-orders"},
}


def states(**outputs: dict[str, str]) -> dict[str, Any]:
    """Return the answers of the providers to a stack whose layers have these outputs."""
    data = answers(ACCOUNT)[STATE](None)["outputs"]
    found = {"data": data, **OUTPUTS, **outputs}
    return {
        **answers(ACCOUNT),
        STATE: lambda asked: {"outputs": found[asked["key"].partition("/")[0]]},
        "aws:lambda/getAlias:getAlias": lambda asked: {"functionVersion": "12", "id": "x", **asked},
    }


def aws(recorded: Recorder) -> list[Declared]:
    return [each for each in recorded if each.type.startswith("aws:")]


# Legacy


def test_a_stack_of_legacy_layers_declares_nothing_and_exports_what_terraform_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded, exported = run("prod", monkeypatch, states(), **READ)
    assert [each.type for each in recorded] == ["pulumi:providers:aws"]
    assert known(exported["api_url"]) == "https://api.example.com"
    assert known(exported["live_versions"]) == {"strata-prod-orders": "12"}
    assert known(exported["dashboard"]) == "strata-prod"
    assert known(exported["table_name"]) == "orders-x"


def test_the_data_of_a_stack_with_legacy_functions_may_be_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch, states(), **{**READ, "data": ADOPTED["data"]})
    assert [each.name for each in aws(recorded)] == ["data-orders"]


def test_each_layer_is_read_from_its_own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run("prod", monkeypatch, states(), **READ)
    read = [call.args["key"] for call in recorded.called if call.token == STATE]
    assert sorted(read) == sorted(f"{layer}/terraform.tfstate" for layer in (*LAYERS, "data"))


@pytest.mark.parametrize(
    ("layer", "name", "value"),
    [
        ("compute", "function_arn", FUNCTION.replace(ACCOUNT, "222222222222")),
        ("observability", "topic_arn", f"arn:aws:sns:us-east-1:{ACCOUNT}:strata-prod-alarms"),
    ],
)
def test_the_function_and_the_topic_of_another_stack_are_not_taken(
    layer: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = states(**{layer: {**OUTPUTS[layer], name: value}})
    with pytest.raises(LegacyError, match=rf"layer {layer} is legacy: .* but {name} is '{value}'"):
        run("prod", monkeypatch, given, **READ)


def test_a_sensitive_output_is_a_secret_from_the_contract_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.legacy.SECRET", {"compute": frozenset({"api_url"})})
    _, exported = run("prod", monkeypatch, states(), **READ)
    secrets = {name: _is_secret(exported[name]) for name in ("api_url", "dashboard")}
    assert secrets == {"api_url": True, "dashboard": False}


def _is_secret(output: Any) -> bool:
    found: bool = LOOP.run_until_complete(output.is_secret())
    return found


# Adopted


@pytest.fixture
def adopted(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return run("prod", monkeypatch, **ADOPTED)[0]


Rows = list[tuple[str, str, str, str, str]]


def readme_rows() -> Rows:
    """Return the table of the README for prod: layer, address, type, name and import id."""
    text = (LEGACY / "README.md").read_text()
    for placeholder, value in {"ENV": "prod", "ACCOUNT": ACCOUNT, "REGION": REGION}.items():
        text = text.replace(placeholder, value)
    return ROW.findall(text)


def rows() -> Rows:
    """Return the rows of the layers that a stack declares; `bootstrap/` declares identity."""
    return [row for row in readme_rows() if row[0] != "identity"]


def test_each_resource_is_imported_by_the_id_that_the_readme_gives(adopted: Recorder) -> None:
    imported = {(each.type, each.name): each.imports for each in aws(adopted)}
    assert imported == {(kind, name): id_ for _, _, kind, name, id_ in rows()}


def test_each_is_protected_and_retained_and_keeps_its_tags(adopted: Recorder) -> None:
    wrong = [
        each.name
        for each in aws(adopted)
        if not (each.protect and each.retain and {"tags", "tagsAll"} <= set(each.ignores))
    ]
    assert wrong == []


def test_more_than_tags_is_ignored_only_where_the_tools_differ(adopted: Recorder) -> None:
    more = {each.name: set(each.ignores) - {"tags", "tagsAll"} for each in aws(adopted)}
    assert {name: ignored for name, ignored in more.items() if ignored} == {
        "compute-orders": {
            *("code", "s3Bucket", "s3Key", "s3ObjectVersion", "sourceCodeHash", "publish", "handler", "runtime"),
            *("architectures", "memorySize", "timeout", "environment", "tracingConfig", "layers"),
        },
        "compute-orders-live": {"functionVersion", "routingConfig", "description"},
        "http-orders-invoke": {"statementId"},
        "observability-dashboard": {"dashboardBody"},
    }


def test_adopted_and_managed_are_the_same_resources_so_that_one_becomes_the_other(
    adopted: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    managed, _ = run("prod", monkeypatch, **MANAGED)
    assert {each.urn for each in aws(adopted)} <= {each.urn for each in aws(managed)}
    assert not [each.name for each in aws(managed) if each.imports and each.name != "data-orders"]


def test_a_statement_keeps_the_id_that_terraform_generated_when_it_becomes_managed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    managed, _ = run("prod", monkeypatch, **MANAGED)
    (permission,) = managed.of("lambda/permission:Permission")
    assert "statementId" not in permission.inputs
    assert permission.ignores == ("statementId",)


def test_the_release_wants_the_version_that_is_live_and_starts_nothing(adopted: Recorder) -> None:
    (target,) = adopted.one("Release").inputs["targets"]
    assert (target["adopted"], target["version"], target["configuration"]) == (True, "7", "")


def test_every_property_in_the_hcl_is_the_one_that_the_program_declares(adopted: Recorder) -> None:
    """What Terraform applied is what Pulumi imports, so that the first preview shows no difference."""
    assert different(adopted, system(), rows(), MADE_UP) == {}


def test_every_property_of_the_program_is_in_the_hcl(adopted: Recorder) -> None:
    assert lacking(adopted, system(), rows()) == {}


def different(
    recorded: Recorder, layers: Mapping[str, Module], of: Rows, made_up: Mapping[str, str]
) -> dict[str, tuple[Any, Any]]:
    """Return what the program and the HCL have, where they differ. `made_up`: what the program has for HCL's values."""
    found = {}
    for layer, address, kind, name, _ in of:
        declared = recorded.named(name)
        ours = _plain(declared.inputs, made_up)
        for argument, value in layers[layer].values[address].items():
            key, theirs = _called(kind, argument), _plain(value, made_up)
            if key not in {*declared.ignores, "filename"} and ours.get(key) != theirs:
                found[f"{name}.{key}"] = (ours.get(key), theirs)
    return found


def lacking(recorded: Recorder, layers: Mapping[str, Module], of: Rows) -> dict[str, set[str]]:
    """Return what only the program declares, by resource."""
    found = {}
    for layer, address, kind, name, _ in of:
        declared = recorded.named(name)
        there = {_called(kind, each) for each in layers[layer].values[address]}
        if more := declared.inputs.keys() - there - set(declared.ignores):
            found[name] = more
    return found


def _called(kind: str, argument: str) -> str:
    """Return the name by which Pulumi's SDK calls an argument of Terraform's."""
    key = _camel(argument)
    return CALLED_OTHERWISE.get((kind, key), CALLED_OTHERWISE.get(key, key))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _plain(value: Any, made_up: Mapping[str, str]) -> Any:
    """Return a value as both tools have it: JSON parsed, a block of which there is one at most as an object."""
    if isinstance(value, dict):
        return {CALLED_OTHERWISE.get(_camel(key), _camel(key)): _plain(each, made_up) for key, each in value.items()}
    if isinstance(value, list):
        items = [_plain(each, made_up) for each in value]
        return items[0] if len(items) == 1 and isinstance(items[0], dict) else items
    if isinstance(value, str):
        for theirs, ours in made_up.items():
            value = value.replace(theirs, ours)
        return json.loads(value) if value.lstrip().startswith("{") else value
    return value


@pytest.mark.parametrize(
    ("adopted_", "wrong"),
    [
        ({"services": ["orders"], "ids": {**IDS, "http-x": "y"}}, "ids has http-x, which the stack does not import"),
        ({"services": ["orders"]}, "ids lacks http-api, http-orders-integration, http-orders-invoke, http-post/orders"),
        ({"services": ["orders", "nothing"], "ids": IDS}, "services has nothing, but app has no service nothing"),
        ({"services": ["orders", "fulfilment"], "ids": IDS}, "services has fulfilment, which has a queue, a stream"),
    ],
)
def test_what_cannot_be_adopted_is_refused_before_anything_is_declared(
    adopted_: dict[str, Any], wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = {**ADOPTED["compute"], "adopted": adopted_}
    with pytest.raises(ServiceError) as caught:
        run("prod", monkeypatch, **{**ADOPTED, "compute": compute})
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"strata:compute.adopted.{wrong}")


# What cannot go together


@pytest.mark.parametrize(
    ("base", "section", "more", "wrong"),
    [
        (READ, "compute", {"memory": 1024}, "strata:compute.memory is 1024, without effect"),
        (READ, "delivery", {"smoke": False}, "strata:delivery.smoke is false, without effect"),
        (
            READ,
            "observability",
            {"logRetentionDays": 90},
            "strata:observability.logRetentionDays is 90, without effect",
        ),
        (READ, "release", {"topUp": True}, "strata:release.topUp is true, without effect"),
        (READ, "services", {"removed": ["orders"]}, "strata:services.removed is given, without effect"),
        (READ, "compute", {"adopted": {"services": ["orders"]}}, "strata:compute.adopted is given, without effect"),
        (READ, "data", {"source": "managed", "legacy": None}, "strata:data.source is managed without tableName"),
        (ADOPTED, "delivery", {"smoke": True}, "strata:delivery.smoke is true, which takes a hook"),
        (ADOPTED, "delivery", {"bakeMinutes": 3}, "strata:delivery.bakeMinutes takes a hook"),
        (ADOPTED, "delivery", {"legacy": state("delivery")}, "strata:delivery.legacy is given, without effect"),
        (ADOPTED, "observability", {"notify": ["a@example.com"]}, "strata:observability.notify takes subscriptions"),
        (ADOPTED, "compute", {"adopted": None}, "strata:compute.adopted is missing, but"),
        (
            ADOPTED,
            "compute",
            {"api": {"authorizer": {"issuer": "https://i.example", "audience": ["a"]}}},
            "strata:compute.api.authorizer takes a resource of its own",
        ),
        (ADOPTED, "data", {"source": "managed", "tableName": None}, "strata:data.source is managed without tableName"),
        (MANAGED, "compute", {"legacy": state("compute")}, "strata:compute.legacy is given, without effect"),
    ],
)
def test_settings_that_cannot_go_together_are_refused_with_the_reason(
    base: dict[str, Any], section: str, more: dict[str, Any], wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {**base.get(section, {}), **more}
    with pytest.raises(ConfigError) as caught:
        run("prod", monkeypatch, **{**base, section: {key: value for key, value in given.items() if value is not None}})
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(wrong)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_stack_that_reads_functions_names_the_state_of_each_layer(
    layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {key: value for key, value in READ[layer].items() if key != "legacy"}
    with pytest.raises(ConfigError) as caught:
        run("prod", monkeypatch, **{**READ, layer: kept})
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"strata:{layer}.legacy is missing, but strata:compute.source is legacy")
