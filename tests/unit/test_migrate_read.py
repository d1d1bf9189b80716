"""The documents of both tools are read as the real ones write them, and what is not known is refused."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.migrate import read
from infra.migrate.homes import HOMES
from infra.migrate.model import MigrationError, Thing
from infra.migrate.restore import restored
from tests.hcl import system

LEGACY = Path(__file__).resolve().parents[2] / "terraform-legacy"
RECORDED = Path(__file__).resolve().parents[1] / "recorded"


def state(*resources: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {"version": 4, "serial": 3, "lineage": "x", "outputs": {}, "resources": list(resources), **changed}


def resource(kind: str = "aws_sns_topic", name: str = "t", **changed: Any) -> dict[str, Any]:
    arn = "arn:aws:sns:eu-central-1:333333333333:t"
    return {
        "mode": "managed",
        "type": kind,
        "name": name,
        "instances": [{"attributes": {"arn": arn, "id": arn}}],
        **changed,
    }


def parsed(found: dict[str, Any]) -> Any:
    return read.terraform_state(json.dumps(found), "s3://b/k")


def test_a_recorded_state_of_the_real_provider() -> None:
    found = read.terraform_state((RECORDED / "terraform-data-layer.tfstate").read_bytes(), "recorded")
    (table,) = found.resources
    assert (table.address, table.thing) == (
        "aws_dynamodb_table.orders",
        Thing("aws:dynamodb/table:Table", "orders-prod"),
    )
    assert "table_name" in found.outputs


def test_every_home_of_a_recorded_state_has_an_import_id() -> None:
    found = read.terraform_state((RECORDED / "terraform-many-families.tfstate").read_bytes(), "recorded")
    known = [each for each in found.resources if each.type in HOMES]
    assert len(known) > 30
    assert [each.address for each in known if each.thing is None] == []
    assert all("{" not in each.thing.import_id for each in known if each.thing)


def rows() -> list[tuple[str, str, str, str]]:
    """Return layer, address, Pulumi's type and import id of each row of terraform-legacy/README.md, for prod."""
    text = (LEGACY / "README.md").read_text().replace("ENV", "prod")
    return re.findall(r"^\| `(\w+)/` `(.+?)` \| .+? \| `(aws:\S+)` `\S+` \| `(.+)` \|$", text, re.MULTILINE)


def test_each_resource_of_the_legacy_layers_has_its_home_and_the_import_id_of_the_readme() -> None:
    layers, found = system(), {}
    for layer, address, _, import_id in rows():
        head, _, last = import_id.rpartition("/")
        made_up = {"arn": import_id, "api_id": head, "id": last, "key_id": import_id, "statement_id": last}
        kind = re.sub(r"^(module\.\w+\.)?|\..*$", "", address)
        home = HOMES[kind]
        found[address] = home.token, home.id_of({**made_up, **layers[layer].values[address], "api_id": head})
    assert found == {address: (token, import_id) for _, address, token, import_id in rows()}


@pytest.mark.parametrize("kind", sorted(HOMES))
def test_pulumis_own_pages_show_the_token_of_each_home(kind: str) -> None:
    token = HOMES[kind].token
    folder, _, name = token.removeprefix("aws:").partition("/")
    (package,) = importlib.util.find_spec("pulumi_aws").submodule_search_locations  # type: ignore[union-attr,misc]
    module = re.sub("([A-Z])", r"_\1", name.partition(":")[0]).lower()
    file = Path(package) / folder.replace("lambda", "lambda_") / f"{module}.py"
    assert f"pulumi import {token} " in file.read_text()


def test_the_stack_of_a_recorded_state_of_pulumi() -> None:
    found = read.pulumi_state((RECORDED / "pulumi-prod-state.json").read_bytes(), "prod")
    (function,) = [each for each in found if each.urn.endswith("::compute-orders")]
    assert (function.token, function.id, function.custom) == (
        "aws:lambda/function:Function",
        "strata-prod-orders",
        True,
    )


def test_the_inputs_of_an_import_are_without_what_the_program_ignores() -> None:
    inputs = {"handler": "app.orders.main.handler", "memorySize": 1024}
    state = {
        "urn": "urn:f",
        "type": "t",
        "custom": True,
        "inputs": inputs,
        "importID": "f",
        "ignoreChanges": ["handler"],
    }
    (step,) = read.preview(json.dumps({"steps": [{"op": "import", "urn": "urn:f", "newState": state}]}), "prod")
    assert (step.import_id, step.inputs) == ("f", {"memorySize": 1024})


@pytest.mark.parametrize(
    ("module", "key", "address"),
    [
        (None, None, "aws_sns_topic.t"),
        (None, 1, "aws_sns_topic.t[1]"),
        ('module.a["b"]', "c", 'module.a["b"].aws_sns_topic.t["c"]'),
        (None, 'a"b\\c${d}', 'aws_sns_topic.t["a\\"b\\\\c$${d}"]'),
    ],
)
def test_addresses_are_those_that_terraforms_commands_take(module: str | None, key: Any, address: str) -> None:
    one = resource(instances=[{"index_key": key, "attributes": {"arn": "arn:x"}}])
    (found,) = parsed(state({**one, **({"module": module} if module else {})})).resources
    assert found.address == address


def test_instances_that_terraform_would_replace_are_named() -> None:
    one = resource(instances=[{"status": "tainted", "attributes": {}}, {"deposed": "12345678", "attributes": {}}])
    assert [each.flaw for each in parsed(state(one)).resources] == ["tainted", "deposed"]


def test_the_states_that_a_state_reads_and_outputs_of_any_type() -> None:
    config = {"value": {"bucket": "b", "key": "data/terraform.tfstate"}, "type": ["object", {}]}
    reader = {
        "mode": "data",
        "type": "terraform_remote_state",
        "name": "data",
        "instances": [{"attributes": {"config": config}}],
    }
    outputs = {"all": {"value": {"a": 1}, "type": ["object", {"a": "number"}]}}
    found = parsed(state(reader, outputs=outputs))
    assert found.reads == {"data/terraform.tfstate"}
    assert found.outputs == {"all"}
    assert found.resources == ()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (state(version=5), "has the format version 5, and this tool knows 4"),
        (state(version=3), "has the format version 3"),
        ({"version": 4}, "is not of its own format: KeyError 'resources'"),
        ([], "is a list, not an object"),
    ],
)
def test_a_state_that_is_not_known_is_refused(found: Any, said: str) -> None:
    with pytest.raises(MigrationError, match=said):
        parsed(found)


def test_a_document_that_is_no_json_is_refused() -> None:
    with pytest.raises(MigrationError, match="is no JSON"):
        read.terraform_state(b"resource {}", "s3://b/k")
    with pytest.raises(MigrationError, match="has the format version 9"):
        read.pulumi_state('{"version": 9}', "prod")


def test_a_state_of_40_mb_is_read() -> None:
    padding = "x" * 40_000
    many = [
        resource(name=f"t{number}", instances=[{"attributes": {"arn": f"arn:{number}", "policy": padding}}])
        for number in range(1000)
    ]
    text = json.dumps(state(*many))
    assert len(text) > 40_000_000
    assert len(read.terraform_state(text, "s3://b/k").resources) == 1000


def test_a_backup_gives_back_what_is_missing_and_nothing_else() -> None:
    one = resource(instances=[{"index_key": key, "attributes": {"arn": key}} for key in ("a", "b", "c")])
    two = resource(instances=[{"index_key": "a", "attributes": {"arn": "newer"}}])
    before, now = json.dumps(state(one)).encode(), json.dumps(state(two, serial=9)).encode()
    found = json.loads(restored(now, before, ['aws_sns_topic.t["a"]', 'aws_sns_topic.t["b"]']))
    assert [each["attributes"]["arn"] for each in found["resources"][0]["instances"]] == ["newer", "b"]
    assert found["serial"] == 10
    empty = json.dumps(state()).encode()
    assert len(json.loads(restored(empty, before, ['aws_sns_topic.t["c"]']))["resources"]) == 1


def test_a_backup_of_another_state_is_refused() -> None:
    before = json.dumps(state(resource())).encode()
    with pytest.raises(MigrationError, match="has the lineage y, and the move's backup x"):
        restored(json.dumps(state(lineage="y")).encode(), before, ["aws_sns_topic.t"])
    with pytest.raises(MigrationError, match=r"the move's backup has no aws_sns_topic\.u"):
        restored(json.dumps(state()).encode(), before, ["aws_sns_topic.u"])
