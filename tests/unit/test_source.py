"""A layer's source decides the options of its resources."""

import pytest
from pulumi import ComponentResource

from infra.source import Source, options

PARENT = ComponentResource.__new__(ComponentResource)  # options only keep it


@pytest.mark.parametrize("protect", [True, False])
def test_a_managed_resource_is_protected_when_its_configuration_says_so(protect: bool) -> None:
    made = options(Source.MANAGED, PARENT, "orders", protect)
    assert (made.parent, made.protect, made.import_, made.retain_on_delete) == (PARENT, protect, None, None)


@pytest.mark.parametrize("protect", [True, False])
def test_an_adopted_resource_is_imported_and_always_protected_and_never_deleted(protect: bool) -> None:
    made = options(Source.ADOPTED, PARENT, "orders-prod", protect)
    assert (made.parent, made.import_, made.protect, made.retain_on_delete) == (PARENT, "orders-prod", True, True)


def test_an_adopted_resource_keeps_the_tags_it_has() -> None:
    assert options(Source.ADOPTED, PARENT, "orders-prod", True).ignore_changes == ["tags", "tagsAll"]
    assert options(Source.MANAGED, PARENT, "orders", True).ignore_changes is None


def test_nothing_is_declared_for_a_legacy_resource() -> None:
    with pytest.raises(ValueError, match="orders-prod is a legacy resource"):
        options(Source.LEGACY, PARENT, "orders-prod", True)
