"""A stack of the orders service alone declares what it did when that service stood in the code, and replaces nothing.

tests/recorded/one-service.json is what the program of that time declared, recorded by the same recorder.
"""

import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra import services
from infra.answered import RAISED
from infra.release.verdict.rule import Rule
from tests.layers.test_program import ROOT, run

RECORDED = json.loads((ROOT / "tests/recorded/one-service.json").read_text())
ISSUER = {"issuer": "https://issuer.example.com", "audience": ["orders"]}
SECTIONS: dict[str, dict[str, Any]] = {
    "dev": {},
    "prod": {},
    "prod-authorized": {"compute": {"api": {"authorizer": ISSUER}}},
}
LAYERS = re.compile(r"(?:http|compute)-[\w/{}-]+-id")
SINCE: dict[str, dict[str, Any]] = {
    "data-orders": {"streamEnabled": True, "streamViewType": "NEW_IMAGE"},
    "compute-orders": {"tracingConfig": {"mode": "PassThrough"}},
}
"""Properties that a resource has got since. AWS adds a stream to a table in place, and PassThrough is the mode that
Lambda gives to a function without one, so nothing of the function changes.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
https://docs.aws.amazon.com/lambda/latest/api/API_TracingConfig.html
"""
IGNORED = {"compute-invoke": ["statementId"], "delivery-application": ["tags", "tagsAll"]}
"""Properties that are ignored since: the id of a statement stays as Pulumi or Terraform has generated it, and a tag of
the application marks which drift was announced."""
PROTECTED = ("delivery-application", "delivery-orders")
"""Resources that are protected since; that changes only Pulumi's state."""
RULE = {key: value for key, value in asdict(Rule()).items() if value is not None}
"""Of the verdict, whose defaults have changed since: docs/verdict.md."""
REDRAWN = "dashboardBody"
"""What the dashboard shows, which no test relies on: it has been drawn anew since."""
UNTRACED = ', "TracingConfig": {"Mode": "PassThrough"}'  # in the release's `configuration`, which its diff passes over


def plain(value: Any) -> Any:
    """Return inputs as JSON, without the ids that the recorder makes up from the program's own names."""
    if isinstance(value, pulumi.FileArchive):
        return {"archive": os.path.basename(str(value.path))}  # noqa: PTH119 - of a text
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key != REDRAWN}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, str):
        return re.sub(r'("CodeSha256": ")[^"]+', r"\1DIGEST", LAYERS.sub("ID", value)).replace(UNTRACED, "")
    return value


def _since(recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs of a recorded resource with what it has got since."""
    inputs: dict[str, Any] = {**plain(recorded["inputs"]), **SINCE.get(recorded["name"], {})}
    if recorded["name"] == "release":
        inputs["policy"] = {**inputs["policy"], "rule": RULE}
    return inputs


def urn(recorded: dict[str, Any], stack: str) -> str:
    """Return the URN of a recorded resource, as the recorder makes one."""
    layers = {"compute", "data", "delivery", "hooks", "observability", "secrets"}
    within = f"strata:layers:{recorded['parent'].capitalize()}$" if recorded["parent"] in layers else ""
    return f"urn:pulumi:{stack}::strata::{within}{recorded['type']}::{recorded['name']}"


@pytest.fixture
def orders_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave only the orders service of the repository, of which errors are what Lambda counts, as they were then."""
    read = services.read

    def one(repository: Path) -> tuple[services.Service, ...]:
        return tuple(replace(each, errors=RAISED) for each in read(repository) if each.name == "orders")

    monkeypatch.setattr(services, "read", one)


@pytest.mark.usefixtures("orders_alone")
@pytest.mark.parametrize("name", list(SECTIONS))
def test_each_resource_of_an_older_state_is_found_and_has_the_same_properties(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = name.partition("-")[0]
    declared, _ = run(stack, monkeypatch, **SECTIONS[name])
    by_urn = {
        found.replace("pulumi:pulumi:Stack$", ""): each for each in declared for found in each.formerly or {each.urn}
    }
    lost, changed = [], []
    for before in RECORDED[name]:
        now = by_urn.pop(urn(before, stack), None)
        if now is None:
            lost.append(before["name"])
        elif (plain(now.inputs), now.protect, list(now.ignores)) != (
            _since(before),
            before["protect"] or before["name"] in PROTECTED,
            [*before["ignores"], *IGNORED.get(before["name"], [])],
        ):
            changed.append(before["name"])
    assert (lost, changed) == ([], [])
    assert [each.name for each in by_urn.values()] == ["http", "observability-api-5xx", "observability-api-latency"]
