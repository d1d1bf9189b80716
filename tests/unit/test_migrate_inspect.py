"""What `inspect` says of each resource of Terraform's state: its import id, what differs, or that it has no home."""

from dataclasses import replace

from infra.migrate.__main__ import resource_rows
from infra.migrate.model import PreviewStep, PulumiResource, Thing
from tests.unit.migrate_kit import TABLE, legacy, urn

ORDERS, CARTS = Thing(TABLE, "orders"), Thing(TABLE, "carts")


def imported(thing: Thing) -> PreviewStep:
    return PreviewStep("import", PulumiResource(urn(thing), TABLE), thing.import_id)


def test_before_the_stacks_file_says_adopted_each_type_with_a_row_has_a_home() -> None:
    sides = legacy("orders")
    sides.terraform["aws_x.y"] = replace(sides.terraform["aws_dynamodb_table.orders"], address="aws_x.y", thing=None)
    rows = {each["address"]: each for each in resource_rows(sides.seen(), ())}
    assert rows["aws_dynamodb_table.orders"]["import_id"] == "orders"
    assert (rows["aws_x.y"]["import_id"], rows["aws_x.y"]["urn"]) == (None, None)


def test_what_the_preview_does_not_import_has_no_home() -> None:
    rows = {each["address"]: each for each in resource_rows(legacy("orders", "carts").seen(), [imported(ORDERS)])}
    assert rows["aws_dynamodb_table.orders"]["urn"] == urn(ORDERS)
    carts = rows["aws_dynamodb_table.carts"]
    assert (carts["type"], carts["import_id"], carts["urn"]) == (None, None, None)


def test_what_differs_is_named_with_its_resource() -> None:
    update = PreviewStep("update", PulumiResource(urn(ORDERS), TABLE), "orders", ("ttl", "hashKey"))
    rows = {
        each["import_id"]: each["differs"]
        for each in resource_rows(legacy("orders", "carts").seen(), [imported(ORDERS), imported(CARTS), update])
    }
    assert rows == {"orders": ["hashKey", "ttl"], "carts": []}
