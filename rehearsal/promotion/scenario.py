"""The story: what is merged goes from dev to prod by main.yml, and what prod must refuse, it refuses."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rehearsal import commits
from rehearsal.console import Story
from rehearsal.environment.workspace import Edit
from rehearsal.github_actions.machine import Machine
from rehearsal.github_actions.runner import FAILURE, SKIPPED, SUCCESS, Result
from rehearsal.github_actions.workflow import Step
from rehearsal.observe.aws_records import Deployment, Seen, newest
from rehearsal.observe.outcome import outcome, told_by
from rehearsal.observe.traffic import Api, Traffic
from rehearsal.promotion.bucket import spoilt
from rehearsal.promotion.report import AFTER_DEV, ALTERED, TOLD, Promoted, Refused, Report
from rehearsal.promotion.stage import STACKS, Stage, target

MAIN, ABORT = ".github/workflows/main.yml", ".github/workflows/abort.yml"
DEPLOY = "Deploy"  # the step of deploy.yml that brings a stack up
FASTEST = 10_000  # simulated seconds per real second, the most that the release's clock takes
A_DAY = 86_400 / FASTEST
WAIT = 120.0  # real seconds until a canary must have begun
UP_TO_DATE = Edit(
    title="Take no proof that is older than a day",
    file="Pulumi.prod.yaml",
    before="    from: staging\n",
    after="    from: staging\n    proofDays: 1\n",
)
# A canary that is still in flight when a job is run again, however busy this machine is.
LONG = Edit(
    title="Give staging's canary 45 minutes",
    file="Pulumi.staging.yaml",
    before="  strata:compute:\n",
    after="  strata:delivery:\n    curve:\n      percent: 10\n      minutes: 45\n  strata:compute:\n",
)
# One that prod's job finds in flight; somebody aborts it then.
LONGER = Edit(title="Give staging's canary eight hours", file=LONG.file, before="minutes: 45\n", after="minutes: 480\n")


First = Mapping[str, Callable[[Machine], None]]


@dataclass
class Told:
    """Tells a run of a workflow, and has live traffic come in on each stack while it is deployed, but on those that are
    `quiet`. `first`: called before a step of that name."""

    stage: Stage
    story: Story
    rate: float
    quiet: Collection[str] = ()
    first: First = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)  # requests, by stack

    def before(self, machine: Machine, step: Step) -> None:
        """Say which step is next."""
        where = machine.environment
        if step.name == DEPLOY and where not in self.quiet and (url := self.stage.api_url(where)) is not None:
            machine.running.enter_context(self._traffic(where, url))
        if (act := self.first.get(step.name)) is not None:
            act(machine)
        self.story.command(f"[{where}] {step.name}: {step.run or step.action}")

    def line(self, text: str) -> None:
        """Tell what Pulumi and the release say."""
        if text.strip():
            self.story.output(text)

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
    """One run of the story, told to `story`, with `rate` requests per second on a stack while it is deployed."""

    stage: Stage
    story: Story
    rate: float
    promoted: list[Promoted] = field(default_factory=list)
    adopted: list[Promoted] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    amiss: list[str] = field(default_factory=list)

    def run(self) -> Report:
        """The whole story. Raises where a step cannot even be tried; one that ends otherwise is in the report."""
        begun = time.monotonic()
        sha = self.stage.commit(UP_TO_DATE)
        first = self.everywhere(sha)
        if all(each.result == SUCCESS for each in first.values()):
            better = self.stage.commit(commits.GOOD)
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
        seconds = round(time.monotonic() - begun, 2)
        return Report(seconds, tuple(self.promoted), tuple(self.adopted), tuple(self.refused), tuple(self.amiss))

    def everywhere(self, sha: str) -> dict[str, Result]:
        self.story.chapter(
            "first: three empty accounts",
            "A push to main: main.yml builds the bundle once and brings each stack up from it. prod takes it, since "
            "staging's first version has answered.",
        )
        results = self.play(sha, self.told())
        self.expect("first", results, dict.fromkeys(("bundle", *STACKS), SUCCESS))
        return results

    def onwards(self, sha: str) -> dict[str, Result]:
        self.story.chapter(
            "onwards: one digest, three canaries",
            "The next push, now with live traffic. The same bytes go through dev and staging to prod.",
        )
        told = self.told()
        before = {stack: self.stage.look(stack) for stack in STACKS}
        results = self.play(sha, told)
        self.expect("onwards", results, dict.fromkeys(("bundle", *STACKS), SUCCESS))
        self.promoted += self.went(before, results)
        self.amiss += [f"onwards: {count} requests to {stack} failed" for stack, count in told.failed.items() if count]
        return results

    def went(self, before: Mapping[str, Seen], results: Mapping[str, Result]) -> Iterator[Promoted]:
        """The stacks whose jobs went well, in the order in which they were played."""
        for stack, result in results.items():
            if stack in before and result.result == SUCCESS:
                after = self.stage.look(stack)
                deployment = newest(before[stack].deployments, after.deployments)
                id_ = deployment.id if deployment else None
                yield Promoted(stack, self.stage.digest(stack), id_, outcome(before[stack], after))

    def cut_off(self, sha: str) -> None:
        self.story.chapter(
            "cut-off: a runner is lost",
            "A push to main; in staging the canary has its share when the machine of the job loses its power. The "
            "deployment goes on. Somebody runs the failed jobs again: staging's adopts it, and prod's waits for that.",
        )
        before = {stack: self.stage.look(stack) for stack in AFTER_DEV}
        results = self.play(sha, self.told(first={DEPLOY: self.losing(before["staging"])}))
        self.expect("cut-off", results, {"dev": SUCCESS, "staging": FAILURE, "prod": SKIPPED})
        left = self.since(before["staging"])
        if left is None or left.status != "InProgress":
            self.amiss.append(f"cut-off: staging's canary was not in flight after its runner was lost, but {left}")
            return
        found: dict[str, Deployment | None] = {}  # of staging's, when the turn of a stack had come

        def look(machine: Machine) -> None:
            found[machine.environment] = self.since(before["staging"])

        runner = self.stage.runner(sha, self.told(first={DEPLOY: look}))
        results = self.say(runner.again(MAIN, results), AFTER_DEV)
        self.expect("cut-off", results, dict.fromkeys(AFTER_DEV, SUCCESS))
        if f"{left.id} is this release, already in flight" not in results["staging"].text:
            self.amiss.append(f"cut-off: the second run did not say that it adopted {left.id}")
        if found.get("prod") != replace(left, status="Succeeded"):
            self.amiss.append(f"cut-off: prod did not wait for {left.id} in staging, but found {found.get('prod')}")
        self.adopted += self.went(before, results)

    def losing(self, before: Seen) -> Callable[[Machine], None]:
        """Lose staging's machine once its canary has its share."""

        def lose(machine: Machine) -> None:
            if self.in_canary(before, lambda: not machine.lost):
                machine.lose()
                self.story.say("The machine of staging's job is gone, with all that ran on it.")

        def begin(machine: Machine) -> None:
            if machine.environment == "staging":
                threading.Thread(target=lose, args=(machine,), daemon=True).start()

        return begin

    def since(self, before: Seen) -> Deployment | None:
        """Staging's newest deployment that was not there before."""
        return newest(before.deployments, self.stage.look("staging").deployments)

    def older(self, sha: str, first: Mapping[str, Result]) -> None:
        self.story.chapter(
            "older: the first push once more",
            "Somebody runs the first push's job for prod again. Staging has proved it, but prod is on a newer commit.",
        )
        self.refuse("older", sha, first)

    def altered(self, sha: str, good: Mapping[str, Result]) -> None:
        self.story.chapter(
            "altered: other bytes under the digest",
            "Somebody with an administrator's rights writes another zip over the one in the artifact bucket.",
        )
        with spoilt(self.stage.accounts["prod"], self.stage.digest("prod")):
            self.refuse("altered", sha, good)

    def rolled_back(self, sha: str) -> None:
        self.story.chapter(
            "rolled-back: what nobody notices in dev",
            "Half of the orders fail, but in dev nobody orders, and dev only warns. Staging's canary meets live "
            "traffic and goes back, so prod's turn never comes; then somebody deploys it to prod all the same.",
        )
        before = self.stage.look("staging")
        results = self.play(sha, self.told(quiet=("dev",)))
        self.expect("rolled-back", results, {"bundle": SUCCESS, "dev": SUCCESS, "staging": FAILURE, "prod": SKIPPED})
        if (ended := outcome(before, self.stage.look("staging"))) != "rolled_back":
            self.amiss.append(f"rolled-back: in staging it ended {ended}, not rolled_back")
        self.refuse("rolled-back", sha, results)

    def unseen(self, sha: str) -> dict[str, Result]:
        self.story.chapter(
            "unseen: past dev and staging",
            "A new commit is built, and somebody takes the order out of the file: straight to prod.",
        )
        built = self.play(sha, self.told(), only=("bundle",))
        self.expect("unseen", built, {"bundle": SUCCESS})
        self.refuse("unseen", sha, built)
        return built

    def in_flight(self, sha: str, built: Mapping[str, Result]) -> None:
        self.story.chapter(
            "in-flight: too soon",
            "Staging's canary has a tenth of the traffic, and somebody starts prod's job meanwhile.",
        )
        results: dict[str, Result] = {}
        before = self.stage.look("staging")
        told = self.told()
        staging = threading.Thread(
            target=lambda: results.update(self.play(sha, told, only=("staging",), earlier=built)), daemon=True
        )
        staging.start()

        def wait(_: Machine) -> None:
            self.in_canary(before, staging.is_alive)

        self.refuse("in-flight", sha, built, first={DEPLOY: wait})
        self.story.say("Nobody wants to wait for the rest of it: abort.yml, by hand.")
        why = {"stack": "staging", "reason": "rehearsed enough"}
        aborted = self.stage.runner(sha, self.told(quiet=STACKS)).play(ABORT, inputs=why)
        self.expect("in-flight", aborted, {"abort": SUCCESS})
        staging.join()
        self.expect("in-flight", results, {"staging": FAILURE})
        if (ended := outcome(before, self.stage.look("staging"))) != "rolled_back":
            self.amiss.append(f"in-flight: in staging it ended {ended}, not rolled_back")

    def too_old(self, sha: str) -> None:
        self.story.chapter(
            "too-old: what was proved more than a day ago",
            "A commit brings the first push's code back, byte for byte, and staging has proved that. But prod takes no "
            f"proof of more than a day, and the clock of its job runs {FASTEST} times as fast as the real one: by it a "
            f"day takes {A_DAY:.1f} seconds.",
        )
        built = self.play(sha, self.told(), only=("bundle",))
        self.expect("too-old", built, {"bundle": SUCCESS})
        self.refuse("too-old", sha, built, changed={"STRATA_CLOCK_RATE": f"{FASTEST}"})

    def in_canary(self, before: Seen, going: Callable[[], bool]) -> bool:
        """Wait until a canary of staging's has its share; False where that never came."""
        until = time.monotonic() + WAIT
        while going() and time.monotonic() < until:
            now = self.stage.look("staging")
            found = newest(before.deployments, now.deployments)
            if found is not None and found.status == "InProgress" and now.live is None:
                return True
            time.sleep(0.2)
        return False

    def told(self, quiet: Collection[str] = (), first: First | None = None) -> Told:
        return Told(self.stage, self.story, self.rate, quiet, first or {})

    def play(
        self,
        sha: str,
        told: Told,
        only: Collection[str] = (),
        earlier: Mapping[str, Result] | None = None,
        changed: Mapping[str, str] | None = None,
    ) -> dict[str, Result]:
        """Play main.yml of that commit; what became of the jobs that were played."""
        results = self.stage.runner(sha, told, changed).play(MAIN, only, earlier)
        return self.say(results, only or results)

    def say(self, results: Mapping[str, Result], jobs: Collection[str]) -> dict[str, Result]:
        """Tell what became of those jobs."""
        played = {job: each for job, each in results.items() if job in jobs}
        for job, each in played.items():
            self.story.result(f"{job}: {each.result}", good=each.result == SUCCESS)
        return played

    def expect(self, name: str, results: Mapping[str, Result], wanted: Mapping[str, str]) -> None:
        """Enter what ended otherwise than wanted."""
        for job, result in wanted.items():
            found = results.get(job, Result("never played"))
            if found.result != result:
                last = "\n".join(found.text.splitlines()[-30:])
                self.amiss.append(f"{name}: job {job} ended {found.result}, not {result}:\n{last}")

    def refuse(
        self,
        name: str,
        sha: str,
        earlier: Mapping[str, Result],
        first: First | None = None,
        changed: Mapping[str, str] | None = None,
    ) -> None:
        """Play prod's job alone, and enter how it was refused."""
        before = self.stage.look("prod")
        told = self.told(quiet=STACKS, first=first)
        result = self.play(sha, told, only=("prod",), earlier=earlier, changed=changed)["prod"]
        step = result.step(DEPLOY)
        if step is None:
            self.amiss.append(f"{name}: prod's job never came to its step {DEPLOY}:\n{result.text}")
            return
        words = next(words for each, _, words in TOLD if each == name)
        ended = told_by(step.text, target("prod")["function"])
        said = [ended.detail, *(line.strip() for line in step.text.splitlines())]
        line = next((each for each in said if words in each), ended.detail)
        reason = ended.reason if ended.refused else (ALTERED if name == ALTERED and words in step.text else "")
        # Staging's release may be at work meanwhile, so the step's own time is looked at, and not the job's.
        changes = self.stage.accounts["prod"].release_changes(step.began)
        after = self.stage.look("prod")
        if (after.live, len(after.deployments)) != (before.live, len(before.deployments)):
            self.amiss.append(f"{name}: prod moved from version {before.live} to {after.live}")
        self.refused.append(Refused(name, reason, line, changes, step.code))
        self.story.result(f"refused ({reason}), {len(changes)} calls that change: {line}", good=not changes)
