"""Every call on Strata's path needs the action, on the resource, that the service authorization reference has."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local.tests.cloud.conftest import Cloud, archive
from local.tests.cloud.enforced import Account, allow, cloud, refusal

__all__ = ["cloud"]  # fixtures

Needed = tuple[str, str, list[str]]
"""A call as `client.method`, its parameters as JSON, and its needs, each an action and a resource."""
CODE = archive("def handler(event, context): pass\n")


def needed() -> list[Needed]:
    found: list[Needed] = []
    for line in (Path(__file__).parent / "needed.txt").read_text().splitlines():
        if line.startswith("    "):
            found[-1][2].append(line.strip())
        elif not line.startswith("#"):
            call, _, given = line.partition(" ")
            found.append((call, given, []))
    return found


CALLS = needed()


@pytest.mark.parametrize(("call", "given", "listed"), CALLS, ids=[f"{each[0]}-{n}" for n, each in enumerate(CALLS)])
def test_a_call_needs_each_action_on_its_resource_and_no_more(
    cloud: Cloud, account: str, call: str, given: str, listed: list[str]
) -> None:
    own, (service, _, method) = Account(cloud, account), call.partition(".")
    parameters = json.loads(given.replace("{account}", account), object_hook=_with_code)
    needs = [each.replace("{account}", account).split(" ") for each in listed]
    for number, (action, resource) in enumerate(needs):
        client = own.session(*(allow(*need) for need in needs[:number]))(service)
        sentence = refusal(partial(getattr(client, method), **parameters))
        assert f"is not authorized to perform: {action} on resource: {resource} because no identity-based" in sentence
    client = own.session(*(allow(*need) for need in needs))(service)
    assert refusal(partial(getattr(client, method), **parameters)) == ""


def _with_code(value: dict[str, Any]) -> dict[str, Any]:
    """`value` with an archive in place of {code}."""
    return {key: CODE if item == "{code}" else item for key, item in value.items()}
