"""The legacy identity layer that a rehearsal sets up is the one that terraform-legacy declares."""

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from infra.legacy import OUTPUTS
from infra.migrate import read
from infra.migrate.homes import HOMELESS
from rehearsal.environment import legacy_identity
from rehearsal.environment.legacy_document import Instance, document
from rehearsal.environment.legacy_identity import LAYER, Identity
from rehearsal.environment.legacy_state import Backend
from rehearsal.observe.aws_records import AwsRecords
from tests.hcl import LEGACY, system
from tests.unit.test_rehearsal_legacy_functions import plain

BACKEND = Backend("strata-terraform-state-prod", "data/terraform.tfstate", "eu-central-1")
IAM = "arn:aws:iam::333333333333"
PROVIDER = f"{IAM}:oidc-provider/token.actions.githubusercontent.com"
ANSWERS: Mapping[str, Any] = {
    "create_open_id_connect_provider": lambda _: {"OpenIDConnectProviderArn": PROVIDER},
    "create_policy": lambda given: {"Policy": {"Arn": f"{IAM}:policy/{given['PolicyName']}"}},
    "create_role": lambda given: {"Role": {"Arn": f"{IAM}:role/{given['RoleName']}"}},
    "create_key": lambda _: {"KeyMetadata": {"KeyId": "aws_kms_key.alarms-key_id", "Arn": "arn:aws:kms:x"}},
}
MADE_UP = {
    "arn:aws:test:eu-central-1:333333333333:aws_iam_openid_connect_provider.github": PROVIDER,
    "aws_iam_role.deploy-id": legacy_identity.DEPLOY,
    "strata-prod-deploy-id": legacy_identity.DEPLOY,
    "https://token": "token",  # AWS answers a provider's URL without its scheme
}


class Aws:
    region, account = "eu-central-1", "333333333333"

    def client(self, _: str) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **given: ANSWERS.get(name, lambda _: {})(given)


@pytest.fixture(scope="module")
def layer() -> Identity:
    return Identity(cast("AwsRecords", Aws()), LEGACY / LAYER)


@pytest.fixture(scope="module")
def instances(layer: Identity) -> list[Instance]:
    return layer.instances()


def test_the_state_says_what_the_layer_declares(instances: list[Instance]) -> None:
    declared = system()[LAYER].values
    assert {each.address for each in instances} == set(declared)
    different = {}
    for each in instances:
        for argument, value in declared[each.address].items():
            theirs, ours = plain(value, MADE_UP), plain(each.attributes.get(argument), MADE_UP)
            if ours != theirs:
                different[f"{each.address}.{argument}"] = (ours, theirs)
    assert different == {}


def test_the_state_is_read_with_its_outputs_and_what_has_no_home(layer: Identity, instances: list[Instance]) -> None:
    assert set(layer.outputs) == set(system()[LAYER].named("output")) == set(OUTPUTS[LAYER])
    found = document(instances, layer.outputs, LAYER, BACKEND)
    state = read.terraform_state(json.dumps(found), LAYER, LAYER)
    homeless = [each for each in state.resources if each.thing is None]
    assert {each.address for each in homeless} == set(legacy_identity.HOMELESS)
    assert {(LAYER, each.type) for each in homeless} == set(HOMELESS)
    assert state.outputs == set(layer.outputs)
    assert state.reads == set()


def test_the_state_has_the_attributes_that_the_real_provider_writes(instances: list[Instance]) -> None:
    recorded = json.loads((LEGACY.parent / "tests/recorded/terraform-many-families.tfstate").read_text())
    written = {each["type"]: set(each["instances"][0]["attributes"]) for each in recorded["resources"]}
    computed = {"create_date", "unique_id", "policy_id", "inline_policy", "managed_policy_arns", "name_prefix"}
    lacking = {
        each.address: written[each.kind] - set(each.attributes) - computed for each in instances if each.kind in written
    }
    assert {address: names for address, names in lacking.items() if names} == {}
