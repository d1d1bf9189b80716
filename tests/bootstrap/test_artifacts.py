"""A bundle is built once and published to the account's bucket, and `pulumi up` deploys it without a build."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from infra.artifacts.store import bundle_key
from infra.bundle.model import digest
from local.toolchain import environments
from rehearsal.environment.sandbox import STACK
from rehearsal.environment.workspace import git
from tests.bootstrap.conftest import Prepared

BUCKET = "strata-artifacts-333333333333-eu-central-1"
FUNCTION, HOOK = "strata-prod-orders", "CodeDeployHook_strata-prod-smoke"
TAKEN: dict[str, str | None] = {"STRATA_MANIFEST": "dist/manifest.json"}


def artifacts(prepared: Prepared, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run `python -m infra.artifacts` in the copy; return its exit code and answer."""
    env = {**prepared.sandbox.env, "PATH": f"{environments.uv().parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "infra.artifacts", *arguments, "--json"]
    project = prepared.sandbox.scratch.project
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout or "{}")


def built(prepared: Prepared) -> dict[str, str]:
    """Build and publish the checked-out files; return the digests by name."""
    for arguments in (("build",), ("put", "--stack", STACK)):
        code, answer = artifacts(prepared, *arguments)
        assert code == 0, answer
    return {name: each["digest"] for name, each in answer["functions"].items()}


@pytest.fixture(scope="module")
def digests(deployed: Prepared) -> dict[str, str]:
    """The digests of the bundles of the checked-out files, published beside a stack that holds its own local build."""
    return built(deployed)


def live(prepared: Prepared) -> dict[str, Any]:
    found: dict[str, Any] = prepared.sandbox.aws.client("lambda").get_function_configuration(
        FunctionName=FUNCTION, Qualifier="live"
    )
    return found


def squeezed(text: str) -> str:
    return " ".join(text.split())


def refusal(prepared: Prepared) -> str:
    """Return why `pulumi up` refuses the manifest, in the preview that it begins with; it changes nothing."""
    before = prepared.sandbox.aws.client("lambda").get_function_configuration(FunctionName=FUNCTION)["LastModified"]
    code, text = prepared.pulumi("up", "--stack", STACK, env=TAKEN)
    assert code != 0, text
    assert f"Previewing update ({STACK})" in text
    assert f"Updating ({STACK})" not in text
    assert "Traceback" not in text
    after = prepared.sandbox.aws.client("lambda").get_function_configuration(FunctionName=FUNCTION)["LastModified"]
    assert before == after
    return squeezed(text)


def test_up_deploys_the_bundle_by_its_digest_as_the_version_of_the_local_build_and_once_alone(
    deployed: Prepared, digests: dict[str, str]
) -> None:
    local = live(deployed)
    assert local["CodeSha256"] == digests["orders"]
    code, text = deployed.pulumi("up", "--stack", STACK, "--skip-preview", env=TAKEN)
    assert code == 0, text
    taken = live(deployed)
    assert (taken["CodeSha256"], taken["Version"]) == (digests["orders"], local["Version"])
    hook = deployed.sandbox.aws.client("lambda").get_function_configuration(FunctionName=HOOK)
    assert hook["CodeSha256"] == digests["hooks"]
    code, text = deployed.pulumi("preview", "--stack", STACK, "--expect-no-changes", env=TAKEN)
    assert code == 0, text


def test_a_commit_that_was_built_is_found_and_not_built_again(prepared: Prepared, digests: dict[str, str]) -> None:
    folder = prepared.sandbox.scratch.project / "dist"
    manifest = (folder / "manifest.json").read_bytes()
    for file in folder.iterdir():
        file.unlink()
    code, answer = artifacts(prepared, "get", "--stack", STACK, "--zips")
    assert code == 0, answer
    assert (folder / "manifest.json").read_bytes() == manifest
    assert digest((folder / "orders.zip").read_bytes()) == digests["orders"]
    code, answer = artifacts(prepared, "get", "--stack", STACK, "--commit", "0" * 40)
    assert code == 1
    assert f"commit {'0' * 40} has no bundle in {BUCKET}" in answer["error"]


def test_a_zip_that_was_altered_after_the_build_is_neither_published_nor_deployed(
    prepared: Prepared, digests: dict[str, str]
) -> None:
    file = prepared.sandbox.scratch.project / "dist/orders.zip"
    right = file.read_bytes()
    file.write_bytes(right + b"\n")
    try:
        code, answer = artifacts(prepared, "put", "--stack", STACK)
        assert code == 1
        assert "it was altered after the build" in answer["error"]
        assert f"orders is {digests['orders']}, but" in refusal(prepared)
    finally:
        file.write_bytes(right)


def test_a_bundle_that_was_altered_in_the_bucket_is_not_deployed(prepared: Prepared, digests: dict[str, str]) -> None:
    s3, key = prepared.sandbox.aws.client("s3"), bundle_key(digests["orders"])
    planted = s3.put_object(Bucket=BUCKET, Key=key, Body=b"planted", ChecksumSHA256=digest(b"planted"))
    try:
        assert f"not {digests['orders']}: it was altered after the build" in refusal(prepared)
    finally:
        s3.delete_object(Bucket=BUCKET, Key=key, VersionId=planted["VersionId"])


def test_a_changed_byte_is_seen_by_the_preview_and_a_manifest_of_the_commit_before_is_refused(
    deployed: Prepared, digests: dict[str, str]
) -> None:
    assert live(deployed)["CodeSha256"] == digests["orders"]
    project = deployed.sandbox.scratch.project
    file = project / "app/orders/__init__.py"
    before, commit = file.read_text(), git(project, "rev-parse", "HEAD")
    file.write_text(before + "# a byte more\n")
    deployed.sandbox.scratch.commit("A byte more")
    try:
        assert f"it is of commit {commit}, but the release would be of" in refusal(deployed)
        assert built(deployed)["orders"] != digests["orders"]
        code, text = deployed.pulumi("preview", "--stack", STACK, "--diff", env=TAKEN)
        assert code == 0, text
        assert digests["orders"] in text
        assert "codeSha256" in text
    finally:
        file.write_text(before)
        deployed.sandbox.scratch.commit("A byte less")
