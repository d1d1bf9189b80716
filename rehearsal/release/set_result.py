"""The result of a rehearsal's `set` step: two functions are released together, one is bad, so both go back. Pure."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Self

from rehearsal.observe.aws_records import FunctionState
from rehearsal.observe.outcome import ending_of


@dataclass(frozen=True)
class Member:
    """One function of the set. Versions are Lambda's: live before, the canary, live after (null if its traffic is
    split); `deployments` are the set's own, oldest first, without CodeDeploy's rollbacks; `calls` reached its alias.
    """

    function: str
    outcome: str
    reason: str
    detail: str
    from_version: str | None
    to_version: str | None
    live: str | None
    deployments: tuple[str, ...]
    calls: int
    failed: int

    @classmethod
    def of(cls, function: str, before: FunctionState, after: FunctionState, text: str, calls: tuple[int, int]) -> Self:
        """Return the result for `function`: its states before and after, the output of `pulumi up`, and the numbers of
        calls and of failed calls."""
        known = {one.id for one in before.deployments}
        new = [one for one in reversed(after.deployments) if one.id not in known]
        canary = new[0].canary if new else None
        ending = ending_of(text, function)
        return cls(
            function=function,
            outcome=_outcome(before.live, canary, after.live),
            reason=ending.reason,
            detail=ending.detail,
            from_version=before.live,
            to_version=canary,
            live=after.live,
            deployments=tuple(one.id for one in new),
            calls=calls[0],
            failed=calls[1],
        )


def _outcome(before: str | None, canary: str | None, after: str | None) -> str:
    """Return an outcome of the design, or the anomaly instead. It is read off the alias, since a revert may be a
    deployment of its own."""
    if after is None:
        return "split"
    if after == before:
        return "unchanged" if canary is None else "rolled_back"
    return "promoted" if after == canary else f"moved to {after}"


@dataclass(frozen=True)
class SetResult:
    """The exit code and the real seconds of `pulumi up`, and the results of both functions."""

    exit_code: int
    seconds: float
    good: Member
    bad: Member

    def as_json(self) -> dict[str, Any]:
        """Return the form in which the report holds it."""
        functions = [asdict(member) for member in (self.good, self.bad)]
        return {"exit_code": self.exit_code, "seconds": self.seconds, "functions": functions}

    def problems(self) -> list[str]:
        """Return what did not end as expected, one line each."""
        return list(self._problems())

    def _problems(self) -> Iterator[str]:
        if self.exit_code == 0:
            yield "set: `pulumi up` exited 0, although one of the two functions is bad"
        for member, reason in ((self.good, "set"), (self.bad, "verdict")):
            if (member.outcome, member.reason) != ("rolled_back", reason):
                ended = f"{member.outcome} ({member.reason})"
                yield f"set: {member.function} ended {ended}, not rolled_back ({reason}): {member.detail}"
        if self.good.failed:
            yield f"set: {self.good.failed} calls of {self.good.function} failed, and it is not the bad one"
        if not self.bad.failed:
            yield f"set: no call of {self.bad.function} failed, so the rehearsal proves nothing"
