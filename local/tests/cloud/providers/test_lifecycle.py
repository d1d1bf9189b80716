"""Each stand-in resource type against the local cloud, from its creation to its end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.providers.assets import Assets
from local.providers.aws import resources
from local.tests.cloud.conftest import TRUST
from local.tests.cloud.providers import cases, cases_buckets, cases_domains, cases_sources
from local.tests.cloud.providers.conftest import Engine, Made

CASES = {**cases.CASES, **cases_buckets.CASES, **cases_domains.CASES, **cases_sources.CASES}
TYPES = resources(Assets(Path()))


def inputs_of(name: str, engine: Engine, made: dict[str, Made]) -> dict[str, Any]:
    """Return a case's inputs, once everything it needs is made."""
    for need in CASES[name].needs:
        if need not in made:
            made[need] = engine.create(CASES[need].kind, inputs_of(need, engine, made))
    return CASES[name].inputs(made)


# What its owner always has: SNS then writes a policy of its own, and S3 suspends versions and encrypts all the same.
NEVER_GONE = {
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:sns/topicPolicy:TopicPolicy",
}

each = pytest.mark.parametrize("name", CASES)


def test_every_type_has_a_case() -> None:
    assert {case.kind for case in CASES.values()} == TYPES.keys()


@each
def test_a_type_lives_from_its_creation_to_its_end(engine: Engine, name: str) -> None:
    case, made = CASES[name], dict[str, Made]()
    inputs = inputs_of(name, engine, made)
    one = engine.create(case.kind, inputs)
    declared = TYPES[case.kind]
    assert one.state.keys() >= set(declared.outputs), "an output that the real provider has is missing"
    assert one.state.keys() <= declared.fields.keys() | set(declared.outputs) | declared.also.keys() | {"id"}
    assert engine.changed(one, inputs) == set()
    assert engine.refreshed(one) == one

    updated = {key: value for key, value in {**inputs, **case.update}.items() if value is not None}
    if case.update:
        expected = {*case.update, "tagsAll", *declared.outputs}
        assert {path.split(".")[0].split("[")[0] for path in engine.changed(one, updated)} <= expected
        engine.update(one, updated)
        assert engine.changed(one, updated) == set()
        assert engine.refreshed(one) == one, "the update did not reach AWS"

    engine.delete(one)
    assert engine.refreshed(one).id == "" or case.kind in NEVER_GONE
    engine.delete(one)


@each
def test_an_import_by_id_leaves_nothing_to_change(engine: Engine, name: str) -> None:
    case, made = CASES[name], dict[str, Made]()
    inputs = inputs_of(name, engine, made)
    one = engine.create(case.kind, inputs)
    found = engine.imported(case.kind, case.import_id(one))
    never_read = {name for name, spec in TYPES[case.kind].fields.items() if spec.unread}
    asked_for = {"inlinePolicies", "managedPolicyArns"}  # read only where the program manages them
    assert found.id == case.imported_as(one)
    moved = set(TYPES[case.kind].outputs)  # by a value that is never read back
    assert engine.changed(found, inputs) <= never_read | asked_for | moved
    needed = {name: inputs[name] for name in never_read if TYPES[case.kind].fields[name].required}
    assert engine.changed(found, {**needed, **found.inputs}) <= (needed.keys() | moved if needed else set())
    assert engine.imported(case.kind, f"{case.import_id(one)}-not").id == ""


def test_a_role_whose_policies_are_resources_of_their_own_keeps_them_when_it_changes_and_goes_when_it_is_deleted(
    engine: Engine, client: Callable[[str], Any]
) -> None:
    """After a refresh the role's state has them too, as the provider's has, and they are still not the role's own."""
    iam = client("iam")
    inputs = {"name": "hook", "assumeRolePolicy": json.dumps(TRUST)}
    role = engine.create("aws:iam/role:Role", inputs)
    policy = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    )
    calls = engine.create("aws:iam/rolePolicy:RolePolicy", {"name": "calls", "role": "hook", "policy": policy})
    role = engine.refreshed(role)
    assert [each["name"] for each in role.state["inlinePolicies"]] == ["calls"]
    engine.update(role, inputs | {"description": "Calls what it judges"})
    assert iam.list_role_policies(RoleName="hook")["PolicyNames"] == ["calls"]
    engine.delete(calls)
    engine.delete(role)
    assert iam.list_roles()["Roles"] == []
