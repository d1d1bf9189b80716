"""The outage of a rehearsal makes the live version raise, and the fix does not raise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.orders import store
from app.orders.answers import to_json
from infra.release.model.tags import fits
from rehearsal.commits import READABLE
from rehearsal.release.outage import OVERRIDE

ITEM = {"id": {"S": "ord_1"}, "total_cents": {"N": "5"}, "checksum": {"B": b"\x00\xff"}}


def fixed() -> Callable[[Any], Any]:
    """Return the function that the fix changes, after the fix."""
    source = Path(READABLE.file).read_text(encoding="utf-8")
    assert source.count(READABLE.before) == 1
    namespace: dict[str, Any] = {"__name__": "fixed"}
    exec(source.replace(READABLE.before, READABLE.after), namespace)  # noqa: S102 - our own file
    return namespace["_order"]  # type: ignore[no-any-return]


def test_an_order_with_another_systems_checksum_raises_in_what_is_live_and_is_answered_by_the_fix() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        to_json(store._order(ITEM))
    assert to_json(fixed()(ITEM)) == '{"id":"ord_1","total_cents":5}'


def test_the_override_of_the_outage_is_valid_in_a_stacks_configuration() -> None:
    assert fits(OVERRIDE), "a tag of the deployment group must hold it as it is"
