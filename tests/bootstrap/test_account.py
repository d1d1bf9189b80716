"""An account after `pulumi up` in `bootstrap/`, read back from AWS and not from the program."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rehearsal.environment.bootstrap import PROGRAM
from rehearsal.environment.sandbox import STACK
from tests.bootstrap.conftest import Prepared
from tests.unit.grants_kit import allowed, deploying

ACCOUNT, REGION = "333333333333", "eu-central-1"
BUCKET = f"strata-state-{ACCOUNT}-{REGION}"
GITHUB = "token.actions.githubusercontent.com"


def documents(prepared: Prepared, role: str) -> dict[str, Any]:
    """Return the policies attached to a role, by name."""
    iam = prepared.sandbox.aws.client("iam")
    found = {}
    for each in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=each["PolicyArn"])["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=each["PolicyArn"], VersionId=version)["PolicyVersion"]["Document"]
        found[each["PolicyName"]] = document
    return found


BRANCH = {f"{GITHUB}:ref": "refs/heads/main"}


@pytest.mark.parametrize(
    ("role", "asked"),
    [
        ("strata-prod-deploy", [("prod", BRANCH)]),
        ("strata-prod-preview", [("preview-prod", {}), ("preview", BRANCH)]),
    ],
)
def test_a_role_trusts_exact_tokens(prepared: Prepared, role: str, asked: list[tuple[str, dict[str, str]]]) -> None:
    trust = prepared.sandbox.aws.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    for statement, (environment, branch) in zip(trust["Statement"], asked, strict=True):
        assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
        assert statement["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"}
        assert statement["Condition"] == {
            "StringEquals": {
                f"{GITHUB}:aud": "sts.amazonaws.com",
                f"{GITHUB}:sub": f"repo:strata-example/strata:environment:{environment}",
                **branch,
            }
        }


@pytest.mark.parametrize("role", ["strata-prod-deploy", "strata-prod-preview"])
def test_a_role_has_its_six_policies_and_nothing_else(prepared: Prepared, role: str) -> None:
    found = documents(prepared, role)
    assert set(found) == {f"{role}-{part}" for part in ("functions", "api", "triggers", "roles", "delivery", "state")}
    assert prepared.sandbox.aws.client("iam").list_role_policies(RoleName=role)["PolicyNames"] == []
    (secrets,) = [each for each in found[f"{role}-state"]["Statement"] if each["Sid"] == "Secrets"]
    keys = prepared.sandbox.aws.client("kms").list_aliases()["Aliases"]
    (key,) = [each["TargetKeyId"] for each in keys if each["AliasName"] == "alias/strata-secrets"]
    assert secrets["Resource"] == [f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"]


def test_the_issuer_takes_tokens_for_aws_alone(prepared: Prepared) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"
    found = prepared.sandbox.aws.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert found["ClientIDList"] == ["sts.amazonaws.com"]


def test_the_state_is_versioned_encrypted_private_and_reached_by_tls(prepared: Prepared) -> None:
    s3 = prepared.sandbox.aws.client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert set(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()) == {True}
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_keys_rotate(prepared: Prepared) -> None:
    kms = prepared.sandbox.aws.client("kms")
    ours = {each["AliasName"]: each["TargetKeyId"] for each in kms.list_aliases()["Aliases"]}
    for alias in ("alias/strata-secrets", "alias/strata-prod-alarms"):
        assert kms.get_key_rotation_status(KeyId=ours[alias])["KeyRotationEnabled"]


def test_a_second_run_changes_nothing(prepared: Prepared) -> None:
    code, text = prepared.pulumi("--cwd", PROGRAM, "preview", "--stack", STACK, "--expect-no-changes", "--refresh")
    assert code == 0, text


def test_the_stacks_roles_carry_the_boundary_that_is_there(deployed: Prepared) -> None:
    iam = deployed.sandbox.aws.client("iam")
    arn = f"arn:aws:iam::{ACCOUNT}:policy/strata-prod-boundary"
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PolicyName"] == "strata-prod-boundary"
    for role in ("strata-prod-orders-execution", "strata-prod-smoke-hook", "strata-prod-codedeploy"):
        carried = iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]
        assert carried["PermissionsBoundaryArn"] == arn


def test_a_stack_keeps_its_state_in_the_bucket_and_its_secrets_by_the_key(prepared: Prepared) -> None:
    endpoint = f"&endpoint={prepared.sandbox.endpoint}&s3ForcePathStyle=true"
    env: dict[str, str | None] = {
        "PULUMI_BACKEND_URL": prepared.outputs["state"] + endpoint,
        "PULUMI_CONFIG_PASSPHRASE": None,
    }
    project = prepared.sandbox.scratch.project
    files = {file: file.read_text() for file in project.glob("Pulumi.*.yaml")}
    try:
        provider = prepared.outputs["secrets_providers"][STACK]
        for arguments in (
            ("stack", "init", STACK, "--secrets-provider", provider),
            ("config", "set", "--stack", STACK, "--secret", "pulumi:planted", "hunter2"),
            ("cancel", "--yes", "--stack", STACK),
        ):
            code, text = prepared.pulumi(*arguments, env=env)
            assert code == 0, text
        written = (project / f"Pulumi.{STACK}.yaml").read_text()
        assert provider in written
        assert "hunter2" not in written
    finally:
        for file, text in files.items():
            file.write_text(text)
    listed = prepared.sandbox.aws.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    keys = {each["Key"] for each in listed}
    assert ".pulumi/stacks/strata/prod.json" in keys
    unreadable = [key for key in keys if not allowed("s3:GetObject", f"arn:aws:s3:::{BUCKET}/{key}", deploying())]
    assert unreadable == []


@contextmanager
def edited(prepared: Prepared, *edits: tuple[str, str]) -> Iterator[None]:
    """Replace texts of the account's file for the block."""
    file = prepared.sandbox.scratch.project / PROGRAM / f"Pulumi.{STACK}.yaml"
    text = changed = file.read_text()
    for before, after in edits:
        assert changed.count(before) == 1
        changed = changed.replace(before, after)
    file.write_text(changed)
    try:
        yield
    finally:
        file.write_text(text)


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (
            [("strata-example/strata", "strata"), ("        environment: prod\n", "")],
            [
                'identity.github.repository is "strata", not of the form wanted',
                "identity.stacks[0].environment is missing and has no default",
            ],
        ),
        (
            [("repository: strata-example/strata\n", 'repository: strata-example/strata\n      ownerId: "12"\n')],
            ['identity.github.ownerId is "12", without effect'],
        ),
    ],
    ids=["two wrong values", "a value without effect"],
)
def test_mistakes_are_one_clear_error_and_nothing_is_declared(
    prepared: Prepared, edits: list[tuple[str, str]], expected: list[str]
) -> None:
    with edited(prepared, *edits):
        code, text = prepared.pulumi("--cwd", PROGRAM, "preview", "--stack", STACK)
    assert code != 0
    shown = " ".join(text.split())
    assert [each for each in expected if each not in shown] == []
    assert "Traceback" not in text
