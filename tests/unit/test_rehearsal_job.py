"""A GitHub job in a rehearsal has a token and no key."""

import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rehearsal import files
from rehearsal.environment.oidc import OidcJob, subject
from rehearsal.environment.workspace import ScratchError, aws_environment

ENDPOINT = "http://127.0.0.1:4566"
ROLE = "arn:aws:iam::333333333333:role/strata-prod-deploy"


def job(tmp_path: Path, endpoint: str = ENDPOINT) -> OidcJob:
    return OidcJob(endpoint, "repo:acme/shop:environment:prod", ROLE, tmp_path / "token", 40.0)


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


def test_several_writers_renew_one_token_and_leave_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = itertools.count(1)
    monkeypatch.setattr(OidcJob, "token", lambda _: f"token {next(tokens):04}")
    shared = job(tmp_path)
    begin = threading.Barrier(8)

    def renew(_: int) -> None:
        begin.wait()
        for _ in range(25):
            shared.renew()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(renew, range(8)))
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("token", "token 0200")]


def test_a_file_is_whole_however_many_write_it_at_once(tmp_path: Path) -> None:
    file, begin = tmp_path / "report.json", threading.Barrier(8)

    def write(number: int) -> None:
        begin.wait()
        for _ in range(25):
            files.put([number] * 2000, file)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(set(json.loads(file.read_text()))) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]
