"""The whole engine against AWS in memory, through random faults, crashes and operators' acts.

A step is one rule, or one look of a runner with what it decides and does. `make test` takes the same steps every time,
at least STEPS of them; with the variable STRATA_STEPS that many are taken at random, as a nightly run does. What fails
is printed as a short sequence of rules, after the history of all that was done, and as a blob that repeats it.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from infra.release import acts, plan
from infra.release.clock import Interrupted
from infra.release.model import ReleasePolicy
from infra.release.tags import Pardon
from tests.unit.machine import settled
from tests.unit.machine.actors import Crash
from tests.unit.machine.base import Base, Tally
from tests.unit.machine.client import KINDS, MUTATIONS, READS, CallFault, Client
from tests.unit.machine.world import MINUTE

STEPS = 20_000
EXAMPLES = 500
"""That take more than so many."""

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
"""Of new code; that without any is good."""
some = st.integers(0, 2)
new = 9
codes = st.sampled_from([new, new, new, new, 0, 0, 1, 2])
changes = st.lists(st.tuples(some, codes, st.sampled_from(TRAITS)), max_size=3)
policies: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "evidence": st.just("enforce"),
        "minimum_requests": st.just(0),
        "top_up": st.just(True),
        "retry": st.just(True),
        "override": st.sampled_from(["ann: why", "bob: because"]),
        "wait": st.just(False),
        "longest_wait_minutes": st.just(2),
    },
)
WEATHER = (
    *("rollback works", "rollback fails", "rollback is missing", "rollback is slow"),
    *("blocked", "unblocked", "fault", "red", "green", "late", "no traffic", "little traffic", "much traffic"),
)


class Machine(Base):
    @initialize(
        size=st.integers(1, 3),
        minutes=st.sampled_from([3, 3, 5, 10]),
        before=st.sampled_from(["", "CodeDeployHook_smoke"]),
        after=st.sampled_from(["", "CodeDeployHook_bake"]),
        released=st.sampled_from([True, True, True, False]),
        rate=st.sampled_from([600, 600, 20, 0]),
    )
    def begin(self, size: int, minutes: int, before: str, after: str, released: bool, rate: int) -> None:  # noqa: PLR0917
        """released: whether there has been a first release, and since then so many requests a minute."""
        self.build(size, minutes, before, after)
        if released:
            self.peace()
            for group in self.groups:
                group.function.attract(self.cloud.now, rate)

    # Runs

    @precondition(lambda self: not self.busy("up"))
    @rule(changes=changes, options=policies, behind=st.sampled_from([0, 0, 0, 1, 3]))
    def up(self, changes: list[tuple[int, int, dict[str, Any]]], options: dict[str, Any], behind: int) -> None:
        """`behind`: commits that the checkout is behind."""
        for which, index, traits in changes:
            self.change(self.pick(which), index, traits)
        wanted = self.wanted()
        retry = self.pick(0).function.fingerprint(wanted[0].version) if options.get("retry") else ""
        policy = ReleasePolicy(commit=f"c{max(1, self.commit - behind)}", **{**options, "retry": retry})
        self.launch("up", wanted, policy)

    @precondition(lambda self: self.exported and not self.busy("watch") and not self.calm)
    @rule()
    def watch(self) -> None:
        self.launch("watch", self.exported, self.policy, plan.watch)

    @rule(minutes=st.sampled_from([0.2, 0.5, 1, 2, 3, 5, 12]))
    def time_passes(self, minutes: float) -> None:
        self.let_pass(minutes * MINUTE)

    @precondition(lambda self: self.actors)
    @rule(which=some, how=st.sampled_from([Crash, Interrupted, KeyboardInterrupt]))
    def kill(self, which: int, how: type[BaseException]) -> None:
        """Somebody's process dies, or is told to give up waiting."""
        self.resume(list(self.actors)[which % len(self.actors)], how())

    @rule(watching=st.booleans())
    def comes_to_rest(self, watching: bool) -> None:
        self.peace(watching=watching)

    # What AWS does

    @rule(call=st.sampled_from([*MUTATIONS, *MUTATIONS, *READS]), kind=st.sampled_from(KINDS), skip=some)
    def call_meets_a_fault(self, call: str, kind: str, skip: int) -> None:
        self.cloud.faults.append(CallFault(call, kind, skip))

    @rule(minutes=st.sampled_from([1, 4, 20]))
    def aws_is_away(self, minutes: float) -> None:
        self.cloud.away = self.cloud.now + minutes * MINUTE

    @rule(which=some, what=st.sampled_from(WEATHER))
    def aws_changes(self, which: int, what: str) -> None:
        group = self.pick(which)
        function = group.function
        self.cloud.tell(f"{function.name}: {what}")
        match what.split():
            case ["rollback", *how]:
                group.rollback = " ".join(how)
            case [("blocked" | "unblocked")]:
                group.blocked = what == "blocked"
            case ["fault"]:
                group.faults.append("IAM_ROLE_PERMISSIONS")
            case [("red" | "green")] if function.target.alarm in function.alarms:
                function.alarms[function.target.alarm].red = what == "red"
            case ["late"]:
                function.late = 2 * MINUTE - function.late
            case [how, "traffic"]:
                function.attract(self.cloud.now, {"no": 0, "little": 20, "much": 600}[how])

    # What people do by hand

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
        live, number = function.alias.version, list(function.codes)[to % len(function.codes)]
        where = (live, number, weight) if weight and number != live else (number,)
        two_roles = function.codes[live].role != function.codes[number].role
        if function.alias.is_whole_on(number) or (two_roles and len(where) > 1):
            return
        self.cloud.tell(f"a hand moves {function.name} to {where}")
        function.point(self.cloud.now, "hand", *where)
        self.truth.by_hand[function.name] |= {function.fingerprint(each) for each in (number, function.alias.version)}

    @precondition(lambda self: all(group.function.alarms for group in self.groups))
    @rule(which=some)
    def deletes_an_alarm(self, which: int) -> None:
        function = self.pick(which).function
        name = list(function.alarms)[-1]
        self.cloud.tell(f"a hand deletes {name}")
        del function.alarms[name]

    @precondition(lambda self: any(len(group.function.codes) > 1 and not group.running for group in self.groups))
    @rule(which=some)
    def deploys_by_hand(self, which: int) -> None:
        """A deployment that is not this release's: from what is live to the newest version."""
        group = self.pick(which)
        function, live = group.function, group.function.alias.version
        newest = max(function.codes, key=int)
        if group.running is None and newest != live:
            self.cloud.tell(f"a hand deploys {live} -> {newest}")
            group.create(self.cloud.now, "foreign", "hand", "by hand", (live, newest), 3, [function.target.alarm])
            self.truth.by_hand[function.name].add(function.fingerprint(newest))

    # What an operator does by the command

    @precondition(lambda self: self.exported and any(group.running for group in self.groups))
    @rule(which=some)
    def aborts(self, which: int) -> None:
        group = self.pick(which)
        if group.running is not None and group.running.role == "forth" and not self.busy("abort"):
            seen = self.seen()
            stops = {group.function.name: group.running.id}
            self.acts("abort", acts.abort(stops, "too many complaints"), acts.alongside(seen, stops))

    @precondition(lambda self: self.exported and any(each.succeeded for group in self.groups for each in group.records))
    @rule(which=st.integers(0, 3))
    def rolls_back(self, which: int) -> None:
        """One function, or what was promoted together last."""
        names = {self.pick(which).function.name} if which != 3 else set(self.seen())
        asked = {name: each for name, each in self.seen().items() if name in names}
        if any(each.in_flight or each.alias.shifted for each in asked.values()) or self.busy("rollback"):
            return
        if forth := acts.last_set(asked):
            self.acts("rollback", acts.take_back(forth, "customers complain"), set(forth))

    @precondition(lambda self: self.exported and not self.busy("unstick"))
    @rule(by_word=st.booleans())
    def unsticks(self, by_word: bool) -> None:
        self.unstick(by_word=by_word)

    @precondition(lambda self: any(each.failed for group in self.groups for each in group.records))
    @rule(which=some)
    def forgives(self, which: int) -> None:
        group = self.pick(which)
        rejected = self.truth.rejection(group, self.codes[group.function.name][-1].fingerprint)
        if rejected is not None:
            fingerprint = group.function.fingerprint(rejected.target)
            client = Client(self.cloud, "user/ann", judge=self.truth.witness)
            client.note(group.function.target, Pardon(fingerprint, rejected.id, why="the table was slow"))

    # What holds at every step

    @invariant()
    def nothing_is_wrong(self) -> None:
        Tally.rules += 1
        if hasattr(self, "truth"):
            settled.check_always(self.truth)


def drive(examples: int, *, at_random: bool) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            derandomize=not at_random,
            database=None,
            print_blob=True,
            phases=[Phase.generate, *[Phase.shrink] * ("QUICK" not in os.environ)],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_fault_crash_or_hand_breaks_a_release() -> None:
    asked = int(os.environ.get("STRATA_STEPS", "0"))
    Tally.rules = Tally.looks = 0
    Tally.ends.clear()
    try:
        drive(EXAMPLES, at_random=bool(asked))
        while Tally.rules + Tally.looks < asked:
            drive(EXAMPLES, at_random=True)
    finally:
        print(  # noqa: T201 - pytest shows it with -s, and where it fails
            f"{Tally.rules} rules, {Tally.looks} looks; ends: {dict(sorted(Tally.ends.items()))}"
        )
    assert Tally.rules + Tally.looks >= STEPS
