"""The data layer: one table that is hard to lose, owned or adopted."""

from infra.config import DataConfig
from infra.layers.data import Data
from infra.naming import Names
from infra.source import Source
from tests.layers.recorder import Declared, Recorder, record

NAMES = Names("strata", "dev")
TABLE = "dynamodb/table:Table"


def declare(config: DataConfig) -> Recorder:
    return record(lambda: Data("data", names=NAMES, config=config), stack="dev")


def table(config: DataConfig) -> Declared:
    return declare(config).one(TABLE)


def test_a_managed_table_can_be_recovered_and_is_encrypted() -> None:
    inputs = table(DataConfig()).inputs
    assert inputs["pointInTimeRecovery"] == {"enabled": True}
    assert inputs["serverSideEncryption"] == {"enabled": True}
    assert inputs["billingMode"] == "PAY_PER_REQUEST"


def test_the_table_is_keyed_by_id_and_expires_only_what_asks_for_it() -> None:
    inputs = table(DataConfig()).inputs
    assert inputs["hashKey"] == "id"
    assert inputs["attributes"] == [{"name": "id", "type": "S"}]
    assert inputs["ttl"] == {"attributeName": "expiration", "enabled": True}


def test_the_table_has_a_stream_of_new_images() -> None:
    inputs = table(DataConfig()).inputs
    assert (inputs["streamEnabled"], inputs["streamViewType"]) == (True, "NEW_IMAGE")


def test_a_managed_table_is_protected_in_aws_and_in_pulumi() -> None:
    made = table(DataConfig())
    assert made.protect
    assert made.inputs["deletionProtectionEnabled"] is True
    assert (made.imports, made.retain, made.ignores) == ("", False, ())


def test_a_managed_table_gives_up_both_protections_together() -> None:
    made = table(DataConfig(deletion_protection=False))
    assert not made.protect
    assert made.inputs["deletionProtectionEnabled"] is False


def test_a_managed_table_has_the_stacks_name_or_the_one_given() -> None:
    assert table(DataConfig()).inputs["name"] == "strata-dev-orders"
    assert table(DataConfig(table_name="orders-prod")).inputs["name"] == "orders-prod"


def test_an_adopted_table_is_imported_by_its_name_and_never_deleted() -> None:
    made = table(DataConfig(source=Source.ADOPTED, table_name="orders-prod"))
    assert (made.imports, made.protect, made.retain) == ("orders-prod", True, True)
    assert made.inputs["name"] == "orders-prod"
    assert made.inputs["deletionProtectionEnabled"] is True


def test_an_adopted_table_keeps_the_tags_that_terraform_gave_it() -> None:
    assert set(table(DataConfig(source=Source.ADOPTED, table_name="orders-prod")).ignores) == {"tags", "tagsAll"}


def test_adopted_and_managed_are_one_resource_so_that_one_becomes_the_other() -> None:
    adopted = table(DataConfig(source=Source.ADOPTED, table_name="orders-prod"))
    managed = table(DataConfig(table_name="orders-prod"))
    assert (adopted.name, adopted.type, adopted.inputs) == (managed.name, managed.type, managed.inputs)


def test_the_layer_declares_nothing_but_its_table() -> None:
    layer, orders = declare(DataConfig())
    assert (layer.name, orders.name, orders.parent) == ("data", "data-orders", "data")
