"""The release of a stack, as its exported outputs tell it, opened for a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from infra.release import wire
from infra.release.clock import ScaledClock
from infra.release.command.exported import exported
from infra.release.command.shown import UsageError
from infra.release.model import Notes, Observation, ReleasePolicy, Target

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

    def look(self) -> Mapping[str, Observation]:
        """Every function as it is now, by name."""
        return self.aws.look(self.targets, {target.function: Notes() for target in self.targets})


def opened(stack: str, function: str = "") -> Opened:
    """The release of `stack`, or of one of its functions. Raises ReleaseError where the stack has none such."""
    clock = ScaledClock.from_environment()
    found = exported(stack)
    targets = tuple(wire.target(each, f"release.targets[{index}]") for index, each in enumerate(found["targets"]))
    names = ", ".join(target.function for target in targets)
    if function and not (targets := tuple(each for each in targets if each.function == function)):
        raise UsageError(
            f"function {function!r} is not in the release of stack {stack}: it has {names}; give one of them"
        )
    return Opened(stack, found["region"], targets, wire.policy(found["policy"], "release.policy"), clock)
