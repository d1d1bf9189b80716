"""The states of Terraform's layers are read, each where the stack reads it, and no right of any role changes one."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.permissions import StackResources, Statement
from tests.unit.grants_kit import FUNCTIONS, LEGACY, OWNED, allowed, deploying, granting, previewing


def test_terraforms_state_is_never_written() -> None:
    state = "arn:aws:s3:::acme-terraform-state/data/terraform.tfstate"
    assert not allowed("s3:PutObject", state, deploying(LEGACY))
    assert not allowed("s3:DeleteObject", state, deploying(LEGACY))


@pytest.mark.parametrize("base", [OWNED, LEGACY])
@pytest.mark.parametrize("role", [deploying, previewing])
def test_the_states_of_legacy_functions_are_read_one_by_one_and_never_written(
    base: StackResources, role: Callable[[StackResources], list[Statement]]
) -> None:
    statements = role(replace(base, legacy_functions=FUNCTIONS))
    arns = [f"arn:aws:s3:::{bucket}/{key}" for bucket, key in FUNCTIONS]
    assert all(allowed("s3:GetObject", arn, statements) for arn in arns)
    for other in ("identity/terraform.tfstate", "compute/terraform.tfstate.tflock", "compute/"):
        assert not allowed("s3:GetObject", f"arn:aws:s3:::acme-terraform-state/{other}", statements)
    assert [arn for arn in arns for action in ("Put", "Delete") if allowed(f"s3:{action}Object", arn, statements)] == []
    unlike = [each for each in statements if each not in role(base)]
    assert [each.sid for each in unlike] == ["LegacyFunctions"], "the rest of the role's rights differs"


def test_layers_in_one_state_are_granted_once() -> None:
    one = (LEGACY.legacy_bucket, LEGACY.legacy_key)
    for layers in ((one,), (one, FUNCTIONS[0])):
        statements = deploying(replace(LEGACY, legacy_functions=layers))
        arns = [arn for each in granting("s3:GetObject", statements) for arn in each.resources]
        assert len(arns) == len(set(arns))
        assert not [each for each in statements if not each.resources]
