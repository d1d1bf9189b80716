"""The whole engine against AWS in memory, through random faults, crashes and operators' acts.

A step is one rule, or one look of a runner with what it decides and does. `make test` takes the same steps every time,
at least STEPS of them; with the variable STRATA_STEPS that many are taken at random, as a nightly run does. What fails
is printed as a short sequence of rules, after the history of all that was done, and as a blob that repeats it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from infra.release.decision import next_action, operator
from infra.release.engine.clock import Interrupted
from infra.release.model.observation import Alias
from infra.release.model.spec import EVIDENCE, ReleasePolicy
from infra.release.model.tags import RetryGrant
from tests.unit.machine import settled
from tests.unit.machine.actors import Crash
from tests.unit.machine.base import TALLY, Base
from tests.unit.machine.client import KINDS, MUTATIONS, READS, CallFault, Client
from tests.unit.machine.world import MINUTE

STEPS = 8_000
EXAMPLES = 80
"""That take more than so many."""
MORE = 3  # times as many again, at most

ENDS = {
    *("first: answered", "unchanged: fingerprint", "unchanged: idle", "started: started", "promoted: verdict"),
    *(f"rolled_back: {reason}" for reason in ("verdict", "hook", "operator", "evidence", "fault", "set")),
    *(f"refused: {reason}" for reason in ("rejected", "older", "alarm", "split", "unlike", "set", "probe")),
}
"""Each of which some run must come to, or the rules are too tame."""

TRAITS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"errors": 0.5},
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
changes = st.lists(
    st.tuples(some, st.sampled_from([new, new, new, new, 0, 0, 1, 2]), st.sampled_from(TRAITS)), max_size=3
)
policies: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "evidence": st.just("enforce"),
        "minimum_requests": st.sampled_from([20, 20, 0]),
        "top_up": st.just(True),
        "retry": st.just(True),
        "override": st.sampled_from(["ann: why", "ann: why", "bob: because"]),
        "wait": st.just(False),
        "longest_wait_minutes": st.just(2),
    },
)
WEATHER = (
    *("rollback works", "rollback fails", "rollback is missing", "rollback is slow"),
    *("blocked", "unblocked", "fault", "late", "no traffic", "little traffic", "much traffic"),
    *("alarms are deaf", "alarms are heard"),
)


def happening(**given: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """A rule before which a while passes, so that things happen in the midst of others."""

    def decorate(happens: Callable[..., None]) -> Any:
        def after_a_while(self: Machine, while_: float, **drawn: Any) -> None:
            self.let_pass(while_ * MINUTE)
            happens(self, **drawn)

        after_a_while.__name__ = happens.__name__
        while_ = st.sampled_from([0, 0, 0.2, 0.5, 1, 2, 5])
        return rule(while_=while_, **given)(after_a_while)  # type: ignore[call-overload]

    return decorate


class Machine(Base):
    @initialize(
        size=st.integers(1, 3),
        minutes=st.sampled_from([3, 3, 5, 10]),
        before=st.sampled_from(["", "CodeDeployHook_smoke"]),
        after=st.sampled_from(["", "CodeDeployHook_bake"]),
        released=st.sampled_from([True, True, True, False]),
        answers=st.booleans(),
        rate=st.sampled_from([600, 600, 20, 0]),
    )
    def begin(self, size: int, minutes: int, before: str, after: str, released: bool, answers: bool, rate: int) -> None:  # noqa: PLR0917
        """released: whether there has been a first release, and since then so many requests a minute.

        Else answers: whether the first version of the first function does, when it is called.
        """
        self.build(size, minutes, before, after)
        if released:
            self.peace()
            for group in self.groups:
                group.function.attract(self.cloud.now, rate)
                self.change(group, new, {})
        elif not answers:
            codes, name = self.pick(0).function.codes, self.pick(0).function.name
            codes["1"] = self.codes[name][0] = replace(codes["1"], answers=False)

    # Runs

    @precondition(lambda self: not self.busy("up"))
    @happening(changes=changes, options=policies, behind=st.sampled_from([0, 0, 1, 3]))
    def up(self, changes: list[tuple[int, int, dict[str, Any]]], options: dict[str, Any], behind: int) -> None:
        """`behind`: commits that the checkout is behind."""
        for which, index, traits in changes:
            self.change(self.pick(which), index, traits)
        wanted = self.wanted()
        retry = self.pick(0).function.fingerprint(wanted[0].version) if options.get("retry") else ""
        policy = ReleasePolicy(commit=f"c{max(1, self.commit - behind)}", **{**options, "retry": retry})
        self.launch("up", wanted, policy)

    @precondition(lambda self: not self.busy("up"))
    @happening(both=st.booleans(), which=some, traits=st.sampled_from(TRAITS), evidence=st.sampled_from(EVIDENCE))
    def releases(self, both: bool, which: int, traits: dict[str, Any], evidence: str) -> None:
        """As most `up`s are: with new code of one function, or of two, and with nothing special."""
        self.change(self.pick(which), new, traits)
        if both:
            self.change(self.pick(which + 1), new, {})
        self.launch("up", self.wanted(), replace(self.policy, evidence=evidence))

    @precondition(lambda self: not self.busy("up"))
    @happening(which=some, late=st.booleans())
    def a_bad_version_meets_silent_alarms(self, which: int, late: bool) -> None:
        """With late metrics a shift may come before the runner is sure."""
        function = self.pick(which).function
        function.deaf, function.late = True, 2 * MINUTE if late else function.late
        self.change(self.pick(which), new, {"errors": 0.5})
        self.launch("up", self.wanted(), self.policy)

    @precondition(lambda self: not self.busy("up") and self.commit > 2)
    @happening(which=some, index=some)
    def an_old_pipeline_runs_again(self, which: int, index: int) -> None:
        commit = f"c{self.commit - 2}"
        self.change(self.pick(which), index, {})
        self.launch("up", self.wanted(), ReleasePolicy(commit=commit))

    @precondition(lambda self: self.exported and not self.busy("watch") and not self.calm)
    @happening()
    def watch(self) -> None:
        self.launch("watch", self.exported, self.policy, next_action.watch)

    @rule(minutes=st.sampled_from([0.2, 0.5, 1, 2, 3, 5, 12]))
    def time_passes(self, minutes: float) -> None:
        self.let_pass(minutes * MINUTE)

    @precondition(lambda self: self.actors)
    @happening(which=some, how=st.sampled_from([Crash, Interrupted, KeyboardInterrupt]))
    def kill(self, which: int, how: type[BaseException]) -> None:
        """A runner's process dies, or is asked to give up waiting."""
        if self.actors:
            self.resume(list(self.actors)[which % len(self.actors)], how())

    @rule(watching=st.booleans())
    def comes_to_rest(self, watching: bool) -> None:
        self.peace(watching=watching)

    # What AWS does

    @rule(call=st.sampled_from([*MUTATIONS, *MUTATIONS, *READS]), kind=st.sampled_from(KINDS), skip=some)
    def call_meets_a_fault(self, call: str, kind: str, skip: int) -> None:
        self.cloud.faults.append(CallFault(call, kind, skip))

    @rule()
    def answer_of_the_next_create_is_lost(self) -> None:
        self.cloud.faults.append(CallFault("create", "lost", 0))

    @happening(which=some, red=st.booleans())
    def alarm_of_the_alias_turns(self, which: int, red: bool) -> None:
        function = self.pick(which).function
        if (alarm := function.alarms.get(function.target.alarm)) is not None:
            self.cloud.log_event(f"{function.name}: {'red' if red else 'green'}")
            alarm.red = red

    @happening(minutes=st.sampled_from([1, 4, 20]))
    def aws_is_away(self, minutes: float) -> None:
        self.cloud.away = self.cloud.now + minutes * MINUTE

    @happening(which=some, what=st.sampled_from(WEATHER))
    def aws_changes(self, which: int, what: str) -> None:
        group = self.pick(which)
        function = group.function
        self.cloud.log_event(f"{function.name}: {what}")
        match what.split():
            case ["rollback", *how]:
                group.rollback = " ".join(how)
            case [("blocked" | "unblocked")]:
                group.blocked = what == "blocked"
            case ["fault"]:
                group.faults.append("IAM_ROLE_PERMISSIONS")
            case ["alarms", *_, how]:
                function.deaf = how == "deaf"
            case ["late"]:
                function.late = 2 * MINUTE - function.late
            case [how, "traffic"]:
                function.attract(self.cloud.now, {"no": 0, "little": 20, "much": 600}[how])

    # What people do by hand

    @precondition(lambda self: any(group.running for group in self.groups))
    @happening(which=some, roll_back=st.booleans())
    def stops_by_hand(self, which: int, roll_back: bool) -> None:
        group = self.pick(which)
        if group.running is not None:
            self.cloud.log_event(f"a hand stops {group.running.id}, roll back: {roll_back}")
            group.stop(group.running.id, "hand", roll_back=roll_back)

    @happening(which=some, to=st.integers(0, 9), weight=st.sampled_from([0, 0, 0.3]))
    def moves_the_alias(self, which: int, to: int, weight: float) -> None:
        function = self.pick(which).function
        live, number = function.alias.version, list(function.codes)[to % len(function.codes)]
        where = Alias(live, number, weight) if weight and number != live else Alias(number)
        two_roles = function.codes[live].role != function.codes[number].role
        if function.alias.is_whole_on(number) or (two_roles and where.shifted):
            return
        self.cloud.log_event(f"a hand moves {function.name} to {where}")
        function.point(self.cloud.now, "hand", where)
        self.truth.by_hand[function.name] |= {function.fingerprint(each) for each in (number, function.alias.version)}

    @happening(which=some, untried=st.booleans(), then=st.booleans())
    def makes_the_alias_anew(self, which: int, untried: bool, then: bool) -> None:
        """An operator deletes the alias, and Pulumi makes it anew on the newest version, after a refresh.

        untried: of new code. then: the `up` gets as far as the release.
        """
        group = self.pick(which)
        if self.busy("up"):
            return
        if untried:
            self.change(group, new, {})
        wanted = self.wanted()
        number = next(each.version for each in wanted if each.function == group.function.name)
        self.cloud.log_event(f"the alias of {group.function.name} is made anew on {number}")
        group.function.point(self.cloud.now, "hand", Alias(number))
        self.truth.anew[group.function.name].add(group.function.fingerprint(number))
        if then:
            self.launch("up", wanted, self.policy)

    @precondition(lambda self: not self.busy("up"))
    @happening(which=some, why=st.sampled_from(["ann: orders fail", "bob: orders fail"]), throttled=st.booleans())
    def releases_in_an_outage(self, which: int, why: str, throttled: bool) -> None:
        """What is live raises, its alarm is red, and the fix is released by an override."""
        group = self.pick(which)
        target = group.function.target
        self.change(group, new, {})
        if (alarm := group.function.alarms.get(target.throttle_alarm if throttled else target.alarm)) is not None:
            alarm.red = True
        self.launch("up", self.wanted(), replace(self.policy, override=f"{why} {self.commit}"))

    @precondition(lambda self: all(group.function.alarms for group in self.groups))
    @happening(which=some)
    def deletes_an_alarm(self, which: int) -> None:
        function = self.pick(which).function
        if not function.alarms:  # the last attempt has ended meanwhile, and its alarm went with it
            return
        name = list(function.alarms)[-1]
        self.cloud.log_event(f"a hand deletes {name}")
        del function.alarms[name]

    @precondition(lambda self: any(len(group.function.codes) > 1 and not group.running for group in self.groups))
    @happening(which=some)
    def deploys_by_hand(self, which: int) -> None:
        """A deployment that is not this release's: from what is live to the newest version."""
        group = self.pick(which)
        function, live = group.function, group.function.alias.version
        newest = max(function.codes, key=int)
        if group.running is None and newest != live:
            self.cloud.log_event(f"a hand deploys {live} -> {newest}")
            group.create(self.cloud.now, "foreign", "hand", "by hand", (live, newest), 3, [function.target.alarm])
            self.truth.by_hand[function.name].add(function.fingerprint(newest))

    # What an operator does by the command

    @precondition(lambda self: self.exported and any(group.running for group in self.groups))
    @happening(which=some)
    def aborts(self, which: int) -> None:
        group = self.pick(which)
        if group.running is not None and group.running.role == "promotion" and not self.busy("abort"):
            seen = self.seen()
            stops = {group.function.name: group.running.id}
            self.acts("abort", operator.abort(stops, "too many complaints"), operator.released_with(seen, stops))

    @precondition(lambda self: self.exported and any(each.succeeded for group in self.groups for each in group.records))
    @happening(which=st.integers(0, 3))
    def rolls_back(self, which: int) -> None:
        """One function, or what was promoted together last."""
        asked = {
            name: each for name, each in self.seen().items() if which == 3 or name == self.pick(which).function.name
        }
        if any(each.in_flight or each.alias.shifted for each in asked.values()) or self.busy("rollback"):
            return
        if promotion := operator.last_promoted_set(asked):
            self.acts("rollback", operator.revert(promotion, "customers complain"), set(promotion))

    @precondition(lambda self: self.exported and not self.busy("unstick"))
    @happening(by_word=st.booleans())
    def unsticks(self, by_word: bool) -> None:
        self.unstick(by_word=by_word)

    @precondition(lambda self: any(each.failed for group in self.groups for each in group.records))
    @happening(which=some)
    def forgives(self, which: int) -> None:
        group = self.pick(which)
        rejected = self.truth.rejection(group, self.codes[group.function.name][-1].fingerprint)
        if rejected is not None:
            fingerprint = group.function.fingerprint(rejected.target)
            client = Client(self.cloud, "user/ann", judge=self.truth.witness)
            client.note(group.function.target, RetryGrant(fingerprint, rejected.id, why="the table was slow"))

    # What holds at every step

    @invariant()
    def nothing_is_wrong(self) -> None:
        TALLY.rules += 1
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
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_fault_crash_or_hand_breaks_a_release(record_property: Callable[[str, object], None]) -> None:
    asked = int(os.environ.get("STRATA_STEPS", "0"))
    TALLY.rules = TALLY.looks = 0
    TALLY.ends.clear()
    try:
        drive(EXAMPLES, at_random=bool(asked))
        while TALLY.steps < asked:
            drive(EXAMPLES, at_random=True)
        for _ in range(MORE):  # the order of sets differs from process to process, and a rare end may not have come
            if TALLY.ends.keys() >= ENDS:
                break
            drive(EXAMPLES, at_random=True)
    finally:
        record_property("tally", str(TALLY))
        logging.getLogger(__name__).info("%d steps: %s", TALLY.steps, TALLY)
    assert TALLY.steps >= max(STEPS, asked)
    assert TALLY.ends.keys() >= ENDS
