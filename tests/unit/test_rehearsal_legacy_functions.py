"""The legacy layers that a rehearsal sets up beside the data are those that terraform-legacy declares."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import pytest

from infra.legacy import OUTPUTS
from infra.migrate import read
from rehearsal.environment.legacy_document import LAYERS, READS, Instance, document
from rehearsal.environment.legacy_functions import Functions
from rehearsal.environment.legacy_state import Backend
from rehearsal.observe.aws_records import AwsRecords
from tests.hcl import system

BACKEND = Backend("strata-terraform-state-prod", "data/terraform.tfstate", "eu-central-1")
API, INTEGRATION = "aws_apigatewayv2_api.this-id", "aws_apigatewayv2_integration.orders-id"
ANSWERS: Mapping[str, Any] = {
    "create_role": lambda given: {"Role": {"Arn": f"arn:aws:iam::333333333333:role/{given['RoleName']}"}},
    "create_function": lambda _: {"CodeSha256": "DIGEST"},
    "create_api": lambda _: {"ApiId": API, "ApiEndpoint": "https://api.example.com"},
    "create_integration": lambda _: {"IntegrationId": INTEGRATION},
    "create_route": lambda given: {"RouteId": given["RouteKey"]},
    "create_application": lambda _: {"applicationId": "1"},
    "create_deployment_group": lambda _: {"deploymentGroupId": "2"},
}
ELSEWHERE = {"filename", "function_version"}  # a path of the machine that applied, and a number that AWS gives


class Client:
    """Takes every call, and answers some. A waiter has nothing to wait for."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **given: ANSWERS.get(name, lambda _: Client())(given)


class Aws:
    region, account = "eu-central-1", "333333333333"

    def client(self, _: str) -> Client:
        return Client()


@pytest.fixture(scope="module")
def made() -> dict[str, list[Instance]]:
    functions = Functions(cast("AwsRecords", Aws()), b"")
    return {layer: functions.instances(layer) for layer in LAYERS}


def names(made: Mapping[str, list[Instance]]) -> dict[str, str]:
    """Return by what the HCL's reader makes up what the states have in its place."""
    table = f"arn:aws:dynamodb:{Aws.region}:{Aws.account}:table/orders-prod"
    found = {"arn:aws:test:eu-central-1:333333333333:orders-prod": table}
    kinds = ("aws_iam_role", "aws_sns_topic", "aws_lambda_function", "aws_cloudwatch_log_group")
    for each in (one for layer in made.values() for one in layer if one.kind in kinds):
        name = each.attributes.get("name") or each.attributes["function_name"]
        found[f"arn:aws:test:eu-central-1:333333333333:{name}"] = each.attributes["arn"]
    function = next(each for each in made["compute"] if each.kind == "aws_lambda_alias")
    found["arn:aws:apigateway:eu-central-1:lambda:path/live/invocations"] = function.attributes["invoke_arn"]
    found["arn:aws:execute-api:eu-central-1:333333333333:api"] = f"arn:aws:execute-api:{Aws.region}:{Aws.account}:{API}"
    return found


def plain(value: Any, found: Mapping[str, str]) -> Any:
    """Return a value as both have it: JSON parsed, a single block as an object, without what is left to a default."""
    if isinstance(value, dict):
        kept = {key: plain(each, found) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, "", 0, False, [], {})}
    if isinstance(value, list):
        items = sorted((plain(each, found) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
        return items[0] if len(items) == 1 and isinstance(items[0], dict) else items
    if isinstance(value, str):
        for made_up in sorted(found, key=len, reverse=True):
            value = re.sub(rf"{re.escape(made_up)}(?![\w-])", found[made_up], value)
        return plain(json.loads(value), found) if value.lstrip().startswith("{") else value
    return value


@pytest.mark.parametrize("layer", LAYERS)
def test_each_state_says_what_its_layer_declares(layer: str, made: dict[str, list[Instance]]) -> None:
    found, declared = names(made), system()[layer].values
    assert {each.address for each in made[layer]} == set(declared)
    different = {}
    for each in made[layer]:
        for argument, value in declared[each.address].items():
            theirs, ours = plain(value, found), plain(each.attributes.get(argument), found)
            if argument not in ELSEWHERE and ours != theirs and (ours or theirs):
                different[f"{each.address}.{argument}"] = (ours, theirs)
    assert different == {}


def test_a_state_is_read_with_its_addresses_outputs_and_what_it_reads(made: dict[str, list[Instance]]) -> None:
    functions = Functions(cast("AwsRecords", Aws()), b"")
    for layer in LAYERS:
        outputs = functions.outputs(layer)
        assert set(outputs) == set(system()[layer].named("output"))
        assert set(OUTPUTS[layer]) <= set(outputs)
        state = read.terraform_state(json.dumps(document(made[layer], outputs, layer, BACKEND)), layer)
        assert [each.address for each in state.resources] == [each.address for each in made[layer]]
        assert [each.address for each in state.resources if each.thing is None] == []
        assert state.outputs == set(outputs)
        assert state.reads == {f"{each}/terraform.tfstate" for each in READS[layer]}
