"""`python -m rehearsal.policy_preview` previews each stack under the policy pack, as CI does for a pull request.

It previews the stacks of a scratch copy against the local cloud, as if each were new, and the policy pack judges the
resources that would be declared.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra import config
from infra.config import stack_file
from rehearsal.cli import run_guarded
from rehearsal.environment import legacy_state, sandbox
from rehearsal.environment.processes import Program
from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.environment.workspace import Scratch, ScratchError, aws_environment, scrubbed
from rehearsal.observe.aws_records import AwsRecords

PACK = "policy"
SECTION = re.compile(r"^Policies:\n((?:.+\n)*)", re.MULTILINE)  # the CLI's section on policies, up to an empty line


@dataclass(frozen=True)
class Review:
    """The preview of one stack: its exit code and output."""

    stack: str
    code: int
    text: str

    @property
    def policies(self) -> str:
        """Return the pack's report; empty if the pack did not run."""
        found = SECTION.search(self.text + "\n")
        return found[1].rstrip() if found else ""

    @property
    def passed(self) -> bool:
        """True if the pack ran and found no mandatory violation."""
        return self.code == 0 and bool(self.policies)

    def count(self, level: str) -> int:
        """Return the number of violations of a level: "mandatory" or "advisory"."""
        return self.policies.count(f"- [{level}]")

    def summary(self) -> str:
        """Return a line on the stack, and below it the violations to correct."""
        mandatory, advisory = self.count("mandatory"), self.count("advisory")
        if self.passed:
            line = f"{self.stack}: passed" + (f", with {advisory} to see to" if advisory else "")
            return f"{line}\n{self.policies}" if advisory else line
        if mandatory:
            return f"{self.stack}: blocked by {mandatory}\n{self.policies}"
        return f"{self.stack}: no verdict, the preview failed or did not ask the pack\n{self.text}"


class Reviews:
    """Previews stacks in one scratch copy and one local cloud. A stack's providers keep running after its preview."""

    def __init__(self, scratch: Scratch, endpoint: str, local: Mapping[str, str], running: ExitStack) -> None:
        self.scratch = scratch
        self._endpoint, self._local, self._running = endpoint, local, running
        self._environments: dict[str, dict[str, str]] = {}

    def stacks(self) -> list[str]:
        """Return the stacks that have a file in the project."""
        return stack_file.project(self.scratch.project).stacks()

    def review(self, stack: str) -> Review:
        """Preview a stack under the pack."""
        if stack not in self._environments:
            try:
                config.of(self.scratch.project, stack)
            except config.ConfigError as problem:  # without a valid configuration no preview can be prepared
                return Review(stack, 1, str(problem))
            self._environments[stack] = self._prepare(stack)
        levels = Path(PACK) / "levels" / f"{stack}.json"
        command = ["pulumi", "preview", "--stack", stack, "--policy-pack", PACK]
        command += ["--policy-pack-config", str(levels)] if (self.scratch.project / levels).exists() else []
        lines: list[str] = []
        with Program(command, env=self._environments[stack], cwd=self.scratch.project, grace=0) as program:
            code = program.lines(lines.append)
        return Review(stack, code, "\n".join(lines))

    def _prepare(self, stack: str) -> dict[str, str]:
        """Create an empty stack and its legacy layer, if it has one, and start providers of its account; return the
        CLI's environment."""
        sandbox.begin(self.scratch, self._local, stack)
        rooms = sandbox.configured(self.scratch, self._local, self._endpoint, stack)
        account, region = rooms["account"]["allowedAccountIds"][0], rooms["account"]["region"]
        env = {**self._local} | aws_environment(self._endpoint, account, region)
        providers = self._running.enter_context(
            sandbox.start("providers", self.scratch, env, name=f"providers-{stack}")
        )
        if "legacy" in rooms["data"]:
            backend = legacy_state.Backend.of(rooms["data"]["legacy"], region)
            legacy_state.create(AwsRecords(self._endpoint, account, region), backend)
        ready = providers.ready(self.scratch.root / f"providers-{stack}.json")
        return env | {"PULUMI_DEBUG_PROVIDERS": ready["PULUMI_DEBUG_PROVIDERS"]}


@contextmanager
def reviews(repository: Path = REPOSITORY) -> Iterator[Reviews]:
    """Start what previews need. Raises ScratchError or ProgramError."""
    sandbox.require_tools()
    if not (repository / PACK / ".venv").exists():
        raise ScratchError(f"there is no {repository / PACK / '.venv'}, the pack's environment; run `make venvs`")
    base = scrubbed(os.environ)
    with ExitStack() as running:
        scratch = Scratch.of(repository)
        running.callback(scratch.remove)
        cloud = running.enter_context(sandbox.start("cloud", scratch, base, "--port", "0"))
        local = scratch.environment(base, rate=1)
        endpoint = cloud.ready(scratch.root / "cloud.json")["endpoint"]
        yield Reviews(scratch, endpoint, local, running)


def act() -> int:
    """Preview every stack and print the results; return 1 if one did not pass or could not be previewed, else 0."""
    with reviews() as desk:
        passed = True
        for stack in desk.stacks():
            review = desk.review(stack)
            print(review.summary(), flush=True)
            passed = passed and review.passed
    return 0 if passed else 1


def main() -> int:
    """Return the exit code: 0, 1 with a reason on stderr, or 130 if it was interrupted."""
    return run_guarded("policy", act)


if __name__ == "__main__":
    sys.exit(main())
