"""Types the commands of docs/migration.md: the data layer goes from Terraform to Pulumi and back, by the real tools.

One move is killed with `kill -9` while `pulumi up` imports, and goes on.
"""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.environment.legacy_document import LAYERS
from rehearsal.environment.sandbox import STACK
from rehearsal.migration import stage
from rehearsal.observe.traffic import Api, Traffic
from tests.rehearsal.documents import commands, shell_lines
from tests.rehearsal.shell import PATIENCE, Shell, opened
from tests.rehearsal.stage import FACTOR

TABLE = "aws:dynamodb/table:Table orders-prod"
MOVE = "python -m infra.migrate move data --stack prod"
BACK = "python -m infra.migrate back data --stack prod"
VERIFY = "python -m infra.migrate verify data --stack prod"
STATE = "terraform -chdir=terraform-legacy/data state"
CREATED = """
import boto3
print(boto3.client("dynamodb").describe_table(TableName="orders-prod")["Table"]["CreationDateTime"])
"""


class Operator:
    """An operator who types the page's commands, each once."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.left = commands("migration.md")

    def types(self, command: str, *, code: int = 0) -> str:
        """Type a command, of the page or not; it must exit with `code`. Return its output."""
        if command in self.left and code == 0:
            self.left.remove(command)
        ran = self.shell.types(command)
        text = ran.stdout + ran.stderr
        assert ran.returncode == code, f"{command}: exit code {ran.returncode}\n{text}"
        return ran.stdout if "--json" in command else text

    def documented(self, start: str) -> str:
        """Return the page's next command that begins so."""
        return next(each for each in self.left if each.startswith(start))

    def owners(self, *, code: int = 0) -> list[str]:
        """Return who has the table, by `verify`."""
        found: list[str] = json.loads(self.types(f"{VERIFY} --json", code=code))["owners"][TABLE]
        return found

    def created(self) -> str:
        return self.types(f"python - <<'END'\n{CREATED}\nEND")


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    with opened(tmp_path) as shell:
        # The provider is not needed, so Terraform looks for it nowhere.
        shell.printed += f"export CHECKPOINT_DISABLE=1 TF_CLI_ARGS_init=-plugin-dir={tmp_path}\n"
        shell.env["PATH"] += f":{Path(shutil.which('terraform') or '').parent}"
        yield Operator(shell)


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform on PATH to move its state")
def test_a_layer_moves_by_the_page_is_killed_goes_on_and_comes_back(operator: Operator) -> None:
    operator.types("pulumi up --stack prod")
    created = operator.created()
    init = operator.documented("for layer in")
    operator.types(f"{init} || true")  # it misses the provider; the backend is configured
    operator.left.remove(init)
    operator.types(operator.documented("python -m infra.migrate inspect"))
    assert "serial 1" in operator.types(operator.documented("python -m infra.migrate plan"))
    assert operator.owners() == ["terraform:data"]

    for _ in range(3):
        operator.types(operator.documented("pulumi config"))
    killed_while_it_imports(operator)
    assert "layer data of stack prod moves" in operator.types(f"{STATE} rm aws_dynamodb_table.orders", code=1)
    assert "run this again with --resume" in operator.types(MOVE, code=3)
    resumed(operator)
    operator.types(VERIFY)
    assert operator.owners() == ["pulumi"]
    assert operator.types(f"{STATE} list").strip().endswith("╵") or not operator.types(f"{STATE} list").strip()
    operator.types("pulumi preview --stack prod --expect-no-changes")

    operator.types(operator.documented("pulumi config"))
    moved = json.loads(operator.types(f"{MOVE} --json"))
    operator.left.remove(MOVE)
    assert (moved["from"], moved["to"]) == ("adopted", "managed")
    assert [moved[name] for name in ("created", "replaced", "deleted")] == [0, 0, 0]
    assert operator.owners() == ["pulumi"]

    operator.types(operator.documented("pulumi config"))
    operator.types(BACK)
    assert operator.owners() == ["pulumi"]
    operator.types(operator.documented("git checkout"))
    operator.types(BACK)
    assert operator.owners() == ["terraform:data"]
    assert "aws_dynamodb_table.orders" in operator.types(f"{STATE} list")
    operator.types("pulumi preview --stack prod --expect-no-changes")
    assert operator.created() == created, "it is another table"
    assert operator.left == [], "the page names commands that no test types"


def killed_while_it_imports(operator: Operator) -> None:
    """Kill the move with SIGKILL as soon as it says that it imports. Its `pulumi up` goes on by itself."""
    operator.left.remove(MOVE)
    process = operator.shell.starts(f"exec {MOVE}")
    with process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("import:"):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL


def resumed(operator: Operator) -> None:
    """Type the page's line until the killed move's `pulumi up` has ended, which keeps Pulumi's lock until then."""
    operator.left.remove(f"{MOVE} --resume")
    until = time.monotonic() + PATIENCE
    while (ran := operator.shell.types(f"{MOVE} --resume")).returncode:
        assert "lock" in ran.stderr, ran.stderr
        assert time.monotonic() < until, ran.stderr
        time.sleep(1)


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform on PATH to move its state")
def test_functions_move_by_the_page_and_are_released_once_they_are_managed() -> None:
    with stage.running(FACTOR) as made:
        code, text = made.sandbox.pulumi("up", "--stack", STACK, "--skip-preview")
        assert code == 0, text
        api = made.sandbox.outputs()["api_url"]
        lines = shell_lines("migration.md", "4. Functions")
        adopted, managed = lines[: lines.index(VERIFY_COMPUTE) + 1], lines[lines.index(VERIFY_COMPUTE) + 1 :]
        typed(made, adopted)
        assert [made.left(layer) for layer in LAYERS] == [[], [], []]
        assert made.sandbox.outputs()["api_url"] == api
        typed(made, ["pulumi preview --stack prod --expect-no-changes"])
        traffic = Traffic(Api.at(api), 20.0)
        traffic.start()
        said = typed(made, managed)
        traffic.stop()
        assert "orders: end: 1 -> 2 promoted (verdict)" in said
        assert not any(one.failed for one in traffic.sent)
        assert traffic.read_back().lost == 0
        typed(made, ["pulumi preview --stack prod --expect-no-changes"])
        assert made.sandbox.outputs()["api_url"] == api


VERIFY_COMPUTE = "python -m infra.migrate verify compute --stack prod"


def typed(made: stage.Stage, lines: list[str]) -> str:
    """Type lines in the copy, each of which must succeed; return what they say."""
    path = f"{made.sandbox.scratch.project}/.venv/bin:{made.env['PATH']}"
    said = ""
    for line in lines:
        ran = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=made.sandbox.scratch.project,
            env={**made.env, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        said += ran.stdout + ran.stderr
        assert ran.returncode == 0, f"{line}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}"
    return said
