"""What has truly happened, kept beside the engine and by none of its code, and what the engine may do and say of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from infra.release.model.outcome import Ending, Outcome
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.model.tags import GONE, First, Overridden, RetryGrant, Stopped, TagRecord, parse
from infra.release.verdict.judge import judge
from tests.unit.machine.client import Client, Cloud, Saw
from tests.unit.machine.codedeploy import CodeDeploy, Record
from tests.unit.machine.world import MINUTE, BrokenError, Function


@dataclass(frozen=True)
class Run:
    """One runner: what it was asked for."""

    kind: str  # "up", "watch", or the operator's command
    targets: tuple[Target, ...]
    policy: ReleasePolicy
    client: Client


@dataclass
class Truth:
    """The judge."""

    cloud: Cloud
    runs: dict[str, Run] = field(default_factory=dict)  # by the name of their client
    notes: dict[str, list[tuple[str, str, str]]] = field(default_factory=lambda: defaultdict(list))
    """By deployment: kind, by whom, why; several where several stop it at once."""
    retry_grants: set[str] = field(default_factory=set)  # deployments whose rejection was forgiven
    overrides: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """By function and text: the fingerprints that it was used for."""
    overridden: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By function: the text and the fingerprint of the last override. Only the last stands in a tag."""
    by_hand: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By function: the fingerprints that an operator has put live by hand, or gone back to."""
    anew: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By function: the fingerprints that an alias was made anew on."""
    first: dict[str, str] = field(default_factory=dict)
    """By function: the fingerprint that went first and answered."""

    # What has happened

    def rejection(self, group: CodeDeploy, fingerprint: str) -> Record | None:
        """The newest try of a fingerprint that settled anything, if what it settled is that the code is bad."""
        for each in reversed(group.records):
            if each.role != "promotion" or group.function.fingerprint(each.target) != fingerprint:
                continue
            if each.succeeded:
                return each if self.reverted(group, each) else None
            if each.failed and self.reasons(each) & {"verdict", "hook"}:
                return each
        return None

    def reverted(self, group: CodeDeploy, promotion: Record) -> bool:
        """By an operator, or by a runner for its own counts."""
        rejects = any(kind in {"operator", "verdict"} for kind, _, _ in self.notes[promotion.id])
        return rejects and any(each.reverts is promotion for each in group.records)

    def proved(self, group: CodeDeploy, version: str) -> bool:
        """Whether a version has earned all traffic or was there before all records, and nothing is said against it."""
        promotion = self._promotions(group)
        begun = bool(promotion) and promotion[0].current == version
        return self.earned(group, version) or (begun and self._unrejected(group, version))

    def earned(self, group: CodeDeploy, version: str) -> bool:
        """Whether a version was promoted or went first and answered, and nothing has been said against it since."""
        fingerprint = group.function.fingerprint(version)
        promoted = any(
            group.function.fingerprint(each.target) == fingerprint
            and each.succeeded
            and not self.is_reverted(group, each)
            for each in self._promotions(group)
        )
        first = self.first.get(group.function.name) == fingerprint
        return (promoted or first) and self._unrejected(group, version)

    def _unrejected(self, group: CodeDeploy, version: str) -> bool:
        return self.rejection(group, group.function.fingerprint(version)) is None

    @staticmethod
    def _promotions(group: CodeDeploy) -> list[Record]:
        return [each for each in group.records if each.role == "promotion"]

    def proves(self, group: CodeDeploy) -> bool:
        """Whether there is any version that has."""
        return any(self.proved(group, version) for version in group.function.codes)

    @staticmethod
    def is_reverted(group: CodeDeploy, promotion: Record) -> bool:
        return any(each.reverts is promotion for each in group.records)

    @staticmethod
    def is_going_back(group: CodeDeploy, version: str) -> bool:
        """Whether the last attempt released the same code, and has failed."""
        last = [each for each in group.records if each.role == "promotion"][-1]
        released = group.function.fingerprint(last.target) == group.function.fingerprint(version)
        return released and last.failed

    def reasons(self, record: Record) -> set[str]:
        """Why a deployment ended badly; whoever stopped it has said it."""
        code = record.machine.fault.code if record.machine.fault else ""
        if code == "ALARM_ACTIVE":
            return {"verdict" if any("-verdict-" in name for name in record.fired) else "fault"}
        if code == "HOOK_EXECUTION_FAILURE":
            return {"hook"}
        if code != "MANUAL_STOP":
            return {"fault"}
        by_hand = "operator" if record.started else "fault"
        return {kind for kind, _, _ in self.notes[record.id]} or {by_hand}

    @staticmethod
    def set_id(record: Record) -> datetime | None:
        """The `at` of its line."""
        found = re.search(r" at=(\S+)", record.description)
        return datetime.fromisoformat(found.group(1)).astimezone(UTC) if found else None

    def live_commit(self, group: CodeDeploy, version: str) -> str | None:
        live = group.function.fingerprint(version)
        for each in reversed(group.records):
            if each.role == "promotion" and not each.failed and group.function.fingerprint(each.target) == live:
                return each.description.split("commit=")[1].split()[0]
        noted = parse(group.function.tags).answered
        went_first = noted.mark if noted and isinstance(noted.mark, First) else None
        return went_first.commit if went_first and went_first.fingerprint == live else None

    # What the engine does

    def witness(self, client: Client, act: str, function: Function, what: object) -> None:
        """Judges every act as it takes effect."""
        group, run = self.cloud.groups[function.name], self.runs.get(client.name)
        if act == "note":
            self._noted(client, function, what)  # type: ignore[arg-type]
        elif act == "promotion" and isinstance(what, Record) and run:
            self._started(run, group, what)
        elif act == "back" and isinstance(what, Record):
            self._check_revert(client, group, what)
        elif act == "point" and self.proved(group, function.alias.version) and function.alias.shifted is None:
            # What was proved once and is taken back now may lose its traffic to what had it.
            if not self.proved(group, str(what)) and not self.is_going_back(group, function.alias.version):
                self.broken(f"{client.name} points {function.name} from {function.alias}, which is proved, to {what}")
        elif act == "stop" and parse(function.tags).stop(str(what)) is None:
            self.broken(f"{client.name} stops {what}, and no tag says why")
        elif act == "clear" and any(what in each.machine.plan.alarms for each in group.records if not each.ended):
            self.broken(f"{client.name} deletes {what}, by which a deployment in flight is judged")

    def _noted(self, client: Client, function: Function, mark: TagRecord) -> None:
        self.cloud.log_event(f"{client.name} notes for {function.name}: {mark}")
        match mark:
            case Stopped(deployment, kind, why):
                self.notes[deployment].append((kind, client.name, why.replace("%", " percent")))
            case First(_, fingerprint):
                self.first[function.name] = fingerprint
            case RetryGrant(_, deployment, _):
                self.retry_grants.add(deployment)
            case Overridden(fingerprint, _, text):
                last, self.overridden[function.name] = self.overridden.get(function.name), (text, fingerprint)
                if last is not None and last[0] == text and last[1] != fingerprint:
                    self.broken(f"override {text!r} is used for {last[1]} and {fingerprint} of {function.name}")
                self.overrides[function.name, text].add(fingerprint)

    def _started(self, run: Run, group: CodeDeploy, new: Record) -> None:
        """May a release start?"""
        function, now = group.function, self.cloud.now
        fingerprint, window = function.fingerprint(new.target), timedelta(minutes=function.target.minutes)
        tries = [
            each
            for each in group.records
            if each is not new and each.role == "promotion" and function.fingerprint(each.target) == fingerprint
        ]
        if any(each.by == run.client.name for each in tries):
            self.broken(f"{run.client.name} starts {new.id}, a second deployment of {fingerprint}")
        if any(now - each.ended < window for each in tries if each.ended):
            self.broken(f"{new.id} starts although the window holds an earlier try of {fingerprint}")
        if red := run.client.saw[function.name].red & {*new.machine.plan.alarms}:
            self.broken(f"{new.id} starts although {red} would end it at once")
        if fingerprint == function.fingerprint(new.current):
            self.broken(f"{new.id} releases {fingerprint}, which it starts from")
        allowed = fingerprint in self.overrides[function.name, run.policy.override]
        rejected = next((each for each in [self.rejection(group, fingerprint)] if each is not None), None)
        if rejected and rejected.id not in self.retry_grants and not allowed:
            self.broken(f"{new.id} starts {fingerprint}, which {rejected.id} rejected")
        if function.codes[new.current].role != function.codes[new.target].role and not allowed:
            self.broken(f"{new.id} starts between versions of two roles")
        live = self.live_commit(group, group.function.alias.version)
        if live is not None and older(run.policy.commit, live) and not allowed:
            self.broken(f"{new.id} releases {run.policy.commit}, which is older than {live}")

    def _check_revert(self, client: Client, group: CodeDeploy, back: Record) -> None:
        promotion, known = back.reverts, client.saw[group.function.name].over
        if promotion is None or not promotion.succeeded:
            self.broken(f"{back.id} takes {promotion and promotion.id} back, which had not succeeded")
        elif not self.notes[promotion.id]:
            self.broken(f"{back.id} takes {promotion.id} back, and no tag says why")
        elif any(each.reverts is promotion and not each.failed and each.id in known for each in group.records):
            self.broken(f"{back.id} takes {promotion.id} back a second time")
        elif group.function.fingerprint(back.target) != group.function.fingerprint(promotion.current) and (
            self.proved(group, promotion.current) or not self.proved(group, back.target)
        ):
            self.broken(f"{back.id} leads to {back.target}, and {promotion.id} came from {promotion.current}")
        else:  # whatever was said of that code meanwhile, it was live before
            self.by_hand[group.function.name].add(group.function.fingerprint(back.target))

    # What the engine says

    def check(self, run: Run, outcomes: Mapping[str, Outcome]) -> None:
        """Every outcome is what has happened, as far as the runner's last look could know."""
        for target in run.targets:
            name, outcome = target.function, outcomes[target.function]
            self.cloud.log_event(f"{run.client.name} ends: {outcome.line()}")
            if (wrong := self._wrong(run, target, outcome, outcomes)) is not None:
                self.broken(f"{run.client.name} says of {name}: {outcome.line()}; but {wrong}")
        self._check_set(outcomes)

    def _check_set(self, outcomes: Mapping[str, Outcome]) -> None:
        """Promoted only when all are that were started at one moment."""
        found = [(each, self.cloud.find(each.deployment_id)) for each in outcomes.values() if each.deployment_id]
        failed = {
            self.set_id(record)
            for outcome, record in found
            if outcome.ending is Ending.ROLLED_BACK and (record.failed or outcome.reason == "verdict")
        }
        for outcome, record in found:
            if outcome.ending is Ending.PROMOTED and self.set_id(record) in failed:
                self.broken(f"{record.id} is promoted, and another of its set has failed")

    def _wrong(self, run: Run, target: Target, outcome: Outcome, outcomes: Mapping[str, Outcome]) -> str | None:
        group, saw = self.cloud.groups[target.function], run.client.saw[target.function]
        own = {act for function, act in run.client.did if function == target.function}
        record = group.find(outcome.deployment_id) if outcome.deployment_id else None
        others = {each.ending for name, each in outcomes.items() if name != target.function}
        fine = True
        match outcome.ending:
            case Ending.PROMOTED:
                return self._not_promoted(run, target, outcome, record, saw)
            case Ending.ROLLED_BACK:
                return self._not_rolled_back(run, group, outcome, record, saw)
            case Ending.REFUSED if not own & {"promotion", "stop"}:  # an earlier set may have gone back first
                return self._not_refused(run, target, outcome, saw, others)
            case Ending.UNCHANGED:
                return self._not_unchanged(run, target, saw, own)
            case Ending.STARTED:
                fine = record is not None and not saw.over[record.id] and not run.policy.wait
            case Ending.FIRST:
                answer = run.client.answers.get(target.function)
                fine = answer is not None and answer.error is None and "strata:first" in group.function.tags
        return None if fine and outcome.ending is not Ending.REFUSED else f"it did {own or 'nothing'}"

    def _not_promoted(  # noqa: PLR0911 - each finds something else wrong
        self, run: Run, target: Target, outcome: Outcome, record: Record | None, saw: Saw
    ) -> str | None:
        function = self.cloud.groups[target.function].function
        if record is None or record.role in {"back", "rollback"} or not record.succeeded:
            return "that deployment has not succeeded"
        if saw.alias.shifted or function.fingerprint(saw.alias.version) != function.fingerprint(record.target):
            return f"the alias was on {saw.alias}"
        if run.kind == "up" and function.fingerprint(record.target) != function.fingerprint(target.version):
            return "another version was wanted"
        if judge(*saw.counts, run.policy.rule).fired:
            return f"its last counts condemn it: {saw.counts}"
        if record.gradual and run.policy.evidence == "enforce" and not self._reached(target, record, run.policy):
            return "too few requests had reached it before the shift"
        known = record.role == "promotion"  # a foreign one has no line that says where it started from
        if known and (outcome.from_version, outcome.to_version) != (record.current, saw.alias.version):
            return f"it was {record.current} -> {saw.alias.version}"
        return None

    def _reached(self, target: Target, record: Record, policy: ReleasePolicy) -> bool:
        function = self.cloud.groups[target.function].function
        shifted = (record.shifting or record.created) + timedelta(minutes=target.minutes)
        reached = function.counts(record.target, record.created - MINUTE, shifted + function.late)
        return reached.invocations >= policy.minimum_requests

    def _not_rolled_back(  # noqa: PLR0911 - each finds something else wrong
        self, run: Run, group: CodeDeploy, outcome: Outcome, record: Record | None, saw: Saw
    ) -> str | None:
        if record is None:
            return "there was none"
        overdue = self.cloud.now - record.created > timedelta(minutes=run.policy.longest_wait_minutes)
        if not saw.over[record.id] and not (record.reverts and overdue):
            return "that deployment has not ended"
        promotion = record.reverts or record
        reverted = record.reverts is not None
        if promotion.succeeded and not reverted:
            if outcome.reason in {"set", "verdict", "evidence"} and any(
                each.reverts is promotion for each in group.records
            ):
                return None if saw.alias.is_whole_on(promotion.current) else f"the alias was on {saw.alias}"
            moved = saw.alias.shifted or group.function.fingerprint(saw.alias.version) != group.function.fingerprint(
                promotion.target
            )
            return None if moved and outcome.reason == "operator" else "it has succeeded, and the alias was not moved"
        foreign = promotion.role == "foreign"  # of which no line says where it started from
        newer = group.records[group.records.index(record) + 1 :]
        overtaken = any(each.id in saw.over and each.rolls_back is not record for each in newer)
        # What CodeDeploy itself went back to stays, where it is better known than what was live.
        better = self.earned(group, saw.alias.version) and not self.earned(group, promotion.current)
        home = (
            saw.alias.version if foreign or better or not self.proved(group, promotion.current) else promotion.current
        )
        same = group.function.fingerprint(saw.alias.version) == group.function.fingerprint(home)
        if not overtaken and (saw.alias.shifted or not same):
            return f"the alias was on {saw.alias}"
        released = group.function.fingerprint(outcome.to_version) == group.function.fingerprint(promotion.target)
        if not foreign and (outcome.from_version != promotion.current or not released):
            return f"it was {promotion.current} -> {promotion.target}"
        expected = {kind for kind, _, _ in self.notes[promotion.id]} if reverted else self.reasons(promotion)
        if outcome.reason not in expected:
            return f"the reason was {expected}"
        said = [why for kind, _, why in self.notes[promotion.id] if kind == "operator"]
        if GONE in outcome.detail and any(self._by_operator(each) for each in group.records if each is not promotion):
            said = []  # a tag keeps the words of an operator's last stop only
        if outcome.reason == "operator" and said and not any(why in outcome.detail for why in said):
            return f"the operator said {said}"
        return None

    def _by_operator(self, record: Record) -> bool:
        return any(kind == "operator" for kind, _, _ in self.notes[record.id])

    def _not_refused(self, run: Run, target: Target, outcome: Outcome, saw: Saw, others: set[Ending]) -> str | None:
        group = self.cloud.groups[target.function]
        function = group.function
        live, wanted = saw.alias.version, target.version
        match outcome.reason:
            case "split":
                fine = saw.alias.shifted is not None
            case "rejected":
                fine = self.rejection(group, function.fingerprint(wanted)) is not None
            case "alarm":
                fine = bool(saw.red)
            case "unlike":
                fine = function.codes[live].role != function.codes[wanted].role
            case "older":
                commit = self.live_commit(group, live)
                fine = commit is not None and older(run.policy.commit, commit)
            case "set":
                fine = bool(others & {Ending.REFUSED, Ending.ROLLED_BACK})
            case "probe":
                fine = not function.codes[wanted].answers
            case "busy" | "moved":
                fine = run.kind == "rollback"
            case _:
                fine = False
        return None if fine else "nothing of that is so"

    def _not_unchanged(self, run: Run, target: Target, saw: Saw, own: set[str]) -> str | None:
        function = self.cloud.groups[target.function].function
        if run.kind != "up":
            return None if all(saw.over.values()) and "promotion" not in own else "something is in flight"
        if saw.alias.shifted or function.fingerprint(saw.alias.version) != function.fingerprint(target.version):
            return f"the alias was on {saw.alias}"
        group = self.cloud.groups[target.function]
        if run.kind == "up" and self.proves(group) and not self.proved(group, saw.alias.version):
            return f"nothing proves {saw.alias}"
        return None

    def broken(self, what: str) -> None:
        raise BrokenError("\n".join([what, *self.cloud.log[-250:], f"{self.cloud.now:%d %H:%M:%S} <- here"]))


def older(commit: str, than: str) -> bool:
    """Commits are c1, c2 ..."""
    return int(commit[1:]) < int(than[1:])
