"""A real account, named by who runs this: nothing is touched unless the credentials are that account's.

The tests run in the order of doubt. What each finds becomes a row of `docs/aws.md`, where `STRATA_AWS_PAGE` names it.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.aws.page import Finding, page

ORDER = (
    "test_executed_version",
    "test_stack",
    "test_first_canary",
    "test_silent_hook",
    "test_tags",
)
"""The test modules, the greatest doubt first: an hour that is cut short has settled what matters most."""

_FINDINGS: list[Finding] = []


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
    undo_all(calls)


def undo_all(calls: list[Any]) -> None:
    """Call each, the last first. Raises AssertionError with what could not be removed, all of it."""
    problems = []
    for call in reversed(calls):
        try:
            call()
        except Exception as problem:  # noqa: BLE001, RUF100 - what is left behind is reported below, all of it
            problems.append(str(problem))
    assert not problems, "left behind: " + "; ".join(problems)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests of this folder by ORDER; a module that is not listed is an error."""
    items.sort(key=lambda item: ORDER.index(item.path.stem))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Keep what a test found: its docstring asks the question, the property `answer` holds AWS's answer."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's Result
    if report.when != "call" and not report.failed:
        return
    question = (getattr(item, "function").__doc__ or item.name).strip().splitlines()[0]  # noqa: B009  Item declares none
    answer = "; ".join(str(value) for key, value in report.user_properties if key == "answer")
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        said = str(crash.message if crash else report.longrepr)
        answer = f"{answer}; {said}" if answer else said
    _FINDINGS.append(Finding(question, answer or "as expected", report.outcome))


def pytest_sessionfinish() -> None:
    """Write the page, if one is named and anything was found."""
    if (path := os.environ.get("STRATA_AWS_PAGE")) and _FINDINGS:
        Path(path).write_text(page(_FINDINGS, datetime.now(UTC).date()))
