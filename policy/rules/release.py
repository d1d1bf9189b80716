"""An alias is moved only by a release, and in production a release needs evidence."""

from collections.abc import Iterator
from typing import Any

from policy.rule import Rule, must
from policy.tokens import ALIAS, GROUP, RELEASE
from policy.view import UNKNOWN, Resource, Stack


def group(alias: Resource, stack: Stack) -> Iterator[str]:
    """Lambda's deployment groups name no alias: the release's targets name the group that moves each alias."""
    duty = "be moved by a deployment group"
    found = [target for release in stack.of(RELEASE) for target in _targets(release) if _is(target, alias)]
    if not found and any(release.get("targets") is UNKNOWN for release in stack.of(RELEASE)):
        return
    if not found:
        remedy = "give the release a target with the function's group and alias"
        yield f"{alias.name} must {duty}: no target of a {RELEASE} names it; {remedy}"
        return
    declared = {_named(one) for one in stack.of(GROUP)}
    for target in found:
        name = target.get("group")
        if UNKNOWN not in (name, *declared) and name not in declared:
            yield must(
                alias, duty, "the target's group", name, f"declare a {GROUP} of that name, or name the one that is"
            )


def _targets(release: Resource) -> list[dict[str, Any]]:
    targets = release.get("targets")
    return [target for target in targets if isinstance(target, dict)] if isinstance(targets, list) else []


def _is(target: dict[str, Any], alias: Resource) -> bool:
    """Return True if the target is of this alias; unknown values count as equal."""
    pairs = ((target.get("function"), alias.get("functionName")), (target.get("alias"), alias.get("name")))
    return all(UNKNOWN in pair or pair[0] == pair[1] for pair in pairs)


def _named(group: Resource) -> Any:
    return group.get("deploymentGroupName")


def evidence(release: Resource, stack: Stack) -> Iterator[str]:
    """A canary without requests has proved nothing: docs/verdict.md."""
    found = release.get("policy.evidence")
    if stack.settings.production and found is not UNKNOWN and found != "enforce":
        remedy = 'set strata:release.evidence to "enforce" in the stack\'s file'
        yield must(release, "roll back a canary without evidence in production", "policy.evidence", found, remedy)


RULES = (
    Rule("release-group", "Every alias is moved by a deployment group", frozenset({ALIAS}), group, whole=True),
    Rule("release-evidence", "In production a release needs evidence", frozenset({RELEASE}), evidence),
)
