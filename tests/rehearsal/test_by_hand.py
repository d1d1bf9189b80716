"""A person's shell enters `make sandbox` by the lines that it prints; Pulumi's and Terraform's commands work there."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rehearsal.shell import Shell, opened
from tests.rehearsal.stage import Stage


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with opened(tmp_path_factory.mktemp("home")) as shell:
        yield shell


def test_pulumis_commands_work_as_they_are_typed(shell: Shell) -> None:
    up = shell.types("pulumi up --stack prod")
    assert up.returncode == 0, up.stdout + up.stderr
    live = shell.types("pulumi stack output live_versions --stack prod")
    assert json.loads(live.stdout) == {"strata-prod-fulfilment": "1", "strata-prod-orders": "1"}
    refresh = shell.types("pulumi refresh --stack prod --yes")
    assert refresh.returncode == 0, refresh.stdout + refresh.stderr
    changes = re.findall(r"^ +\W* *\d+ ([a-z]+)$", refresh.stdout.partition("\nResources:\n")[2], re.MULTILINE)
    assert set(changes) == {"unchanged"}, "the tag that the release left on the group is not Pulumi's"
    preview = shell.types("pulumi preview --stack prod --expect-no-changes")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    kept = shell.types("pulumi destroy --stack prod --yes")
    assert kept.returncode != 0, "messages in the dead-letter queue would be lost"
    assert "triggers-fulfilment-dead" in kept.stdout + kept.stderr
    assert shell.types("pulumi state unprotect --all --stack prod --yes").returncode == 0
    destroy = shell.types("pulumi destroy --stack prod --yes")
    assert destroy.returncode == 0, destroy.stdout + destroy.stderr
    left = shell.types("pulumi stack --stack prod --show-urns | grep -c 'aws:'")
    assert left.stdout.strip() == "0", left.stdout


def test_nothing_of_the_persons_own_is_needed_or_read(shell: Shell) -> None:
    assert "AWS_SHARED_CREDENTIALS_FILE=/dev/null" in shell.printed
    assert "PULUMI_HOME=" in shell.printed
    assert shell.types("ls -A ~").stdout == ""
    assert shell.types("echo $AWS_PROFILE $PULUMI_ACCESS_TOKEN").stdout.strip() == ""


@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform on PATH to read the legacy state")
def test_the_real_terraform_reads_the_legacy_state_from_its_backend(stage: Stage, tmp_path: Path) -> None:
    backend = stage.sandbox.legacy
    (tmp_path / "main.tf").write_text('terraform {\n  backend "s3" {}\n}\n')
    settings = {
        "bucket": backend.bucket,
        "key": backend.key,
        "region": backend.region,
        "use_path_style": "true",
        "use_lockfile": "true",
        "skip_credentials_validation": "true",
        "skip_requesting_account_id": "true",
        "skip_metadata_api_check": "true",
    }
    env = {**stage.sandbox.env, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "HOME": str(tmp_path)}

    def terraform(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["terraform", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=600)

    # Configures the backend, then misses the plugin that the state names: neither is needed to read.
    terraform("init", "-input=false", *(f"-backend-config={key}={value}" for key, value in settings.items()))
    listed = terraform("state", "list")
    assert listed.stdout.split() == ["aws_dynamodb_table.orders"], listed.stderr
    outputs = json.loads(terraform("output", "-json").stdout)
    assert outputs["table_name"]["value"] == "orders-prod"
