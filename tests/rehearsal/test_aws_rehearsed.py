"""`make test-aws` runs on the local cloud, so that its steps and clean-up work when it is run on a real account."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.tests.cloud.conftest import Cloud, start_cloud
from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.environment.workspace import aws_environment, scrubbed
from tests.aws.page import NOT_YET_RUN, page

ACCOUNT = "123456789012"
FACTOR = 60.0
SLOW = 6.0  # a factor at which the deploy role's session of an hour outlasts creating and deleting a stack


@contextmanager
def cloud(folder: Path, *options: str, factor: float = FACTOR) -> Iterator[Cloud]:
    process, running = start_cloud(folder, *options, factor=factor)
    try:
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)


def asked(running: Cloud, folder: Path, *tests: str, account: str = ACCOUNT) -> tuple[int, str, str]:
    """Run the tests in that account; return their exit code, their output, and the page that they wrote."""
    env = scrubbed(os.environ) | aws_environment(running.endpoint, ACCOUNT, "eu-central-1")
    env |= {
        "STRATA_TEST_ACCOUNT": account,
        "STRATA_CLOCK_RATE": f"{running.factor:g}",
        "STRATA_AWS_PAGE": str(folder / "aws.md"),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    command = [sys.executable, "-m", "pytest", "-q", *(f"tests/aws/{name}.py" for name in tests)]
    ran = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False, timeout=1800)
    written = folder / "aws.md"
    return ran.returncode, ran.stdout + ran.stderr, written.read_text() if written.exists() else ""


@pytest.mark.faults
def test_the_open_questions_to_aws_are_answered_and_all_resources_are_removed(tmp_path: Path) -> None:
    with cloud(tmp_path) as running:
        aws_call = ("test_executed_version", "test_first_canary", "test_silent_hook", "test_tags")
        code, text, written = asked(running, tmp_path, *aws_call)
        assert code == 0, text
        assert "| Does CodeDeploy roll the first canary of a group back by itself? | passed | ALARM_ACTIVE" in written
        assert running.client("lambda", ACCOUNT).list_functions()["Functions"] == []
        assert running.client("iam", ACCOUNT).list_roles()["Roles"] == []
        assert running.client("codedeploy", ACCOUNT).list_applications()["applications"] == []


@pytest.mark.faults
def test_a_stack_is_brought_up_by_its_deploy_role_and_removed(tmp_path: Path) -> None:
    with cloud(tmp_path, "--enforce", factor=SLOW) as running:
        code, text, written = asked(running, tmp_path, "test_stack")
        assert code == 0, text
        assert "| May the deploy role make all that a stack holds? | passed | yes |" in written
        assert running.client("s3", ACCOUNT).list_buckets()["Buckets"] == []
        assert running.client("dynamodb", ACCOUNT).list_tables()["TableNames"] == []


def test_another_account_than_the_one_named_is_left_alone(tmp_path: Path) -> None:
    with cloud(tmp_path) as running:
        code, text, _ = asked(running, tmp_path, "test_tags", account="210987654321")
        assert code == 1
        assert f"the credentials are of account {ACCOUNT}, not of 210987654321: nothing was created" in text
        assert running.client("codedeploy", ACCOUNT).list_applications()["applications"] == []


def test_the_page_says_when_a_real_account_was_used_or_that_none_was_yet() -> None:
    written = (REPOSITORY / "docs/aws.md").read_text()
    assert written == page([], None) or "State: run on 20" in written
    assert NOT_YET_RUN in page([], None)
