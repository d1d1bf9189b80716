"""The runner's `Cloud` over AWS in memory: reads what infra.release.aws reads, as late as it does, and meets faults."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from infra.codedeploy import ALL_AT_ONCE
from infra.release.aws import metrics
from infra.release.decision import proven
from infra.release.engine.cloud import AwsError, TrafficHistory, TransientError
from infra.release.model import ledger, tags
from infra.release.model.actions import RevertDeployment, Start
from infra.release.model.attempt import UpstreamReleases
from infra.release.model.observation import NOTHING, Alias, Answer, Deployment, Notes, Observation, Status
from infra.release.model.outcome import Outcome
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.model.tags import Enlisted, TagRecord
from infra.release.verdict.judge import Counts
from tests.unit.machine.actors import Crash
from tests.unit.machine.codedeploy import CodeDeploy, Limit, Record
from tests.unit.machine.world import MINUTE, Alarm, Function

READS = ("alias", "ledger", "tags", "metrics")
MUTATIONS = ("note", "put_alarm", "create", "stop", "point", "probe", "top_up", "clear")
KINDS = ("unavailable", "lost", "denied", "crash before", "crash after", "slow before", "slow after")
SLOW_CALL = timedelta(seconds=95)
"""Longer than the runner's minute of grace, so that a look may be as old as that."""


@dataclass
class CallFault:
    """What the call of that name meets, after `skip` others of its name."""

    call: str
    kind: str
    skip: int


@dataclass(frozen=True)
class Saw:
    """What a runner's last look read, in the judge's words."""

    alias: Alias
    over: Mapping[str, bool] = field(default_factory=dict)  # which deployments had ended, by id
    red: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)
    counts: tuple[Counts, Counts] = (NOTHING, NOTHING)  # of stable and of the canary


@dataclass
class Cloud:
    """All functions and their groups. away: until when AWS answers no call."""

    now: datetime
    groups: dict[str, CodeDeploy]
    faults: list[CallFault] = field(default_factory=list)
    away: datetime | None = None
    log: list[str] = field(default_factory=list)

    def group(self, deployment: str) -> CodeDeploy:
        return self.groups[deployment.rsplit("-", 1)[0]]

    def find(self, deployment: str) -> Record:
        return self.group(deployment).find(deployment)

    def log_event(self, what: str) -> None:
        self.log.append(f"{self.now:%d %H:%M:%S} {what}")

    def fault(self, call: str) -> str:
        """The fault that a call meets; "" for none."""
        for each in self.faults:
            if each.call == call:
                each.skip -= 1
                if each.skip < 0:
                    self.faults.remove(each)
                    self.log_event(f"{call} meets: {each.kind}")
                    return each.kind
                return ""
        return ""


@dataclass
class Client:
    """One process's access to AWS. `pause` lets time pass within a call; an operator's client meets no faults."""

    cloud: Cloud
    name: str
    pause: Callable[[timedelta], None] | None = None
    judge: Callable[[Client, str, Function, object], None] = lambda *_: None  # called before every act
    saw: dict[str, Saw] = field(default_factory=dict)
    did: list[tuple[str, str]] = field(default_factory=list)  # function and act, of all that took effect
    answers: dict[str, Answer] = field(default_factory=dict)
    _known: dict[str, dict[str, Deployment]] = field(default_factory=dict)
    _tags: dict[str, dict[str, str]] = field(default_factory=dict)

    # What is seen

    def upstream(self, target: Target) -> UpstreamReleases:
        return UpstreamReleases()  # no target of the machine's asks

    def history(self, target: Target) -> TrafficHistory:
        raise NotImplementedError("no target of the machine's chooses its curve")

    def observe(self, wanted: Sequence[Target], notes: Mapping[str, Notes]) -> dict[str, Observation]:
        names = [target.function for target in wanted]
        groups = {name: self.cloud.groups[name] for name in names}
        with self._asking("alias"):
            aliases = {name: group.function.alias for name, group in groups.items()}
        with self._asking("ledger"):
            ledgers = {name: self._ledger(group, notes[name].following) for name, group in groups.items()}
            over = {name: {each.id: each.over for each in group.records} for name, group in groups.items()}
        found = {}
        for target in wanted:
            name, function = target.function, groups[target.function].function
            seen = Observation(
                alias=aliases[name],
                wanted=function.version(target.version),
                live=function.version(aliases[name].version),
                shifted=function.version(shifted) if (shifted := aliases[name].shifted) else None,
                ledger=ledgers[name],
                notes=notes[name],
            )
            seen = replace(seen, tags=self._read_tags(function, seen))
            last = proven.fallback(target, seen)
            good = function.version(last.number) if last and last.number in function.codes else None
            number = seen.started_from
            origin = function.version(number) if number and number in function.codes else None
            found[name] = replace(seen, good=good, origin=origin)
        with self._asking("metrics"):
            for target in wanted:
                function, seen = groups[target.function].function, found[target.function]
                found[target.function] = self._measured(target, function, seen)
        self.saw = {
            name: Saw(aliases[name], over[name], each.red, dict(self._tags[name]), (each.stable, each.canary))
            for name, each in found.items()
        }
        return found

    def _ledger(self, group: CodeDeploy, following: str | None) -> tuple[Deployment, ...]:
        """All records at first, then those that may have changed; as infra.release.aws.deployments."""
        name, records = group.function.name, {each.id: each for each in group.records}
        known = self._known.get(name)
        if known is None:
            stale = set(records)
        else:
            running = {each.id for each in known.values() if each.running}
            new = set() if following in running else records.keys() - known.keys()
            if new:
                self._tags.pop(name, None)
            stale = running | new | ({following} if following else set())
        if following is not None and (back := records[following].rollback) is not None:
            stale.add(back.id)
        fresh = {id_: _seen(records[id_]) for id_ in stale}
        self._known[name] = merged = (known or {}) | fresh
        if following is not None:
            detail = records[following]
            merged[following] = replace(merged[following], canary=detail.target, shifting=detail.shifting)
        order = {each.id: index for index, each in enumerate(group.records)}
        return tuple(sorted(merged.values(), key=lambda each: (each.created, order[each.id]), reverse=True))

    def _read_tags(self, function: Function, seen: Observation) -> tags.Tags:
        going_back, known = seen.going_back, self._tags.get(function.name)
        if known is None or (going_back is not None and tags.parse(known).stop(going_back.id) is None):
            with self._asking("tags"):
                known = self._tags[function.name] = dict(function.tags)
        return tags.parse(known)

    def _measured(self, target: Target, function: Function, seen: Observation) -> Observation:
        followed, now = seen.followed, self.cloud.now
        wanted = metrics.wanted(target, seen, now)
        since, shift = wanted.since - MINUTE, wanted.shift
        names = set(followed.alarms) if followed else {target.alarm, target.throttle_alarm}
        stable, canary = (function.counts(number, since, now) for number in seen.compared)
        red = frozenset(name for name in names if name in function.alarms and function.alarms[name].red)
        before = function.counts(wanted.canary, since, min(now, shift - MINUTE + function.late)) if shift else NOTHING
        traffic = function.traffic(since, now)
        return replace(seen, red=red, stable=stable, canary=canary, before_shift=before.invocations, traffic=traffic)

    # What is done

    def probe(self, target: Target, version: str) -> Answer:
        with self._asking("probe"):
            code = self.cloud.groups[target.function].function.codes[version]
            self.answers[target.function] = Answer(version, None if code.answers else "ImportError: no")
        return self.answers[target.function]

    def note(self, target: Target, mark: TagRecord) -> None:
        function = self.cloud.groups[target.function].function
        if isinstance(mark, Enlisted):
            mark = Enlisted(ledger.to_milliseconds(mark.at))
        with self._asking("note"):
            self._act("note", function, mark)
            function.tags |= tags.written(mark, self.name, ledger.to_milliseconds(self.cloud.now), function.tags)
        self._tags[function.name] = dict(function.tags)  # that are read before one is written

    def start(self, target: Target, policy: ReleasePolicy, action: Start) -> str:
        function = self.cloud.groups[target.function].function
        entry = self._entry(function, policy, action.canary, action.stable, action.at)
        alarm = target.verdict_alarm(action.stable, action.canary, entry.at)
        with self._asking("put_alarm"):
            judged = (action.stable, action.canary, policy.rule, target.minutes)
            red = function.alarms[alarm].red if alarm in function.alarms else False
            function.alarms[alarm] = Alarm(red, judged)
        alarms = [alarm, *(name for name in (target.alarm, target.throttle_alarm) if name not in action.waived)]
        minutes = None if action.all_at_once else target.minutes
        created = self._create("promotion", function, entry, action.canary, minutes, alarms, action)
        function.tags |= tags.begun(function.tags)
        return created

    def revert(self, target: Target, policy: ReleasePolicy, action: RevertDeployment) -> str:
        function = self.cloud.groups[target.function].function
        entry = self._entry(function, policy, action.stable, action.canary, action.at)
        return self._create("back", function, entry, action.stable, None, [], action)

    def _entry(
        self, function: Function, policy: ReleasePolicy, number: str, stable: str, at: datetime | None
    ) -> ledger.Entry:
        version, at = function.version(number), at or ledger.to_milliseconds(self.cloud.now)
        return ledger.Entry(version.fingerprint, version.digest, version.contract, policy.commit, at, stable, self.name)

    def _create(  # noqa: PLR0917
        self,
        role: str,
        function: Function,
        entry: ledger.Entry,
        number: str,
        minutes: int | None,
        alarms: list[str],
        action: Start | RevertDeployment,
    ) -> str:
        group = self.cloud.groups[function.name]
        with self._asking("create"):
            versions = (entry.stable, number)
            try:
                record = group.create(self.cloud.now, role, self.name, str(entry), versions, minutes, alarms)
            except Limit as limit:
                raise TransientError(f"DeploymentLimitExceededException: {limit}") from None
            if isinstance(action, RevertDeployment):
                record.reverts = _tried_at(group, entry.at, record)
            self._act(role, function, record)
            self.cloud.log_event(f"{self.name} creates {record.id} ({role}) {entry.stable} -> {number}")
        return record.id

    def top_up(self, target: Target, requests: int) -> None:
        function = self.cloud.groups[target.function].function
        with self._asking("top_up"):
            if (shifted := function.alias.shifted) is not None:
                function.sent.append((self.cloud.now, shifted, max(1, round(requests * function.alias.weight))))

    def stop(self, deployment: str) -> None:
        group = self.cloud.group(deployment)
        with self._asking("stop"):
            self._act("stop", group.function, deployment)
            group.stop(deployment, self.name, roll_back=True)
            self.cloud.log_event(f"{self.name} stops {deployment}")

    def point_alias(self, target: Target, seen: Alias, version: str) -> None:
        function = self.cloud.groups[target.function].function
        with self._asking("point"):
            if seen.revision != function.alias.revision:
                raise TransientError("PreconditionFailedException: the revision id given does not match the latest one")
            self._act("point", function, version)
            function.point(self.cloud.now, self.name, Alias(version))
            self.cloud.log_event(f"{self.name} points {function.name} to {version}")

    def cause(self, target: Target, outcome: Outcome, since: datetime) -> str | None:
        with self._asking("cause"):
            return None

    def states(self, names: Collection[str]) -> Mapping[str, bool]:
        with self._asking("alarms"):
            functions = [group.function for group in self.cloud.groups.values()]
            return {name: each.alarms[name].red for each in functions for name in each.alarms if name in names}

    def clear(self, names: Collection[str]) -> None:
        with self._asking("clear"):
            for group in self.cloud.groups.values():
                for name in group.function.alarms.keys() & names:
                    self._act("clear", group.function, name)
                    del group.function.alarms[name]

    def forget(self, target: Target) -> None:
        function = self.cloud.groups[target.function].function
        for name in [name for name in function.alarms if name.startswith(target.verdict_alarms)]:
            del function.alarms[name]

    def _act(self, act: str, function: Function, what: object) -> None:
        self.judge(self, act, function, what)
        self.did.append((function.name, act))

    @contextmanager
    def _asking(self, call: str) -> Iterator[None]:
        kind = self.cloud.fault(call) if self.pause else ""
        away = self.pause is not None and self.cloud.away is not None and self.cloud.now < self.cloud.away
        if kind == "unavailable" or away:
            raise TransientError("ServiceUnavailable")
        if kind == "denied":
            raise AwsError("AccessDeniedException")
        if kind == "crash before":
            raise Crash
        if kind == "slow before" and self.pause:
            self.pause(SLOW_CALL)
        yield
        if kind == "slow after" and self.pause:
            self.pause(SLOW_CALL)
        if kind == "crash after":
            raise Crash
        if kind == "lost":
            raise TransientError("the connection was closed before a response was received")


def _tried_at(group: CodeDeploy, at: datetime, revert: Record) -> Record | None:
    """The release of that moment."""
    tried = (each for each in group.records if each is not revert and each.role == "promotion")
    return next((each for each in tried if (line := ledger.parse(each.description)) and line.at == at), None)


def _seen(record: Record) -> Deployment:
    """A record as CodeDeploy shows it."""
    fault = record.machine.fault
    status = Status(record.machine.status)
    return Deployment(
        id=record.id,
        status=status,
        created=record.created,
        started=record.started,
        ended=record.ended,
        entry=ledger.parse(record.description),
        error=fault.code if fault else "",
        message=fault.message if fault else "",
        rollback=record.rollback.id if record.rollback else None,
        rolls_back=record.rolls_back.id if record.rolls_back else None,
        alarms=record.machine.plan.alarms,
        canary=record.target,
        curve="" if record.gradual else ALL_AT_ONCE,
    )
