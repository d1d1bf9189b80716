"""A preview of a change with the stand-ins, against one that the real provider's code gave.

local/tests/recorded/provider-preview.json: `pulumi preview --json` of a change of code and of settings, with the
Terraform AWS provider v5.32 bridged as pulumi-aws bridges it; the steps of its resources alone.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from local.providers import operations
from local.providers.assets import Assets
from local.providers.aws import resources
from local.providers.wire import Bag, without_defaults

ROOT = Path(__file__).parents[3]
STEPS: list[dict[str, Any]] = json.loads((ROOT / "local/tests/recorded/provider-preview.json").read_text())
TYPES = resources(Assets(ROOT))


def named(ops: set[str]) -> pytest.MarkDecorator:
    steps = [step for step in STEPS if step["op"] in ops]
    return pytest.mark.parametrize("step", steps, ids=[step["name"] for step in steps])


def bag(recorded: Bag) -> Bag:
    """Return a dict as it arrives over the wire, where nulls are left out."""
    return {key: value for key, value in recorded.items() if value is not None}


@named({"update", "replace"})
def test_a_change_shows_what_the_real_provider_s_preview_showed(step: dict[str, Any]) -> None:
    old = bag(step["old"])
    new = operations.left_alone(old, step["inputs"], step["ignoreChanges"])
    found, before = operations.diff(TYPES[step["type"]], old, new)
    kinds = {change.path: f"{change.kind.lower()}{'-replace' if change.replaces else ''}" for change in found}
    assert kinds == step["detailedDiff"]
    assert sorted({change.top for change in found}) == sorted(step["diffReasons"])
    assert {change.top for change in found if change.replaces} == set(step["replaceReasons"])
    assert not before


@named({"create"})
def test_new_inputs_are_filled_in_as_the_real_provider_fills_them_in(step: dict[str, Any]) -> None:
    given = without_defaults(step["inputs"])
    for name in step["inputs"]["__defaults"]:
        given.pop(name)
    tags = given.pop("tagsAll", {})
    made, failures = operations.check(TYPES[step["type"]], "x", {}, given, seed=b"", tags=tags)
    assert not failures
    assert made == step["inputs"]


@pytest.mark.parametrize(
    ("before", "after", "shown"), [("Active", "PassThrough", True), ("PassThrough", "PassThrough", False)]
)
def test_declaring_that_a_function_is_not_traced_is_a_change_only_where_it_was_traced(
    before: str, after: str, shown: bool
) -> None:
    step = next(step for step in STEPS if step["type"] == "aws:lambda/function:Function" and step["op"] == "update")
    old = {**bag(step["old"]), "tracingConfig": {"mode": before}}
    found, _ = operations.diff(TYPES[step["type"]], old, {**step["inputs"], "tracingConfig": {"mode": after}})
    assert ("tracingConfig.mode" in {change.path for change in found}) is shown
