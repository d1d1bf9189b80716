"""Writes services into a copy of the project by the scaffold of `make service`, and releases them in one stack.

The program, its configuration and the services' files are the product's own. The copy is a clone beside the sandbox's
own, in which the services of the repository are left out.
"""

import json
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from infra import services
from infra.naming import Names
from infra.pipeline.plan import PARALLEL
from infra.services import scaffold
from rehearsal.environment.sandbox import REPOSITORY, Sandbox, release_in
from rehearsal.environment.workspace import ScratchError, git, share_installed
from rehearsal.observe.aws_records import AwsRecords, FunctionState

BOOTSTRAP = "rehearsal/generated/bootstrap.yaml"  # the configuration of `bootstrap/` where policies are enforced
FOLDER = "../generated"  # relative to the sandbox's copy, in which the CLI runs
PROJECT, STACK = "strata", "rehearsal"
PREFIX = f"{Names(PROJECT, STACK).prefix}-"  # of the functions' names, before the service's own
UP = ("up", "--stack", STACK, "--skip-preview")
COMMAND = f"pulumi --cwd {FOLDER} {' '.join(UP)}"
# Pulumi's file backend writes the whole state after each of some hundred resources, which is half of the time that it
# takes to create fifty services. An interrupted rehearsal discards its state, so it needs no checkpoints.
NO_CHECKPOINTS = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
SETTINGS = {
    "data": {"source": "managed", "deletionProtection": False},
    "compute": {"memory": 128},
    # The shortest canary there is, and wide enough that a handful of calls a second is evidence.
    "delivery": {"curve": {"percent": 20, "minutes": 5}},
}
HEADER = '"content-type": "application/json"'  # in the answers of both languages
HANDLER, RETURN = "def handler(", "    return {\n"
# The smoke hook's call is left alone, so that only real traffic can find the fault.
BAD = """    if event["headers"].get("user-agent") != "strata-smoke" and next(CALLS) % 2 == 0:
        raise RuntimeError("edition {edition} of {name} raises on every second call")
"""


@dataclass(frozen=True)
class Up:
    """One run of the CLI: its exit code, its real seconds and its output."""

    exit_code: int
    seconds: float
    text: str


@dataclass(frozen=True)
class GeneratedStack:
    """The services of one sandbox, in the stack `rehearsal`: the runtime of each, by name."""

    sandbox: Sandbox
    runtimes: Mapping[str, str]
    _first: dict[str, str] = field(default_factory=dict)  # the handlers' sources as the scaffold wrote them, by path

    @property
    def folder(self) -> Path:
        """Return the folder of the clone."""
        return (self.sandbox.scratch.project / FOLDER).resolve()

    @property
    def account(self) -> str:
        """Return the stack's account: the one that its job's role is of, or the sandbox's."""
        identity = self.sandbox.identities.get(STACK)
        return identity.job.role.split(":")[4] if identity else self.sandbox.account

    @property
    def aws(self) -> AwsRecords:
        """Return the records of the stack's AWS."""
        return AwsRecords(self.sandbox.endpoint, self.account, self.sandbox.region)

    def create(self) -> None:
        """Write the services and create the stack. Raises ScratchError if that fails."""
        self._write()
        identity = self.sandbox.identities.get(STACK)
        provider = ("--secrets-provider", identity.secrets_provider) if identity else ()
        created = self._run("stack", "init", STACK, *provider)
        if created.exit_code == 0:
            created = self._run(*UP, env=NO_CHECKPOINTS)
        if created.exit_code != 0:
            raise ScratchError(
                f"the generated services could not be created (exit code {created.exit_code}):\n{created.text}"
            )

    def edit(self, edition: int, bad: Collection[str] = ()) -> str:
        """Commit another edition of every service; return the commit's id. The `bad`, which are in Python, raise on
        half of their calls."""
        for path, text in self._first.items():
            name = path.split("/")[1]
            changed = edition_of(text, edition)
            (self.folder / path).write_text(faulty(changed, name, edition) if name in bad else changed)
        return self._commit(f"Edition {edition} of {len(self.runtimes)} services")

    def up(self, on_line: Callable[[str], None] | None = None) -> Up:
        """Run `pulumi up`, and call `on_line` with each line of its output."""
        return self._run(*UP, on_line=on_line)

    def preview(self) -> Up:
        """Run `pulumi preview`, as `make plan` does."""
        return self._run("preview", "--stack", STACK, env=PARALLEL)

    @property
    def api_url(self) -> str:
        """Return the URL of the stack's API. Raises ScratchError before the stack was created."""
        ran = self._run("stack", "output", "api_url", "--stack", STACK)
        if ran.exit_code != 0:
            raise ScratchError(f"the stack of the generated services has no API:\n{ran.text}")
        return ran.text.strip()

    @cached_property
    def targets(self) -> dict[str, dict[str, str]]:
        """Return the release's targets by service. Raises ScratchError before the stack was created."""
        ran = self._run("stack", "export", "--stack", STACK)
        if ran.exit_code != 0:
            raise ScratchError(f"the stack of the generated services has no state:\n{ran.text}")
        return {one["function"].removeprefix(PREFIX): one for one in release_in(json.loads(ran.text))["targets"]}

    def observe(self) -> dict[str, FunctionState]:
        """Return the state of every service, by AWS's own records."""
        aws = self.aws
        return {name: aws.observe(target) for name, target in self.targets.items()}

    def _write(self) -> None:
        """Clone the sandbox's copy, and replace its services by generated ones."""
        git(self.sandbox.scratch.root, "clone", "--quiet", str(self.sandbox.scratch.project), str(self.folder))
        for each in services.read(self.folder):
            shutil.rmtree(self.folder / each.folder)
        for name, runtime in self.runtimes.items():
            scaffold.write(self.folder, name, runtime)
        for each in services.read(self.folder):
            self._first[each.source] = (self.folder / each.source).read_text()
        share_installed(REPOSITORY, self.folder)
        (self.folder / ".git/info/exclude").write_text(".venv\nnode_modules\n")
        account = {"region": self.sandbox.region, "allowedAccountIds": [self.account]}
        config = {f"{PROJECT}:{key}": value for key, value in {"account": account, **SETTINGS}.items()}
        # JSON is YAML, and the CLI writes its own keys into it.
        (self.folder / f"Pulumi.{STACK}.yaml").write_text(json.dumps({"config": config}, indent=2) + "\n")
        self._commit(f"Write {len(self.runtimes)} services")

    def _commit(self, title: str) -> str:
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--no-verify", "--message", title)
        return git(self.folder, "rev-parse", "--short", "HEAD")

    def _run(self, *arguments: str, **how: Any) -> Up:
        identity = self.sandbox.identities.get(STACK)
        how["env"] = {**(identity.env if identity else {}), **(how.get("env") or {})}
        begun = time.monotonic()
        code, text = self.sandbox.pulumi("--cwd", FOLDER, *arguments, **how)
        return Up(code, round(time.monotonic() - begun, 2), text)


def edition_of(source: str, edition: int) -> str:
    """Return a handler in either language whose answers have a header more."""
    return replaced(source, HEADER, f'{HEADER}, "x-edition": "{edition}"')


def faulty(source: str, name: str, edition: int) -> str:
    """Return a handler in Python that raises on every second call but those of the smoke hook."""
    counted = replaced(f"import itertools\n{source}", HANDLER, f"CALLS = itertools.count(1)\n\n\n{HANDLER}")
    return replaced(counted, RETURN, BAD.format(name=name, edition=edition) + RETURN)


def replaced(text: str, before: str, after: str) -> str:
    """Return the text with `after` in place of `before`. Raises ScratchError unless that occurs exactly once."""
    if (times := text.count(before)) != 1:
        raise ScratchError(
            f"cannot edit a generated service: the text to replace occurs {times} times, not once; bring "
            f"rehearsal/generated/stack.py up to date with infra/services/scaffold.py:\n{before}"
        )
    return text.replace(before, after)
