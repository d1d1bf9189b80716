"""The release of a stack, as its state has it, opened for a command."""

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
class Opened:
    """One stack's release: what it is of, and the AWS that it is in."""

    stack: str
    region: str
    targets: tuple[Target, ...]
    policy: ReleasePolicy
    clock: ScaledClock

    @cached_property
    def aws(self) -> Aws:
        """AWS in the stack's region."""
        from infra.release.aws import Aws  # noqa: PLC0415 - `power` and `--help` need no boto3

        return Aws(self.region, self.clock)

    def look(self, following: Mapping[str, str] | None = None) -> Seen:
        """Every function as it is now, by name. `following`: the deployments, by function, to be seen in detail."""
        known = following or {}
        return self.aws.look(
            self.targets, {target.function: Notes(known.get(target.function)) for target in self.targets}
        )

    def one(self, function: str) -> Opened:
        """The same release of one function, or all of it where `function` is empty. Raises UsageError."""
        if not function:
            return self
        if not (found := self.only({function})).targets:
            names = ", ".join(target.function for target in self.targets)
            raise UsageError(
                f"function {function!r} is not in the release of stack {self.stack}: it has {names}; give one of them"
            )
        return found

    def only(self, functions: Collection[str]) -> Opened:
        """The same release of those functions alone."""
        return replace(self, targets=tuple(each for each in self.targets if each.function in functions))


def opened(stack: str, function: str = "", *, following: bool = False) -> Opened:
    """The release of `stack`, or of one of its functions. Raises ReleaseError where the stack has none such.

    following: with where the records of the stack before it are, which hardly any command has a right to read.
    """
    clock = ScaledClock.from_environment()
    found = stack_state.release(stack)
    targets = tuple(
        serialization.target(each, f"release.targets[{index}]") for index, each in enumerate(found["targets"])
    )
    if not following:
        targets = tuple(replace(target, proof_group="", proof_role="") for target in targets)
    policy = serialization.policy(found["policy"], "release.policy")
    return Opened(stack, found["region"], targets, policy, clock).one(function)
