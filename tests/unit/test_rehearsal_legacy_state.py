"""The legacy layer that a rehearsal sets up is the one that terraform-legacy/data declares."""

import json
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import hcl2
import pytest

from rehearsal.environment.legacy_state import PROVIDER, TABLE, TAGS, Backend, state

LAYER = Path(__file__).resolve().parents[2] / "terraform-legacy/data"
ARN = f"arn:aws:dynamodb:eu-central-1:333333333333:table/{TABLE}"
LABEL = "2026-01-31T12:00:00.000"
STREAM = f"{ARN}/stream/{LABEL}"
KEY = "arn:aws:kms:eu-central-1:333333333333:alias/aws/dynamodb"
BACKEND = Backend("states", "data/terraform.tfstate", "eu-central-1")


def declared(file: str) -> dict[str, Any]:
    """Return a file of the layer as plain data, for the environment prod."""
    parsed: dict[str, Any] = plain(hcl2.loads((LAYER / file).read_text()))
    return parsed


def plain(value: Any) -> Any:
    match value:
        case dict():
            return {plain(key): plain(inner) for key, inner in value.items() if not key.startswith("__")}
        case list():
            return [plain(inner) for inner in value]
        case str():
            return value.strip('"').replace("${var.environment}", "prod")
        case _:
            return value


def test_the_state_says_what_the_layer_declares() -> None:
    ((name, table),) = declared("main.tf")["resource"][0]["aws_dynamodb_table"].items()
    (resource,) = state(ARN, KEY, LABEL)["resources"]
    assert (resource["type"], resource["name"]) == ("aws_dynamodb_table", name)
    attributes = resource["instances"][0]["attributes"]
    del table["lifecycle"]  # of Terraform's own doing, in no state
    for key, wanted in table.items():
        found = attributes[key]
        if isinstance(wanted, list):  # a block: the state also has what is left to its default
            assert [{part: each[part] for part in block} for block, each in zip(wanted, found, strict=True)] == wanted
        else:
            assert found == wanted


def test_the_state_is_the_one_that_terraform_with_the_real_provider_left() -> None:
    recorded = json.loads((LAYER.parents[1] / "tests/recorded/terraform-data-layer.tfstate").read_text())
    # It was recorded before the table had a stream, so the stream's attributes are as the provider's schema has them.
    # https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/dynamodb/table.go
    recorded["outputs"]["table_stream_arn"] = {"value": STREAM, "type": "string"}
    recorded["resources"][0]["instances"][0]["attributes"] |= {
        "stream_arn": STREAM,
        "stream_enabled": True,
        "stream_label": LABEL,
        "stream_view_type": "NEW_IMAGE",
    }
    made = state(ARN, KEY, LABEL)
    assert uuid.UUID(made["lineage"]) != uuid.UUID(state(ARN, KEY, LABEL)["lineage"])
    assert made | {"lineage": recorded["lineage"]} == recorded


def test_the_state_has_the_outputs_that_the_layer_declares() -> None:
    names = {name for output in declared("outputs.tf")["output"] for name in output}
    assert set(state(ARN, KEY, LABEL)["outputs"]) == names


def test_the_tables_tags_and_provider_are_the_layers() -> None:
    versions = declared("versions.tf")
    assert versions["provider"][0]["aws"]["default_tags"][0]["tags"] == TAGS
    assert versions["terraform"][0]["required_providers"][0]["aws"]["source"] in PROVIDER


def test_the_state_stands_where_the_layers_backend_keeps_it() -> None:
    backend = declared("versions.tf")["terraform"][0]["backend"][0]["s3"]
    assert BACKEND.object_key == BACKEND.key == backend["key"]
    assert Backend("states", "k", "r", workspace="blue").object_key == "env:/blue/k"


def test_a_stacks_backend_has_the_stacks_region_unless_it_names_one() -> None:
    assert Backend.of({"bucket": "b", "key": "k"}, "eu-west-1") == Backend("b", "k", "eu-west-1")
    named = {"bucket": "b", "key": "k", "region": "us-east-2", "workspace": "blue"}
    assert Backend.of(named, "eu-west-1") == Backend("b", "k", "us-east-2", "blue")


@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform on PATH to read the state back")
def test_the_real_terraform_reads_the_state_back(tmp_path: Path) -> None:
    (tmp_path / "terraform.tfstate").write_text(json.dumps(state(ARN, KEY, LABEL)))

    def terraform(*arguments: str) -> str:
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CHECKPOINT_DISABLE": "1"}
        done = subprocess.run(
            ["terraform", *arguments], cwd=tmp_path, env=env, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    assert terraform("state", "list").split() == ["aws_dynamodb_table.orders"]
    outputs = json.loads(terraform("output", "-json"))
    assert {name: output["value"] for name, output in outputs.items()} == {
        "table_name": TABLE,
        "table_arn": ARN,
        "table_stream_arn": STREAM,
    }
