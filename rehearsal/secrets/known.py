"""The secrets that a rehearsal works with: each is really in use, and `scan` searches for them at the end."""

import base64
import re
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal.environment.sandbox import STACK, Sandbox
from rehearsal.environment.workspace import ScratchError

CONFIG_KEY = "strata:secrets.receiptKey"
# Names of environment variables.
CREDENTIAL = re.compile(r"(?:AWS|PULUMI)_.*(?:SECRET|TOKEN|PASSPHRASE|PASSWORD)(?!.*_FILE$)")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
KEY_ID = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}")
SHORTEST = 16  # characters; a shorter value is no secret, and may occur anywhere by chance


@dataclass(frozen=True)
class Secret:
    """A secret value. `name` says to a person what it is."""

    name: str
    value: str = field(repr=False)


def in_use(env: Mapping[str, str]) -> list[Secret]:
    """Return the credentials and tokens in an environment."""
    return [
        Secret(name, value)
        for name, value in sorted(env.items())
        if len(value) >= SHORTEST and (CREDENTIAL.match(name) or KEY_ID.fullmatch(value))
    ]


def shown(stage: Sandbox) -> list[Secret]:
    """Return the first token of each of the sandbox's jobs: all tokens begin alike, so a piece of any is found."""
    jobs = [identity.job for identity in stage.identities.values()]
    return [Secret("a job's token", token) for job in jobs for token in job.tokens[:1]]


def receipt_key(stage: Sandbox) -> Secret:
    """Generate a receipt key and set it in the stack's configuration, on the CLI's standard input as a person does: on
    a command line `ps` would show it. Raises ScratchError if the CLI fails."""
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
