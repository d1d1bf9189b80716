"""Callers call every function of a fleet by its alias, and know which calls failed."""

import threading
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.fleet.callers import Callers


class FakeLambda:
    """Answers well, except for `raising` and `refused`; `enough` is set after so many calls."""

    def __init__(self, calls: int) -> None:
        self.left = threading.Semaphore(calls - 1)
        self.enough = threading.Event()
        self.seen: list[tuple[str, str]] = []

    def invoke(self, *, FunctionName: str, Qualifier: str) -> Any:  # noqa: N803
        self.seen.append((FunctionName, Qualifier))
        if not self.left.acquire(blocking=False):
            self.enough.set()
        if FunctionName == "refused":
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
        return {"FunctionError": "Unhandled"} if FunctionName == "raising" else {"StatusCode": 200}


def test_functions_are_called_by_turns_and_failures_are_counted_by_function() -> None:
    fake = FakeLambda(calls=30)
    with Callers(fake, ["good", "raising", "refused"], "live", rate=1000.0) as callers:
        assert fake.enough.wait(30)
    assert {alias for _, alias in fake.seen} == {"live"}
    assert callers.calls.total() == len(fake.seen) >= 30
    assert min(callers.calls.values()) >= 9
    assert callers.failed["good"] == 0
    assert {name: callers.failed[name] for name in ("raising", "refused")} == {
        name: callers.calls[name] for name in ("raising", "refused")
    }
    assert callers.status == f"{callers.calls.total()} calls, {callers.failed.total()} failed so far"


def test_no_function_is_called_after_the_block() -> None:
    fake = FakeLambda(calls=5)
    with Callers(fake, ["good"], "live", rate=1000.0):
        assert fake.enough.wait(30)
    made = len(fake.seen)
    assert threading.Event().wait(0.05) is False
    assert len(fake.seen) == made
