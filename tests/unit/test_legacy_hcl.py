"""The legacy HCL says what the program relies on: its outputs, its backend, the very table that would be adopted."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / "terraform-legacy/data"


def plain(node: Any) -> Any:
    """Return python-hcl2's result without the quotes that it leaves around names and strings."""
    if isinstance(node, dict):
        return {plain(key): plain(value) for key, value in node.items() if not str(key).startswith("__")}
    if isinstance(node, list):
        return [plain(item) for item in node]
    return node.strip('"') if isinstance(node, str) else node


def parsed(file: Path) -> dict[str, Any]:
    with file.open() as text:
        found: dict[str, Any] = plain(hcl2.load(text))
    return found


def blocks(kind: str) -> list[dict[str, Any]]:
    return [block for file in sorted(LAYER.glob("*.tf")) for block in parsed(file).get(kind, [])]


def test_the_layer_has_the_outputs_that_its_contract_is_made_of() -> None:
    assert {name for block in blocks("output") for name in block} == {"table_name", "table_arn", "table_stream_arn"}


def test_every_output_and_variable_says_what_it_is() -> None:
    described = [body for kind in ("output", "variable") for block in blocks(kind) for body in block.values()]
    assert described
    assert all(body["description"] for body in described)


def test_the_state_is_kept_in_s3_with_a_lock_file() -> None:
    (terraform,) = blocks("terraform")
    (backend,) = terraform["backend"]
    assert backend["s3"]["use_lockfile"] is True
    assert backend["s3"]["encrypt"] is True
    assert "dynamodb_table" not in backend["s3"]


def test_the_legacy_table_is_the_one_that_the_data_layer_declares() -> None:
    (resource,) = blocks("resource")
    table = resource["aws_dynamodb_table"]["orders"]
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
    backend = parsed(LAYER / f"environments/{environment}.s3.tfbackend")
    variables = parsed(LAYER / f"environments/{environment}.tfvars")
    (terraform,) = blocks("terraform")
    legacy = config["strata:data"]["legacy"]
    assert legacy["bucket"] == backend["bucket"]
    assert legacy["key"] == terraform["backend"][0]["s3"]["key"]
    assert config["strata:account"] == {
        "region": backend["region"],
        "allowedAccountIds": [variables["account_id"]],
    }
    assert variables["environment"] == environment


def test_the_readme_maps_every_resource_to_a_layer() -> None:
    readme = (ROOT / "terraform-legacy/README.md").read_text()
    resources = [f"{kind}.{name}" for block in blocks("resource") for kind, body in block.items() for name in body]
    assert resources
    for resource in resources:
        assert re.search(rf"^\| .*`{re.escape(resource)}` \|.*infra/layers/\w+\.py", readme, re.MULTILINE), resource


@pytest.mark.skipif(shutil.which("terraform") is None, reason="needs the terraform binary")
def test_terraform_finds_the_format_canonical() -> None:
    command = ["terraform", "fmt", "-check", "-recursive", "-diff", str(LAYER)]
    formatted = subprocess.run(command, capture_output=True, text=True, check=False)
    assert formatted.returncode == 0, formatted.stdout
