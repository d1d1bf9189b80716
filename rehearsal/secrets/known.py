"""Secrets that a rehearsal works with: each is real to what uses it, and `leaks` looks for them when all is over."""

import base64
import re
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal.environment.sandbox import STACK, Sandbox
from rehearsal.environment.workspace import ScratchError

CONFIG_KEY = "strata:secrets.receiptKey"
# Names, in an environment.
CREDENTIAL = re.compile(r"(?:AWS|PULUMI)_.*(?:SECRET|TOKEN|PASSPHRASE|PASSWORD)(?!.*_FILE$)")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
KEY_ID = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}")
SHORTEST = 16  # characters; less is no secret, and stands anywhere


@dataclass(frozen=True)
class Secret:
    """Something that nobody may read. `name` says what it is, to a person."""

    name: str
    value: str = field(repr=False)


def in_use(env: Mapping[str, str]) -> list[Secret]:
    """The credentials and tokens in an environment."""
    return [
        Secret(name, value)
        for name, value in sorted(env.items())
        if len(value) >= SHORTEST and (CREDENTIAL.match(name) or KEY_ID.fullmatch(value))
    ]


def shown(stage: Sandbox) -> list[Secret]:
    """The first token that each of the sandbox's jobs was given: all begin alike, so a piece of any is found."""
    return [Secret("a job's token", token) for served in stage.served.values() for token in served.job.tokens[:1]]


def receipt_key(stage: Sandbox) -> Secret:
    """Make a key of receipts up and give it to the stack, as a person does: not on a command line, where `ps` would
    show it, but where the CLI asks for it. Raises ScratchError where the CLI does not take it."""
    key = base64.b64encode(secrets.token_bytes(48)).decode()
    command = ["pulumi", "config", "set", "--secret", "--path", CONFIG_KEY, "--stack", STACK]
    done = subprocess.run(
        command,
        input=f"{key}\n",
        env=dict(stage.env),
        cwd=stage.scratch.project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    stage.scratch.note(done.stdout.splitlines())
    if done.returncode != 0:
        raise ScratchError(f"`{' '.join(command)}` ended with exit code {done.returncode}:\n{done.stdout}")
    stage.scratch.commit("Sign receipts")
    return Secret("the receipt key", key)
