"""What a rehearsal's `set` came to: two functions released together, one of them bad, so both go back. Pure."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Self

from rehearsal.observe.aws_records import Seen
from rehearsal.observe.outcome import told_by


@dataclass(frozen=True)
class Member:
    """One function of the set. Versions are Lambda's: live before, the canary, live after (null where its traffic is
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
    def of(cls, function: str, before: Seen, after: Seen, text: str, calls: tuple[int, int]) -> Self:
        """From two looks, what `pulumi up` said meanwhile, and how many calls there were and failed."""
        known = {one.id for one in before.deployments}
        new = [one for one in reversed(after.deployments) if one.id not in known]
        canary = new[0].canary if new else None
        told = told_by(text, function)
        return cls(
            function=function,
            outcome=_outcome(before.live, canary, after.live),
            reason=told.reason,
            detail=told.detail,
            from_version=before.live,
            to_version=canary,
            live=after.live,
            deployments=tuple(one.id for one in new),
            calls=calls[0],
            failed=calls[1],
        )


def _outcome(before: str | None, canary: str | None, after: str | None) -> str:
    """An outcome of the design, or what is the matter instead. A way back may be a deployment of its own, so what
    counts is where the alias is."""
    if after is None:
        return "split"
    if after == before:
        return "unchanged" if canary is None else "rolled_back"
    return "promoted" if after == canary else f"moved to {after}"


@dataclass(frozen=True)
class SetResult:
    """How `pulumi up` exited, its real seconds, and both functions."""

    exit_code: int
    seconds: float
    good: Member
    bad: Member

    def as_json(self) -> dict[str, Any]:
        """The report's form."""
        functions = [asdict(member) for member in (self.good, self.bad)]
        return {"exit_code": self.exit_code, "seconds": self.seconds, "functions": functions}

    def problems(self) -> list[str]:
        """What ended otherwise than told, one line each; empty where all is well."""
        return list(self._problems())

    def _problems(self) -> Iterator[str]:
        if self.exit_code == 0:
            yield "set: `pulumi up` exited 0, although one of two functions is bad"
        for member, reason in ((self.good, "set"), (self.bad, "verdict")):
            if (member.outcome, member.reason) != ("rolled_back", reason):
                ended = f"{member.outcome} ({member.reason})"
                yield f"set: {member.function} ended {ended}, not rolled_back ({reason}): {member.detail}"
        if self.good.failed:
            yield f"set: {self.good.failed} calls of {self.good.function} failed, and it is not the bad one"
        if not self.bad.failed:
            yield f"set: no call of {self.bad.function} failed, so nothing was shown"
