"""Lambda, CodeDeploy and CloudWatch in memory, for the runner: it refuses what AWS refuses, and time moves by sleeping.

Faults are attributes: `never_begins`, `rollback` ("works", "fails", "is missing"), `lost_answers`, `failures`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.codedeploy import ALL_AT_ONCE
from infra.release.decision import proven
from infra.release.engine.cloud import AwsError, NotFoundError, TrafficHistory, TransientError
from infra.release.model import ledger, tags
from infra.release.model.actions import RevertDeployment, Start
from infra.release.model.attempt import UpstreamReleases
from infra.release.model.observation import Alias, Answer, Deployment, Notes, Observation, Status, Version
from infra.release.model.outcome import Outcome
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.model.tags import First, TagRecord
from infra.release.reports.drift import Drift, Examination, unannounced
from infra.release.verdict.judge import Counts
from infra.release.verdict.traffic import Bucket

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
QUEUE = timedelta(seconds=20)
ROLLBACK = timedelta(seconds=40)


def version(number: int, code: str | None = None) -> Version:
    """Version `number` of a function whose code is called `code`: two of one code have one fingerprint."""
    name = (code or f"code{number}").encode().hex()
    return Version(str(number), name.rjust(16, "0")[-16:], name.rjust(43, "A")[-43:] + "=", "c" * 16)


def target(wanted: int = 2, function: str = "orders") -> Target:
    return Target(
        function=function,
        alias="live",
        version=str(wanted),
        application="app",
        group=f"{function}-group",
        curve="canary-10-10",
        minutes=10,
        alarm=f"{function}-live-errors",
        topic="arn:aws:sns:eu-west-1:111111111111:alarms",
        log_group=f"/aws/lambda/{function}",
        probe="{}",
    )


@dataclass
class FakeClock:
    """Sleeping is the only way that time passes. `at_sleep` is called before each sleep."""

    time: datetime = START
    at_sleep: Callable[[], None] = lambda: None
    naps: int = 0

    def now(self) -> datetime:
        return self.time

    def sleep(self, duration: timedelta) -> None:
        self.naps += 1
        assert self.naps < 2000, "the runner never ends"
        self.at_sleep()
        self.time += duration


@dataclass
class FakeCloud:
    """One function behind an alias. `bad`: fingerprints whose errors make the verdict alarm red two minutes in, before
    a runner acts in its stead; `deaf`: no alarm is evaluated."""

    clock: FakeClock
    versions: dict[str, Version]
    live: Alias
    requests_per_minute: int = 600
    bad: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)  # what a version's probe fails with, by number
    prefix: str = "d"  # of its deployments' ids
    lasts: timedelta = timedelta(minutes=10)  # the canary
    topped_up: int = 0  # canary requests that the runner sent
    beside: int = 0  # of stable, by the same calls
    never_begins: bool = False
    deaf: bool = False
    gone: bool = False  # the alias, deleted by hand
    account: str = "111111111111"  # the caller's
    rollback: str = "works"
    lost_answers: int = 0  # CreateDeployments that are done, but whose answer is not received
    failures: list[AwsError] = field(default_factory=list)  # raised by the next calls, one each
    deployments: dict[str, Deployment] = field(default_factory=dict)
    all_at_once: set[str] = field(default_factory=set)  # deployments that shift all traffic at once
    alarms: dict[str, bool] = field(default_factory=dict)  # red?
    calls: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)  # of the deployment group
    announced: list[tuple[str, str, str, tuple[Outcome, ...]]] = field(default_factory=list)  # stack, state, commit
    drifted: list[tuple[str, Drift]] = field(default_factory=list)  # stack, and what was announced of it
    marks: str = ""  # the application's tag
    mute: bool = False  # PutEvents is denied
    unfit: dict[str, str] = field(default_factory=dict)  # alarms that CodeDeploy cannot read, and why
    past: tuple[Bucket, ...] = ()  # the counts of the last weeks
    before: UpstreamReleases = field(default_factory=UpstreamReleases)  # what the stack before this one reports

    @property
    def answered(self) -> bool:
        return tags.parse(self.tags).first

    def point(self, number: str, shifted: str | None = None, weight: float = 0.0) -> None:
        """As an operator does by hand, or CodeDeploy."""
        self.live = Alias(number, shifted, weight, revision=f"r{int(self.live.revision[1:] or 0) + 1}")

    def went_first(self, number: str) -> None:
        """That version is live, and answered its first call."""
        self.point(number)
        self.tags = tags.written(First(number, self.versions[number].fingerprint), "user/ann", START)

    def serve(self) -> None:
        """Let time have passed: every deployment is where it should be now."""
        for each in list(self.deployments.values()):
            if not each.status.ended:
                (self._roll_back if each.rolls_back else self._shift)(each)

    # What the provider asks beside the runner

    def alias(self, function: str, name: str) -> Alias:
        if self.gone:
            raise NotFoundError(f"ResourceNotFoundException: alias {name} of {function}")
        return self.live

    def version(self, function: str, number: str) -> Version:
        return self._version(number)

    def check_account(self, function: str, topic: str) -> None:
        if self.account not in topic:
            raise AwsError(f"the credentials are of account {self.account}, but {function} is in another")

    # The runner's Cloud

    def observe(self, wanted: Sequence[Target], notes: Mapping[str, Notes]) -> dict[str, Observation]:
        self._called("observe")
        return {target.function: self._look(target, notes[target.function]) for target in wanted}

    def _look(self, target: Target, notes: Notes) -> Observation:
        self.alias(target.function, target.alias)
        self.serve()
        newest_first = sorted(self.deployments.values(), key=lambda each: (each.created, each.id), reverse=True)
        seen = Observation(
            alias=self.live,
            wanted=self._version(target.version),
            live=self._version(self.live.version),
            shifted=self._version(self.live.shifted) if self.live.shifted else None,
            ledger=tuple(newest_first),
            tags=tags.parse(self.tags),
            red=frozenset(name for name, red in self.alarms.items() if red),
            reasons={name: f"{name} crossed its threshold" for name, red in self.alarms.items() if red},
            unfit={name: why for name, why in self.unfit.items() if name in target.alarms},
            notes=notes,
        )
        last = proven.fallback(target, seen)
        seen = replace(seen, good=self.versions.get(last.number) if last else None)
        if (followed := seen.followed) is None:
            return replace(seen, traffic=self.requests_per_minute * 10)
        lasted = (followed.ended or self.clock.now()) - (followed.started or followed.ended or self.clock.now())
        calls = round(lasted / timedelta(minutes=1) * self.requests_per_minute)
        fails = self._version(followed.canary or "").fingerprint in self.bad
        of_canary = calls // 10 + self.topped_up
        canary = Counts(of_canary, of_canary // 2 if fails else 0)
        stable = Counts(calls - calls // 10 + self.beside, 0)
        return replace(seen, stable=stable, canary=canary, before_shift=of_canary, traffic=calls)

    def upstream(self, target: Target) -> UpstreamReleases:
        self._called("upstream")
        return self.before

    def history(self, target: Target) -> TrafficHistory:
        self._called("history")
        return TrafficHistory(self.clock.now(), self.past, tuple(self.deployments.values()))

    def probe(self, target: Target, version: str) -> Answer:
        self._called("probe")
        return Answer(version, self.broken.get(version))

    def note(self, target: Target, mark: TagRecord) -> None:
        self._called("note")
        self.tags |= tags.written(mark, "user/ann", ledger.to_milliseconds(self.clock.now()), self.tags)

    def start(self, target: Target, policy: ReleasePolicy, action: Start) -> str:
        self._called("start")
        canary = self._version(action.canary)
        at = action.at or ledger.to_milliseconds(self.clock.now())
        alarm = target.verdict_alarm(action.stable, canary.number, at)
        self.alarms.setdefault(alarm, False)  # an alarm that exists keeps its state
        self.alarms.setdefault(target.alarm, False)
        names = tuple(name for name in (alarm, target.alarm, *target.alarms) if name not in action.waived)
        for name in target.alarms:
            self.alarms.setdefault(name, False)
        created = self._create(policy, canary, action.stable, at, names, action.all_at_once)
        self._save(replace(self.deployments[created], curve=ALL_AT_ONCE if action.all_at_once else target.curve))
        self.lasts = timedelta(minutes=target.minutes)
        self.tags |= tags.begun(self.tags)
        return created

    def revert(self, target: Target, policy: ReleasePolicy, action: RevertDeployment) -> str:
        self._called("revert")
        return self._create(policy, self._version(action.stable), action.canary, action.at, (), all_at_once=True)

    def top_up(self, target: Target, requests: int) -> None:
        self._called("top_up")
        self.topped_up += round(requests * self.live.weight)
        self.beside += requests - round(requests * self.live.weight)

    def stop(self, deployment: str) -> None:
        self._called("stop")
        running = self.deployments[deployment]
        if not running.status.ended:
            self._end_badly(running, Status.STOPPED, "MANUAL_STOP")

    def point_alias(self, target: Target, seen: Alias, version: str) -> None:
        self._called("point_alias")
        self._version(version)
        if seen.revision != self.live.revision:
            raise TransientError("PreconditionFailedException: the revision id given does not match the latest one")
        self.point(version)

    def cause(self, target: Target, outcome: Outcome, since: datetime) -> str | None:
        self._called("cause")
        return "ValueError: no" if self._version(outcome.to_version).fingerprint in self.bad else None

    def states(self, names: Collection[str]) -> Mapping[str, bool]:
        return {name: red for name, red in self.alarms.items() if name in names}

    def clear(self, names: Collection[str]) -> None:
        guarded = {name for each in self.deployments.values() if each.running for name in each.alarms}
        assert not guarded & set(names), "CodeDeploy stops a deployment whose alarm is gone"
        for name in names:
            del self.alarms[name]

    def announce(self, stack: str, target: Target, state: str, commit: str, outcomes: Sequence[Outcome]) -> None:
        if self.mute:
            raise AwsError("events PutEvents is denied")
        self.announced.append((stack, state, commit, tuple(outcomes)))

    def announce_drift(self, stack: str, target: Target, found: Examination) -> None:
        news, marks = unannounced(found, self.marks)
        if news and self.mute:
            raise AwsError("events PutEvents is denied")
        self.marks, self.drifted = marks, [*self.drifted, *((stack, each) for each in news)]

    def forget(self, target: Target) -> None:
        self._called("forget")
        self.alarms = {name: red for name, red in self.alarms.items() if not name.startswith(target.verdict_alarms)}

    # How AWS behaves

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.failures:
            raise self.failures.pop(0)

    def _version(self, number: str) -> Version:
        if not number:  # not published yet
            return replace(list(self.versions.values())[-1], number="")
        if number not in self.versions:
            raise AwsError(f"ResourceNotFoundException: version {number} of the function")
        return self.versions[number]

    def _create(  # noqa: PLR0917
        self,
        policy: ReleasePolicy,
        canary: Version,
        stable: str,
        at: datetime,
        alarms: tuple[str, ...],
        all_at_once: bool,
    ) -> str:
        self.serve()
        if any(each.running for each in self.deployments.values()):
            raise TransientError("DeploymentLimitExceededException: another deployment of the group is in flight")
        entry = ledger.Entry(canary.fingerprint, canary.digest, canary.contract, policy.commit, at, stable, "user/ann")
        new = self._created(entry=entry, canary=canary.number, alarms=alarms)
        if all_at_once:
            self.all_at_once.add(new.id)
        if self.lost_answers:
            self.lost_answers -= 1
            raise TransientError("the connection was closed before a response was received")
        return new.id

    def _created(self, **values: object) -> Deployment:
        id_ = f"{self.prefix}-{len(self.deployments) + 1}"
        new = Deployment(id_, Status.CREATED, self.clock.now(), **values)  # type: ignore[arg-type]
        self.deployments[new.id] = new
        return new

    def _save(self, changed: Deployment) -> Deployment:
        self.deployments[changed.id] = changed
        return changed

    def _shift(self, running: Deployment) -> None:
        entry, canary = running.entry, running.canary
        assert entry
        assert canary
        age = self.clock.now() - running.created
        if self.never_begins or age < QUEUE:
            return
        if not running.status.begun:
            if not self.live.is_whole_on(entry.stable):
                self._save(replace(running, started=self.clock.now()))
                self._end_badly(self.deployments[running.id], Status.FAILED, "INVALID_LAMBDA_CONFIGURATION")
                return
            running = self._save(replace(running, status=Status.IN_PROGRESS, started=self.clock.now()))
            self.point(*((canary,) if running.id in self.all_at_once else (entry.stable, canary, 0.1)))
        fails = self._version(canary).fingerprint in self.bad and bool(running.alarms) and not self.deaf
        if fails and age > timedelta(minutes=2):
            self.alarms[running.alarms[0]] = True
        if any(self.alarms[name] for name in running.alarms):
            self._end_badly(running, Status.STOPPED, "ALARM_ACTIVE")
        elif age > self.lasts or running.id in self.all_at_once:
            self.point(canary)
            self._save(replace(running, status=Status.SUCCEEDED, ended=self.clock.now()))

    def _end_badly(self, running: Deployment, status: Status, error: str) -> None:
        ended = self._save(replace(running, status=status, ended=self.clock.now(), error=error))
        if self.rollback != "is missing":
            back = self._created(rolls_back=running.id)
            self._save(replace(ended, rollback=back.id))

    def _roll_back(self, running: Deployment) -> None:
        if self.clock.now() - running.created < ROLLBACK:
            return
        failed = self.deployments[running.rolls_back or ""]
        if self.rollback == "works" and failed.entry:
            self.point(failed.entry.stable)
        status = Status.SUCCEEDED if self.rollback == "works" else Status.FAILED
        self._save(replace(running, status=status, ended=self.clock.now()))


def cloud(live: int = 1, *versions: Version) -> FakeCloud:
    """A function that has been released before (its first version answered), alias whole on `live`."""
    known = {each.number: each for each in versions or (version(1), version(2))}
    first = tags.written(First(str(live), known[str(live)].fingerprint), "user/ann", START)
    return FakeCloud(FakeClock(), known, Alias(str(live), revision="r0"), tags=first)


def _each_by_its_own(call: str) -> Callable[..., Any]:
    """A call that is about one function, for the cloud of that function."""

    def made(self: FakeSet, target: Target, *arguments: Any) -> Any:
        return getattr(self.clouds[target.function], call)(target, *arguments)

    return made


@dataclass
class FakeSet:
    """Several functions at one clock, each in a FakeCloud of its own."""

    clouds: dict[str, FakeCloud]

    @property
    def clock(self) -> FakeClock:
        return next(iter(self.clouds.values())).clock

    def observe(self, wanted: Sequence[Target], notes: Mapping[str, Notes]) -> dict[str, Observation]:
        found: dict[str, Observation] = {}
        for target in wanted:
            found |= self.clouds[target.function].observe([target], notes)
        return found

    upstream = _each_by_its_own("upstream")
    history = _each_by_its_own("history")
    probe = _each_by_its_own("probe")
    note = _each_by_its_own("note")
    start = _each_by_its_own("start")
    revert = _each_by_its_own("revert")
    top_up = _each_by_its_own("top_up")
    point_alias = _each_by_its_own("point_alias")
    cause = _each_by_its_own("cause")
    forget = _each_by_its_own("forget")

    def stop(self, deployment: str) -> None:
        next(each for each in self.clouds.values() if deployment in each.deployments).stop(deployment)

    def states(self, names: Collection[str]) -> Mapping[str, bool]:
        return {name: red for each in self.clouds.values() for name, red in each.states(names).items()}

    def clear(self, names: Collection[str]) -> None:
        for each in self.clouds.values():
            each.clear(each.states(names).keys())


def set_of(*functions: str) -> FakeSet:
    """Functions of which version 1 is live and version 2 is wanted."""
    clock = FakeClock()
    clouds = {name: cloud() for name in functions}
    for name, each in clouds.items():
        each.clock, each.prefix = clock, name
    return FakeSet(clouds)
