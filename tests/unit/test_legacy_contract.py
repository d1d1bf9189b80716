"""A change of the HCL that takes away what a stack reads is named with layer, output and stacks."""

import shutil
from pathlib import Path

import pytest

from infra import config, legacy
from infra.identity import explain
from tests.hcl import LAYERS, LEGACY, ROOT, Module
from tests.legacy_contract import broken

READ = {layer: ["prod", "staging"] for layer in legacy.OUTPUTS}


def readers() -> dict[str, list[str]]:
    """Return the stacks that read each layer."""
    found: dict[str, list[str]] = {}
    for stack in config.stacks(ROOT):
        settings = config.of(ROOT, stack)
        for layer in config.LAYERS:
            if getattr(settings, layer).legacy is not None:
                found.setdefault(layer, []).append(stack)
    for account in explain.configured(ROOT / "bootstrap"):
        if account.identity.legacy is not None:
            found.setdefault("identity", []).append(f"bootstrap's {account.names.stack}")
    return found


def changed(tmp_path: Path, *edits: tuple[str, str], file: str = "data/outputs.tf") -> list[str]:
    """Return what is wrong once a file of the layers is edited."""
    shutil.copytree(LEGACY, tmp_path / "hcl")
    edited = tmp_path / "hcl" / file
    written = edited.read_text()
    for before, after in edits:
        assert before in written
        written = written.replace(before, after, 1)
    edited.write_text(written)
    layer = file.partition("/")[0]
    return list(broken({layer: Module(tmp_path / "hcl" / layer)}, {layer: ["prod", "staging"]}))


def test_the_layers_give_what_the_stacks_read() -> None:
    assert list(broken({layer: Module(LEGACY / layer) for layer in LAYERS}, readers())) == []


def test_the_layers_give_what_a_stack_would_read_that_is_wholly_legacy() -> None:
    assert list(broken({layer: Module(LEGACY / layer) for layer in LAYERS}, READ)) == []


def test_the_stacks_that_read_a_layer_are_those_whose_file_says_so() -> None:
    assert readers() == {"data": ["prod", "staging"]}


def test_an_output_that_is_renamed_is_named_with_its_layer_and_the_stacks_that_read_it(tmp_path: Path) -> None:
    assert changed(tmp_path, ('output "table_arn"', 'output "orders_arn"')) == [
        "layer data: output table_arn, which prod, staging read, is not there; give it back, or change the program "
        "first (OUTPUTS in infra/legacy.py)"
    ]


@pytest.mark.parametrize("output", legacy.OUTPUTS["identity"])
def test_each_output_that_bootstrap_reads_is_missed_once_it_is_renamed(output: str, tmp_path: Path) -> None:
    (wrong,) = changed(tmp_path, (f'output "{output}"', 'output "other"'), file="identity/outputs.tf")
    assert wrong.startswith(f"layer identity: output {output}, which prod, staging read, is not there")


def test_an_output_that_the_program_newly_wants_is_named_likewise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.legacy_contract.OUTPUTS", {"data": ("table_name", "table_region")})
    (wrong,) = broken({"data": Module(LEGACY / "data")}, {"data": ["prod"]})
    assert wrong.startswith("layer data: output table_region, which prod reads, is not there")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("[aws_dynamodb_table.orders.name]", "a list"),
        ("{ name = aws_dynamodb_table.orders.name }", "an object"),
        ("5", "a number"),
        ("true", "a bool"),
        ("tolist([aws_dynamodb_table.orders.name])", "what tolist returns"),
        ("aws_dynamodb_table.orders.attribute", "aws_dynamodb_table.attribute, which is no text that this check knows"),
    ],
)
def test_an_output_of_another_type_is_named_with_it(tmp_path: Path, value: str, kind: str) -> None:
    (wrong,) = changed(tmp_path, ("= aws_dynamodb_table.orders.name", f"= {value}"))
    assert wrong.startswith(f"layer data: output table_name, which prod, staging read, is {kind}, not a text")


@pytest.mark.parametrize(
    "value", ['"orders"', '"${aws_dynamodb_table.orders.name}"', "var.region", 'format("%s", var.region)']
)
def test_another_value_that_is_a_text_is_no_change_of_the_contract(tmp_path: Path, value: str) -> None:
    assert changed(tmp_path, ("= aws_dynamodb_table.orders.name", f"= {value}")) == []


def test_an_output_of_a_module_has_the_type_that_the_module_gives_it(tmp_path: Path) -> None:
    name = ("= aws_lambda_function.this.function_name", "= [aws_lambda_function.this.function_name]")
    shutil.copytree(LEGACY, tmp_path / "hcl")
    inner = tmp_path / "hcl/modules/function/outputs.tf"
    inner.write_text(inner.read_text().replace(*name))
    (wrong,) = broken({"compute": Module(tmp_path / "hcl/compute")}, {"compute": ["prod"]})
    assert wrong.startswith("layer compute: output function_name, which prod reads, is a list, not a text")


def test_an_output_that_becomes_sensitive_is_named_and_so_is_one_that_is_it_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wrong,) = changed(tmp_path, ("  value ", "  sensitive   = true\n  value "))
    assert wrong.startswith(
        "layer data: output table_name, which prod, staging read, is sensitive now; name it in SECRET"
    )
    monkeypatch.setattr("tests.legacy_contract.SECRET", {"data": frozenset({"table_name"})})
    (wrong,) = broken({"data": Module(LEGACY / "data")}, {"data": ["prod"]})
    assert "is not sensitive any more" in wrong


def test_a_layer_with_two_backends_is_named_with_both(tmp_path: Path) -> None:
    edit = ('  backend "s3" {', '  backend "local" {}\n\n  backend "s3" {')
    assert changed(tmp_path, edit, file="data/versions.tf") == [
        "layer data has the backends local, s3, and the program reads one of kind s3; leave that one alone"
    ]


def test_a_backend_with_a_prefix_of_its_own_for_workspaces_is_named(tmp_path: Path) -> None:
    edit = ("    encrypt ", '    workspace_key_prefix = "envs"\n    encrypt ')
    assert changed(tmp_path, edit, file="data/versions.tf") == [
        "layer data has workspace_key_prefix 'envs', and the program looks below env:; take it out"
    ]


def test_a_file_that_is_no_hcl_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^data/outputs\.tf is no HCL: "):
        changed(tmp_path, ('output "table_name" {', 'output "table_name" '))
