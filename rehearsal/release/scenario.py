"""The steps of a rehearsal under live traffic. `good` and `stream` change fulfilment, all but `stream` orders."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from infra.release.reports.page.model import Chart
from rehearsal import commits
from rehearsal.console import Narrator
from rehearsal.environment.legacy_state import TABLE
from rehearsal.environment.pace import Pace
from rehearsal.environment.sandbox import FULFILMENT, ORDERS, STACK, Sandbox
from rehearsal.environment.workspace import Edit, ScratchError
from rehearsal.observe import fulfilments
from rehearsal.observe.aws_records import AwsRecords, Errors, FunctionState, newest
from rehearsal.observe.outcome import Ending, ending_of, outcome
from rehearsal.observe.timeline import charts
from rehearsal.observe.traffic import MOST_AT_ONCE, POSTS, Api, Orders, Traffic, faults, late, within
from rehearsal.release import outage
from rehearsal.release.report import FAILING, Bystander, Harm, Noop, Refused, Release, Report
from rehearsal.release.set_result import SetResult
from rehearsal.release.set_step import run_set
from rehearsal.release.step import NO_ERRORS, NOTHING, Step, bystanders, canary_share

UP = ("up", "--stack", STACK)
PREVIEWED = "good"  # the step whose update a preview precedes; each takes as long as the update of an unchanged stack
NO_ORDERS, NO_NOOP = Orders(0, 0), Noop(0, 0.0, 0)
STATUS_SECONDS = 2.0  # of live traffic that the status line covers


@dataclass
class Rehearsal:
    """One run of the steps in a sandbox. Once there is an API it gets live traffic, with receipts by `receipt_key`.
    `keep` gets the report after each step."""

    sandbox: Sandbox
    narrator: Narrator
    pace: Pace
    receipt_key: str = field(default="", repr=False)
    targets: dict[str, dict[str, str]] = field(default_factory=dict)  # by service, as the stack's state has them
    traffic: Traffic | None = None
    releases: list[Release] = field(default_factory=list)
    harm: list[Harm] = field(default_factory=list)
    bystanders: list[Bystander] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    other_problems: list[str] = field(default_factory=list)
    set: SetResult | None = None
    charts: dict[str, tuple[Chart, ...]] = field(default_factory=dict)  # of each step, by its name
    keep: Callable[[Report], None] = lambda _: None

    @property
    def aws(self) -> AwsRecords:
        return self.sandbox.aws

    @property
    def target(self) -> dict[str, str]:
        """The release's target of orders."""
        return self.targets[ORDERS]

    def run(self) -> Report:
        """Run all steps and return the report, which names each that did not end as expected.

        Raises ScratchError or ProgramError if a step cannot be run at all.
        """
        begun = time.monotonic()
        orders, noop = NO_ORDERS, NO_NOOP
        self.first()
        if self.targets:
            self.start_traffic()
            self.good()
            self.stream()
            self.bad()
            self.revert()
            noop = self.noop()
            self.smoke()
            self.retry()
            self.evidence()
            self.answered()
            self.outage()
            orders = self.stop_traffic()
            self.keep_pace()
            self.set = run_set(self.sandbox, self.narrator)
        return self.report(round(time.monotonic() - begun, 2), orders, noop)

    def report(self, seconds: float = 0.0, orders: Orders = NO_ORDERS, noop: Noop = NO_NOOP) -> Report:
        """Return the report of what there is so far; `seconds` are 0 until the rehearsal has ended."""
        return Report(
            seconds=seconds,
            time_factor=self.sandbox.factor,
            pulumi_version=self.sandbox.pulumi_version,
            releases=tuple(self.releases),
            orders=orders,
            noop=noop,
            harm=tuple(self.harm),
            bystanders=tuple(self.bystanders),
            refused=tuple(self.refused),
            set=self.set,
            receipts=self.traffic.receipts if self.traffic else 0,
            other_problems=tuple(self.other_problems),
            charts=dict(self.charts),
        )

    def first(self) -> None:
        self.narrator.chapter(
            "first: create everything",
            "The stack is empty. Pulumi creates it with two services: orders, behind the API, and fulfilment, which "
            "reads the orders from the table's stream. API and stream may invoke the first versions only after both "
            "have answered a probe.",
        )
        self.step("first")

    def good(self) -> None:
        self.narrator.chapter(
            "good: a release that deserves its promotion",
            f"Both services change. For ten minutes, {600 / self.sandbox.factor:g} seconds here, one request in ten "
            "goes to the new version of orders, and one batch in five to that of fulfilment. CloudWatch compares the "
            "old and the new versions; if its alarms do not fire, CodeDeploy shifts all traffic.",
        )
        self.step("good", commits.GOOD, commits.COUNTED)

    def stream(self) -> None:
        self.narrator.chapter(
            "stream: a consumer that fails a third of its batches",
            "Only fulfilment changes: it has boxes for two sizes of orders, and orders come in three. No caller sees "
            "that. Its verdict alarm must stop it, the stream delivers the failed batches again, and orders is not "
            "released.",
        )
        self.step("stream", commits.BOXED, service=FULFILMENT)

    def bad(self) -> None:
        self.narrator.chapter(
            "bad: a release that breaks half of its orders",
            "It has the fees of two currencies, and orders come in four. CloudWatch's verdict alarm must stop it "
            "before the shift, and then `pulumi up` must fail and say why.",
        )
        self._commit(commits.BOXED.going_back())
        self.step("bad", commits.BAD)

    def revert(self) -> None:
        self.narrator.chapter(
            "revert: the commit is reverted",
            "The live version already has this code, so no traffic may shift.",
        )
        self.step("revert", commits.BAD.going_back())

    def noop(self) -> Noop:
        self.narrator.chapter("noop: once more", "Nothing was edited, so nothing may change.")
        step = self._up(Step("noop", {}, time.time()))
        changes = self.sandbox.changes()
        changed = sum(count for kind, count in changes.items() if kind != "same")
        said = f"{changed} of {sum(changes.values())} resources changed, {step.seconds:.1f} s"
        self.narrator.result(said, good=changed == step.exit_code == 0)
        return Noop(changed, step.seconds, step.exit_code)

    def smoke(self) -> None:
        self.narrator.chapter(
            "smoke: a release whose answers are wrong",
            "None of its calls fails, so no alarm would fire. But before any traffic moves, CodeDeploy invokes a hook, "
            "which calls the new version and compares its answers.",
        )
        self.step("smoke", commits.WRONG)

    def retry(self) -> None:
        self.narrator.chapter("retry: the same code again", "It was rejected, so it is refused, and nothing changes.")
        begun = time.time()
        self.step("retry")
        self.refused.append(Refused("retry", self.releases[-1].reason or "", self.aws.release_changes(begun)))

    def evidence(self) -> None:
        self.narrator.chapter(
            "evidence: a release without requests",
            "Live traffic pauses. No request of the canary fails, since it gets none, so it proves nothing: in prod it "
            "must not be promoted.",
        )
        self._commit(commits.WRONG.going_back())
        if self.traffic:
            self.traffic.pause()
        self.step("evidence", commits.HARMLESS)
        if self.traffic:
            self.traffic.resume()

    def answered(self) -> None:
        self.narrator.chapter(
            "answered: a release that answers half of its orders with a 500",
            "Callers see the failures, but no call raises, so Lambda counts no error. The service declares `errors: "
            "answered`: it counts such answers itself, by version, and the verdict adds them to Lambda's errors.",
        )
        self.step("answered", commits.ANSWERED)

    def outage(self) -> None:
        """Make the live version raise; the fix is refused while the alarm is red, and released by an override."""
        self.narrator.chapter(
            "outage: the live version begins to fail",
            "Another system now writes a binary checksum to each order in the table, which no version so far can put "
            "into an answer: reads of old orders raise, and customers repeat them. The alarm of the whole alias turns "
            "red, so the fix is refused; with an audited override it is released past that alarm, and only the verdict "
            "alarm judges it.",
        )
        self.keep_pace()
        step = Step("outage", self._states(), self._edge(time.time()))
        orders: list[str] = []
        if self.traffic:
            orders, self.traffic.posts = list(self.traffic.acknowledged), outage.POSTS
        self.narrator.say(f"{outage.add_checksums(self.aws, orders)} orders have a checksum.")
        outage.wait_until_red(self.aws, self.target["alarm"])
        self.narrator.say(f"Alarm {self.target['alarm']} is red.")
        self._commit(commits.ANSWERED.going_back())
        self._commit(commits.READABLE)
        refused = self._ending(self._up(Step("outage", {}, time.time())))
        if refused.reason != "alarm":
            self.other_problems.append(
                f"outage: the fix was not refused for the red alarm, but {refused.reason}: {refused.detail}"
            )
        self._configure("set", "--plaintext", outage.KEY, outage.OVERRIDE)
        self._close(self._up(step))
        self._configure("rm", outage.KEY)
        if self.traffic:
            self.traffic.posts = POSTS

    def step(self, name: str, *edits: Edit, service: str = ORDERS) -> None:
        """Commit the edits, run `pulumi up`, and record the result; `service` is the one that the step is about."""
        for edit in edits:
            self._commit(edit)
        self.keep_pace()
        step = self._up(Step(name, self._states(), self._edge(time.time()), service))
        self.targets = self.targets or self._find_targets()
        self._close(step)

    def _commit(self, edit: Edit) -> None:
        self.narrator.say(f"Commit {self.sandbox.apply(edit)}: {edit.title}.")

    def _states(self) -> dict[str, FunctionState]:
        """Return the state of each service; empty before there is a release."""
        return {service: self.aws.observe(target) for service, target in self.targets.items()}

    def _configure(self, *words: str) -> None:
        """Change one key of the stack's configuration, and commit it."""
        act, *rest = words
        line = ("config", act, "--stack", STACK, "--path", *rest)
        shown = " ".join(f'"{word}"' if " " in word else word for word in line)
        self.narrator.command(f"pulumi {shown}")
        code, text = self.sandbox.pulumi(*line)
        if code:
            raise ScratchError(f"pulumi {shown} failed: {text}")
        self.sandbox.scratch.commit(f"Change {outage.KEY.removeprefix('strata:')}")

    def _close(self, step: Step) -> None:
        """Record the result of a step, and print it."""
        name = step.name
        release = self._enter(step, self._states())
        harm = f", {release.harmed_requests} of {release.requests} requests harmed" if release.requests else ""
        said = f"{release.outcome.replace('_', ' ')}: {release.seconds:.1f} s{harm}"
        self.narrator.result(said, good=(step.exit_code == 0) == (name not in FAILING))
        self.keep(self.report())

    def keep_pace(self) -> None:
        """Lower the factor while this machine is busy; see `pace`."""
        if self.pace.keep(self.traffic, self._at, self.narrator.say):
            self._next_bucket()  # buckets are of another length now: the one under way began in the step before

    def _at(self, factor: float) -> None:
        self.sandbox = self.sandbox.at(factor)

    def start_traffic(self) -> None:
        """Start live traffic."""
        url = self.sandbox.outputs()["api_url"]
        self.traffic = Traffic(Api.at(url), self.pace.per_second, receipt_key=self.receipt_key)
        self.traffic.start()
        self.narrator.say(
            f"Orders now come in through the API until the end, {self.pace.per_second:.3g} requests a second however "
            "long the answers take."
        )
        self.pace.settle(self.traffic, self._at, self.narrator.say)
        self._next_bucket()

    def stop_traffic(self) -> Orders:
        """Stop live traffic, read every acknowledged order back, and return their numbers."""
        if self.traffic is None:
            return Orders(0, 0)
        self.traffic.stop()
        orders, problems = fulfilments.read_back(self.aws, TABLE, self.traffic)
        self.other_problems += problems
        sent = self.traffic.sent
        times = sorted(one.answered - one.due for one in sent) or [0.0]
        self.narrator.gap()
        middle, worst = (times[math.ceil(len(times) * share) - 1] * 1000 for share in (0.5, 0.99))
        self.narrator.say(
            f"{len(sent)} requests, half of them answered within {middle:.0f} ms of when they were due and 99 % within "
            f"{worst:.0f} ms; {orders.acknowledged} orders were acknowledged, {orders.readable} of them read back, and "
            f"{orders.fulfilled} were fulfilled, {orders.twice or 'none'} of them twice."
        )
        if (overdue := late(sent)) * 20 > len(sent):
            self.narrator.say(
                f"This machine was busy: {overdue} requests were sent late, which those latencies include."
            )
        if self.traffic.held:
            said = f"{self.traffic.held} requests were not sent, since {MOST_AT_ONCE} were in flight"
            self.narrator.say(f"This machine was busy: {said}.")
        return orders

    def status(self) -> str:
        """Return one line on the last seconds of live traffic."""
        if self.traffic is None:
            return "no traffic yet"
        since = time.time() - STATUS_SECONDS
        recent = [one for one in self.traffic.sent[-1000:] if one.answered >= since]
        served = [one.version for one in recent if one.version is not None]
        shares = [f"v{version} {served.count(version) / len(served):.0%}" for version in sorted(set(served))]
        failed = sum(one.failed for one in self.traffic.sent)
        return ", ".join([f"live traffic {len(recent) / STATUS_SECONDS:.0f}/s", *shares, f"{failed} failed so far"])

    def _up(self, step: Step) -> Step:
        up = UP if step.name == PREVIEWED else (*UP, "--skip-preview")
        self.narrator.command(f"pulumi {' '.join(up)}")
        begun = time.monotonic()
        with self.narrator.watching(self.status if self.traffic else None):
            step.exit_code, step.text = self.sandbox.pulumi(*up, on_line=self.narrator.output)
        step.seconds = round(time.monotonic() - begun, 2)
        return step

    def _find_targets(self) -> dict[str, dict[str, str]]:
        """The targets of the stack's release; empty where the stack has none."""
        try:
            return self.sandbox.targets()
        except ScratchError:
            return {}

    def _ending(self, step: Step) -> Ending:
        """Return the ending from the release's outputs in the stack's state, or from the last line of a failed `up`."""
        function = self.targets.get(step.service, {}).get("function", "")
        if step.exit_code != 0:
            return ending_of(step.text, function)
        said = self.sandbox.release().get("outcomes", {}).get(function, {})
        return Ending(said.get("reason", ""), said.get("detail", ""))

    def _enter(self, step: Step, states: Mapping[str, FunctionState]) -> Release:
        """Add what a step came to, once its last bucket of metrics is over: the next step has its own."""
        end = self._next_bucket()
        ending, before, after = self._ending(step), step.state(step.service), states.get(step.service, NOTHING)
        deployment = newest(before.deployments, after.deployments)
        sent = within(self.traffic.sent, step.start, end) if self.traffic else []
        errors = {service: self._errors(target, step.start, end) for service, target in self.targets.items()}
        own = errors.get(step.service, NO_ERRORS)
        span = (step.start, end, self.sandbox.bucket)
        self.charts[step.name] = charts(self.aws, self.targets, step.before, states, span)
        of_canary, answered = (
            counts.get(deployment.canary, 0) if deployment else 0 for counts in (own.by_version, own.answered)
        )
        of_orders = errors.get(ORDERS, NO_ERRORS)
        beside = list(bystanders(step, states, errors))
        went = [one.ended for one in beside if one.outcome == "promoted"]
        split = deployment if step.service == ORDERS else None  # of the requests, which fulfilment does not get
        release = Release(
            name=step.name,
            outcome=outcome(before, after, ending),
            reason=ending.reason or None,
            detail="; ".join([ending.detail, *went]),
            from_version=before.live,
            to_version=deployment.canary if deployment else after.live,
            deployment_id=deployment.id if deployment else None,
            exit_code=step.exit_code,
            seconds=step.seconds,
            requests=len(sent),
            harmed_requests=of_orders.total + sum(of_orders.answered.values()),
            canary_share=canary_share(split, sent, canary_failed=of_canary + answered > 0) if split else None,
        )
        self.releases.append(release)
        self.bystanders += beside
        failed = sum(one.failed for one in sent)
        others = (own.total - of_canary, sum(own.answered.values()) - answered)
        self.harm.append(Harm(step.name, failed, of_canary, others[0], tuple(faults(sent)), answered, others[1]))
        return release

    def _errors(self, target: Mapping[str, str], start: float, end: float) -> Errors:
        return self.aws.errors(target["function"], target["alias"], start, end)

    def _edge(self, at: float) -> float:
        """Return the start of the metric period that holds `at`."""
        return math.floor(at / self.sandbox.bucket) * self.sandbox.bucket

    def _next_bucket(self) -> float:
        """Wait until a metric period begins; return its start."""
        edge = self._edge(time.time()) + self.sandbox.bucket
        time.sleep(max(0.0, edge - time.time()))
        return edge
