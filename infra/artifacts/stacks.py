"""The repository's stacks, read from their files without Pulumi: a bundle must fit all of them."""

from collections.abc import Mapping
from pathlib import Path

from infra import config
from infra.bundle import BundleError, Platform
from infra.config import StackConfig
from infra.naming import AwsLocation, Shared


def all_of(repository: Path) -> dict[str, StackConfig]:
    """Return every stack that has a file, by name. Raises ConfigError."""
    return {name: config.of(repository, name) for name in config.stacks(repository)}


def one(repository: Path, stack: str) -> StackConfig:
    """Return a stack by any name that Pulumi accepts for it. Raises ConfigError."""
    return config.of(repository, stack)


def platform(stacks: Mapping[str, StackConfig]) -> Platform:
    """Return the platform that all stacks share. Raises BundleError where they differ: all deploy the same bundle."""
    found = {name: Platform(each.compute.runtime, each.compute.architecture) for name, each in stacks.items()}
    if len(set(found.values())) != 1:
        listed = ", ".join(f"{name} has {each}" for name, each in found.items()) or "there is no stack"
        raise BundleError(
            f"all stacks deploy the same bundle, but their platforms differ ({listed}); give each stack's object "
            "compute the same runtime and architecture"
        )
    return next(iter(found.values()))


def bucket(stack: StackConfig, own: str = "") -> str:
    """Return the name of the artifact bucket that a stack deploys from. `own`: the stack's account, "" if unknown.

    Raises BundleError where the account is unknown and the stack may be in more than one.
    """
    account = stack.artifacts.account_id or own
    if not account:
        account, *others = stack.account.allowed_account_ids
        if others:
            raise BundleError(
                f"stack {stack.names.stack} may be in {1 + len(others)} accounts, so the account of its artifact "
                f"bucket is ambiguous; set {stack.names.project}:artifacts.accountId"
            )
    return Shared(stack.names.project).artifact_bucket(AwsLocation("aws", stack.account.region, account))
