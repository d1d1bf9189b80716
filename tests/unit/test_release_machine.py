"""The whole engine against AWS in memory, through random faults, crashes and operators' acts.

A step is one rule, or one look with its decisions and acts. `STRATA_STEPS` asks for that many of them, at random; without
it the same steps are taken every time. What fails is printed as the shortest sequence of rules that fails.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from infra.release import plan
from infra.release.actions import TakeBack
from infra.release.clock import Interrupted
from infra.release.model import ReleasePolicy, Target
from infra.release.outcome import Ending, Outcome
from infra.release.runner import run
from infra.release.tags import Pardon, Stopped
from tests.unit.machine import settled
from tests.unit.machine.actors import Actor, Crash
from tests.unit.machine.client import KINDS, MUTATIONS, READS, CallFault, Client, Cloud
from tests.unit.machine.codedeploy import CodeDeploy
from tests.unit.machine.truth import Run, Truth, older
from tests.unit.machine.world import MINUTE, START, TICK, Alarm, Code, function

STEPS = 20_000
NAMES = ("orders", "stock", "mail")
PATIENCE = timedelta(hours=12)
"""Within which everything ends, once AWS is well."""
TRAITS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"errors": 0.5},
    {"errors": 0.05},
    {"before": "Failed"},
    {"before": ""},
    {"after": "Failed"},
    {"role": "role/two"},
    {"answers": False},
)
"""Of a new code. The first two are good."""
some = st.integers(0, 2)


class Tally:
    rules = 0
    looks = 0
    outcomes: dict[str, int] = {}  # noqa: RUF012


class Machine(RuleBasedStateMachine):
    @initialize(
        size=st.integers(1, 3),
        minutes=st.sampled_from([3, 3, 5, 10]),
        hooks=st.integers(0, 3),
        released=st.sampled_from([True, True, True, False]),
    )
    def begin(self, size: int, minutes: int, hooks: int, released: bool) -> None:
        """released: whether there has been a first release."""
        before, after = ("CodeDeployHook_smoke" if hooks & 1 else ""), ("CodeDeployHook_bake" if hooks & 2 else "")
        functions = [function(name, minutes, before, after) for name in NAMES[:size]]
        self.cloud = Cloud(START, {each.name: CodeDeploy(each) for each in functions})
        self.truth = Truth(self.cloud)
        self.codes = {each.name: [each.codes["1"]] for each in functions}
        self.exported: tuple[Target, ...] | None = None  # the stack's outputs: those of the last `up` that went well
        self.commit = 1
        self.actors: dict[Actor, Run] = {}
        self.runs = 0
        if released:
            self.peace()
            for each in functions:
                each.attract(self.cloud.now, 600)

    @property
    def groups(self) -> list[CodeDeploy]:
        return list(self.cloud.groups.values())

    def pick(self, index: int) -> CodeDeploy:
        return self.groups[index % len(self.groups)]

    # Time

    def advance(self, to: Any) -> None:
        """AWS goes on until then, tick by tick while anything is in flight."""
        while self.cloud.now < to:
            calm = all(group.running is None for group in self.groups)
            self.cloud.now = to if calm else min(to, self.cloud.now + TICK)
            for group in self.groups:
                if group.running is not None:
                    group.function.evaluate(self.cloud.now)
                group.tick(self.cloud.now)

    def let_pass(self, duration: timedelta) -> None:
        """Time passes, and every runner does what it does meanwhile."""
        end = self.cloud.now + duration
        while True:
            actors = [each for each in self.actors if each.wake <= end]
            if not actors:
                break
            actor = min(actors, key=lambda each: each.wake)
            self.advance(max(actor.wake, self.cloud.now))
            self.resume(actor)
        self.advance(end)

    def resume(self, actor: Actor, order: BaseException | None = None) -> None:
        actor.resume(order)
        if not actor.over:
            return
        done = self.actors.pop(actor)
        if actor.end is None:
            self.cloud.tell(f"{actor.name} ends by {type(actor.error).__name__}: {actor.error}")
            return
        self.truth.check(done, actor.end)
        for outcome in actor.end.values():
            key = f"{outcome.ending.value}/{outcome.reason}"
            Tally.outcomes[key] = Tally.outcomes.get(key, 0) + 1
        if done.kind == "up" and all(each.ending.good for each in actor.end.values()):
            self.exported = done.targets

    # What people do

    changes = st.lists(
        st.tuples(some, st.sampled_from([0, 0, 1, 2, 9, 9, 9, 9]), st.sampled_from(TRAITS)), max_size=3
    )

    def change(self, which: int, code: int, traits: dict[str, Any]) -> None:
        """Somebody commits new code, or code that was there before."""
        group, codes = self.pick(which), self.codes[self.pick(which).function.name]
        if code >= len(codes):
            codes.append(Code(f"{group.function.name}-{len(codes)}", **traits))
        chosen = codes.pop(min(code, len(codes) - 1))
        codes.append(chosen)  # the last is the wanted one
        self.commit += 1

    def wanted(self) -> tuple[Target, ...]:
        """`pulumi up` publishes what is not published yet."""
        return tuple(
            replace(each.function.target, version=each.function.publish(self.codes[each.function.name][-1]))
            for each in self.groups
        )

    policies = st.builds(
        dict,
        evidence=st.sampled_from(["warn", "enforce"]),
        minimum_requests=st.sampled_from([0, 20, 20]),
        top_up=st.booleans(),
        retry=st.sampled_from([False, False, True]),
        override=st.sampled_from(["", "", "ann: why", "bob: because"]),
        wait=st.sampled_from([True, True, True, False]),
        longest_wait_minutes=st.sampled_from([2, 15]),
    )

    @precondition(lambda self: all(run.kind != "up" for run in self.actors.values()))
    @rule(changes=changes, options=st.one_of(st.just({}), policies), behind=st.sampled_from([0, 0, 0, 1, 3]))
    def up(self, changes: list[tuple[int, int, dict[str, Any]]], options: dict[str, Any], behind: int) -> None:
        """`behind`: commits that the checkout is behind."""
        for change in changes:
            self.change(*change)
        wanted = self.wanted()
        if options.get("retry"):
            options = options | {"retry": self.pick(0).function.fingerprint(wanted[0].version)}
        else:
            options = options | {"retry": ""}
        policy = ReleasePolicy(commit=f"c{max(1, self.commit - behind)}", **options)
        self.launch("up", wanted, policy)

    @precondition(lambda self: self.exported and all(run.kind != "watch" for run in self.actors.values()))
    @rule()
    def watch(self) -> None:
        assert self.exported
        self.launch("watch", self.exported, ReleasePolicy(commit=f"c{self.commit}"))

    def launch(self, kind: str, wanted: tuple[Target, ...], policy: ReleasePolicy) -> Actor:
        self.runs += 1
        name = f"run/{kind}{self.runs}"
        decide = plan.decide if kind == "up" else plan.watch

        def counted(*given: Any) -> Any:
            Tally.looks += 1
            return decide(*given)

        def work(actor: Actor) -> dict[str, Outcome]:
            return run(wanted, policy, client, actor, lambda _: None, counted, older)

        actor = Actor(name, lambda: self.cloud.now, work)
        client = Client(self.cloud, name, actor.sleep, self.truth.witness)
        self.actors[actor] = self.truth.runs[name] = Run(kind, wanted, policy, client, self.cloud.now)
        self.cloud.tell(f"{name}: {[each.version for each in wanted]} {policy}")
        self.let_pass(timedelta(0))
        return actor

    @rule(minutes=st.sampled_from([0.2, 0.5, 1, 2, 3, 5, 12]))
    def time_passes(self, minutes: float) -> None:
        self.let_pass(minutes * MINUTE)

    @precondition(lambda self: self.actors)
    @rule(which=some, how=st.sampled_from([Crash, Interrupted, KeyboardInterrupt]))
    def kill(self, which: int, how: type[BaseException]) -> None:
        """A runner dies, or is told to give up waiting."""
        self.resume(list(self.actors)[which % len(self.actors)], how())

    def teardown(self) -> None:
        if not hasattr(self, "cloud"):
            return
        try:
            self.peace()
        finally:
            for actor in list(self.actors):
                actor.resume(Crash())

    # What AWS does

    @rule(call=st.one_of(st.sampled_from(MUTATIONS), st.sampled_from(READS)), kind=st.sampled_from(KINDS), skip=some)
    def call_meets_a_fault(self, call: str, kind: str, skip: int) -> None:
        self.cloud.faults.append(CallFault(call, kind, skip))

    @rule(minutes=st.sampled_from([1, 4, 20]))
    def aws_is_away(self, minutes: float) -> None:
        self.cloud.away = self.cloud.now + minutes * MINUTE

    @rule(
        which=some,
        what=st.sampled_from(
            [
                "rollback works",
                "rollback fails",
                "rollback is missing",
                "rollback is slow",
                "blocked",
                "unblocked",
                "fault",
                "red",
                "green",
                "late",
                "no traffic",
                "little traffic",
                "much traffic",
            ]
        ),
    )
    def aws_changes(self, which: int, what: str) -> None:
        group, now = self.pick(which), self.cloud.now
        function = group.function
        self.cloud.tell(f"{function.name}: {what}")
        if what.startswith("rollback "):
            group.rollback = what.removeprefix("rollback ")
        elif what in {"blocked", "unblocked"}:
            group.blocked = what == "blocked"
        elif what == "fault":
            group.faults.append("IAM_ROLE_PERMISSIONS")
        elif what in {"red", "green"}:
            for name in (function.target.alarm, function.target.throttle_alarm):
                if name in function.alarms:
                    function.alarms[name].red = what == "red"
                    break
        elif what == "late":
            function.late = 2 * MINUTE - function.late
        else:
            function.attract(now, {"no": 0, "little": 20, "much": 600}[what.split()[0]])

    # What an operator does by hand, and by the command

    @precondition(lambda self: any(group.running for group in self.groups))
    @rule(which=some, roll_back=st.booleans())
    def stops_by_hand(self, which: int, roll_back: bool) -> None:
        group = self.pick(which)
        if group.running is not None:
            self.cloud.tell(f"a hand stops {group.running.id}, roll back: {roll_back}")
            group.stop(group.running.id, "hand", roll_back=roll_back)

    @rule(which=some, to=st.integers(0, 9), weight=st.sampled_from([0, 0, 0.3]))
    def moves_the_alias(self, which: int, to: int, weight: float) -> None:
        function = self.pick(which).function
        numbers = list(function.codes)
        number = numbers[to % len(numbers)]
        live = function.alias.version
        where: tuple[Any, ...] = (live, number, weight) if weight and number != live else (number,)
        if len(where) > 1 and function.codes[live].role != function.codes[number].role:
            return
        self.cloud.tell(f"a hand moves {function.name} to {where}")
        function.point(self.cloud.now, "hand", *where)
        self.truth.by_hand[function.name] |= {function.fingerprint(each) for each in where if isinstance(each, str)}

    @rule(which=some)
    def deletes_an_alarm(self, which: int) -> None:
        function = self.pick(which).function
        name = list(function.alarms)[-1]
        self.cloud.tell(f"a hand deletes {name}")
        del function.alarms[name]
        if not function.alarms:
            function.alarms[function.target.alarm] = Alarm()

    @rule(which=some)
    def deploys_by_hand(self, which: int) -> None:
        """A deployment that is not this release's: from what is live to the newest version."""
        group = self.pick(which)
        function, live = group.function, group.function.alias.version
        newest = max(function.codes, key=int)
        if group.running is None and newest != live:
            group.create(self.cloud.now, "foreign", "hand", "by hand", (live, newest), 3, [function.target.alarm])
            self.truth.by_hand[function.name].add(function.fingerprint(newest))
            self.cloud.tell(f"a hand deploys {live} -> {newest}")

    def operator(self) -> Client:
        return Client(self.cloud, "user/ann", judge=self.truth.witness)

    @precondition(lambda self: any(group.running for group in self.groups))
    @rule(which=some)
    def aborts(self, which: int) -> None:
        group = self.pick(which)
        running = group.running
        if running is not None and running.role in settled.OURS:
            client = self.operator()
            client.note(group.function.target, Stopped(running.id, "operator", "too many complaints"))
            client.stop(running.id)

    @precondition(lambda self: any(group.records and group.records[-1].succeeded for group in self.groups))
    @rule(which=some)
    def takes_back(self, which: int) -> None:
        """`rollback`: of what the last release made live."""
        group = self.pick(which)
        last = group.records[-1] if group.records else None
        if last is None or last.role != "forth" or not last.succeeded:
            return
        if not group.function.alias.is_whole_on(last.target):
            return
        client, why, target = self.operator(), "customers complain", group.function.target
        client.note(target, Stopped(last.id, "operator", why))
        moment = self.truth.moment(last)
        assert moment
        action = TakeBack(last.target, last.current, moment, why)
        client.take_back(target, ReleasePolicy(commit=f"c{self.commit}"), action)

    @precondition(lambda self: any(each.failed for group in self.groups for each in group.records))
    @rule(which=some)
    def forgives(self, which: int) -> None:
        group = self.pick(which)
        fingerprint = self.codes[group.function.name][-1].fingerprint
        rejected = self.truth.rejection(group, fingerprint)
        if rejected is not None:
            self.operator().note(group.function.target, Pardon(fingerprint, rejected.id))

    # What must hold

    @invariant()
    def is_counted(self) -> None:
        Tally.rules += 1

    @rule(watching=st.booleans())
    def comes_to_rest(self, watching: bool) -> None:
        self.peace(watching=watching)

    def peace(self, *, watching: bool = False) -> None:
        """AWS is well, all runners end, and one more run finds or makes everything as it should be."""
        self.cloud.faults.clear()
        self.cloud.away = None
        for group in self.groups:
            function = group.function
            group.blocked, group.rollback = False, "works"
            group.faults.clear()
            for name in (function.target.alarm, function.target.throttle_alarm):
                function.alarms[name] = Alarm()
        self.until_all_end()
        if watching and self.exported:
            self.launch("watch", self.exported, ReleasePolicy(commit=f"c{self.commit}"))
            self.until_all_end()
        for _ in self.groups:
            if self.unstuck():
                break
        settled.check(self.truth)

    def unstuck(self) -> bool:
        """Whether an `up` was not refused for a split that only a hand can explain."""
        actor = self.launch("up", self.wanted(), ReleasePolicy(commit=f"c{self.commit}"))
        self.until_all_end()
        if actor.end is None:
            raise AssertionError(f"the release ended by {actor.error}") from actor.error
        split = [name for name, each in actor.end.items() if each.reason == "split"]
        for name in split:
            function = self.cloud.groups[name].function
            by = function.moves[-1].by
            records = self.cloud.groups[name].records
            if by != "hand" and all(each.role != "foreign" for each in records[records.index(self.cloud.find(by)) :]):
                self.truth.broken(f"{name} is refused as split, and {by} has split it")
            function.point(self.cloud.now, "hand", function.alias.version)
        if not split and all(each.ending is not Ending.REFUSED for each in actor.end.values()):
            self.exported = self.exported
        return not split

    def until_all_end(self) -> None:
        end = self.cloud.now + PATIENCE
        while self.actors or any(group.running for group in self.groups):
            if self.cloud.now > end:
                running = [group.running.id for group in self.groups if group.running]
                self.truth.broken(f"{[each.name for each in self.actors]} and {running} do not end")
            self.let_pass(10 * MINUTE)


def test_no_fault_crash_or_hand_breaks_a_release() -> None:
    asked = int(os.environ.get("STRATA_STEPS", "0"))
    Tally.rules = Tally.looks = 0
    examples = int(os.environ.get('EX', '100'))
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            derandomize=not asked,
            database=None,
            print_blob=True,
            phases=[Phase.generate] + [Phase.shrink] * bool(os.environ.get("SHRINK")),
            report_multiple_bugs=bool(os.environ.get("MULTI")),
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(Tally.rules, Tally.looks, sorted(Tally.outcomes.items()))
    assert Tally.rules + Tally.looks >= (asked or STEPS)
