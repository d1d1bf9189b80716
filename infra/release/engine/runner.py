"""The loop of a release: observe, decide, act, wait, report. `next_action` decides; the runner only acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from infra import git
from infra.release.decision import curve, next_action, obsolete_alarms, proven, silence
from infra.release.decision.context import Decide
from infra.release.engine.clock import Clock, Interrupted
from infra.release.engine.cloud import AwsError, Cloud, TransientError
from infra.release.model.actions import (
    Action,
    Finish,
    Follow,
    PointAlias,
    Probe,
    RevertDeployment,
    Start,
    Stop,
    TopUp,
    Wait,
    WriteTag,
)
from infra.release.model.observation import Deployment, Notes, Observation
from infra.release.model.outcome import Ending, Outcome, Phase, Progress
from infra.release.model.spec import ReleaseError, ReleasePolicy, Target
from infra.release.model.tags import Enlisted
from infra.release.reports import event
from infra.release.verdict.rule import Rule

EXPLAINED = {"verdict", "hook", "fault"}
"""Reasons whose cause the function's log may show."""
A_LINE_EACH = timedelta(minutes=1)
"""How often a log gets a line on a canary: ten lines for ten minutes, not sixty."""
POLL = timedelta(seconds=10)
"""Between two observations, while the runner waits: often enough for an operator, and far below AWS's request rates."""


Report = Callable[[Progress], None]
Announce = Callable[[str, str, Sequence[Outcome]], None]
"""Puts the event of a changed state: its name, the commit, and the outcomes so far. Raises AwsError."""
IsOlder = Callable[[str, str], bool]


def run(  # noqa: PLR0917 - the design's signature
    wanted: Sequence[Target],
    policy: ReleasePolicy,
    cloud: Cloud,
    clock: Clock,
    report: Report,
    decide: Decide = next_action.decide,
    is_older: IsOlder = git.is_older,
    announce: Announce = lambda *_: None,
) -> dict[str, Outcome]:
    """Release every target, together; returns the outcome of each function, good or bad, when all have ended.

    Raises ReleaseError where AWS refuses, or does not answer for the policy's longest wait; Interrupted when the wait
    is given up. A canary in flight then goes on under CloudWatch, which the error says: running again resumes it.
    """
    return _Run(wanted, policy, cloud, clock, report, decide, is_older, announce).to_the_end()


def retire(
    wanted: Sequence[Target], policy: ReleasePolicy, cloud: Cloud, clock: Clock, report: Report
) -> dict[str, Outcome]:
    """Delete a release: bring a canary in flight back, then delete the verdict alarms. Errors as in `run`."""
    outcomes = run(wanted, policy, cloud, clock, report, next_action.retire)
    for target in wanted:
        cloud.forget(target)
    return outcomes


def observe(
    wanted: Sequence[Target],
    policy: ReleasePolicy,
    cloud: Cloud,
    notes: Mapping[str, Notes] | None = None,
    is_older: IsOlder = git.is_older,
) -> dict[str, Observation]:
    """Observe every function. What matters only before a start is added there: whether the wanted commit is older than
    the live one, the upstream stack's releases, and the curve that is chosen."""

    def informed(target: Target, seen: Observation) -> Observation:
        unborn = not seen.ledger and not seen.tags.first
        same = seen.live.fingerprint == seen.wanted.fingerprint and not proven.astray(target, seen)
        if seen.followed is not None or (same and not unborn):
            return seen
        live = seen.live_commit
        older = live is not None and is_older(policy.commit, live)
        seen = replace(seen, older=older, upstream=cloud.upstream(target) if target.proof_group else None)
        return _with_choice(target, seen, policy, cloud)

    notes = notes if notes is not None else {target.function: Notes() for target in wanted}
    seen = cloud.observe(wanted, notes)
    return {target.function: informed(target, seen[target.function]) for target in wanted}


def _with_choice(target: Target, seen: Observation, policy: ReleasePolicy, cloud: Cloud) -> Observation:
    """Add the curve of a release that is about to start, if it is chosen; it is chosen once."""
    if not curve.undecided(target, seen):
        return seen
    past = cloud.history(target)
    choice = curve.chosen(target, policy, past.buckets, past.ledger, past.now)
    return replace(seen, notes=replace(seen.notes, choice=choice))


class _Run:
    def __init__(  # noqa: PLR0917
        self,
        wanted: Sequence[Target],
        policy: ReleasePolicy,
        cloud: Cloud,
        clock: Clock,
        report: Report,
        decide: Decide,
        is_older: IsOlder,
        announce: Announce,
    ) -> None:
        self.wanted = list(wanted)
        self.policy = policy
        self.cloud = cloud
        self.clock = clock
        self.report = report
        self.decide = decide
        self.is_older = is_older
        self.announce = announce
        self.announced: set[str] = set()
        self.started: dict[str, Outcome] = {}  # by this runner
        self.stopped: set[str] = set()  # or reverted, by this runner
        self.notes = {target.function: Notes() for target in wanted}
        self.outcomes: dict[str, Outcome] = {}
        self.seen: dict[str, Observation] = {}
        self.last_progress: dict[str, Progress] = {}
        self.reported: dict[str, datetime] = {}  # when the last line was that a log keeps
        self.observed_once = False
        self.failing_since: datetime | None = None

    def to_the_end(self) -> dict[str, Outcome]:
        try:
            while len(self.outcomes) < len(self.wanted):
                self.attempt()
            self.clear()
            self.announce_end()
        except ReleaseError as problem:
            raise type(problem)(f"{problem}{self.still_running_hint()}") from problem
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted{self.still_running_hint()}") from None
        return self.outcomes

    def attempt(self) -> None:
        """Take one step, then pause if there is nothing to do but wait."""
        try:
            idle = self.step()
            self.failing_since = None
        except TransientError as problem:
            self.tolerate_outage(problem)
            idle = True
        if idle:
            self.clock.sleep(POLL)

    def step(self) -> bool:
        """Observe, then take one action for every function; True if there is nothing to do but wait."""
        # A decision holds for when its observation began: a slow one reads the alias long before the ledger.
        now = self.clock.now()
        seen = observe(self.wanted, self.policy, self.cloud, self.notes, self.is_older)
        rules = {target.function: self.policy.of(target).rule for target in self.wanted}
        seen = {name: self.remember(name, each, rules[name], now) for name, each in seen.items()}
        self.observed_once, self.seen = True, seen
        actions = self.decide(self.wanted, seen, self.policy, now)
        busy: list[TransientError] = []
        for target in self.wanted:
            try:
                self.act(target, seen[target.function], actions[target.function])
            except TransientError as problem:  # one function must not delay the others
                busy.append(problem)
        if self.started:
            self.announce_once(Ending.STARTED, self.started)
            if any(isinstance(each, Wait) and each.phase is Phase.CANARY for each in actions.values()):
                traffic = {name: f"traffic is on {each.alias}" for name, each in seen.items()}
                self.announce_once(
                    event.SHIFTING,
                    {name: replace(each, traffic=traffic[name]) for name, each in self.started.items()},
                )
        if busy:
            raise busy[0]
        return all(isinstance(each, Wait | TopUp | Stop | PointAlias) for each in actions.values())

    def remember(self, name: str, seen: Observation, rule: Rule, now: datetime) -> Observation:
        """Keep what no later observation can read back: since when the counts have condemned the canary, and why an
        alarm was red."""
        reasons = {**seen.reasons, **seen.notes.reasons}
        self.notes[name] = replace(seen.notes, condemned=silence.since(seen, rule, now), reasons=reasons)
        return replace(seen, notes=self.notes[name])

    def act(self, target: Target, seen: Observation, action: Action) -> None:
        name, notes = target.function, self.notes[target.function]
        match action:
            case Wait(phase, why):
                self.report_progress(Progress(name, phase, why))
                if phase is Phase.CANARY:
                    self.notes[name] = replace(notes, evidence=seen.canary.invocations)
            case Probe(version):
                self.report_progress(Progress(name, action.phase, f"calling {version}, the first version"))
                self.notes[name] = replace(notes, probe_result=self.cloud.probe(target, version))
            case WriteTag(mark, why):
                self.report_progress(Progress(name, action.phase, why))
                self.cloud.note(target, mark)
                self.notes[name] = replace(notes, enlisted=notes.enlisted or isinstance(mark, Enlisted))
            case TopUp(requests, why):
                self.report_progress(Progress(name, action.phase, f"{why}: sending {requests} through the alias"))
                self.cloud.top_up(target, requests)
                sent, evidence = notes.topped_up + requests, seen.canary.invocations
                self.notes[name] = replace(notes, topped_up=sent, evidence=evidence)
            case Finish(outcome):
                outcome = outcome.with_cause(self.cause(target, seen, outcome))
                self.report_progress(
                    Progress(name, action.phase, outcome.text if outcome.ending.good else outcome.title)
                )
                self.outcomes[name] = outcome
            case _:
                self.move(curve.along(target, seen), seen, action)

    def move(self, target: Target, seen: Observation, action: Action) -> None:
        """Take an action that moves traffic, now or later."""
        name, notes = target.function, self.notes[target.function]
        match action:
            case Start(stable, canary):
                asked = frozenset(each.id for each in seen.ledger)
                self.notes[name] = replace(notes, asked=asked)
                deployment = self.cloud.start(target, self.policy.of(target), action)
                self.follow(name, deployment)
                how = (
                    "all at once"
                    if action.all_at_once
                    else f"along {target.curve}, judged over {target.minutes} minutes"
                )
                self.started[name] = Outcome(
                    Ending.STARTED, name, "started", how, stable, canary, deployment, f"all traffic is on {stable}"
                )
                why = f"; curve chosen: {notes.choice.why}" if notes.choice and not action.all_at_once else ""
                but = f", which {' and '.join(action.waived)} cannot stop (overridden)" if action.waived else ""
                self.report_progress(
                    Progress(name, action.phase, f"{stable} -> {canary} {how}, as {deployment}{but}{why}")
                )
            case RevertDeployment(canary, stable, _, why):
                self.stopped.add(name)
                deployment = self.cloud.revert(target, self.policy, action)
                self.follow(name, deployment)
                self.report_progress(
                    Progress(name, action.phase, f"{why}: {canary} -> {stable} at once, as {deployment}")
                )
            case Follow(deployment):
                self.follow(name, deployment)
                self.report_progress(Progress(name, action.phase, f"{deployment} is this release, already in flight"))
            case Stop(deployment, why):
                self.stopped.add(name)
                self.report_progress(Progress(name, action.phase, why))
                self.cloud.stop(deployment)
            case PointAlias(version, why):
                self.stopped.add(name)
                self.report_progress(Progress(name, action.phase, f"{why}: sending all traffic to {version}"))
                self.cloud.point_alias(target, seen.alias, version)

    def clear(self) -> None:
        """Delete the verdict alarms of attempts that have ended, once the records say without them why."""
        attempts = {each.function: obsolete_alarms.ended(each, self.seen[each.function].ledger) for each in self.wanted}
        try:
            there = self.cloud.states({name for some in attempts.values() for each in some for name in each.alarms})
            red = frozenset(name for name, is_red in there.items() if is_red)
            for target in self.wanted:
                seen = self.seen[target.function]
                for mark in obsolete_alarms.unnoted(target, attempts[target.function], seen.tags, seen.red | red):
                    self.cloud.note(target, mark)
            self.cloud.clear(there.keys() & _verdicts(self.wanted, attempts))
        except AwsError as problem:  # `sweep` deletes what is left; the outcome must not be hidden
            for target in self.wanted:
                self.report_progress(
                    Progress(target.function, Phase.CLEAR, f"the verdict alarms are left to a sweep: {problem}")
                )

    def announce_end(self) -> None:
        """Announce how it ended; not what an operator's command did, which announces it itself."""
        caused = {name for name, each in self.outcomes.items() if each.reason == "operator"}
        if caused <= self.stopped:
            self.announce_once(event.state(list(self.outcomes.values())), self.outcomes)

    def announce_once(self, state: str, outcomes: Mapping[str, Outcome]) -> None:
        """Announce a state once. An event that AWS does not take hinders no release."""
        if not state or state in self.announced:
            return
        self.announced.add(state)
        followed = [self.seen[name].followed for name in outcomes]
        commits = [each.entry.commit for each in followed if each and each.entry]
        try:
            self.announce(state, next(iter(commits), self.policy.commit), list(outcomes.values()))
        except AwsError as problem:
            for name in outcomes:
                self.report_progress(Progress(name, Phase.NOTE, f"no event says that it is {state}: {problem}"))

    def follow(self, name: str, deployment: str) -> None:
        self.notes[name] = replace(self.notes[name], following=deployment)

    def cause(self, target: Target, seen: Observation, outcome: Outcome) -> str | None:
        if outcome.ending is not Ending.ROLLED_BACK or seen.followed is None or outcome.reason not in EXPLAINED:
            return None
        try:
            return self.cloud.cause(target, outcome, seen.followed.created)
        except AwsError:  # an unreadable log must not hide the outcome
            return None

    def report_progress(self, progress: Progress) -> None:
        """Report every observation of a canary, and any other progress when it changes."""
        name, now = progress.function, self.clock.now()
        last = self.last_progress.get(name)
        if progress.phase is Phase.CANARY or progress != last:
            repeated = last is not None and last.phase is progress.phase
            quiet = repeated and progress.phase is Phase.CANARY and now - self.reported[name] < A_LINE_EACH
            if not quiet:
                self.reported[name] = now
            self.report(replace(progress, repeated=repeated, quiet=quiet))
        self.last_progress[name] = progress

    def tolerate_outage(self, problem: TransientError) -> None:
        """Let the next observation try again. Raises AwsError where AWS never answered, or not for the longest wait."""
        now = self.clock.now()
        self.failing_since = self.failing_since or now
        longest = timedelta(minutes=self.policy.longest_wait_minutes)
        if not self.observed_once or now - self.failing_since > longest:
            raise AwsError(str(problem)) from problem
        for target in self.wanted:
            self.report_progress(Progress(target.function, Phase.RETRY, str(problem)))

    def still_running_hint(self) -> str:
        """Return a sentence on what continues without this runner, and what an operator can do about it."""
        running = [
            f"{following} of {name}"
            for name, following in ((target.function, self.notes[target.function].following) for target in self.wanted)
            if following is not None and name not in self.outcomes
        ]
        if not running:
            return ""
        go_on = "goes on" if len(running) == 1 else "go on"
        return (
            f"; {', '.join(running)} {go_on} under CloudWatch's judgement: run again to resume, or bring the traffic "
            "back by `python -m infra.release abort --stack STACK --reason WHY`"
        )


def _verdicts(wanted: Sequence[Target], attempts: Mapping[str, Sequence[Deployment]]) -> set[str]:
    """Return the names of all verdict alarms of those attempts."""
    return {name for each in wanted for one in attempts[each.function] for name in obsolete_alarms.verdicts(each, one)}
