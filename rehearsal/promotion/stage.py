"""Starts three accounts on one local cloud, each prepared by an administrator, for jobs that deploy to them."""

import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from rehearsal.environment import bootstrap, legacy_state, sandbox
from rehearsal.environment.processes import Program
from rehearsal.environment.sandbox import ORDERS, REPOSITORY
from rehearsal.environment.workspace import Edit, Scratch, aws_environment, for_go, git, scrubbed, state_at
from rehearsal.github_actions.runner import Runner, StepObserver
from rehearsal.github_actions.stand_ins import Actions
from rehearsal.github_actions.workflow import Workflow, parse
from rehearsal.observe import control
from rehearsal.observe.aws_records import AwsRecords, FunctionState
from rehearsal.promotion import build_image

STACKS = ("dev", "staging", "prod")
OURS = (
    "MAKE",
    "MFLAGS",
    "FACTOR",
    "ENFORCE",
    "EVENTS",
    "STACK",
)  # set by the `make` that started this; a job has none of them

BY_EVENT = (
    Edit(
        title="Let staging's successes start releases of prod",
        file="bootstrap/Pulumi.prod.yaml",
        before='          account: "222222222222"\n',
        after='          account: "222222222222"\n          byEvent: true\n',
    ),
    Edit(
        title="Send staging's successes to prod's account",
        file="bootstrap/Pulumi.staging.yaml",
        before='          account: "333333333333"\n',
        after='          account: "333333333333"\n          byEvent: true\n',
    ),
    Edit(
        title="Release prod by an event",
        file="Pulumi.prod.yaml",
        before="    from: staging\n",
        after="    from: staging\n    promoteBy: event\n",
    ),
)
"""What it takes that an event of staging's starts a release of prod."""


@dataclass(frozen=True)
class Stage:
    """The accounts, by stack; `region` is the same for all. `image`: the folder of commands of prod's builds, if events
    start them."""

    scratch: Scratch
    cloud: Program
    endpoint: str
    factor: float
    region: str
    accounts: Mapping[str, AwsRecords]
    actions: Actions
    base: Mapping[str, str]
    image: Path | None = None
    _runs: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def at(self, factor: float) -> Self:
        """Change the factor of the cloud, and return the stage whose jobs and builds use it."""
        control.run_at(self.endpoint, factor)
        base = {**self.base, "STRATA_CLOCK_RATE": f"{factor:g}"}
        if self.image is not None:
            build_image.write(self.image, self.scratch, base)
        return replace(self, factor=factor, actions=replace(self.actions, factor=factor), base=base)

    def commit(self, *edits: Edit) -> str:
        """Commit each edit to main; return the last commit's id, forty digits."""
        for edit in edits:
            self.scratch.apply(edit)
        return git(self.scratch.project, "rev-parse", "HEAD")

    def runner(self, sha: str, observer: StepObserver, changed: Mapping[str, str] | None = None) -> Runner:
        """Return the runner of that commit's workflows. `changed`: variables that differ on its machines."""

        def read(file: str) -> Workflow:
            return parse(git(self.scratch.project, "show", f"{sha}:{file}"), file)

        github = {
            "event_name": "push",
            "ref": "refs/heads/main",
            "repository": self.actions.slug,
            "run_id": str(next(self._runs)),
            "sha": sha,
        }
        return Runner(read, self.actions.all(), {**self.base, **(changed or {})}, github, observer, self._here)

    def observe(self, stack: str, service: str = ORDERS) -> FunctionState:
        """Return the state of a service's function in the stack."""
        return self.accounts[stack].observe(target(stack, service))

    def digest(self, stack: str) -> str:
        """Return the digest of the version with all of the alias's traffic; empty if its traffic is split."""
        aws, function = self.accounts[stack], target(stack)["function"]
        return aws.digests(function).get(aws.live(function, target(stack)["alias"]) or "", "")

    def api_url(self, stack: str) -> str | None:
        """Return the URL of the stack's API; None before there is one."""
        apis = self.accounts[stack].client("apigatewayv2").get_apis()["Items"]
        return next((each["ApiEndpoint"] for each in apis if each["Name"] == f"strata-{stack}"), None)

    def _here(self, env: Mapping[str, str]) -> Mapping[str, str]:
        url = env.get("PULUMI_BACKEND_URL")  # empty if the step that outputs it has failed
        return {**env, **(state_at(url, self.endpoint) if url else {})}


def target(stack: str, service: str = ORDERS) -> dict[str, str]:
    """Return a target of the stack's release, by the names that its tags and permissions use too."""
    name = f"strata-{stack}"
    return {"function": f"{name}-{service}", "alias": "live", "application": name, "group": f"{name}-{service}"}


@contextmanager
def running(factor: float, *, enforce: bool, events: bool = False, repository: Path = REPOSITORY) -> Iterator[Stage]:
    """Create three empty stacks, whose state, secrets and bundles are where `bootstrap/` puts them, and the legacy
    layers of two. `events`: staging's successes start releases of prod. Raises ScratchError or ProgramError."""
    sandbox.require_tools()
    base = scrubbed(os.environ)
    with ExitStack() as stack:
        scratch = Scratch.of(repository)
        stack.callback(scratch.remove)
        image = scratch.root / "image"
        options = ["--port", "0", "--factor", f"{factor:g}", *(["--enforce"] if enforce else [])]
        if events:
            options += ["--build-tools", str(image)]
            for edit in BY_EVENT:
                scratch.apply(edit)
        cloud = stack.enter_context(sandbox.start("cloud", scratch, base, *options))
        endpoint = cloud.ready(scratch.root / "cloud.json")["endpoint"]
        local = scratch.environment(base, rate=factor)
        configs = {name: bootstrap.configured(scratch, name) for name in STACKS}
        region = configs["prod"]["account"]["region"]
        numbers = {name: each["account"]["allowedAccountIds"][0] for name, each in configs.items()}
        accounts = {name: AwsRecords(endpoint, number, region) for name, number in numbers.items()}
        for name, number in numbers.items():
            admin = {**local, **aws_environment(endpoint, number, region)}
            _prepare(scratch, admin, name, accounts[name], configs[name]["identity"])
        shared = {
            **{name: value for name, value in local.items() if not name.startswith(OURS)},
            "AWS_ENDPOINT_URL": endpoint,
            **for_go(endpoint),
        }
        for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"):  # a job gets them from its workflow
            del shared[name]
        if events:
            build_image.write(image, scratch, shared)
        actions = Actions(
            origin=scratch.project,
            filled=repository,
            artifacts=scratch.root / "artifacts",
            slug=configs["prod"]["identity"]["github"]["repository"],
            endpoint=endpoint,
            factor=factor,
            plugins=_plugins(scratch),
        )
        yield Stage(scratch, cloud, endpoint, factor, region, accounts, actions, shared, image if events else None)


def _prepare(
    scratch: Scratch, admin: Mapping[str, str], stack: str, aws: AwsRecords, identity: Mapping[str, Any]
) -> None:
    """Do what an administrator does once: run `bootstrap/`, create an empty stack, and create the legacy layer."""
    with _plugins(scratch)(admin) as plugins:
        made = bootstrap.prepare(scratch, {**admin, **plugins}, stack)
    env = {**admin, **for_go(aws.endpoint), **state_at(made["state"], aws.endpoint)}
    sandbox.begin(scratch, env, stack, "--secrets-provider", made["secrets_providers"][stack])
    config = sandbox.with_legacy(scratch, env, aws.endpoint, stack)
    if "legacy" in config["data"]:
        (found,) = (each for each in identity["stacks"] if each["name"] == stack)
        backend = legacy_state.Backend.of(config["data"]["legacy"], aws.region)
        legacy_state.create(aws, backend, found["tableName"])


def _plugins(scratch: Scratch) -> Any:
    numbers = itertools.count(1)

    @contextmanager
    def started(env: Mapping[str, str]) -> Iterator[dict[str, str]]:
        name = f"providers-{os.urandom(3).hex()}-{next(numbers)}"
        with sandbox.start("providers", scratch, env, name=name) as providers:
            yield {"PULUMI_DEBUG_PROVIDERS": providers.ready(scratch.root / f"{name}.json")["PULUMI_DEBUG_PROVIDERS"]}

    return started
