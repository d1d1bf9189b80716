"""One whole stack in the account: made ready by the caller as its administrator, then brought up by its deploy role.

It is a project of its own name, so that it shares no bucket, key or role with a Strata that the account has already.
"""

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from rehearsal.environment.processes import Program
from rehearsal.environment.sandbox import LOCAL_PYTHON, REPOSITORY
from rehearsal.environment.workspace import Scratch, for_go, state_at
from tests.aws import made
from tests.aws.conftest import undo_all

STACK = "aws"
GITHUB = "token.actions.githubusercontent.com"
SESSION_SECONDS = 3600


@dataclass(frozen=True)
class Said:
    """What a command of the CLI came to."""

    code: int
    text: str


@dataclass(frozen=True)
class Stack:
    """The copy of the project, and the environment in which its deploy role works."""

    scratch: Scratch
    project: str
    env: Mapping[str, str]

    def pulumi(self, *arguments: str, stdin: str = "") -> Said:
        """Run the Pulumi CLI in the copy as the deploy role."""
        return run(self.scratch, self.env, *arguments, stdin=stdin)

    def drift(self) -> Said:
        """`make drift`, as the deploy role."""
        return _ran(["python", "-m", "infra.pipeline", "drift", "--stack", STACK], self.scratch, self.env)

    def outputs(self) -> dict[str, Any]:
        """`pulumi stack output --json`."""
        found: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json", "--stack", STACK).text)
        return found


def run(scratch: Scratch, env: Mapping[str, str], *arguments: str, stdin: str = "") -> Said:
    """Run the Pulumi CLI in the copy."""
    command = ["pulumi", *arguments, "--non-interactive"]
    if stdin:
        command = ["bash", "-c", 'printf %s "$GIVEN" | "$@"', "bash", *command]
    return _ran(command, scratch, {**env, "GIVEN": stdin} if stdin else env)


def _ran(command: list[str], scratch: Scratch, env: Mapping[str, str]) -> Said:
    lines: list[str] = []
    path = f"{REPOSITORY / '.venv/bin'}{os.pathsep}{env['PATH']}"
    with Program(command, env={**env, "PATH": path}, cwd=scratch.project) as program:
        code = program.lines(lines.append)
    return Said(code, "\n".join(lines))


def succeed(scratch: Scratch, env: Mapping[str, str], *arguments: str) -> str:
    """The output of a Pulumi command that must succeed."""
    said = run(scratch, env, *arguments)
    assert said.code == 0, f"pulumi {' '.join(arguments)}: {said.text}"
    return said.text


@contextmanager
def brought_up(session: Any) -> Iterator[Stack]:
    """The stack with its account made ready, nothing of it deployed yet. All of it is removed at the end."""
    undo: list[Any] = []
    scratch = Scratch.of(REPOSITORY)
    undo.append(scratch.remove)
    try:
        yield _prepared(session, scratch, made.fresh(), undo)
    finally:
        undo_all(undo)


def _prepared(session: Any, scratch: Scratch, project: str, undo: list[Any]) -> Stack:
    account, region = session.client("sts").get_caller_identity()["Account"], session.region_name
    _renamed(scratch, project, account, region, existing=_has_github(session))
    keys = session.get_credentials().get_frozen_credentials()
    admin = _environment(scratch, region, keys.access_key, keys.secret_key, keys.token)
    with _providers(scratch, admin) as env:
        succeed(scratch, env, "--cwd", "bootstrap", "stack", "init", STACK)
        undo.append(lambda: _destroyed(scratch, admin, "--cwd", "bootstrap"))
        succeed(scratch, env, "--cwd", "bootstrap", "up", "--yes", "--stack", STACK)
        exported = json.loads(
            succeed(scratch, env, "--cwd", "bootstrap", "stack", "output", "--json", "--stack", STACK)
        )
    undo.append(lambda: _emptied(session, f"{project}-state-{account}-{region}"))
    undo.append(lambda: _emptied(session, f"{project}-artifacts-{account}-{region}"))
    role = exported["roles"][f"{project}-{STACK}-deploy"]
    given = _assumed(session, role, account)
    deployer = _environment(scratch, region, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    state = state_at(exported["state"], endpoint) if endpoint else {"PULUMI_BACKEND_URL": exported["state"]}
    del deployer["PULUMI_CONFIG_PASSPHRASE"]
    providers = _providers(scratch, deployer | state)
    env = providers.__enter__()
    undo.append(lambda: providers.__exit__(None, None, None))
    succeed(scratch, env, "stack", "init", STACK, "--secrets-provider", exported["secrets_providers"][STACK])
    undo.append(lambda: _destroyed(scratch, admin | state))
    undo.append(lambda: _unprotected(session, f"{project}-{STACK}-orders"))
    return Stack(scratch, project, env)


def _has_github(session: Any) -> bool:
    found = session.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return any(each["Arn"].endswith(f"/{GITHUB}") for each in found)


def _renamed(scratch: Scratch, project: str, account: str, region: str, *, existing: bool) -> None:
    """Give the copy's project another name, and write its stack's two files."""
    file = scratch.project / "Pulumi.yaml"
    text = re.sub(r"^name: strata$", f"name: {project}", file.read_text(), flags=re.MULTILINE)
    file.write_text(re.sub(r"^  strata:", f"  {project}:", text, flags=re.MULTILINE))
    where = {"region": region, "allowedAccountIds": [account]}
    github = {"repository": "strata-example/strata", "existingProvider": existing}
    identity = {"project": project, "github": github, "stacks": [{"name": STACK, "environment": STACK}]}
    bootstrap = {"strata-bootstrap:account": where, "strata-bootstrap:identity": identity}
    own = {f"{project}:account": where, f"{project}:data": {"source": "managed"}}
    # JSON is YAML, and keeps an account's number a string.
    (scratch.project / f"bootstrap/Pulumi.{STACK}.yaml").write_text(json.dumps({"config": bootstrap}))
    (scratch.project / f"Pulumi.{STACK}.yaml").write_text(json.dumps({"config": own}))
    scratch.commit("A project of its own")


def _environment(scratch: Scratch, region: str, key: str, secret: str, token: str | None) -> dict[str, str]:
    """This process's own, with those credentials and no other, and with this copy's Pulumi."""
    ours = {name: value for name, value in os.environ.items() if name not in {"AWS_PROFILE", "AWS_SESSION_TOKEN"}}
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return {
        **ours,
        **(for_go(endpoint) if endpoint else {}),
        **({"AWS_SESSION_TOKEN": token} if token else {}),
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "PULUMI_BACKEND_URL": f"file://{scratch.state}",
        "PULUMI_CONFIG_PASSPHRASE": scratch.passphrase,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


@contextmanager
def _providers(scratch: Scratch, env: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """`env`, where AWS is real; else with stand-ins for the plugins, which act by the credentials of `env`."""
    if "AWS_ENDPOINT_URL" not in env:
        yield dict(env)
        return
    ready = scratch.root / f"providers-{secrets.token_hex(4)}.json"
    command: list[Any] = [LOCAL_PYTHON, "-m", "local.providers", "--ready-file", ready, "--parent", str(os.getpid())]
    with Program(command, env=env, cwd=REPOSITORY, log=ready.with_suffix(".log")) as program:
        yield {**env, "PULUMI_DEBUG_PROVIDERS": program.ready(ready)["PULUMI_DEBUG_PROVIDERS"]}


def _assumed(session: Any, role: str, account: str) -> dict[str, str]:
    """Credentials of the deploy role, whose trust gains the caller's account for it: this stack's role alone."""
    iam, name = session.client("iam"), role.rpartition("/")[2]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    partition = role.split(":")[1]
    caller = {"AWS": f"arn:{partition}:iam::{account}:root"}
    trust["Statement"].append({"Effect": "Allow", "Principal": caller, "Action": "sts:AssumeRole"})
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    sts = session.client("sts")

    def taken() -> Any:
        try:
            return sts.assume_role(RoleArn=role, RoleSessionName="strata-test", DurationSeconds=SESSION_SECONDS)
        except sts.exceptions.ClientError:  # IAM's changes are not seen everywhere at once
            return None

    given: dict[str, str] = made.until(taken, 2, f"{role} cannot be assumed")["Credentials"]
    return given


def _destroyed(scratch: Scratch, env: Mapping[str, str], *where: str) -> None:
    with _providers(scratch, env) as ready:
        succeed(scratch, ready, *where, "state", "unprotect", "--all", "--yes", "--stack", STACK)
        succeed(scratch, ready, *where, "destroy", "--yes", "--stack", STACK)


def _unprotected(session: Any, table: str) -> None:
    """Let the stack's table be deleted, which the program forbids."""
    dynamodb = session.client("dynamodb")
    with suppress(dynamodb.exceptions.ResourceNotFoundException):  # where `up` failed before it
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.get_waiter("table_exists").wait(TableName=table)


def _emptied(session: Any, bucket: str) -> None:
    """Delete every version of every object, without which S3 keeps the bucket."""
    s3 = session.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
