"""A set of functions, their AWS, and whoever acts on them, as time passes: what the rules of the state machine use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from infra.release.decision import next_action, operator, recovery
from infra.release.decision.context import Decide
from infra.release.engine.runner import run
from infra.release.model.observation import Alias, Notes, Observation
from infra.release.model.outcome import Outcome
from infra.release.model.spec import ReleasePolicy, Target
from tests.unit.machine import settled
from tests.unit.machine.actors import Actor, Crash
from tests.unit.machine.client import Client, Cloud
from tests.unit.machine.codedeploy import CodeDeploy
from tests.unit.machine.truth import Run, Truth, older
from tests.unit.machine.world import MINUTE, START, TICK, Alarm, Code, function

NAMES = ("orders", "stock", "mail")
PATIENCE = timedelta(hours=12)
"""Within which everything ends, once AWS is well."""


@dataclass
class Tally:
    """What was done, over all examples."""

    rules: int = 0
    looks: int = 0
    ends: Counter[str] = field(default_factory=Counter)

    @property
    def steps(self) -> int:
        return self.rules + self.looks


TALLY = Tally()


class Base(RuleBasedStateMachine):
    """Without rules. `exported` are the stack's outputs: the targets of the last `up` that went well."""

    def build(self, size: int, minutes: int, before: str, after: str) -> None:
        functions = [function(name, minutes, before, after) for name in NAMES[:size]]
        self.cloud = Cloud(START, {each.name: CodeDeploy(each) for each in functions})
        self.truth = Truth(self.cloud)
        self.codes = {each.name: [each.codes["1"]] for each in functions}  # the last is the wanted one
        self.exported: tuple[Target, ...] = ()
        self.commit = 1
        self.actors: dict[Actor, Run] = {}
        self.launched = 0

    @property
    def groups(self) -> list[CodeDeploy]:
        return list(self.cloud.groups.values())

    @property
    def calm(self) -> bool:
        """Whether nothing is in flight, and every alias whole."""
        return all(not group.running and not group.function.alias.shifted for group in self.groups)

    @property
    def policy(self) -> ReleasePolicy:
        return ReleasePolicy(commit=f"c{self.commit}")

    def pick(self, index: int) -> CodeDeploy:
        return self.groups[index % len(self.groups)]

    def teardown(self) -> None:
        if not hasattr(self, "cloud"):
            return
        try:
            self.peace()
        finally:
            for actor in list(self.actors):
                actor.resume(Crash())

    # Time

    def advance(self, to: datetime) -> None:
        """AWS goes on until then, tick by tick while anything is in flight."""
        while self.cloud.now < to:
            calm = all(group.running is None for group in self.groups)
            self.cloud.now = to if calm else min(to, self.cloud.now + TICK)
            for group in self.groups:
                if group.running is not None:
                    group.function.evaluate(self.cloud.now)
                group.tick(self.cloud.now)

    def let_pass(self, duration: timedelta) -> None:
        """Time passes, and everybody does what he does meanwhile."""
        end = self.cloud.now + duration
        while actors := [each for each in self.actors if each.wake <= end]:
            actor = min(actors, key=lambda each: each.wake)
            self.advance(actor.wake)
            self.resume(actor)
        self.advance(end)

    def resume(self, actor: Actor, order: BaseException | None = None) -> None:
        actor.resume(order)
        if not actor.over():
            return
        done = self.actors.pop(actor)
        if actor.end is None:
            self.cloud.log_event(f"{actor.name} ends by {type(actor.error).__name__}: {actor.error}")
            return
        self.truth.check(done, actor.end)
        TALLY.ends.update(f"{each.ending.value}: {each.reason}" for each in actor.end.values())
        if done.kind == "up" and all(each.ending.good for each in actor.end.values()):
            self.exported = done.targets

    def until_all_end(self) -> None:
        end = self.cloud.now + PATIENCE
        while self.actors or any(group.running for group in self.groups):
            if self.cloud.now > end:
                running = [group.running.id for group in self.groups if group.running]
                self.truth.broken(f"{[each.name for each in self.actors]} and {running} do not end")
            self.let_pass(10 * MINUTE)

    # Whoever acts

    def launch(
        self, kind: str, wanted: tuple[Target, ...], policy: ReleasePolicy, decide: Decide = next_action.decide
    ) -> Actor:
        """Begin a run, which goes on as time passes."""
        self.launched += 1
        name = f"run/{kind}{self.launched}"

        def counted(*given: Any) -> Any:
            TALLY.looks += 1
            actor.looks()
            return decide(*given)

        def work(actor: Actor) -> Mapping[str, Outcome]:
            return run(wanted, policy, client, actor, lambda _: None, counted, older)

        actor = Actor(name, lambda: self.cloud.now, work)
        client = Client(self.cloud, name, actor.sleep, self.truth.witness)
        self.actors[actor] = self.truth.runs[name] = Run(kind, wanted, policy, client)
        self.cloud.log_event(f"{name}: {[each.version for each in wanted]} {policy}")
        self.let_pass(timedelta(0))
        return actor

    def acts(self, kind: str, decide: Decide, names: set[str]) -> Actor:
        """An operator's command."""
        targets = tuple(each for each in self.exported if each.function in names)
        return self.launch(kind, targets, self.policy, decide)

    def busy(self, kind: str) -> bool:
        return any(each.kind == kind for each in self.actors.values())

    def change(self, group: CodeDeploy, index: int, traits: Mapping[str, Any]) -> None:
        """A developer commits new code, or code that was there before."""
        codes = self.codes[group.function.name]
        if index >= len(codes):
            codes.append(Code(f"{group.function.name}-{len(codes)}", **traits))
        codes.append(codes.pop(min(index, len(codes) - 1)))
        self.commit += 1

    def wanted(self) -> tuple[Target, ...]:
        """`pulumi up` publishes what is not published yet."""
        return tuple(
            replace(each.function.target, version=each.function.publish(self.codes[each.function.name][-1]))
            for each in self.groups
        )

    def seen(self) -> dict[str, Observation]:
        """What a command finds when it begins."""
        client = Client(self.cloud, "user/reader")
        return client.observe(self.exported, {target.function: Notes() for target in self.exported})

    # Rest

    def peace(self, *, watching: bool = False) -> None:
        """AWS is well, everybody ends, and one more `up` finds or makes everything as it should be."""
        self.cloud.faults.clear()
        self.cloud.away = None
        for group in self.groups:
            function = group.function
            group.blocked, group.rollback = False, "works"
            group.faults.clear()
            function.deaf = False
            for name in (function.target.alarm, function.target.throttle_alarm):
                function.alarms[name] = Alarm()
        self.until_all_end()
        if watching and self.exported:
            self.launch("watch", self.exported, self.policy, next_action.watch)
            self.until_all_end()
            settled.check(self.truth, by_hand=True)
        if not self.released():
            if self.exported:
                self.unstick(by_word=True)
                self.until_all_end()
            else:  # no command can be used yet, but the one that the refusal names
                for group in self.groups:
                    group.function.point(self.cloud.now, "hand", Alias(group.function.alias.version))
            if not self.released():
                self.truth.broken("an alias is still split")
        settled.check(self.truth)

    def released(self) -> bool:
        """Whether an `up` was not refused for a split alias."""
        actor = self.launch("up", self.wanted(), self.policy)
        self.until_all_end()
        if actor.end is None:
            raise AssertionError(f"the release ended by {actor.error}") from actor.error
        if all(each.ending.good for each in actor.end.values()):
            settled.proved(self.truth)
        split = [name for name, each in actor.end.items() if each.reason == "split"]
        for name in split:
            settled.unexplained(self.truth, self.cloud.groups[name])
        return not split

    def unstick(self, *, by_word: bool) -> None:
        """by_word: an operator says which version of a split alias should be live."""
        seen, targets = self.seen(), {each.function: each for each in self.exported}
        found = recovery.findings(self.exported, seen, self.policy, self.cloud.now)
        if by_word:
            found = [
                recovery.with_choice(each, recovery.choices(targets[each.function], seen[each.function])[0])
                if each.kind == "split"
                else each
                for each in found
            ]
        acting = [each for each in found if each.act]
        if acting:
            self.cloud.log_event(f"unstick finds {acting}")
            names = operator.released_with(seen, {each.function for each in acting})
            self.acts("unstick", recovery.recover(acting), names)
