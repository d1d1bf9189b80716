"""What forbids a move: in the states before it begins, and in the preview before `pulumi up`. Pure.

Each refusal says what is wrong, where, and what to do; all are reported at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from infra.migrate.compare import unlike
from infra.migrate.homes import why_homeless
from infra.migrate.model import Direction, Lock, Moved, PreviewStep, Resource, Seen, TerraformState, Thing

OPERATION = "strata-migrate"
"""The operation that a move's lock names, where Terraform names plan or apply."""
NOTHING = ("same", "read", "refresh", "discard")
"""Operations of a preview that change nothing in AWS."""
NOT_IN_AWS = ("pulumi:", "strata:release:")
"""How the types of Pulumi's own providers and of Strata's release begin."""


def states(seen: Seen, direction: Direction, *, resume: bool = False, serial: int | None = None) -> Iterator[str]:
    """Yield why the move may not begin, or not go on."""
    yield from _lock(seen, resume=resume)
    state, journal = seen.terraform, seen.journal
    if serial is not None and state.serial != serial and not running(seen):
        yield (
            f"Terraform's state of {seen.layer} has the serial {state.serial}, but the plan was made of {serial}: it "
            f"was written since; read `plan {seen.layer}` again"
        )
    if _written_past_the_lock(seen):
        yield (
            f"Terraform's state of {seen.layer} has the serial {state.serial}, but the move was planned on another: it "
            f"was written past the lock; take the move back by `back {seen.layer} --resume`, and begin again"
        )
    if direction is Direction.IN:
        yield from _resources(seen)
        yield from _readers(seen)
    elif journal:
        own = {each.urn for each in journal.moved}
        for each in seen.pulumi:
            if each.urn in own and not each.retain:
                yield (
                    f"{each.urn} would be deleted in AWS: Pulumi's state does not retain it; set "
                    f"`source: adopted`, run `back {seen.layer}`, and then go on"
                )


def _written_past_the_lock(seen: Seen) -> bool:
    state, journal = seen.terraform, seen.journal
    if not (journal and seen.lock and running(seen) and journal.lock == seen.lock.id):
        return False
    unmoved = journal.direction is Direction.IN and bool(state.of(journal.things))
    return unmoved and (state.lineage, state.serial) != (journal.lineage, journal.serial)


def running(seen: Seen) -> bool:
    """Whether a move of this layer has begun and is not over."""
    return seen.lock is not None and ours(seen, seen.lock)


def ours(seen: Seen, lock: Lock) -> bool:
    """Whether the lock is of a move of this layer of this stack."""
    return lock.operation == OPERATION and lock.info.startswith(about(seen.stack, seen.layer))


def about(stack: str, layer: str) -> str:
    """Return the beginning of the lock's info, which Terraform shows to those it keeps out."""
    return f"layer {layer} of stack {stack} "


def _lock(seen: Seen, *, resume: bool) -> Iterator[str]:
    if (lock := seen.lock) is None:
        return
    held = f"{lock.who} since {lock.created} for {lock.operation} (lock {lock.id})"
    if not ours(seen, lock):
        yield (
            f"Terraform's state of {seen.layer} is locked by {held}; wait for its end, or, if that process has ended, "
            f"`terraform force-unlock {lock.id}`"
        )
    elif not resume:
        yield (
            f"a move of {seen.layer} is not over: it is of {held}; if that process has ended, run this again with "
            "--resume"
        )


def _resources(seen: Seen) -> Iterator[str]:
    """Yield which resources cannot be moved as they are."""
    count = Counter(each.thing for each in seen.terraform.resources)
    for each in seen.terraform.resources:
        if each.thing is None:
            yield f"{each.address} has no home: {why_homeless(seen.layer, each.type)}"
        elif count[each.thing] > 1:
            yield f"{each.address} is not the only one that names {each.thing}; `terraform state rm` the others"
        if each.flaw:
            yield (
                f"{each.address} is {each.flaw}: Terraform means to replace it; run `terraform apply`, or "
                f"`terraform untaint '{each.address}'`"
            )
    for layer, state in sorted(seen.others.items()):
        for shared in sorted(_things(seen.terraform) & _things(state)):
            yield (
                f"{shared} is in two states, of {seen.layer} and of {layer}; `terraform state rm` it in the one that "
                "does not declare it"
            )


def _things(state: TerraformState) -> set[Thing]:
    return {each.thing for each in state.resources if each.thing}


def _readers(seen: Seen) -> Iterator[str]:
    """Yield which layers read outputs that nothing would keep true, once Terraform no longer has the resources."""
    for layer, state in sorted(seen.others.items()):
        if seen.key in state.reads and state.resources and layer not in seen.companions:
            yield (
                f"layer {layer} stays in Terraform with {len(state.resources)} resources, and reads the outputs of "
                f"{seen.layer} ({', '.join(sorted(seen.terraform.outputs)) or 'none'}) from {seen.key}; move {layer} "
                "first"
            )


def account(
    caller: str, allowed: Sequence[str], resources: Sequence[Resource], project: str = "strata"
) -> Iterator[str]:
    """Yield why the credentials are of the wrong account. An ARN's fifth part is its account."""
    if caller not in allowed:
        yield (
            f"the credentials are of account {caller}, but {project}:account.allowedAccountIds is "
            f"{', '.join(allowed)}; give credentials of that account"
        )
    for each in resources:
        parts = str(each.attributes.get("arn") or "").split(":")
        if len(parts) > 5 and parts[4] and parts[4] not in allowed:
            yield f"{each.address} is in account {parts[4]}, and the stack in {', '.join(allowed)}; name its own state"


def physical(step: PreviewStep) -> bool:
    """Whether the step would change something in AWS.

    Components and Pulumi's own providers are nothing there, and a release only moves what its layers have: of an
    adopted function it starts nothing, and of a managed one it is the canary that the operator asks for.
    """
    return step.op not in NOTHING and step.resource.custom and not step.resource.token.startswith(NOT_IN_AWS)


def imports(steps: Sequence[PreviewStep], wanted: Sequence[Resource]) -> tuple[list[Moved], list[str]]:
    """Judge the preview of an import: return the moved resources with their URNs, and the refusals."""
    expected = {each.thing: each for each in wanted if each.thing}
    imported = {each.resource.urn: each for each in steps if each.op == "import" and each.thing in expected}
    moved, refused, differs = list[Moved](), list[str](), dict[str, PreviewStep]()
    for step in steps:
        urn = step.resource.urn
        if urn in imported and step is not imported[urn]:
            differs[urn] = step
        elif physical(step) and urn not in imported:
            refused.append(_other(step))
    for urn, step in imported.items():
        source = expected.pop(step.thing)
        moved.append(Moved(source.address, step.thing, urn))
        refused += _unlike(source, step, differs.get(urn))
    refused += [
        f"{each.address} would not be imported: the program declares no {each.thing}; declare it, or move it to "
        "another Terraform state by `terraform state mv`"
        for each in expected.values()
    ]
    return moved, refused


def _unlike(source: Resource, step: PreviewStep, update: PreviewStep | None) -> Iterator[str]:
    """Yield in what program, AWS and Terraform's state are not of one mind about a resource."""
    state = unlike(source, step.inputs)
    differs = set(update.differs) if update else set()
    for name in sorted(differs & set(step.inputs) or differs):
        if update and name in update.replaces:
            yield f"{source.address}: {name} of the program would replace it; make the program declare what is there"
        elif name in state:
            yield (
                f"{source.address}: the program declares {name} {state[name][1]}, and Terraform's state has "
                f"{state[name][0]}; make the program declare what is there"
            )
        else:
            yield (
                f"{source.address}: AWS has another {name} than Terraform's state and the program, so it was changed "
                "past both; set it back in AWS, or change both"
            )
    for name in sorted(set(state) - differs):
        yield (
            f"{source.address}: {name} is {state[name][0]} in Terraform's state, but AWS has {state[name][1]}; run "
            "`terraform apply -refresh-only` in the layer"
        )


def updates(steps: Sequence[PreviewStep], own: frozenset[str], *, grows: bool = False) -> list[str]:
    """Judge the preview between adopted and managed: only the resources `own`, by URN, may be updated, in place.

    grows: the program may declare more than Terraform had, which the move then creates beside them, as it does for
    functions, whose other services and hooks wait until their source is managed, and for the policies of a role that
    reviewers guard.
    """
    return [
        _other(each)
        for each in steps
        if physical(each)
        and not (each.op == "update" and each.resource.urn in own and not each.replaces)
        and not (grows and each.op == "create" and each.resource.urn not in own)
    ]


def drops(steps: Sequence[PreviewStep], own: frozenset[str]) -> list[str]:
    """Judge the preview of a way back: only the resources `own`, by URN, may leave Pulumi's state. AWS keeps them."""
    refused = list[str]()
    for step in steps:
        if not physical(step):
            continue
        if step.op == "delete" and step.resource.urn in own and step.resource.retain:
            continue
        refused.append(_other(step))
    return refused


def _other(step: PreviewStep) -> str:
    why = f" because of {', '.join(step.replaces)}" if step.replaces else ""
    return (
        f"the preview would {step.op} {step.resource.urn}{why}, which is no part of the move; bring the stack to rest "
        "by `pulumi up` first, or correct the program"
    )


def counts(steps: Sequence[PreviewStep], own: frozenset[str]) -> Mapping[str, int]:
    """Count what a preview would do in AWS, by the operation. A retained resource is not deleted.

    What is created beside the resources `own` is `new`.
    """
    return Counter(_counted(each, own) for each in steps if physical(each))


def _counted(step: PreviewStep, own: frozenset[str]) -> str:
    if step.op == "delete" and step.resource.retain:
        return "retain"
    return "new" if step.op == "create" and step.resource.urn not in own else step.op
