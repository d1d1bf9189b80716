"""The legacy HCL says what the program relies on: its backends, its outputs, and a home for each resource."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from tests.hcl import LAYERS, LEGACY, ROOT, Module, parsed, system, text

HOMELESS = {  # what Terraform itself may do
    ("identity", "aws_iam_role_policy.terraform"),
    ("identity", "aws_iam_role_policy_attachment.preview"),
}


@pytest.fixture(scope="module")
def layers() -> dict[str, Module]:
    return system()


def test_the_folders_are_the_layers_and_their_modules() -> None:
    assert {file.parent.name for file in LEGACY.glob("*/versions.tf")} == set(LAYERS)
    assert [folder.name for folder in (LEGACY / "modules").iterdir()] == ["function"]


@pytest.mark.parametrize("folder", [*LAYERS, "modules/function"])
def test_every_output_and_variable_says_what_it_is(folder: str) -> None:
    module = Module(LEGACY / folder)
    described = [body for kind in ("output", "variable") for body in module.named(kind).values()]
    assert described
    assert all(text(body["description"]) for body in described)


def test_each_state_is_kept_in_s3_under_its_layers_name_with_a_lock_file(layers: dict[str, Module]) -> None:
    for layer, module in layers.items():
        key = f"{layer}/terraform.tfstate"
        assert module.backend == {"key": key, "encrypt": True, "use_lockfile": True}


def test_each_remote_state_that_a_layer_reads_is_the_one_that_the_other_layer_writes(layers: dict[str, Module]) -> None:
    read = set()
    for layer, module in layers.items():
        for block in module.blocks("data"):
            for other, body in block["terraform_remote_state"].items():
                read.add((layer, other))
                assert module.value(body["config"]) == {
                    "bucket": "strata-terraform-state-prod",
                    "key": layers[other].backend["key"],
                    "region": "eu-central-1",
                }
    assert ("compute", "data") in read
    assert all(LAYERS.index(other) < LAYERS.index(layer) for layer, other in read)


def test_the_legacy_table_is_the_one_that_the_data_layer_declares(layers: dict[str, Module]) -> None:
    table = layers["data"].values["aws_dynamodb_table.orders"]
    assert table["hash_key"] == "id"
    assert table["billing_mode"] == "PAY_PER_REQUEST"
    assert table["ttl"][0]["attribute_name"] == "expiration"
    assert table["point_in_time_recovery"][0]["enabled"] is True
    assert table["server_side_encryption"][0]["enabled"] is True
    assert table["deletion_protection_enabled"] is True
    assert (table["stream_enabled"], table["stream_view_type"]) == (True, "NEW_IMAGE")


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_the_stack_reads_the_state_that_its_environment_writes(environment: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{environment}.yaml").read_text())["config"]
    backend = text(parsed(LEGACY / f"data/environments/{environment}.s3.tfbackend"))
    legacy = config["strata:data"]["legacy"]
    assert legacy["bucket"] == backend["bucket"]
    assert legacy["key"] == Module(LEGACY / "data").backend["key"]
    for layer in LAYERS:
        variables = text(parsed(LEGACY / layer / f"environments/{environment}.tfvars"))
        assert variables["environment"] == environment
        assert config["strata:account"] == {
            "region": backend["region"],
            "allowedAccountIds": [variables["account_id"]],
        }


def test_the_readme_says_where_every_resource_goes_or_that_it_has_no_home(layers: dict[str, Module]) -> None:
    readme = (LEGACY / "README.md").read_text()
    resources = {(layer, address) for layer, module in layers.items() for address in module.addresses}
    rows = re.findall(
        r"^\| `(\w+)/` `(.+?)` \| \[(infra/layers/\w+\.py)\]\(\S+\) \| `aws:\S+` `\S+` \| `", readme, re.M
    )
    assert {(layer, address) for layer, address, _ in rows} == resources - HOMELESS
    assert all((ROOT / file).is_file() for _, _, file in rows)
    assert all(f"`{address}`" in readme for _, address in HOMELESS)


def test_the_alias_is_left_where_codedeploy_moved_it() -> None:
    (_, alias, _) = Module(LEGACY / "modules/function").addresses["aws_lambda_alias.live"]
    assert alias["lifecycle"][0]["ignore_changes"] == [
        "function_version",
        "routing_config",
        "description",
    ]


@pytest.mark.skipif(shutil.which("terraform") is None, reason="needs the terraform binary")
def test_terraform_finds_the_format_canonical() -> None:
    command = ["terraform", "fmt", "-check", "-recursive", "-diff", str(LEGACY)]
    formatted = subprocess.run(command, capture_output=True, text=True, check=False)
    assert formatted.returncode == 0, formatted.stdout


@pytest.mark.skipif(shutil.which("terraform") is None, reason="needs the terraform binary")
def test_terraform_finds_every_module(tmp_path: Path) -> None:
    """`validate` needs the provider's plugin; `get` parses a layer and its modules without it."""
    shutil.copytree(LEGACY, tmp_path / "legacy")
    for layer in LAYERS:
        found = subprocess.run(
            ["terraform", f"-chdir={tmp_path / 'legacy' / layer}", "get"], capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stderr
