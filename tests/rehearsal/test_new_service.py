"""Types the steps of docs/services.md in a fresh clone: a new service is written, released, edited and promoted.

With RECORD set, the session is kept as the text and the picture of rehearsal/session.py:

    RECORD=1 .venv/bin/python -m pytest -m faults tests/rehearsal/test_new_service.py
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.environment.workspace import Scratch
from rehearsal.session import NAMES, picture_of, session_svg, text_of, transcript
from tests.rehearsal.documents import shell_lines
from tests.rehearsal.shell import PATIENCE, Shell, opened
from tests.rehearsal.test_tutorial import SANDBOX

MOST_TYPED = 12  # lines, with the one that enters the sandbox
MOST_DECLARED = 6  # lines of service.yaml
SERVICE = "make service NAME=hello RUNTIME=python"
END = "the line's exit code: "
COUNT = re.compile(r"^ *(\d+) (\{.*\})$", re.MULTILINE)
ENTER = "source FILE  # in a second terminal: the file that the sandbox names"
BEFORE, AFTER = "hello from hello", "good morning from hello"


def documented(runtime: str = "python") -> list[str]:
    """Return the lines that the page has a reader type, for a service of this runtime."""
    service, *lines = shell_lines("services.md", "The first one, from a fresh clone")
    return [service.replace("RUNTIME=python", f"RUNTIME={runtime}"), *lines]


@pytest.fixture
def clone() -> Iterator[Path]:
    """A clone of the repository in which `make venvs` has nothing left to install."""
    scratch = Scratch.of(REPOSITORY)
    yield scratch.project
    scratch.remove()


def make(clone: Path, line: str) -> str:
    """Type a line of make in the clone; return its output."""
    ran = subprocess.run(["bash", "-c", line], cwd=clone, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ran.returncode == 0, f"{line}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def session(shell: Shell, lines: Sequence[str]) -> list[str]:
    """Type the lines into one shell, each of which must succeed; return the output of each."""
    ended = f"printf '\\n%s%s\\n' {END!r} $?"
    ran = shell.types("\n".join(["exec 2>&1; set -m", *(f"{line}\n{ended}" for line in lines)]))
    *parts, rest = re.split(rf"\n{END}(\d+)\n", ran.stdout)
    said, codes = parts[::2], parts[1::2]
    failed = [
        f"{line}: exit code {code}\n{text}" for line, text, code in zip(lines, said, codes, strict=False) if code != "0"
    ]
    assert not failed, "\n".join(failed)
    assert len(said) == len(lines), rest
    return said


def test_a_new_service_takes_twelve_typed_lines_at_most() -> None:
    lines = documented()
    assert lines[0] == SERVICE
    assert lines[1].startswith(SANDBOX)
    assert len([*lines, ENTER]) <= MOST_TYPED


@pytest.mark.faults
@pytest.mark.parametrize("runtime", NAMES)
def test_a_new_service_is_released_from_a_fresh_clone_edited_and_promoted(
    clone: Path, tmp_path: Path, runtime: str
) -> None:
    service, sandbox, *lines = documented(runtime)
    made = make(clone, service)
    assert "The next `pulumi up` releases it." in made
    declared = (clone / "app/hello/service.yaml").read_text().splitlines()
    assert len(declared) <= MOST_DECLARED, declared
    make(clone, "make packages")  # as `make sandbox` does at first
    with opened(tmp_path, float(sandbox.removeprefix(SANDBOX)), clone) as shell:
        said = session(shell, lines)
    if os.environ.get("RECORD"):
        text = transcript([service, sandbox, ENTER, *lines], [made, "", "", *said])
        (REPOSITORY / text_of(runtime)).write_text(text)
        (REPOSITORY / picture_of(runtime)).write_text(session_svg(runtime, text))
    first, _, answer, _, _, _, second, _, counts = said
    assert "strata-prod-hello: end: 1 first (answered)" in first
    assert json.loads(answer)["message"] == BEFORE
    assert "strata-prod-hello: end: 1 -> 2 promoted (verdict)" in second
    assert "strata-prod-orders: end: 1 unchanged (fingerprint)" in second
    answered = {json.loads(text)["message"]: int(count) for count, text in COUNT.findall(counts)}
    assert set(answered) == {BEFORE, AFTER}, counts
