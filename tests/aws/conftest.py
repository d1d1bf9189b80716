"""A real account, named by who runs this: nothing is touched unless the credentials are that account's."""

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest


@pytest.fixture(scope="session")
def session() -> Any:
    """A boto3 session in the account that STRATA_TEST_ACCOUNT names; any other fails before anything is created."""
    wanted = os.environ.get("STRATA_TEST_ACCOUNT", "")
    if not wanted:
        pytest.fail("STRATA_TEST_ACCOUNT is not set: name the account that may be used, `make test-aws ACCOUNT=...`")
    made = boto3.session.Session()
    found = made.client("sts").get_caller_identity()["Account"]
    if found != wanted:
        pytest.fail(f"the credentials are of account {found}, not of {wanted}: nothing was created; change one of them")
    return made


@pytest.fixture
def undo() -> Iterator[list[Any]]:
    """Calls that remove what a test has made, the last first; each is tried whatever became of the others."""
    calls: list[Any] = []
    yield calls
    problems = []
    for call in reversed(calls):
        try:
            call()
        except Exception as problem:  # noqa: BLE001, RUF100 - what is left behind is told below, all of it
            problems.append(str(problem))
    assert not problems, "left behind: " + "; ".join(problems)
