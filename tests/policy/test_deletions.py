"""An unprotected resource that holds state is neither deleted nor replaced."""

import io
import json
import sys
from typing import Any

import pytest

from policy.deletions import main, unprotected
from policy.tokens import GROUP, QUEUE, TABLE

URN = "urn:pulumi:prod::strata::strata:layers:Data$aws:dynamodb/table:Table::data-orders"


def step(op: str, kind: str = TABLE, **old: Any) -> dict[str, Any]:
    """Return a step as `pulumi preview --json` writes one; it leaves `protect` out where it is false."""
    return {"op": op, "urn": URN, "oldState": {"urn": URN, "type": kind, **old}, "newState": None}


@pytest.mark.parametrize(
    ("op", "becomes"), [("delete", "deleted"), ("replace", "replaced"), ("delete-replaced", "replaced")]
)
def test_an_unprotected_table_must_not_go(op: str, becomes: str) -> None:
    assert list(unprotected([step(op)])) == [
        f"data-orders must not be {becomes}: it holds state and protect is false; keep its name and every property "
        f"that replaces it, or run `pulumi state protect '{URN}'` and let an administrator remove it"
    ]


def test_a_replacement_takes_several_steps_and_one_message() -> None:
    assert len(list(unprotected([step("delete-replaced"), step("replace")]))) == 1


@pytest.mark.parametrize(
    "harmless",
    [
        step("delete", protect=True),  # Pulumi itself refuses it
        step("delete", kind="aws:cloudwatch/dashboard:Dashboard"),
        step("update"),
        step("same"),
        {"op": "create", "urn": URN, "newState": {"type": TABLE}},
    ],
)
def test_a_resource_that_stays_or_holds_no_state_is_no_loss(harmless: dict[str, Any]) -> None:
    assert list(unprotected([harmless])) == []


@pytest.mark.parametrize("kind", [GROUP, QUEUE])
@pytest.mark.parametrize(("stack", "code"), [("prod", 1), ("dev", 0)])
def test_a_loss_blocks_in_production_and_is_reported_everywhere(
    stack: str, code: int, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"steps": [step("delete", kind=kind)]})))
    assert main([stack]) == code
    assert capsys.readouterr().out.startswith("data-orders must not be deleted: ")


@pytest.mark.parametrize("given", ["", "{}", "[]"])
def test_no_preview_is_no_pass(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(given))
    assert main(["prod"]) == 2
