"""Who owns each resource of a layer: judged from both states, the journal and AWS's answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from infra.migrate import checks
from infra.migrate.homes import why_homeless
from infra.migrate.model import PreviewStep, Seen, Thing
from infra.migrate.steps import present


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. `kind`: one word for a program."""

    kind: str
    subject: str
    detail: str


def owners(seen: Seen) -> Mapping[Thing, tuple[str, ...]]:
    """Return by resource who has it in its state: `terraform:LAYER`, `pulumi`, or none."""
    found: dict[Thing, list[str]] = {each: [] for each in sorted(seen.journal.things if seen.journal else ())}
    for layer, state in ((seen.layer, seen.terraform), *sorted(seen.others.items())):
        for each in state.resources:
            if each.thing and (layer == seen.layer or each.thing in found):
                found.setdefault(each.thing, []).append(f"terraform:{layer}")
    arns = {each.thing: str(each.attributes.get("arn") or "") for each in seen.terraform.resources}
    urns = {each.thing: each.urn for each in seen.journal.moved} if seen.journal else {}
    for thing, owned in found.items():
        owned += [
            "pulumi"
            for each in seen.pulumi
            if each.urn == urns.get(thing)
            or (each.token == thing.token and (each.id == thing.import_id or each.arn == arns.get(thing, "-") != ""))
        ]
    return {thing: tuple(owned) for thing, owned in found.items()}


def verify(seen: Seen, answers: Sequence[PreviewStep] = ()) -> list[Finding]:
    """Judge a layer. `answers`: the preview of a refresh, which has what AWS says of Pulumi's resources."""
    return [*_owned(seen), *_declared(seen), *_answered(seen, answers)]


def _owned(seen: Seen) -> Iterator[Finding]:
    moving = checks.running(seen)
    if seen.lock:
        kind = "moving" if moving else "locked"
        yield Finding(kind, seen.key, f"Terraform's lock is held by {seen.lock.who} since {seen.lock.created}")
    for thing, owned in owners(seen).items():
        if not owned:
            yield Finding(
                "nobody", str(thing), f"neither state has it; `back {seen.layer}` restores it, if AWS still has it"
            )
        elif len(owned) > 1 and not (moving and sorted(owned) == ["pulumi", f"terraform:{seen.layer}"]):
            yield Finding("twice", str(thing), f"owned by {' and by '.join(owned)}; `terraform state rm` it in one")
    for each in seen.terraform.resources:
        if each.thing is None:
            yield Finding("homeless", each.address, why_homeless(seen.layer, each.type))


def _declared(seen: Seen) -> Iterator[Finding]:
    if not checks.running(seen) and (now := present(seen)) is not seen.wanted:
        yield Finding(
            "source",
            seen.layer,
            f"the stack's file says {seen.wanted}, and the states say {now}; run `move {seen.layer}` or "
            f"`back {seen.layer}`, or correct the file",
        )


def _answered(seen: Seen, answers: Sequence[PreviewStep]) -> Iterator[Finding]:
    urns = {each.urn for each in seen.journal.moved} if seen.journal else set()
    for step in answers:
        if step.resource.urn not in urns:
            continue
        if step.op == "delete":
            yield Finding("gone", step.resource.urn, "AWS no longer has it; restore it, or take it out of the program")
        elif step.op == "update":
            named = ", ".join(step.differs) or "a property"
            yield Finding("drift", step.resource.urn, f"AWS has another {named}; `pulumi up` sets it back")
