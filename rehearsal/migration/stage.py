"""A sandbox whose stack `prod` is wholly Terraform's, and the operator's commands in it."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.source import Source
from rehearsal.environment import legacy_functions, legacy_identity, sandbox
from rehearsal.environment.bootstrap import PROGRAM
from rehearsal.environment.legacy_document import LAYERS, beside
from rehearsal.environment.processes import Program
from rehearsal.environment.sandbox import REPOSITORY, STACK, Sandbox
from rehearsal.environment.workspace import ScratchError
from rehearsal.migration import stack

ALL = ("identity", "data", *LAYERS)
Json = dict[str, Any]


@dataclass
class Stage:
    """The sandbox, and where its layers are. `quiet`: variables of Terraform's alone; `ids`: what `python -m
    infra.migrate ids` prints."""

    sandbox: Sandbox
    quiet: Mapping[str, str]
    functions: Source = Source.LEGACY
    data: Source = Source.LEGACY
    ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """Return the environment in which commands are typed."""
        return {**self.sandbox.env, **self.quiet}

    def at(self, factor: float) -> None:
        """Change the factor of the cloud and of the commands."""
        self.sandbox = self.sandbox.at(factor)

    def configure(self, *, functions: Source | None = None, data: Source | None = None) -> None:
        """Write the sources into the stack's file, and commit it, as an operator does before a move."""
        self.functions, self.data = functions or self.functions, data or self.data
        found = stack.sections(
            self.functions,
            self.data,
            backend=self.sandbox.legacy,
            endpoint=self.sandbox.endpoint,
            ids=self.ids,
        )
        stack.write(self.sandbox.scratch.project / f"Pulumi.{STACK}.yaml", found)
        self.sandbox.scratch.commit(f"Functions are {self.functions}, data is {self.data}")

    def configure_identity(self, source: Source) -> None:
        """Write identity's source into the file of `bootstrap/`, and commit it, as an operator does before a move."""
        key = "strata-bootstrap:identity"
        if source is Source.LEGACY:
            found = beside(self.sandbox.legacy, legacy_identity.LAYER)
            self._set(f"{key}.legacy.bucket", found.bucket)
            self._set(f"{key}.legacy.key", found.key)
            self._set(f"{key}.legacy.endpoint", self.sandbox.endpoint)
            self._set(f"{key}.legacy.usePathStyle", "true")
            self._set(f"{key}.stacks[0].services[0]", "orders")
        elif source is Source.ADOPTED:
            self._bootstrap("config", "rm", "--path", f"{key}.legacy")
        self._set(f"{key}.source", source)
        self.sandbox.scratch.commit(f"Identity is {source}")

    def know_all_services(self) -> None:
        """Let the boundary and the policies, which are `bootstrap/`'s now, know the services of the program."""
        self._bootstrap("config", "rm", "--path", "strata-bootstrap:identity.stacks[0].services")
        self.sandbox.scratch.commit("The boundary knows all services")
        self.bring_up_identity()

    def bring_up_identity(self) -> None:
        """Run `pulumi up` in `bootstrap/`. Raises ScratchError if it fails."""
        self._bootstrap("up", "--skip-preview")

    def without_pipelines(self) -> None:
        """Leave out of the identity layer what only Terraform's pipelines need, as `terraform apply` does."""
        legacy_identity.without_pipelines(self.sandbox.aws)
        self.terraform(legacy_identity.LAYER, "state", "rm", *legacy_identity.HOMELESS)

    def _set(self, key: str, value: str) -> None:
        self._bootstrap("config", "set", "--path", key, value)

    def _bootstrap(self, *words: str) -> None:
        sandbox.succeed(self.sandbox.scratch, self.env, "--cwd", PROGRAM, *words, "--stack", STACK)

    def migrate(self, command: str, *options: str, note: Callable[[str], None] | None = None) -> Json:
        """Run `python -m infra.migrate`; return its document, with `exit` beside it. `note` gets each other line."""
        lines: list[str] = []

        def on_line(line: str) -> None:
            lines.append(line)
            if note is not None and not line.startswith(("{", "}", " ")):
                note(line)

        with self.started(command, *options, "--json") as program:
            code = program.lines(on_line)
        self.sandbox.scratch.note(lines)
        text = "\n".join(lines)
        start = next((number for number, line in enumerate(lines) if line == "{"), None)
        if start is None:
            return {"exit": code, "error": text}
        return {**json.loads("\n".join(lines[start : lines.index("}", start) + 1])), "exit": code, "said": text}

    def started(self, command: str, *options: str) -> Program:
        """Start `python -m infra.migrate` in the copy."""
        python = self.sandbox.scratch.project / ".venv/bin/python"
        words: list[str | Path] = [python, "-m", "infra.migrate", command, *options, "--stack", STACK]
        return Program(words, env=self.env, cwd=self.sandbox.scratch.project, grace=0)

    def terraform(self, layer: str, *arguments: str) -> str:
        """Run Terraform in a layer's folder; return its output. Raises ScratchError if it fails."""
        done = subprocess.run(
            ["terraform", f"-chdir=terraform-legacy/{layer}", *arguments],
            cwd=self.sandbox.scratch.project,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ScratchError(f"terraform {' '.join(arguments)} in {layer} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def left(self, layer: str) -> list[str]:
        """Return the managed resources that Terraform's state of a layer has."""
        key = f"{layer}/terraform.tfstate"
        body = self.sandbox.aws.client("s3").get_object(Bucket=self.sandbox.legacy.bucket, Key=key)["Body"].read()
        return [each["type"] for each in json.loads(body)["resources"] if each["mode"] == "managed"]


@contextmanager
def running(factor: float) -> Iterator[Stage]:
    """Start a sandbox in which Terraform owns every layer. Raises ScratchError without terraform on PATH."""
    if shutil.which("terraform") is None:
        raise ScratchError("there is no `terraform` on PATH, 1.11 or newer, to move states with; install it")
    with sandbox.running(factor) as made:
        legacy_functions.create(made.aws, made.legacy, REPOSITORY)
        legacy_identity.create(made.aws, made.legacy, REPOSITORY)
        sandbox.succeed(made.scratch, made.env, "--cwd", PROGRAM, "stack", "init", STACK)
        stage = opened(made)
        stage.configure()
        stage.ids = stage.migrate("ids").get("ids", {})
        yield stage


def opened(made: Sandbox) -> Stage:
    """Return the stage of a sandbox, once Terraform has resolved the backend of every layer."""
    # The provider is not needed, so Terraform looks for it nowhere.
    init = f"-plugin-dir={made.scratch.home}"
    stage = Stage(made, {"TF_CLI_ARGS_init": init, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"})
    for layer in ALL:
        initialise(stage, layer)
    return stage


def initialise(stage: Stage, layer: str) -> None:
    """Let Terraform resolve a layer's backend. It then misses the provider, which is not needed."""
    file = f"environments/{STACK}.s3.tfbackend"
    try:
        stage.terraform(layer, "init", "-input=false", "-reconfigure", f"-backend-config={file}")
    except ScratchError as problem:
        if not (stage.sandbox.scratch.project / f"terraform-legacy/{layer}/.terraform/terraform.tfstate").exists():
            raise ScratchError(f"terraform did not resolve the backend of {layer}: {problem}") from None
