"""The stand-ins for CodeBuild's image run the commands of the project that promotes by event, with a build's rights."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.artifacts.store import Artifacts, source_key
from infra.layers.events import buildspec
from local.tests.cloud.conftest import REGION, start_cloud, stop_cloud, until
from rehearsal.environment.workspace import Scratch
from rehearsal.promotion import build_image
from tests.unit.test_manifest import git

ACCOUNT = "333333333333"
MAKEFILE = 'by-event:\n\t@echo "$$STRATA_EVENT $$STACK $(WAIT) $(ALONE)"; cat file; test -e .venv; env | sort\n'
TRUST = {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}
READ = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def archive(folder: Path, text: str) -> bytes:
    """Return a source archive whose Makefile says what it got."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "file").write_text(f"{text}\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", text)
    done = subprocess.run(["git", "bundle", "create", "-q", "-", "HEAD"], cwd=folder, check=True, capture_output=True)
    return done.stdout


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a build of the project says, in a cloud that enforces policies."""
    image, scratch = tmp_path / "image", Scratch(tmp_path)
    process, cloud = start_cloud(tmp_path, "--enforce", "--build-tools", str(image))
    shared = {"PATH": os.environ["PATH"], "PULUMI_HOME": str(tmp_path), "AWS_ENDPOINT_URL": cloud.endpoint}
    build_image.write(image, scratch, shared)
    for name, value in {"URL": cloud.endpoint, "KEY": ACCOUNT}.items():
        monkeypatch.setenv({"URL": "AWS_ENDPOINT_URL", "KEY": "AWS_ACCESS_KEY_ID"}[name], value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    iam, codebuild, logs = (cloud.client(each, ACCOUNT) for each in ("iam", "codebuild", "logs"))
    cloud.client("s3", ACCOUNT).create_bucket(
        Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    store = Artifacts("artifacts", REGION)
    for number, text in enumerate(["older", "newest"]):
        store.publish_source(f"{number}" * 40, archive(tmp_path / text, text))
        until(lambda: store.source(f"{number}" * 40))  # noqa: B023
    assert source_key("1" * 40) == f"sources/{'1' * 40}.bundle"
    role = iam.create_role(RoleName="promote", AssumeRolePolicyDocument=document(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="promote", PolicyName="reads", PolicyDocument=document(READ))
    variables = {"ARTIFACTS": "artifacts", "STACK": "prod", "PULUMI_BACKEND_URL": f"s3://state?region={REGION}"}
    codebuild.create_project(
        name="promotion",
        source={"type": "NO_SOURCE", "buildspec": buildspec()},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "computeType": "BUILD_GENERAL1_SMALL",
            "image": "aws/codebuild/standard:7.0",
            "environmentVariables": [{"name": name, "value": value} for name, value in variables.items()],
        },
        serviceRole=role,
    )
    event = [{"name": "STRATA_EVENT", "value": '{"a": 1}'}]
    id_ = codebuild.start_build(projectName="promotion", environmentVariablesOverride=event)["build"]["id"]
    until(lambda: codebuild.batch_get_builds(ids=[id_])["builds"][0]["buildStatus"] != "IN_PROGRESS")
    [build] = codebuild.batch_get_builds(ids=[id_])["builds"]
    where = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
    yield [build["buildStatus"], *(each["message"] for each in logs.get_log_events(**where)["events"])]
    stop_cloud(process)


def test_the_newest_archive_is_checked_out_and_make_has_what_a_machine_has(said: list[str]) -> None:
    status, first, text, *env = said
    assert (status, first, text) == ("SUCCEEDED", '{"a": 1} prod 180 true', "newest"), "\n".join(said)
    held = dict(each.partition("=")[::2] for each in env)
    assert held["PULUMI_DEBUG_PROVIDERS"].startswith("aws:")
    assert "s3ForcePathStyle=true" in held["PULUMI_BACKEND_URL"]
    assert held["AWS_SESSION_TOKEN"]
    assert not {"PYTHONPATH", build_image.VARIABLE} & held.keys()
