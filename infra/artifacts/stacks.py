"""The stacks of the repository, by their files: what is built fits all of them. Read where Pulumi does not run."""

from collections.abc import Mapping
from pathlib import Path

from infra import config
from infra.bundle import BundleError, Platform
from infra.config import StackConfig
from infra.naming import AwsLocation, Shared


def all_of(repository: Path) -> dict[str, StackConfig]:
    """Every stack that has a file, by name. Raises ConfigError."""
    return {name: config.of(repository, name) for name in config.stacks(repository)}


def one(repository: Path, stack: str) -> StackConfig:
    """A stack by a name that Pulumi takes. Raises ConfigError."""
    return config.of(repository, stack)


def platform(stacks: Mapping[str, StackConfig]) -> Platform:
    """What all stacks run on. Raises BundleError where they differ: one bundle goes through all of them."""
    found = {name: Platform(each.compute.runtime, each.compute.architecture) for name, each in stacks.items()}
    if len(set(found.values())) != 1:
        told = ", ".join(f"{name} has {each}" for name, each in found.items()) or "there is none"
        raise BundleError(
            f"one bundle goes through all stacks, but they do not run on the same ({told}); give each the same runtime "
            "and architecture, of its object compute"
        )
    return next(iter(found.values()))


def bucket(stack: StackConfig, own: str = "") -> str:
    """The artifact bucket that a stack takes its bundles from. `own`: its account, where that is known.

    Raises BundleError where it is not known, and the stack may be in more than one.
    """
    account = stack.artifacts.account_id or own
    if not account:
        account, *others = stack.account.allowed_account_ids
        if others:
            raise BundleError(
                f"stack {stack.names.stack} may be in {1 + len(others)} accounts, so the artifact bucket is in none "
                f"for certain; give {stack.names.project}:artifacts.accountId"
            )
    return Shared(stack.names.project).artifact_bucket(AwsLocation("aws", stack.account.region, account))
