"""Programs under the real Pulumi CLI, with the stand-in providers attached."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.tests.cloud.conftest import REGION, ROOT, Cloud
from local.tests.cloud.providers.conftest import environment, providers


@pytest.fixture(scope="module")
def tools() -> str:
    """A PATH with a Pulumi CLI and its Python language host: what `make test` puts there, or the toolchain's cache."""
    if shutil.which("pulumi") and shutil.which("pulumi-language-python"):
        return os.environ["PATH"]
    command = [sys.executable, "-m", "local.toolchain", "pulumi"]
    folder = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def pulumi(cloud: Cloud, account: str, tmp_path: Path, tools: str, program: str) -> Iterator[Callable[..., str]]:
    """Runs `pulumi` on the text of the fixture `program` in an empty stack; what it prints."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text(
        f"name: program\nruntime: {{name: python, options: {{virtualenv: {ROOT / '.venv'}}}}}\n"
    )
    (project / "__main__.py").write_text(program)
    (tmp_path / "state.json").write_text('{"version": 4, "outputs": {"table_name": {"value": "legacy-orders"}}}')
    (tmp_path / "backend").mkdir()
    env = environment(cloud, AWS_ACCESS_KEY_ID=account)
    with providers(tmp_path, env) as attached:
        env |= {
            "PATH": tools,
            "HOME": str(tmp_path),
            "PULUMI_DEBUG_PROVIDERS": attached,
            "PULUMI_BACKEND_URL": f"file://{tmp_path / 'backend'}",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "SOURCE": "def handler(event, context): return 1",
            "STATE": str(tmp_path / "state.json"),
        }

        def run(*arguments: str, code: int = 0, **changed: str) -> str:
            command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
            done = subprocess.run(
                command, cwd=project, env=env | changed, capture_output=True, text=True, check=False, timeout=300
            )
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout + done.stderr

        # A key of AWS's opens a stack at once; a passphrase takes most of a second of a processor in each command.
        key = cloud.client("kms", account).create_key()["KeyMetadata"]["Arn"].partition(":key/")[2]
        run("stack", "init", "prod", "--secrets-provider", f"awskms://{key}?region={REGION}")
        yield run


def resources(message: str) -> set[str]:
    """Return the lines of the summary: {"3 unchanged", "~ 1 updated"}."""
    summary = re.search(r"^Resources:\n((?:    .+\n?)+)", message, re.MULTILINE)
    assert summary, message
    return {line.strip() for line in summary[1].splitlines()}


def up(pulumi: Callable[..., str], **changed: str) -> set[str]:
    """Run `pulumi up`; return the lines of its summary."""
    return resources(pulumi("up", "--yes", "--skip-preview", **changed))
