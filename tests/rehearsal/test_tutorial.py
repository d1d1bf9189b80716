"""Types docs/tutorial.md block by block as it is written, in a sandbox at the pace that the page asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rehearsal.documents import shell_blocks
from tests.rehearsal.shell import PATIENCE, Shell, opened

SANDBOX = "make sandbox FACTOR="


def types(shell: Shell, block: str) -> str:
    """Type a block, each line of which must succeed; return its output."""
    ran = shell.types(f"set -e\n{block}")
    text = ran.stdout + ran.stderr
    assert ran.returncode == 0, f"{block}: exit code {ran.returncode}\n{text}"
    return text


def fails(shell: Shell, block: str) -> str:
    """Type a block that must fail; return its output."""
    ran = shell.types(block)
    text = ran.stdout + ran.stderr
    assert ran.returncode != 0, f"{block}: exit code 0\n{text}"
    return text


@contextmanager
def callers(shell: Shell, block: str) -> Iterator[list[str]]:
    """Send the block's traffic while the `with` block runs; then the list holds the command's output."""
    printed: list[str] = []
    program = shell.starts(f"exec {block}")  # so that the signal reaches the command and not its shell
    try:
        yield printed
        assert program.poll() is None, "the traffic ended before the tutorial did"
        program.terminate()
        printed += program.communicate(timeout=PATIENCE)[0].splitlines()
    finally:
        if program.poll() is None:
            program.kill()
        program.wait(PATIENCE)
        if program.stdout is not None:
            program.stdout.close()


@pytest.mark.faults
def test_the_tutorial_ends_as_it_says(tmp_path: Path) -> None:
    sandbox, up, traffic, break_it, bad, again, repair, good, history = shell_blocks("tutorial.md")
    assert sandbox.startswith(SANDBOX)
    with opened(tmp_path, float(sandbox.removeprefix(SANDBOX))) as shell:
        assert "1 first (answered)" in types(shell, up)
        with callers(shell, traffic) as printed:
            types(shell, break_it)
            rolled_back = fails(shell, bad)
            assert "strata-prod-orders 1 -> 2 rolled back (verdict)" in rolled_back
            assert "KeyError: 'CHF'" in rolled_back or "KeyError: 'GBP'" in rolled_back
            assert "refused (rejected)" in fails(shell, again)
            types(shell, repair)
            assert "promoted (verdict)" in types(shell, good)
        assert printed[-1].startswith("in all: ")
        assert " 0 failed" not in printed[-1]
        text = types(shell, history)
    order = [text.index(ending) for ending in ("promoted (verdict)", "rolled back (verdict)", "first (answered)")]
    assert order == sorted(order)
