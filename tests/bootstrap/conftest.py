"""One account is prepared once for all tests, and one stack deployed. It is an error if `pulumi` is not on PATH."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from rehearsal.environment import bootstrap, sandbox
from rehearsal.environment.sandbox import STACK, Sandbox
from rehearsal.environment.workspace import scrubbed


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_users() -> Iterator[None]:
    """Hide the user's accounts from these tests and their processes."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(scrubbed(before))
    if shutil.which("pulumi") is None:
        pytest.fail("there is no `pulumi` on PATH; run `make test`, which finds or builds one", pytrace=False)
    yield
    os.environ.clear()
    os.environ.update(before)


@dataclass(frozen=True)
class Prepared:
    """A sandbox whose account is prepared, and the outputs of `bootstrap/`."""

    sandbox: Sandbox
    outputs: dict[str, Any]

    def pulumi(self, *arguments: str, env: dict[str, str | None] | None = None) -> tuple[int, str]:
        return self.sandbox.pulumi(*arguments, env=env)


@pytest.fixture(scope="session")
def prepared() -> Iterator[Prepared]:
    with sandbox.running(60.0) as running:
        yield Prepared(running, bootstrap.prepare(running.scratch, running.env, STACK))


@pytest.fixture(scope="session")
def deployed(prepared: Prepared) -> Prepared:
    """The account with the stack deployed from what `pulumi up` itself bundles."""
    code, text = prepared.pulumi("up", "--stack", STACK, "--skip-preview")
    assert code == 0, text
    return prepared
