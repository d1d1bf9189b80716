"""Stands in for the image of CodeBuild: a folder of commands that a build finds before those of this machine.

`aws` makes the calls that the project's commands make, with the build's own credentials. `curl` fetches nothing, since
the CLI is in place. `make` gives a checkout what is installed here, and starts Pulumi's plugins, before the real one.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import boto3
import jmespath  # type: ignore[import-untyped]
from botocore.config import Config

from rehearsal.environment import sandbox
from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.environment.workspace import Scratch, for_go, share_installed, state_at

VARIABLE = "REHEARSAL_IMAGE"  # the folder, for the commands in it
MACHINE, ROOT = "machine.json", "root"


def write(folder: Path, scratch: Scratch, environment: Mapping[str, str]) -> None:
    """Write the folder. `environment`: the variables of a machine that runs builds, without credentials."""
    folder.mkdir(exist_ok=True)
    (folder / MACHINE).write_text(json.dumps({**environment, ROOT: str(scratch.root)}))
    python = shlex.join([str(REPOSITORY / ".venv/bin/python"), "-P", "-m", "rehearsal.promotion.build_image"])
    for name in COMMANDS:
        file = folder / name
        variables = f"{VARIABLE}={shlex.quote(str(folder))} PYTHONPATH={shlex.quote(str(REPOSITORY))}"
        file.write_text(f'#!/bin/sh\n{variables} exec {python} {name} "$@"\n')
        file.chmod(0o755)


def aws(arguments: Sequence[str]) -> int:
    """Do what AWS's own command does with these arguments. Raises ValueError for any others."""
    config = Config(s3={"addressing_style": "path"})
    match arguments:
        case ["s3api", "list-objects-v2", "--bucket", bucket, "--prefix", prefix, "--query", query, "--output", "json"]:
            pages = boto3.client("s3", config=config).get_paginator("list_objects_v2")
            found = [each for page in pages.paginate(Bucket=bucket, Prefix=prefix) for each in page.get("Contents", ())]
            named = [{**each, "LastModified": each["LastModified"].isoformat()} for each in found]
            print(json.dumps(jmespath.search(query, {"Contents": named})))
        case ["s3", "cp", "--only-show-errors", source, target] if source.startswith("s3://"):
            bucket, _, key = source.removeprefix("s3://").partition("/")
            boto3.client("s3", config=config).download_file(bucket, key, target)
        case _:
            raise ValueError(f"the stand-in for `aws` does not know: {shlex.join(arguments)}")
    return 0


def curl(_: Sequence[str]) -> int:
    """Fetch nothing: what the project installs is on this machine."""
    return 0


def make(arguments: Sequence[str]) -> int:
    """Run the real make in the folder at hand, with what a machine has beside the build's own variables."""
    folder = Path(os.environ[VARIABLE])
    machine: dict[str, str] = json.loads((folder / MACHINE).read_text())
    scratch = Scratch(Path(machine.pop(ROOT)))
    if not Path(".venv").exists():
        share_installed(REPOSITORY, Path.cwd())
    own = {name: value for name, value in os.environ.items() if name not in {VARIABLE, "PYTHONPATH", "PATH", "HOME"}}
    env = {**machine, **own, "PATH": f"{folder}{os.pathsep}{machine['PATH']}"}
    url, endpoint = env["PULUMI_BACKEND_URL"], env["AWS_ENDPOINT_URL"]
    if "endpoint=" not in url:
        env |= {**state_at(url, endpoint), **for_go(endpoint)}
    command = [shutil.which("make", path=machine["PATH"]) or "make", *arguments]
    if "PULUMI_DEBUG_PROVIDERS" in env:
        return subprocess.run(command, env=env, check=False).returncode
    name = f"providers-{uuid.uuid4().hex[:6]}"
    with sandbox.start("providers", scratch, env, name=name) as providers:
        env["PULUMI_DEBUG_PROVIDERS"] = providers.ready(scratch.root / f"{name}.json")["PULUMI_DEBUG_PROVIDERS"]
        return subprocess.run(command, env=env, check=False).returncode


COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {"aws": aws, "curl": curl, "make": make}

if __name__ == "__main__":
    sys.exit(COMMANDS[sys.argv[1]](sys.argv[2:]))
