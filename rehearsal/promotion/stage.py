"""Three accounts on one local cloud, each made ready by an administrator, and jobs that deploy to them."""

import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rehearsal.environment import bootstrap, legacy_state, sandbox
from rehearsal.environment.processes import Program
from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.environment.workspace import Edit, Scratch, aws_environment, for_go, git, scrubbed, state_at
from rehearsal.github_actions.runner import Heed, Runner
from rehearsal.github_actions.standins import Actions
from rehearsal.github_actions.workflow import Workflow, parse
from rehearsal.observe.aws_records import Aws, Seen

STACKS = ("dev", "staging", "prod")
OURS = ("MAKE", "MFLAGS", "FACTOR", "ENFORCE", "STACK")  # of the `make` that started this, and not of a job's


@dataclass(frozen=True)
class Stage:
    """The accounts, by stack; `region` is the same for all."""

    scratch: Scratch
    cloud: Program
    endpoint: str
    factor: float
    region: str
    accounts: Mapping[str, Aws]
    actions: Actions
    base: Mapping[str, str]
    _runs: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def commit(self, *edits: Edit) -> str:
        """Make each edit a commit of main; the last one's id, forty digits."""
        for edit in edits:
            self.scratch.apply(edit)
        return git(self.scratch.project, "rev-parse", "HEAD")

    def runner(self, sha: str, heed: Heed, changed: Mapping[str, str] | None = None) -> Runner:
        """What plays the workflows of that commit. `changed`: what is otherwise in the environment of its machines."""

        def read(file: str) -> Workflow:
            return parse(git(self.scratch.project, "show", f"{sha}:{file}"), file)

        github = {
            "event_name": "push",
            "ref": "refs/heads/main",
            "repository": self.actions.slug,
            "run_id": str(next(self._runs)),
            "sha": sha,
        }
        return Runner(read, self.actions.all(), {**self.base, **(changed or {})}, github, heed, self._here)

    def look(self, stack: str) -> Seen:
        """How the stack's function stands."""
        return self.accounts[stack].look(target(stack))

    def digest(self, stack: str) -> str:
        """The digest of what the stack's alias sends all traffic to; empty where that is not one version."""
        aws, function = self.accounts[stack], target(stack)["function"]
        return aws.digests(function).get(aws.live(function, target(stack)["alias"]) or "", "")

    def api_url(self, stack: str) -> str | None:
        """Where the stack's API is; None before there is one."""
        apis = self.accounts[stack].client("apigatewayv2").get_apis()["Items"]
        return next((each["ApiEndpoint"] for each in apis if each["Name"] == f"strata-{stack}"), None)

    def _here(self, env: Mapping[str, str]) -> Mapping[str, str]:
        url = env.get("PULUMI_BACKEND_URL")  # empty where the workflow's step that says it has failed
        return {**env, **(state_at(url, self.endpoint) if url else {})}


def target(stack: str) -> dict[str, str]:
    """What the stack's release releases, by the names that its tags and permissions have too."""
    name = f"strata-{stack}"
    return {"function": f"{name}-orders", "alias": "live", "application": name, "group": f"{name}-orders"}


@contextmanager
def running(factor: float, *, enforce: bool, repository: Path = REPOSITORY) -> Iterator[Stage]:
    """Three empty stacks, whose state, secrets and bundles are where `bootstrap/` made room for them, and the legacy
    layers of two. Raises ScratchError or ProgramError."""
    sandbox.require_tools()
    base = scrubbed(os.environ)
    with ExitStack() as stack:
        scratch = Scratch.of(repository)
        stack.callback(scratch.remove)
        options = ["--port", "0", "--factor", f"{factor:g}", *(["--enforce"] if enforce else [])]
        cloud = stack.enter_context(sandbox.start("cloud", scratch, base, *options))
        endpoint = cloud.ready(scratch.root / "cloud.json")["endpoint"]
        local = scratch.environment(base, rate=factor)
        told = {name: bootstrap.configured(scratch, name) for name in STACKS}
        region = told["prod"]["account"]["region"]
        numbers = {name: each["account"]["allowedAccountIds"][0] for name, each in told.items()}
        accounts = {name: Aws(endpoint, number, region) for name, number in numbers.items()}
        for name, number in numbers.items():
            admin = {**local, **aws_environment(endpoint, number, region)}
            _prepare(scratch, admin, name, accounts[name], told[name]["identity"])
        shared = {
            **{name: value for name, value in local.items() if not name.startswith(OURS)},
            "AWS_ENDPOINT_URL": endpoint,
            **for_go(endpoint),
        }
        for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"):  # a job has them from its workflow, or not
            del shared[name]
        actions = Actions(
            origin=scratch.project,
            filled=repository,
            artifacts=scratch.root / "artifacts",
            slug=told["prod"]["identity"]["github"]["repository"],
            endpoint=endpoint,
            factor=factor,
            plugins=_plugins(scratch),
        )
        yield Stage(scratch, cloud, endpoint, factor, region, accounts, actions, shared)


def _prepare(scratch: Scratch, admin: Mapping[str, str], stack: str, aws: Aws, identity: Mapping[str, Any]) -> None:
    """What an administrator does once: `bootstrap/` in the account, an empty stack, and the legacy layer."""
    with _plugins(scratch)(admin) as plugins:
        made = bootstrap.prepare(scratch, {**admin, **plugins}, stack)
    env = {**admin, **for_go(aws.endpoint), **state_at(made["state"], aws.endpoint)}
    sandbox.begin(scratch, env, stack, "--secrets-provider", made["secrets_providers"][stack])
    config = sandbox.with_legacy(scratch, env, aws.endpoint, stack)
    if "legacy" in config["data"]:
        (served,) = (each for each in identity["stacks"] if each["name"] == stack)
        backend = legacy_state.Backend.of(config["data"]["legacy"], aws.region)
        legacy_state.create(aws, backend, served["tableName"])


def _plugins(scratch: Scratch) -> Any:
    numbers = itertools.count(1)

    @contextmanager
    def started(env: Mapping[str, str]) -> Iterator[dict[str, str]]:
        name = f"providers-{os.urandom(3).hex()}-{next(numbers)}"
        with sandbox.start("providers", scratch, env, name=name) as providers:
            yield {"PULUMI_DEBUG_PROVIDERS": providers.ready(scratch.root / f"{name}.json")["PULUMI_DEBUG_PROVIDERS"]}

    return started
