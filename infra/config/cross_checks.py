"""Check settings against one another, and refuse a setting that would have no effect."""

from collections.abc import Iterator

from infra.schema import Reading, shown
from infra.source import Source

GUARDED = ("prod",)  # stacks whose data must not be deletable in one step


def data(section: Reading, stack: str) -> Iterator[str]:
    """Yield the mistakes in how the keys of strata:data fit together."""
    match section.values.get("source"):
        case Source.LEGACY:
            yield from _no_effect(section, "table_name", "Terraform owns a legacy table")
            yield from _no_effect(section, "deletion_protection", "Terraform owns a legacy table")
            if "legacy" not in section.given:
                yield _missing(section, "legacy", "the bucket and the key of its state")
        case Source.ADOPTED:
            yield from _no_effect(section, "legacy", "an adopted table is no longer read from its state")
            yield from _no_effect(section, "deletion_protection", "an adopted table is always protected")
            if "table_name" not in section.given:
                yield _missing(section, "table_name", "the name of the table to adopt")
        case Source.MANAGED:
            yield from _no_effect(section, "legacy", f"{section.path}.source is managed")
            if stack in GUARDED and section.values.get("deletion_protection") is False:
                path = section.path_of("deletion_protection")
                yield f"{path} is false, but {stack} holds customers' orders; set it to true, or leave it out"


def release(section: Reading) -> Iterator[str]:
    """Yield the mistakes in how the keys of strata:release fit together."""
    if section.values.get("wait") is False:
        unwatched = f"{section.path_of('wait')} is false, so no runner waits"
        yield from _no_effect(section, "longest_wait_minutes", unwatched)
        yield from _no_effect(section, "minimum_requests", unwatched)
        yield from _no_effect(section, "top_up", unwatched)
        if section.values.get("evidence") == "enforce":
            path = section.path_of("evidence")
            yield (
                f"{path} is enforce, but {unwatched} to stop a canary without evidence; set it to warn, or wait to true"
            )
    if not section.values.get("source"):
        yield from _no_effect(section, "proof_days", f"{section.path}.from names no stack that must prove a release")


def secrets(section: Reading, stack: str, *, encrypted: bool) -> Iterator[str]:
    """Yield a mistake for each secret in plain text. `encrypted`: whether Pulumi marks the section as secret."""
    for path in () if encrypted else map(section.path_of, sorted(section.given)):
        yield (
            f"{path} is in plain text, so every reader of Pulumi.{stack}.yaml knows it; take a new value, and give "
            f"it by `pulumi config set --secret --path {path}`, which asks for it"
        )


def _no_effect(section: Reading, name: str, why: str) -> Iterator[str]:
    if name in section.given:
        value = section.values.get(name)
        what = shown(value) if isinstance(value, str | int) else "given"
        yield f"{section.path_of(name)} is {what}, without effect: {why}; leave it out"


def _missing(section: Reading, name: str, wanted: str) -> str:
    return f"{section.path_of(name)} is missing, but {section.path}.source is {section.values['source']}; give {wanted}"
