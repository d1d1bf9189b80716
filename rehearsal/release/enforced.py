"""Starts a sandbox that enforces IAM policies on each call, and in which no job has a key.

An administrator prepares the account once; from then on each stack is deployed by a job that assumes the stack's role
with its token, and keeps the stack's state and secrets in the bucket and under the key of `bootstrap/`.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from infra.naming import Names, Shared
from local.toolchain import environments
from rehearsal.environment import bootstrap, legacy_state, sandbox
from rehearsal.environment.oidc import BUILD, DeployIdentity, OidcJob, subject, subject_in
from rehearsal.environment.sandbox import REPOSITORY, STACK, Sandbox
from rehearsal.environment.workspace import Scratch, aws_environment, scrubbed
from rehearsal.generated import stack as generated
from rehearsal.observe.aws_records import AwsRecords

BEFORE = "staging"  # the upstream stack, whose account lets prod read the records of its releases
STACKS = (STACK, generated.STACK)  # each in an account of its own


@contextmanager
def running(
    factor: float, repository: Path = REPOSITORY, stacks: Sequence[str] = STACKS, neighbours: Sequence[str] = (BEFORE,)
) -> Iterator[Sandbox]:
    """Start a sandbox whose `stacks`, prod among them, only their jobs may deploy. The accounts of `neighbours` are
    prepared too. Raises ScratchError or ProgramError."""
    sandbox.require_tools()
    base = scrubbed(os.environ)
    with ExitStack() as stack:
        scratch = Scratch.of(repository)
        stack.callback(scratch.remove)
        cloud = stack.enter_context(
            sandbox.start("cloud", scratch, base, "--port", "0", "--factor", f"{factor:g}", "--enforce")
        )
        local = scratch.environment(base, rate=factor)
        shutil.copy2(
            scratch.project / generated.BOOTSTRAP,
            scratch.project / bootstrap.PROGRAM / f"Pulumi.{generated.STACK}.yaml",
        )
        config = bootstrap.configured(scratch, STACK)["account"]
        number, region = config["allowedAccountIds"][0], config["region"]
        endpoint = cloud.ready(scratch.root / "cloud.json")["endpoint"]
        made = _prepared(scratch, local | aws_environment(endpoint, number, region), (*stacks, *neighbours))
        identities = {}
        for name in stacks:
            outputs = made[name]
            about = subject(bootstrap.configured(scratch, name)["identity"], name)
            role = outputs["roles"][Names(generated.PROJECT, name).deploy_role]
            job = OidcJob(endpoint, about, role, scratch.root / f"token-{name}", factor)
            stack.enter_context(job)
            env = job.environment(local | aws_environment(endpoint, number, region), outputs["state"])
            providers = stack.enter_context(sandbox.start("providers", scratch, env, name=f"providers-{name}"))
            env |= _line(providers.ready(scratch.root / f"providers-{name}.json"))
            identities[name] = DeployIdentity(job, env, outputs["secrets_providers"][name])
        identities[BUILD] = _builder(stack, scratch, identities[STACK], made[STACK])
        env = dict(identities[STACK].env)
        sandbox.begin(scratch, env, STACK, "--secrets-provider", identities[STACK].secrets_provider)
        legacy = legacy_state.Backend.of(sandbox.configured(scratch, env, endpoint)["data"]["legacy"], region)
        legacy_state.create(AwsRecords(endpoint, number, region), legacy)
        version = sandbox.succeed(scratch, env, "version")
        yield Sandbox(scratch, cloud, providers, env, factor, number, region, legacy, version, identities)


def _builder(stack: ExitStack, scratch: Scratch, prod: DeployIdentity, outputs: Mapping[str, Any]) -> DeployIdentity:
    """Return the identity of the build job in prod's account, which stores the bundles."""
    identity = bootstrap.configured(scratch, STACK)["identity"]
    about = subject_in(identity, BUILD)
    role = outputs["roles"][Shared("strata").build_role]
    job = stack.enter_context(OidcJob(prod.job.endpoint, about, role, scratch.root / "token-build", prod.job.factor))
    path = f"{environments.uv().parent}{os.pathsep}{prod.env['PATH']}"
    env = {**prod.env, "AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": str(job.file), "PATH": path}
    return DeployIdentity(job, env, "")


def _prepared(scratch: Scratch, admin: Mapping[str, str], stacks: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Run `bootstrap/` as the administrator of each account, who alone has a key; return the outputs by stack."""
    return {name: _brought_up(scratch, admin, name) for name in stacks}


def _brought_up(scratch: Scratch, admin: Mapping[str, str], stack: str) -> dict[str, Any]:
    """Run `bootstrap/` for the account of a stack; its providers end afterwards."""
    name = f"providers-admin-{stack}"
    key = {"AWS_ACCESS_KEY_ID": bootstrap.configured(scratch, stack)["account"]["allowedAccountIds"][0]}
    with sandbox.start("providers", scratch, {**admin, **key}, name=name) as providers:
        env = {**admin, **key, **_line(providers.ready(scratch.root / f"{name}.json"))}
        return bootstrap.prepare(scratch, env, stack)


def _line(ready: Mapping[str, str]) -> dict[str, str]:
    return {"PULUMI_DEBUG_PROVIDERS": ready["PULUMI_DEBUG_PROVIDERS"]}
