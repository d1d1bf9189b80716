"""Starts a local cloud and the stand-in providers beside a scratch copy of the project: all that `pulumi up` needs.

The rehearsal, `make sandbox`, tests and benchmarks use it. Everything that it starts ends with the `with` block, or
with this process however it ends.
"""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from infra.naming import Names
from rehearsal.environment import legacy_state, stand_in
from rehearsal.environment.oidc import DeployIdentity
from rehearsal.environment.processes import Program
from rehearsal.environment.workspace import Edit, Scratch, ScratchError, aws_environment, scrubbed
from rehearsal.observe import control
from rehearsal.observe.aws_records import AwsRecords

REPOSITORY = Path(__file__).resolve().parents[2]
LOCAL_PYTHON = REPOSITORY / "local/.venv/bin/python"
STACK = "prod"
ORDERS, FULFILMENT = "orders", "fulfilment"  # the project's services: the API's, and the consumer of the table's stream
# The variables that a person's shell takes from the sandbox beside PATH. The person's own values of these (a profile, a
# token) are unset first, since they would lead to another account.
UNSET = "unset $(env | grep -oE '^(AWS|PULUMI|STRATA)_[A-Za-z0-9_]+') _"
EXPORTED = ("AWS_", "PULUMI_", "STRATA_", "NO_PROXY", "no_proxy")


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox. `env` is the environment in which commands are typed; `identities` has, by stack, the job that
    alone may deploy it, and is empty if no policies are enforced."""

    scratch: Scratch
    cloud: Program
    providers: Program
    env: Mapping[str, str]
    factor: float
    account: str
    region: str
    legacy: legacy_state.Backend
    pulumi_version: str
    identities: Mapping[str, DeployIdentity] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return self.env["AWS_ENDPOINT_URL"]

    @property
    def bucket(self) -> float:
        """Return the real seconds of a simulated minute, which is one period of CloudWatch's."""
        return 60 / self.factor

    @property
    def aws(self) -> AwsRecords:
        """Return the records of this sandbox's AWS."""
        return AwsRecords(self.endpoint, self.account, self.region)

    def pulumi(
        self, *arguments: str, on_line: Callable[[str], None] | None = None, env: Mapping[str, str | None] | None = None
    ) -> tuple[int, str]:
        """Run the Pulumi CLI in the copy as a user would; return its exit code and output.

        `on_line` is called with each line as it comes. `env` changes the environment; None removes a name.
        """
        lines: list[str] = []

        def note(line: str) -> None:
            lines.append(line)
            if on_line is not None:
                on_line(line)

        changed = {**self.env, **(env or {})}
        for one in self.identities.values():
            one.job.renew()
        final = {name: value for name, value in changed.items() if value is not None}
        # No grace: an interrupted rehearsal discards its stack, so nothing has to be left in order.
        with Program(["pulumi", *arguments], env=final, cwd=self.scratch.project, grace=0) as program:
            code = program.lines(note)
        self.scratch.note(lines)
        return code, "\n".join(lines)

    def at(self, factor: float) -> Self:
        """Change the factor of the cloud, and return the sandbox whose commands use that factor."""
        control.run_at(self.endpoint, factor)
        rate = {"STRATA_CLOCK_RATE": f"{factor:g}"}
        identities = {name: replace(each, env={**each.env, **rate}) for name, each in self.identities.items()}
        return replace(self, env={**self.env, **rate}, factor=factor, identities=identities)

    def outputs(self) -> dict[str, Any]:
        """Return what `pulumi stack output --json` prints, parsed."""
        answer: dict[str, Any] = self._json("stack", "output", "--json", "--stack", STACK)
        return answer

    def changes(self) -> dict[str, int]:
        """Return how many resources the last `pulumi up` created, updated, left the same ..., by Pulumi's history."""
        history = self._json("stack", "history", "--json", "--page-size", "1", "--stack", STACK)
        changes: dict[str, int] = history[0]["resourceChanges"]
        return changes

    def release(self) -> dict[str, Any]:
        """Return the release's outputs in the stack's state: `targets`, `outcomes` and more; empty if it has none."""
        return release_in(self._json("stack", "export", "--stack", STACK))

    def targets(self) -> dict[str, dict[str, str]]:
        """Return the targets of the stack's release by service; empty if it has none."""
        prefix = Names("strata", STACK).function("")
        return {one["function"].removeprefix(prefix): one for one in self.release().get("targets") or ()}

    def target(self, service: str = ORDERS) -> dict[str, str]:
        """Return the service's target of the stack's release; empty if it has none."""
        return self.targets().get(service, {})

    def apply(self, edit: Edit) -> str:
        """Commit an edit to the copy; return the commit's id."""
        return self.scratch.apply(edit)

    def exports(self) -> str:
        """Return the lines by which a person's shell enters this sandbox."""
        wanted = {name: value for name, value in self.env.items() if name.startswith(EXPORTED)}
        lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(wanted.items())]
        pulumi = Path(shutil.which("pulumi", path=self.env["PATH"]) or "pulumi").parent
        host = Path(shutil.which("pulumi-language-python", path=self.env["PATH"]) or pulumi / "host").parent
        folders = dict.fromkeys(str(folder) for folder in (host, pulumi, REPOSITORY / ".venv/bin"))
        lines.append(f'export PATH={shlex.quote(os.pathsep.join(folders))}:"$PATH"')
        return "\n".join([f"cd {shlex.quote(str(self.scratch.project))}", UNSET, *lines]) + "\n"

    def _json(self, *arguments: str) -> Any:
        return json.loads(succeed(self.scratch, self.env, *arguments))


@contextmanager
def running(factor: float, repository: Path = REPOSITORY) -> Iterator[Sandbox]:
    """Start a sandbox with an empty stack `prod` and the legacy layer in place. Raises ScratchError or ProgramError."""
    require_tools()
    base = scrubbed(os.environ)
    with ExitStack() as stack:
        scratch = Scratch.of(repository)
        stack.callback(scratch.remove)
        # The cloud takes long to start, so the stack is created meanwhile.
        cloud = stack.enter_context(start("cloud", scratch, base, "--port", "0", "--factor", f"{factor:g}"))
        local = scratch.environment(base, rate=factor)
        begin(scratch, local, STACK)
        endpoint = cloud.ready(scratch.root / "cloud.json")["endpoint"]
        config = configured(scratch, local, endpoint)
        account, region = config["account"]["allowedAccountIds"][0], config["account"]["region"]
        env = local | aws_environment(endpoint, account, region)
        providers = stack.enter_context(start("providers", scratch, env))
        legacy = legacy_state.Backend.of(config["data"]["legacy"], region)
        legacy_state.create(AwsRecords(endpoint, account, region), legacy)
        version = succeed(scratch, local, "version")
        env["PULUMI_DEBUG_PROVIDERS"] = providers.ready(scratch.root / "providers.json")["PULUMI_DEBUG_PROVIDERS"]
        yield Sandbox(scratch, cloud, providers, env, factor, account, region, legacy, version)


RELEASE = "strata:release:Release"
LONGEST_WAIT = 600  # simulated minutes: a runner's clock goes on where the cloud of a busy machine falls behind
# Terraform's backend asks more services than S3, and its endpoint has no host names for buckets.
LOCAL_BACKEND = """\
use_path_style              = true
skip_credentials_validation = true
skip_metadata_api_check     = true
skip_requesting_account_id  = true
"""


def release_in(state: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of the release in what `pulumi stack export` prints; empty where there is none."""
    outputs = (each.get("outputs") for each in state["deployment"].get("resources", ()) if each["type"] == RELEASE)
    return next(outputs, None) or {}


def require_tools() -> None:
    """Raise ScratchError, with the remedy, if the Pulumi CLI or the local cloud's environment is missing."""
    if shutil.which("pulumi") is None:
        raise ScratchError("there is no `pulumi` on PATH; run this by `make`, which finds or builds one, or install it")
    if not LOCAL_PYTHON.exists():
        raise ScratchError(f"there is no {LOCAL_PYTHON}, the environment of the local cloud; run `make venvs`")


def start(module: str, scratch: Scratch, env: Mapping[str, str], *options: str, name: str = "") -> Program:
    """Start `python -m local.MODULE` in its own virtual environment; it writes NAME.json once it serves, and NAME.log.
    The name is the module's unless another is given."""
    name = name or module
    command: list[str | Path] = [LOCAL_PYTHON, "-m", f"local.{module}", *options]
    command += ["--ready-file", scratch.root / f"{name}.json", "--parent", str(os.getpid())]
    return Program(command, env=env, cwd=REPOSITORY, log=scratch.root / f"{name}.log")


def configured(scratch: Scratch, env: Mapping[str, str], endpoint: str, stack: str = STACK) -> dict[str, Any]:
    """Change the copy's configuration of the stack for a sandbox, which has no other stack; return it by section."""
    # No upstream stack exists here that could promote anything; `python -m rehearsal.promotion` has all three.
    succeed(scratch, env, "config", "rm", "--path", "strata:release.from", "--stack", stack)
    return with_legacy(scratch, env, endpoint, stack)


def with_legacy(scratch: Scratch, env: Mapping[str, str], endpoint: str, stack: str) -> dict[str, Any]:
    """Set the S3 endpoint of the stack's legacy backend, if it has one, and a patience for a busy machine; return the
    stack's configuration by section."""
    config = json.loads(succeed(scratch, env, "config", "--json", "--stack", stack))
    sections = {key.removeprefix("strata:"): entry.get("objectValue") for key, entry in config.items()}
    keys: list[str] = []
    if (sections.get("release") or {}).get("wait", True):
        keys.append(f"strata:release.longestWaitMinutes={LONGEST_WAIT}")
    if "legacy" in sections["data"]:
        keys += [f"strata:data.legacy.endpoint={endpoint}", "strata:data.legacy.usePathStyle=true"]
    if keys:
        given = [part for key in keys for part in ("--plaintext", key)]
        succeed(scratch, env, "config", "set-all", "--stack", stack, "--path", *given)
    if "legacy" in sections["data"]:
        for file in sorted(scratch.project.glob(f"terraform-legacy/*/environments/{stack}.s3.tfbackend")):
            file.write_text(file.read_text() + LOCAL_BACKEND)
    scratch.commit("Read the legacy state from this machine")
    return sections


def begin(scratch: Scratch, env: Mapping[str, str], stack: str, *options: str) -> None:
    """Create an empty stack in the copy. A stand-in replaces each of its secrets, and a line on stderr says so."""
    stand_ins = stand_in.closed(scratch.project, stack)
    succeed(scratch, env, "stack", "init", stack, *options)
    for path, value in stand_ins.items():
        succeed(scratch, env, "config", "set", "--secret", "--path", path, value, "--stack", stack)
        note = f"{stack}: a stand-in replaces {path}, which only the stack's own key can decrypt"
        print(note, file=sys.stderr, flush=True)


def succeed(scratch: Scratch, env: Mapping[str, str], *arguments: str) -> str:
    """Run a Pulumi command and return its output. Raises ScratchError, with the output, if it fails."""
    said: list[str] = []
    with Program(["pulumi", *arguments], env=env, cwd=scratch.project, grace=0) as program:
        code = program.lines(said.append)
    scratch.note(said)
    text = "\n".join(said)
    if code != 0:
        raise ScratchError(f"`pulumi {' '.join(arguments)}` ended with exit code {code}:\n{text}")
    return text
