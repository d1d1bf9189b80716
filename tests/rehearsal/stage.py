"""A sandbox with the queries of the tests."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.environment import pace
from rehearsal.environment.pace import Pace
from rehearsal.environment.processes import Program
from rehearsal.environment.sandbox import LOCAL_PYTHON, REPOSITORY, STACK, Sandbox
from rehearsal.environment.workspace import git
from rehearsal.observe.traffic import Api, Traffic

FASTEST = 30.0  # a ten-minute canary takes 20 s; on a busy machine, as many more
FACTOR = pace.at_first(FASTEST)[0]
RATE = 50.0 * FASTEST / 60  # requests per second then, as many in a simulated minute at any factor: a canary needs 20
POSTS = 0.8  # share of orders: a bad canary then fails some twenty before the shift, of which four would be enough


@dataclass(frozen=True)
class Said:
    """The exit code and output of a command."""

    code: int
    text: str

    def __add__(self, then: "Said") -> "Said":
        """Join both, one after the other."""
        return Said(then.code, f"{self.text}\n{then.text}")


@dataclass
class Stage:
    """A sandbox with the queries of the tests."""

    sandbox: Sandbox
    released: str | None = None  # the copy as it was at the last `up` that succeeded; None where the last one failed
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        self.pace = Pace(FASTEST, self.sandbox.factor, RATE, self.sandbox.endpoint)

    def keep_pace(self) -> None:
        """Lower the factor while this machine is busy; see `pace`."""
        self.pace.keep(None, self._at, lambda _: None)

    def _at(self, factor: float) -> None:
        self.sandbox = self.sandbox.at(factor)

    def up(self) -> Said:
        """Run `pulumi up`; the preview before it is left to the tests that read one."""
        said = Said(*self.sandbox.pulumi("up", "--stack", STACK, "--skip-preview"))
        self.released = self.tree() if said.code == 0 else None
        return said

    def tree(self) -> str:
        """Return git's id of the copy's content."""
        return git(self.sandbox.scratch.project, "rev-parse", "HEAD^{tree}")

    def preview(self, env: Mapping[str, str | None] | None = None) -> Said:
        return Said(*self.sandbox.pulumi("preview", "--stack", STACK, env=env))

    def planned(self) -> dict[str, str]:
        """Return the operations of `preview` by the URN's type and name, without resources that stay the same."""
        code, text = self.sandbox.pulumi("preview", "--stack", STACK, "--json")
        assert code == 0, text
        steps = json.loads(text)["steps"]
        return {"::".join(step["urn"].split("::")[2:]): step["op"] for step in steps if step["op"] != "same"}

    def target(self) -> dict[str, str]:
        return self.sandbox.target()

    def live(self) -> str | None:
        target = self.target()
        return self.sandbox.aws.live(target["function"], target["alias"])

    def reset(self) -> None:
        """Restore the copy's first state; the live version keeps what was released meanwhile."""
        project = self.sandbox.scratch.project
        first = git(project, "log", "--format=%H", "--grep", "Read the legacy state from this machine")
        git(project, "checkout", "--quiet", first, "--", ".")
        self.sandbox.scratch.commit("As it was at first")

    @contextmanager
    def traffic(self) -> Iterator[Traffic]:
        """Send live traffic while the block runs."""
        live = Traffic(Api.at(self.sandbox.outputs()["api_url"]), self.pace.per_second, POSTS)
        live.start()
        try:
            yield live
        finally:
            live.stop()

    @contextmanager
    def other_providers(self, **changed: str | None) -> Iterator[dict[str, str | None]]:
        """Start stand-in providers with another environment than this sandbox's; yield what the CLI then needs."""
        env = {name: value for name, value in {**self.sandbox.env, **changed}.items() if value is not None}
        ready = self.sandbox.scratch.root / f"providers-{time.monotonic_ns()}.json"
        command: list[str | Path] = [LOCAL_PYTHON, "-m", "local.providers", "--ready-file", ready]
        with Program(command, env=env, cwd=REPOSITORY, log=ready.with_suffix(".log")) as program:
            yield {**changed, "PULUMI_DEBUG_PROVIDERS": program.ready(ready)["PULUMI_DEBUG_PROVIDERS"]}
