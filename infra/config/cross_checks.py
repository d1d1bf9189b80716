"""Rules between settings: what one says about another, and settings that would have no effect."""

from collections.abc import Iterator

from infra.schema import Reading, shown
from infra.source import Source

GUARDED = ("prod",)  # stacks whose data must not be deletable in one step


def data(room: Reading, stack: str) -> Iterator[str]:
    """Mistakes in how the keys of strata:data go together."""
    match room.values.get("source"):
        case Source.LEGACY:
            yield from _useless(room, "table_name", "Terraform owns a legacy table")
            yield from _useless(room, "deletion_protection", "Terraform owns a legacy table")
            if "legacy" not in room.given:
                yield _missing(room, "legacy", "the bucket and the key of its state")
        case Source.ADOPTED:
            yield from _useless(room, "legacy", "an adopted table is no longer read from its state")
            yield from _useless(room, "deletion_protection", "an adopted table is always protected")
            if "table_name" not in room.given:
                yield _missing(room, "table_name", "the name of the table to adopt")
        case Source.MANAGED:
            yield from _useless(room, "legacy", f"{room.path}.source is managed")
            if stack in GUARDED and room.values.get("deletion_protection") is False:
                path = room.path_of("deletion_protection")
                yield f"{path} is false, but {stack} holds customers' orders; set it to true, or leave it out"


def release(room: Reading) -> Iterator[str]:
    """Mistakes in how the keys of strata:release go together."""
    if room.values.get("wait") is False:
        nobody = f"{room.path_of('wait')} is false, so nobody waits"
        yield from _useless(room, "longest_wait_minutes", nobody)
        yield from _useless(room, "minimum_requests", nobody)
        yield from _useless(room, "top_up", nobody)
        if room.values.get("evidence") == "enforce":
            path = room.path_of("evidence")
            yield f"{path} is enforce, but {nobody} to stop a canary without evidence; set it to warn, or wait to true"
    if not room.values.get("source"):
        yield from _useless(room, "proof_days", f"{room.path}.from names no stack that must prove a release")


def secrets(room: Reading, stack: str, *, encrypted: bool) -> Iterator[str]:
    """A secret in plain text is refused. `encrypted`: whether Pulumi says that the room holds secrets."""
    for path in () if encrypted else map(room.path_of, sorted(room.given)):
        yield (
            f"{path} is in plain text, and so known to whoever reads Pulumi.{stack}.yaml; take a new value, and give "
            f"it by `pulumi config set --secret --path {path}`, which asks for it"
        )


def _useless(room: Reading, name: str, why: str) -> Iterator[str]:
    if name in room.given:
        value = room.values.get(name)
        what = shown(value) if isinstance(value, str | int) else "given"
        yield f"{room.path_of(name)} is {what}, without effect: {why}; leave it out"


def _missing(room: Reading, name: str, wanted: str) -> str:
    return f"{room.path_of(name)} is missing, but {room.path}.source is {room.values['source']}; give {wanted}"
