"""Every call on Strata's path needs the action, on the resource, that the service authorization reference has."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from local.tests.cloud.case import Case
from local.tests.cloud.conftest import Cloud, start_cloud, stop_cloud
from local.tests.cloud.enforced import Account, allow, refusal
from local.tests.cloud.needed import CASES


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One that enforces."""
    process, running = start_cloud(tmp_path_factory.mktemp("cloud"), "--enforce")
    yield running
    stop_cloud(process)


@pytest.mark.parametrize("case", CASES, ids=[f"{case.service}.{case.call}-{n}" for n, case in enumerate(CASES)])
def test_a_call_needs_each_action_on_its_resource_and_no_more(cloud: Cloud, account: str, case: Case) -> None:
    own = Account(cloud, account)
    given = _filled(case.given, account)
    needs = [(action, resource.replace("{account}", account)) for action, resource in case.needs]
    for number, (action, resource) in enumerate(needs):
        client = own.session(*(allow(*need) for need in needs[:number]))(case.service)
        sentence = refusal(partial(getattr(client, case.call), **given))
        assert f"is not authorized to perform: {action} on resource: {resource} because no identity-based" in sentence
    client = own.session(*(allow(*need) for need in needs))(case.service)
    assert refusal(partial(getattr(client, case.call), **given)) == ""


def _filled(value: Any, account: str) -> Any:
    """`value` with the account in its texts."""
    if isinstance(value, dict):
        return {key: _filled(item, account) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, account) for item in value]
    return value.replace("{account}", account) if isinstance(value, str) else value
