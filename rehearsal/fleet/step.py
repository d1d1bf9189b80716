"""The `set` step of a rehearsal: two functions of one stack are released together, and one of them is bad."""

from rehearsal.console import Story
from rehearsal.environment.sandbox import Sandbox
from rehearsal.fleet.callers import Callers
from rehearsal.fleet.driver import COMMAND, Fleet
from rehearsal.fleet.members import FRONT
from rehearsal.fleet.result import Member, SetResult

GOOD, BAD = FRONT, "invoices"
CALLS = 60.0  # of both, in a simulated minute: a canary of 20 % then fails three of its calls in each


def run_set(sandbox: Sandbox, story: Story) -> SetResult:
    """Create both, then release a good and a bad edition under calls. Raises ScratchError where it cannot be tried."""
    story.chapter(
        "set: two functions, one of them bad",
        f"A stack of its own holds two functions, {GOOD} and {BAD}, which go live together or not at all. Both get a "
        f"new version; that of {BAD} raises on every second call.",
    )
    fleet = Fleet(sandbox, (GOOD, BAD))
    fleet.create()
    story.say(f"Both are live. Commit {fleet.edit(2, bad={BAD})}: both anew.")
    before = fleet.look()
    functions = {name: target["function"] for name, target in fleet.targets.items()}
    client, alias = sandbox.aws.client("lambda"), fleet.targets[GOOD]["alias"]
    story.command(COMMAND)
    rate = CALLS / sandbox.bucket
    with Callers(client, list(functions.values()), alias, rate) as callers, story.watching(lambda: callers.status):
        up = fleet.up(story.output)
    after = fleet.look()

    def member(name: str) -> Member:
        function = functions[name]
        counts = callers.calls[function], callers.failed[function]
        return Member.of(function, before[name], after[name], up.text, counts)

    result = SetResult(up.exit_code, up.seconds, member(GOOD), member(BAD))
    endings = (f"{one.function} {one.outcome.replace('_', ' ')} ({one.reason})" for one in (result.good, result.bad))
    story.result(f"{', '.join(endings)}: {result.seconds:.1f} s", good=not result.problems())
    return result
