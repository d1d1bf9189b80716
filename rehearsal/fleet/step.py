"""Runs the `set` step of a rehearsal: two functions of one stack are released together, and one of them is bad."""

from rehearsal.console import Narrator
from rehearsal.environment.sandbox import Sandbox
from rehearsal.fleet.callers import Callers
from rehearsal.fleet.driver import COMMAND, Fleet
from rehearsal.fleet.members import FIRST
from rehearsal.fleet.result import Member, SetResult

GOOD, BAD = FIRST, "invoices"
CALLS = 60.0  # of both together in a simulated minute: a bad canary of 20 % then fails three calls a minute


def run_set(sandbox: Sandbox, narrator: Narrator) -> SetResult:
    """Create both functions, then release a good and a bad edition while both are called.

    Raises ScratchError if the fleet cannot be created.
    """
    narrator.chapter(
        "set: two functions, one of them bad",
        f"A stack of its own holds two functions, {GOOD} and {BAD}, which go live together or not at all. Both get a "
        f"new version; {BAD}'s raises on every second call.",
    )
    fleet = Fleet(sandbox, (GOOD, BAD))
    fleet.create()
    narrator.say(f"Both are live. Commit {fleet.edit(2, bad={BAD})}: a new version of both.")
    before = fleet.observe()
    functions = {name: target["function"] for name, target in fleet.targets.items()}
    client, alias = sandbox.aws.client("lambda"), fleet.targets[GOOD]["alias"]
    narrator.command(COMMAND)
    rate = CALLS / sandbox.bucket
    with Callers(client, list(functions.values()), alias, rate) as callers, narrator.watching(lambda: callers.status):
        up = fleet.up(narrator.output)
    after = fleet.observe()

    def member(name: str) -> Member:
        function = functions[name]
        counts = callers.calls[function], callers.failed[function]
        return Member.of(function, before[name], after[name], up.text, counts)

    result = SetResult(up.exit_code, up.seconds, member(GOOD), member(BAD))
    endings = (f"{one.function} {one.outcome.replace('_', ' ')} ({one.reason})" for one in (result.good, result.bad))
    narrator.result(f"{', '.join(endings)}: {result.seconds:.1f} s", good=not result.problems())
    return result
