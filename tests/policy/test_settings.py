"""The settings of each stack, and the levels at which its rules block."""

import json
from pathlib import Path

import pytest

from infra.naming import Names
from policy import settings
from policy.view import Settings

ROOT = Path(__file__).resolve().parents[2]
STACKS = sorted(file.name.split(".")[1] for file in ROOT.glob("Pulumi.*.yaml"))


def test_a_stack_without_a_table_is_held_to_all_of_it() -> None:
    assert settings.parse("anna", {"prod": {"production": False}}) == Settings(production=True)


def test_a_stacks_own_keys_stand_before_the_default_ones() -> None:
    tables = {"default": {"production": True, "boundary": "ours"}, "dev": {"production": False}}
    assert settings.parse("dev", tables) == Settings(production=False, boundary="ours")


def test_a_boundarys_name_may_hold_the_stacks() -> None:
    assert settings.parse("dev", {"default": {"boundary": "ours-{stack}"}}).boundary == "ours-dev"


@pytest.mark.parametrize("stack", STACKS)
def test_each_stack_is_held_to_the_boundary_that_the_program_gives_its_roles(stack: str) -> None:
    assert settings.read(stack).boundary == Names("strata", stack).boundary
    assert settings.read(stack, project="shop").boundary == Names("shop", stack).boundary


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            {"prodution": False},
            "[dev] must not hold prodution: the keys are production, boundary, exceptions; remove it",
        ),
        ({"production": "no"}, "[dev] must hold a bool: production is 'no'; correct it"),
    ],
)
def test_a_key_that_means_nothing_is_a_mistake_and_leaves_the_strict_setting(
    table: dict[str, object], expected: str
) -> None:
    assert settings.parse("dev", {"dev": table}) == Settings(production=True, mistakes=(expected,))


def test_a_file_that_is_no_toml_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "stacks.toml"
    file.write_text("[prod\n")
    (mistake,) = settings.read("prod", file).mistakes
    assert mistake.startswith("policy/stacks.toml must be TOML: ")


def test_the_file_of_the_repository_has_no_mistake() -> None:
    assert {stack: settings.read(stack).mistakes for stack in STACKS} == dict.fromkeys(STACKS, ())


def test_prod_is_production_and_dev_is_not() -> None:
    assert settings.read("prod").production
    assert not settings.read("dev").production


def test_a_broken_rule_blocks_everywhere_but_in_dev() -> None:
    levels = {stack: json.loads((ROOT / f"policy/levels/{stack}.json").read_text()) for stack in STACKS}
    assert levels == {
        "dev": {"all": "advisory", "pack-exceptions": "mandatory"},
        "prod": {"all": "mandatory"},
        "staging": {"all": "mandatory"},
    }
