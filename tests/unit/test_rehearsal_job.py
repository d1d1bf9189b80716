"""A job of GitHub's in a rehearsal: it has a token, and no key."""

from pathlib import Path

import pytest

from rehearsal.job import Job, subject
from rehearsal.scratch import ScratchError, aws_environment

ENDPOINT = "http://127.0.0.1:4566"
ROLE = "arn:aws:iam::333333333333:role/strata-prod-deploy"


def job(tmp_path: Path, endpoint: str = ENDPOINT) -> Job:
    return Job(endpoint, "repo:acme/shop:environment:prod", ROLE, tmp_path / "token", 40.0)


def test_its_environment_has_no_key_and_no_passphrase(tmp_path: Path) -> None:
    base = {
        **aws_environment(ENDPOINT, "333333333333", "eu-central-1"),
        "AWS_SESSION_TOKEN": "t",
        "PULUMI_CONFIG_PASSPHRASE": "p",
        "PULUMI_BACKEND_URL": "file:///state",
        "PATH": "/bin",
    }
    env = job(tmp_path).environment(base, "s3://bucket?region=eu-central-1")
    assert [name for name in env if "KEY" in name or "SESSION_TOKEN" in name or "PASSPHRASE" in name] == []
    assert (env["AWS_ROLE_ARN"], env["AWS_WEB_IDENTITY_TOKEN_FILE"]) == (ROLE, str(tmp_path / "token"))
    assert (env["PATH"], env["AWS_REGION"]) == ("/bin", "eu-central-1")
    assert env["PULUMI_BACKEND_URL"] == f"s3://bucket?region=eu-central-1&endpoint={ENDPOINT}&s3ForcePathStyle=true"


def test_its_tokens_come_from_this_machine_alone(tmp_path: Path) -> None:
    with pytest.raises(ScratchError, match="is not on loopback"):
        job(tmp_path, "https://sts.eu-central-1.amazonaws.com").renew()
    assert not (tmp_path / "token").exists()


def test_its_subject_names_the_environment_of_its_stack() -> None:
    identity = {
        "github": {"repository": "acme/shop"},
        "stacks": [{"name": "prod", "environment": "live"}, {"name": "dev", "environment": "dev"}],
    }
    assert subject(identity, "prod") == "repo:acme/shop:environment:live"
