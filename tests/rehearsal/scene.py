"""The scene of a rehearsed fault: a live stack, `pulumi up` in terminals of its own, and the checks afterwards."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rehearsal import commits
from rehearsal.environment.sandbox import STACK
from rehearsal.environment.supervisor import descendants, process_table
from rehearsal.environment.workspace import Edit
from rehearsal.observe.aws_records import Deployment, FunctionState
from rehearsal.observe.traffic import Api, Traffic
from tests.rehearsal.reliability import PROMOTED, REFUSED, ROWS, STABLE, UNCHANGED
from tests.rehearsal.stage import Said, Stage

PATIENCE = 900.0  # seconds until a test gives up, however slow the machine
RELEASE = "strata-release"
"""The user agent of the release engine's calls: a fault for these does not affect Pulumi's providers."""
UP = ("pulumi", "up", "--stack", STACK, "--skip-preview")
OUTCOME = re.compile(r" \d+ (promoted|unchanged|refused|rolled back) \(\w+\): ")
"""The line with which a release ends."""


def wait_for(what: str, done: Callable[[], Any], terminal: "Terminal | None" = None) -> None:
    """Wait until `done`; fail if the terminal's command ends before, or after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert terminal is None or terminal.running, f"it ended before {what}:\n{terminal.text}"
        assert time.monotonic() < deadline, f"never: {what}\n{terminal.text if terminal else ''}"
        time.sleep(0.05)


class Terminal:
    """A command in a terminal of its own. As in a person's terminal, only the command itself ends what it starts."""

    def __init__(self, command: tuple[str, ...], env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> Said:
        """Wait until the command ends by itself."""
        return Said(self._process.wait(PATIENCE), self.text)

    def press_ctrl_c(self) -> None:
        """Send SIGINT to the whole foreground process group, as a terminal does."""
        os.killpg(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill -9 the CLI alone. What it had started must end by itself."""
        started = descendants(self._process.pid, process_table())
        self._process.kill()
        self._process.wait()
        wait_for("the orphans of the CLI end", lambda: not set(started) & process_table().keys())

    def close(self) -> None:
        for process in [self._process.pid, *descendants(self._process.pid, process_table())]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()


@dataclass
class Faults:
    """The local cloud's fault rules, and its record of calls."""

    endpoint: str

    def put(self, *rules: Mapping[str, Any]) -> None:
        """Replace the rules by these; a rule without a `user_agent` is for the release engine."""
        self._ask("faults", [{"user_agent": RELEASE, **rule} for rule in rules])

    def clear(self) -> None:
        self._ask("faults", [])

    def fired(self) -> list[int]:
        """Return how often each rule has fired."""
        return [rule["fired"] for rule in self._ask("faults")["faults"]]

    def calls(self, since: float) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask(f"calls?since={since}")["calls"]
        return found

    def run_at(self, factor: float) -> None:
        """Set the simulated seconds per real second."""
        self._ask("settings", {"factor": factor})

    def _ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.endpoint}/_strata/{path}", data=data, timeout=600) as answer:  # noqa: S310  loopback
            return json.load(answer)


@dataclass
class Scene:
    """One test's view of the shared stack. `before`: the function's state when the test began."""

    stage: Stage
    folder: Path
    faults: Faults
    before: FunctionState = field(init=False)
    begun: float = field(init=False)
    pace: float = field(init=False)
    terminals: list[Terminal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.before, self.begun = self.seen(), time.time()
        self.pace = self.stage.sandbox.factor

    @property
    def slower(self) -> float:
        """Return simulated seconds per real one at which a second `up` still meets the canary."""
        return self.stage.sandbox.factor / 3

    @cached_property
    def target(self) -> dict[str, str]:
        return self.stage.target()

    @property
    def function(self) -> str:
        return self.target["function"]

    @cached_property
    def lambda_(self) -> Any:
        return self.stage.sandbox.aws.client("lambda")

    @cached_property
    def codedeploy(self) -> Any:
        return self.stage.sandbox.aws.client("codedeploy")

    @cached_property
    def cloudwatch(self) -> Any:
        return self.stage.sandbox.aws.client("cloudwatch")

    def clear(self) -> None:
        """Remove faults and the lock, and end what still runs."""
        self.faults.clear()
        for terminal in self.terminals:
            terminal.close()
        self.stage.sandbox.pulumi("cancel", "--yes", "--stack", STACK)
        wait_for("nothing is in flight", self.at_rest)

    # What is done

    def commit(self, name: str, *more: Edit) -> None:
        """Commit a new harmless version of code that was not released before, and further edits to it.

        The minimum of requests is lowered, since a busy machine sends few.
        """
        self.stage.reset()
        few = Edit(
            "Ask for less", f"Pulumi.{STACK}.yaml", "evidence: enforce", "evidence: enforce\n    minimumRequests: 3"
        )
        said = Edit(f"Say in /health: {name}", commits.GOOD.file, '"status": "ok"', f'"said": "{name}", "status": "ok"')
        for edit in (few, said, *more):
            self.stage.sandbox.apply(edit)

    def type(self, *command: str) -> Terminal:
        """Start a command in a terminal, and leave it running."""
        sandbox = self.stage.sandbox
        env = {**sandbox.env, "STRATA_CLOCK_RATE": f"{self.pace:g}"}
        log = self.folder / f"terminal-{len(self.terminals)}.log"
        self.terminals.append(Terminal(command, env, sandbox.scratch.project, log))
        return self.terminals[-1]

    def up(self) -> Said:
        """Run `pulumi up` to its end."""
        return self.type(*UP).wait()

    def locked(self) -> Said:
        """Run the next `up` after a killed CLI, whose error names the remedy for the lock, and apply the remedy."""
        said = self.up()
        assert said.code != 0, said.text
        cancel = self.type("pulumi", "cancel", "--yes", "--stack", STACK).wait()
        assert cancel.code == 0, cancel.text
        return said

    @contextmanager
    def traffic(self, posts: float = 0.1, share: float = 0.5) -> Iterator[None]:
        """Send live traffic, of which the share `posts` are orders, while the block runs; then read every order.

        `share` is of what a canary of the default evidence needs: half, since `commit` asks for less. A bad version is
        found by more.
        """
        rate = share * self.stage.pace.per_second
        live = Traffic(Api.at(self.stage.sandbox.outputs()["api_url"]), rate, posts)
        live.start()
        try:
            yield
        finally:
            live.stop()
        orders = live.read_back()
        assert orders.acknowledged > 0
        assert orders.lost == 0, orders

    def move_alias(self, version: str | None) -> None:
        """Move all of the alias's traffic by hand."""
        self.lambda_.update_alias(
            FunctionName=self.function,
            Name=self.target["alias"],
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": {}},
        )

    @contextmanager
    def at(self, factor: float) -> Iterator[None]:
        """Run time at another pace while the block runs."""
        self.pace = factor
        self.faults.run_at(factor)
        try:
            yield
        finally:
            self.pace = self.stage.sandbox.factor
            self.faults.run_at(self.pace)

    # What is seen

    def seen(self) -> FunctionState:
        return self.stage.sandbox.aws.observe(self.target)

    def alias(self) -> tuple[str, dict[str, float]]:
        found = self.lambda_.get_alias(FunctionName=self.function, Name=self.target["alias"])
        return found["FunctionVersion"], found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})

    def split(self) -> bool:
        """Return True if a canary has traffic."""
        return bool(self.alias()[1])

    def in_flight(self) -> list[str]:
        """Return the ids of all deployments that have not ended, with rollbacks."""
        pages = self.codedeploy.get_paginator("list_deployments").paginate(
            applicationName=self.target["application"],
            deploymentGroupName=self.target["group"],
            includeOnlyStatuses=["Created", "Queued", "InProgress", "Baking", "Ready"],
        )
        return [id_ for page in pages for id_ in page["deployments"]]

    def deployments(self) -> list[Deployment]:
        """Return this test's deployments, newest first, without rollbacks."""
        known = {one.id for one in self.before.deployments}
        return [one for one in self.seen().deployments if one.id not in known]

    def called(self, action: str) -> bool:
        """Return True if that call has succeeded since the test began."""
        return any(call["action"] == action and call["status"] in {200, 201} for call in self.faults.calls(self.begun))

    def versions(self) -> dict[str, str]:
        """Return the published versions with their digests."""
        return self.stage.sandbox.aws.digests(self.function)

    def verdict_alarm(self) -> str:
        """Return the name of the newest verdict alarm."""
        alarms = self.cloudwatch.describe_alarms(AlarmNamePrefix=f"{self.function}-verdict-")["MetricAlarms"]
        name: str = max(alarms, key=lambda alarm: alarm["AlarmConfigurationUpdatedTimestamp"])["AlarmName"]
        return name

    def state_of_alarm(self) -> str:
        """Return the state of the alarm on the whole alias."""
        (alarm,) = self.cloudwatch.describe_alarms(AlarmNames=[self.target["alarm"]])["MetricAlarms"]
        state: str = alarm["StateValue"]
        return state

    def log_of(self, function: str) -> str:
        """Return what a function has logged since the test began."""
        logs = self.stage.sandbox.aws.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{function}", startTime=int(self.begun * 1000)
        )
        return "\n".join(event["message"] for page in pages for event in page["events"])

    def at_rest(self) -> bool:
        """Return True if no deployment is in flight and the alias is not split."""
        return not self.in_flight() and not self.split()

    # What must be true

    def ends(self, name: str, said: Said) -> None:
        """Check how the fault ended: the traffic is where its row says, and the output has the row's quotes."""
        row = ROWS[name]
        wait_for("nothing is in flight", self.at_rest)
        shown = " ".join(said.text.split())
        assert [quote for quote in row.quotes if quote not in shown] == [], said.text
        assert (self.alias()[0] == self.before.live) == (row.ends_on == STABLE), f"{self.alias()}: {said.text}"

    def then(self, name: str, said: Said, deployments: int = 1) -> None:
        """Check that the next `up` ended as the row says, and that the stack is at rest. `deployments`: the number
        since the test began."""
        row = ROWS[name]
        assert (said.code == 0) == (row.next_ends != REFUSED), said.text
        assert self.at_rest()
        made = self.deployments()
        assert len(made) == deployments, made
        endings = OUTCOME.findall(said.text)
        ended = endings[-1] if endings else UNCHANGED
        if ended == UNCHANGED and f", promoted by {made[0].id}" in said.text:
            ended = row.next_ends if row.next_ends == PROMOTED else UNCHANGED  # a slow machine read it too late
        assert ended == row.next_ends, said.text
        right = self.before.live if row.next_ends == REFUSED else made[0].canary
        assert self.alias()[0] == right, said.text
