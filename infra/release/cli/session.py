"""Open a stack's release for a command: the stack's state has the targets and the policy, AWS the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from infra.console import UsageError
from infra.release.cli import stack_state
from infra.release.engine.clock import ScaledClock
from infra.release.model import serialization
from infra.release.model.observation import Notes, Seen
from infra.release.model.spec import ReleasePolicy, Target

if TYPE_CHECKING:
    from infra.release.aws import Aws


@dataclass(frozen=True)
class Session:
    """One stack's release: its targets, its policy and the region that it is in. table: of its orders, "" for none."""

    stack: str
    region: str
    targets: tuple[Target, ...]
    policy: ReleasePolicy
    clock: ScaledClock
    table: str = ""

    @cached_property
    def aws(self) -> Aws:
        """Connect to AWS in the stack's region, at first use."""
        from infra.release.aws import Aws  # noqa: PLC0415 - `power` and `--help` need no boto3

        return Aws(self.region, self.clock)

    def observe(self, following: Mapping[str, str] | None = None) -> Seen:
        """Observe every function, by name. `following`: the deployments, by function, to read in detail."""
        known = following or {}
        return self.aws.observe(
            self.targets, {target.function: Notes(known.get(target.function)) for target in self.targets}
        )

    def one(self, function: str) -> Session:
        """Return the session of one function, or this one if `function` is empty. Raises UsageError."""
        if not function:
            return self
        if not (found := self.only({function})).targets:
            names = ", ".join(target.function for target in self.targets)
            raise UsageError(
                f"function {function!r} is not in the release of stack {self.stack}: it has {names}; give one of them"
            )
        return found

    def only(self, functions: Collection[str]) -> Session:
        """Return the session of those functions alone."""
        return replace(self, targets=tuple(each for each in self.targets if each.function in functions))


def open_session(stack: str, function: str = "", *, release_of: str = "", following: bool = False) -> Session:
    """Open the release of `stack`, or of one of its functions. Raises ReleaseError if the stack has none.

    release_of: a function of the release, with all of whose functions the session is; needed where there are several.
    following: keep the location of the upstream stack's records, which only `promote` has a right to read.
    """
    clock = ScaledClock.from_environment()
    found = stack_state.release(stack, function or release_of)
    targets = tuple(
        serialization.target(each, f"release.targets[{index}]") for index, each in enumerate(found["targets"])
    )
    if not following:
        targets = tuple(replace(target, proof_group="", proof_role="") for target in targets)
    policy = serialization.policy(found["policy"], "release.policy")
    return Session(stack, found["region"], targets, policy, clock, found.get("table", "")).one(function)
