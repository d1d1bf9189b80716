"""What holds for every test."""

import os
import signal

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.golden import Golden, compare

# A shell starts a background job with SIGINT ignored, and so would be all that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

GROUPS = {
    "tests/rehearsal/test_enforced": "rehearsal",
    "tests/rehearsal/test_by_hand": "rehearsal",
    "tests/rehearsal/test_dashboard": "rehearsal",
    "tests/rehearsal/test_faults_": "rehearsal",
    "tests/rehearsal/test_refusals": "rehearsal",
    "tests/rehearsal/test_releases": "rehearsal",
    "tests/rehearsal/test_set": "rehearsal",
    "tests/rehearsal/test_story": "rehearsal",
    "tests/bootstrap/": "bootstrap",
}
"""Files, by how their paths begin, that share what a session makes once and that takes long: one worker runs them. All
with live traffic are one group, since two such streams at once leave a machine of two cores no room for either."""
LONGEST = (
    *("rehearsal", "tests/rehearsal/", "bootstrap", "tests/policy/"),
    *("tests/unit/test_release_machine", "local/tests/unit/test_toolchain", "local/tests/cloud/", "tests/cloud/"),
)
"""Begun in this order by `make test`, so that no long group is left over at the end; the rest comes after them."""

POLITE = 4  # the niceness of a worker without live traffic, which gets two fifths of what the other gets


def group(nodeid: str) -> str:
    """What a worker runs as a whole, in its order: the group of a test's file, or the file."""
    file = nodeid.partition("::")[0]
    return next((name for begin, name in GROUPS.items() if file.startswith(begin)), file)


def rank(nodeid: str) -> int:
    """When a test's group is begun."""
    name = group(nodeid)
    return next((place for place, begin in enumerate(LONGEST) if name.startswith(begin)), len(LONGEST))


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """https://pytest-xdist.readthedocs.io/en/stable/distribution.html, by groups that need no mark on each test."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_runtest_logstart(nodeid: str) -> None:
    """Let the worker with live traffic go first: canaries need a processor in time, and all others only need one."""
    if "PYTEST_XDIST_WORKER" in os.environ and group(nodeid) != LONGEST[0] and os.nice(0) < POLITE:
        os.nice(POLITE)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups:
    """Asked for where there are workers."""
    return Groups(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares a text with golden/NAME.txt beside the test."""
    folder, update = request.path.parent / "golden", bool(request.config.getoption("--update-golden"))
    return lambda name, found: compare(folder / f"{name}.txt", found, update=update)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first where there are workers; else by purpose."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: rank(item.nodeid))
