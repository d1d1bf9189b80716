"""Runs the `set` step of a rehearsal: two functions of one stack are released together, and one of them is bad.

`make service` wrote both, and the stack is one of the product's own program.
"""

from infra.services import PYTHON
from rehearsal.console import Narrator
from rehearsal.environment.sandbox import Sandbox
from rehearsal.generated.callers import Callers
from rehearsal.generated.stack import COMMAND, GeneratedStack
from rehearsal.release.set_result import Member, SetResult

GOOD, BAD = SERVICES = ("quotes", "invoices")
CALLS = 60.0  # of both together in a simulated minute: a bad canary of 20 % then fails three calls a minute


def run_set(sandbox: Sandbox, narrator: Narrator) -> SetResult:
    """Create both functions, then release a good and a bad edition while both are called.

    Raises ScratchError if they cannot be created.
    """
    narrator.chapter(
        "set: two functions, one of them bad",
        f"A stack of its own holds two services that `make service` wrote, {GOOD} and {BAD}, which go live together or "
        f"not at all. Both get a new version; {BAD}'s raises on every second call.",
    )
    stack = GeneratedStack(sandbox, dict.fromkeys(SERVICES, PYTHON))
    stack.create()
    narrator.say(f"Both are live. Commit {stack.edit(2, bad={BAD})}: a new version of both.")
    before, rate = stack.observe(), CALLS / sandbox.bucket
    narrator.command(COMMAND)
    with Callers(stack.api_url, SERVICES, rate) as callers, narrator.watching(lambda: callers.status):
        up = stack.up(narrator.output)
    after = stack.observe()

    def member(name: str) -> Member:
        counts = callers.calls[name], callers.failed[name]
        return Member.of(stack.targets[name]["function"], before[name], after[name], up.text, counts)

    result = SetResult(up.exit_code, up.seconds, member(GOOD), member(BAD))
    endings = (f"{one.function} {one.outcome.replace('_', ' ')} ({one.reason})" for one in (result.good, result.bad))
    narrator.result(f"{', '.join(endings)}: {result.seconds:.1f} s", good=not result.problems())
    return result
