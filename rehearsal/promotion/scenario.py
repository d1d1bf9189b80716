"""The scenario: main.yml promotes a merged commit from dev to prod, and prod refuses what it must refuse."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rehearsal import commits
from rehearsal.console import Narrator
from rehearsal.environment.pace import Pace
from rehearsal.environment.sandbox import FULFILMENT
from rehearsal.environment.workspace import Edit
from rehearsal.github_actions.machine import Machine
from rehearsal.github_actions.runner import FAILURE, SKIPPED, SUCCESS, Result
from rehearsal.github_actions.workflow import Step
from rehearsal.observe.aws_records import Deployment, FunctionState, newest
from rehearsal.observe.outcome import ending_of, outcome
from rehearsal.observe.traffic import Api, Traffic
from rehearsal.promotion.bucket import corrupted
from rehearsal.promotion.report import AFTER_DEV, ALTERED, EXPECTED, Promoted, Refused, Report
from rehearsal.promotion.stage import STACKS, Stage, target

MAIN, ABORT = ".github/workflows/main.yml", ".github/workflows/abort.yml"
DEPLOY = "Deploy"  # the step of deploy.yml that runs `pulumi up`
FASTEST = 10_000  # simulated seconds per real second at most, by the bound of the release's clock
A_DAY = 86_400 / FASTEST
WAIT = 120.0  # real seconds until a canary must have traffic
UP_TO_DATE = Edit(
    title="Take no proof that is older than a day",
    file="Pulumi.prod.yaml",
    before="    from: staging\n",
    after="    from: staging\n    proofDays: 1\n",
)
# A canary long enough to be in flight when a job is run again, however busy this machine is.
LONG = Edit(
    title="Give staging's canary 45 minutes",
    file="Pulumi.staging.yaml",
    before="  strata:compute:\n",
    after="  strata:delivery:\n    curve:\n      percent: 10\n      minutes: 45\n  strata:compute:\n",
)
# A canary that prod's job finds in flight; an operator aborts it then.
LONGER = Edit(title="Give staging's canary eight hours", file=LONG.file, before="minutes: 45\n", after="minutes: 480\n")


First = Mapping[str, Callable[[Machine], None]]


@dataclass
class JobObserver:
    """Prints a run of a workflow, and sends live traffic to each stack that is not `quiet` while it is deployed.
    `first`: called before a step of that name."""

    stage: Stage
    narrator: Narrator
    rate: float
    quiet: Collection[str] = ()
    first: First = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)  # requests, by stack

    def before(self, machine: Machine, step: Step) -> None:
        """Print the step that comes next, and start what belongs to it."""
        where = machine.environment
        if step.name == DEPLOY and where not in self.quiet and (url := self.stage.api_url(where)) is not None:
            machine.running.enter_context(self._traffic(where, url))
        if (act := self.first.get(step.name)) is not None:
            act(machine)
        self.narrator.command(f"[{where}] {step.name}: {step.run or step.action}")

    def line(self, text: str) -> None:
        """Print a line of Pulumi's or the release's output."""
        if text.strip():
            self.narrator.output(text)

    @contextmanager
    def _traffic(self, stack: str, url: str) -> Iterator[None]:
        traffic = Traffic(Api.at(url), self.rate)
        traffic.start()
        try:
            yield
        finally:
            traffic.stop()
            self.failed[stack] = sum(one.failed for one in traffic.sent)


@dataclass
class Promotion:
    """One run of the scenario, printed by `narrator`. A stack gets live traffic while it is deployed."""

    stage: Stage
    narrator: Narrator
    pace: Pace
    promoted: list[Promoted] = field(default_factory=list)
    adopted: list[Promoted] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    other_problems: list[str] = field(default_factory=list)

    def run(self) -> Report:
        """Run all steps and return the report, which names each that did not end as expected.

        Raises ScratchError or ProgramError if a step cannot be run at all.
        """
        begun = time.monotonic()
        sha = self.stage.commit(UP_TO_DATE)
        first = self.everywhere(sha)
        if all(each.result == SUCCESS for each in first.values()):
            better = self.stage.commit(commits.COUNTED, commits.GOOD)
            good = self.onwards(better)
            self.older(sha, first)
            self.altered(better, good)
            self.cut_off(self.stage.commit(commits.HARMLESS, LONG))
            self.rolled_back(self.stage.commit(commits.BAD))
            self.too_old(
                self.stage.commit(*(each.going_back() for each in (commits.BAD, commits.HARMLESS, commits.GOOD)))
            )
            new = self.stage.commit(commits.GOOD, commits.HARMLESS, commits.NAMED, LONGER)
            self.in_flight(new, self.unseen(new))
        return self.report(round(time.monotonic() - begun, 2))

    def report(self, seconds: float = 0.0) -> Report:
        """Return the report of what there is so far; `seconds` are 0 until the rehearsal has ended."""
        return Report(
            seconds, tuple(self.promoted), tuple(self.adopted), tuple(self.refused), tuple(self.other_problems)
        )

    def chapter(self, title: str, text: str) -> None:
        """Begin a step, when no canary is in flight, at the pace that suits this machine."""
        self.narrator.chapter(title, text)
        self.pace.keep(None, self._at, self.narrator.say)

    def _at(self, factor: float) -> None:
        self.stage = self.stage.at(factor)

    def settle(self) -> None:
        """Find the pace of the first canary by traffic that no canary needs: dev's."""
        traffic = Traffic(Api.at(self.stage.api_url("dev") or ""), self.pace.per_second)
        traffic.start()
        try:
            self.pace.settle(traffic, self._at, self.narrator.say)
        finally:
            traffic.stop()

    def everywhere(self, sha: str) -> dict[str, Result]:
        self.chapter(
            "first: three empty accounts",
            "A push to main: main.yml builds the bundle once and deploys it to each stack. prod accepts it, since "
            "staging's first version has answered.",
        )
        results = self.play(sha, self.observer())
        self.expect("first", results, dict.fromkeys(("bundle", *STACKS), SUCCESS))
        if results.get("dev", Result("never played")).result == SUCCESS:
            self.settle()
        return results

    def onwards(self, sha: str) -> dict[str, Result]:
        self.chapter(
            "onwards: one digest, three canaries",
            "The next push changes both services, now under live traffic. The same bytes of each go through dev and "
            "staging to prod.",
        )
        observer = self.observer()
        before = {stack: self.stage.observe(stack) for stack in STACKS}
        beside = {stack: self.stage.observe(stack, FULFILMENT) for stack in STACKS}
        results = self.play(sha, observer)
        self.expect("onwards", results, dict.fromkeys(("bundle", *STACKS), SUCCESS))
        self.promoted += self.went(before, results)
        for stack, state in beside.items():
            if (ended := outcome(state, self.stage.observe(stack, FULFILMENT))) != "promoted":
                self.other_problems.append(f"onwards: in {stack} {FULFILMENT} ended {ended}, not promoted")
        self.other_problems += [
            f"onwards: {count} requests to {stack} failed" for stack, count in observer.failed.items() if count
        ]
        return results

    def went(self, before: Mapping[str, FunctionState], results: Mapping[str, Result]) -> Iterator[Promoted]:
        """Yield the stacks whose jobs succeeded, in the order in which they ran."""
        for stack, result in results.items():
            if stack in before and result.result == SUCCESS:
                after = self.stage.observe(stack)
                deployment = newest(before[stack].deployments, after.deployments)
                id_ = deployment.id if deployment else None
                yield Promoted(stack, self.stage.digest(stack), id_, outcome(before[stack], after))

    def cut_off(self, sha: str) -> None:
        self.chapter(
            "cut-off: a runner is lost",
            "A push to main; in staging the canary has traffic when the machine of the job loses its power. The "
            "deployment goes on. An operator re-runs the failed jobs: staging's adopts it, and prod's waits for that.",
        )
        before = {stack: self.stage.observe(stack) for stack in AFTER_DEV}
        results = self.play(sha, self.observer(first={DEPLOY: self.losing(before["staging"])}))
        self.expect("cut-off", results, {"dev": SUCCESS, "staging": FAILURE, "prod": SKIPPED})
        left = self.since(before["staging"])
        if left is None or left.status != "InProgress":
            self.other_problems.append(
                f"cut-off: staging's canary was not in flight after its runner was lost, but {left}"
            )
            return
        found: dict[str, Deployment | None] = {}  # staging's deployment, at the moment when each stack's job deployed

        def observe(machine: Machine) -> None:
            found[machine.environment] = self.since(before["staging"])

        runner = self.stage.runner(sha, self.observer(first={DEPLOY: observe}))
        results = self.say(runner.again(MAIN, results), AFTER_DEV)
        self.expect("cut-off", results, dict.fromkeys(AFTER_DEV, SUCCESS))
        if f"{left.id} is this release, already in flight" not in results["staging"].text:
            self.other_problems.append(f"cut-off: the second run did not say that it adopted {left.id}")
        if found.get("prod") != replace(left, status="Succeeded"):
            self.other_problems.append(
                f"cut-off: prod did not wait for {left.id} in staging, but found {found.get('prod')}"
            )
        self.adopted += self.went(before, results)

    def losing(self, before: FunctionState) -> Callable[[Machine], None]:
        """Return what loses staging's machine once its canary has traffic."""

        def lose(machine: Machine) -> None:
            if self.in_canary(before, lambda: not machine.lost):
                machine.lose()
                self.narrator.say("The machine of staging's job is lost, with all processes on it.")

        def begin(machine: Machine) -> None:
            if machine.environment == "staging":
                threading.Thread(target=lose, args=(machine,), daemon=True).start()

        return begin

    def since(self, before: FunctionState) -> Deployment | None:
        """Return staging's newest deployment that `before` does not have."""
        return newest(before.deployments, self.stage.observe("staging").deployments)

    def older(self, sha: str, first: Mapping[str, Result]) -> None:
        self.chapter(
            "older: the first push once more",
            "An operator re-runs the first push's job for prod. Staging has promoted it, but prod has a newer commit.",
        )
        self.refuse("older", sha, first)

    def altered(self, sha: str, good: Mapping[str, Result]) -> None:
        self.chapter(
            "altered: other bytes under the digest",
            "An administrator writes another zip over the one in the artifact bucket.",
        )
        with corrupted(self.stage.accounts["prod"], self.stage.digest("prod")):
            self.refuse("altered", sha, good)

    def rolled_back(self, sha: str) -> None:
        self.chapter(
            "rolled-back: a fault that dev does not notice",
            "Half of the orders fail, but dev has no traffic, and dev only warns. Staging's canary meets live traffic "
            "and is rolled back, so prod's job does not run; then an operator deploys it to prod nevertheless.",
        )
        before = self.stage.observe("staging")
        results = self.play(sha, self.observer(quiet=("dev",)))
        self.expect("rolled-back", results, {"bundle": SUCCESS, "dev": SUCCESS, "staging": FAILURE, "prod": SKIPPED})
        if (ended := outcome(before, self.stage.observe("staging"))) != "rolled_back":
            self.other_problems.append(f"rolled-back: in staging it ended {ended}, not rolled_back")
        self.refuse("rolled-back", sha, results)

    def unseen(self, sha: str) -> dict[str, Result]:
        self.chapter(
            "unseen: past dev and staging",
            "A new commit is built, and an operator takes `needs` out of the file: straight to prod.",
        )
        built = self.play(sha, self.observer(), only=("bundle",))
        self.expect("unseen", built, {"bundle": SUCCESS})
        self.refuse("unseen", sha, built)
        return built

    def in_flight(self, sha: str, built: Mapping[str, Result]) -> None:
        self.chapter(
            "in-flight: too soon",
            "Staging's canary has a tenth of the traffic, and an operator starts prod's job meanwhile.",
        )
        results: dict[str, Result] = {}
        before = self.stage.observe("staging")
        observer = self.observer()
        staging = threading.Thread(
            target=lambda: results.update(self.play(sha, observer, only=("staging",), earlier=built)), daemon=True
        )
        staging.start()

        def wait(_: Machine) -> None:
            self.in_canary(before, staging.is_alive)

        self.refuse("in-flight", sha, built, first={DEPLOY: wait})
        self.narrator.say("The operator does not wait for the rest of the canary and starts abort.yml by hand.")
        why = {"stack": "staging", "reason": "rehearsed enough"}
        aborted = self.stage.runner(sha, self.observer(quiet=STACKS)).play(ABORT, inputs=why)
        self.expect("in-flight", aborted, {"abort": SUCCESS})
        staging.join()
        self.expect("in-flight", results, {"staging": FAILURE})
        if (ended := outcome(before, self.stage.observe("staging"))) != "rolled_back":
            self.other_problems.append(f"in-flight: in staging it ended {ended}, not rolled_back")

    def too_old(self, sha: str) -> None:
        self.chapter(
            "too-old: what was proved more than a day ago",
            "A commit restores the first push's code, byte for byte, which staging has promoted. But prod accepts no "
            f"promotion that is more than a day old, and the clock of its job runs {FASTEST} times as fast as the real "
            f"one: by it a day takes {A_DAY:.1f} seconds.",
        )
        built = self.play(sha, self.observer(), only=("bundle",))
        self.expect("too-old", built, {"bundle": SUCCESS})
        self.refuse("too-old", sha, built, changed={"STRATA_CLOCK_RATE": f"{FASTEST}"})

    def in_canary(self, before: FunctionState, going: Callable[[], bool]) -> bool:
        """Wait until a canary of staging's has traffic; return False if that does not happen while `going` and in WAIT
        seconds."""
        until = time.monotonic() + WAIT
        while going() and time.monotonic() < until:
            now = self.stage.observe("staging")
            found = newest(before.deployments, now.deployments)
            if found is not None and found.status == "InProgress" and now.live is None:
                return True
            time.sleep(0.2)
        return False

    def observer(self, quiet: Collection[str] = (), first: First | None = None) -> JobObserver:
        return JobObserver(self.stage, self.narrator, self.pace.per_second, quiet, first or {})

    def play(
        self,
        sha: str,
        observer: JobObserver,
        only: Collection[str] = (),
        earlier: Mapping[str, Result] | None = None,
        changed: Mapping[str, str] | None = None,
    ) -> dict[str, Result]:
        """Run main.yml of that commit; return the results of the jobs that ran."""
        results = self.stage.runner(sha, observer, changed).play(MAIN, only, earlier)
        return self.say(results, only or results)

    def say(self, results: Mapping[str, Result], jobs: Collection[str]) -> dict[str, Result]:
        """Print the results of those jobs, and return them."""
        played = {job: each for job, each in results.items() if job in jobs}
        for job, each in played.items():
            self.narrator.result(f"{job}: {each.result}", good=each.result == SUCCESS)
        return played

    def expect(self, name: str, results: Mapping[str, Result], wanted: Mapping[str, str]) -> None:
        """Record each job that did not end as wanted."""
        for job, result in wanted.items():
            found = results.get(job, Result("never played"))
            if found.result != result:
                last = "\n".join(found.text.splitlines()[-30:])
                self.other_problems.append(f"{name}: job {job} ended {found.result}, not {result}:\n{last}")

    def refuse(
        self,
        name: str,
        sha: str,
        earlier: Mapping[str, Result],
        first: First | None = None,
        changed: Mapping[str, str] | None = None,
    ) -> None:
        """Run prod's job alone, and record how it was refused."""
        before = self.stage.observe("prod")
        observer = self.observer(quiet=STACKS, first=first)
        result = self.play(sha, observer, only=("prod",), earlier=earlier, changed=changed)["prod"]
        step = result.step(DEPLOY)
        if step is None:
            self.other_problems.append(f"{name}: prod's job never came to its step {DEPLOY}:\n{result.text}")
            return
        words = next(words for each, _, words in EXPECTED if each == name)
        ended = ending_of(step.text, target("prod")["function"])
        said = [ended.detail, *(line.strip() for line in step.text.splitlines())]
        line = next((each for each in said if words in each), ended.detail)
        reason = ended.reason if ended.refused else (ALTERED if name == ALTERED and words in step.text else "")
        # Staging's release may run meanwhile, so only calls since the step's own start count, not since the job's.
        changes = self.stage.accounts["prod"].release_changes(step.began)
        after = self.stage.observe("prod")
        if (after.live, len(after.deployments)) != (before.live, len(before.deployments)):
            self.other_problems.append(f"{name}: prod moved from version {before.live} to {after.live}")
        self.refused.append(Refused(name, reason, line, changes, step.code))
        self.narrator.result(f"refused ({reason}), {len(changes)} calls that change: {line}", good=not changes)
