"""The rules as a Pulumi policy pack, which converts Pulumi's view of resources and reports the rules' messages."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policy import settings
from policy.judge import exceptions, judge
from policy.rule import Rule
from policy.rules import ALL
from policy.view import UNKNOWN, Resource, Stack


def policies() -> list[Policy]:
    """Return every rule as a policy, and one on the exceptions."""
    return [*(_whole(rule) if rule.whole else _alone(rule) for rule in ALL), _exceptions()]


def _alone(rule: Rule) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        resource = Resource(
            type=args.resource_type,
            name=args.name,
            props=plain(args.props),
            protect=args.opts.protect,
            ignore_changes=frozenset(args.opts.ignore_changes),
            urn=args.urn,
        )
        for message in judge(rule, resource, _stack(args.urn, (resource,))):
            report(message, None)

    return ResourceValidationPolicy(rule.name, rule.about, validate)


def _whole(rule: Rule) -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        stack = _seen(args.resources)
        for resource in stack.resources:
            for message in judge(rule, resource, stack):
                report(message, resource.urn)

    return StackValidationPolicy(rule.name, rule.about, validate)


def _exceptions() -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for message in exceptions(ALL, _seen(args.resources)):
            report(message, None)

    about = "An exception names what it excuses, and ends"
    return StackValidationPolicy("pack-exceptions", about, validate, EnforcementLevel.MANDATORY)


def _seen(resources: Sequence[PolicyResource]) -> Stack:
    seen = tuple(
        Resource(
            type=one.resource_type,
            name=one.name,
            props=plain(one.props),
            protect=one.opts.protect,
            ignore_changes=frozenset(one.opts.ignore_changes),
            uses={key: tuple(other.urn for other in others) for key, others in one.property_dependencies.items()},
            urn=one.urn,
        )
        for one in resources
    )
    return _stack(seen[0].urn if seen else "", seen)


def _stack(urn: str, resources: tuple[Resource, ...]) -> Stack:
    """Return the stack that a URN names: urn:pulumi:STACK::PROJECT::TYPE::NAME."""
    first, _, rest = urn.partition("::")
    name, project = first.rpartition(":")[2], rest.partition("::")[0] or settings.PROJECT
    held = settings.read(name, project=project)
    return Stack(name=name, resources=resources, settings=held, today=datetime.now(UTC).date())


def plain(value: Any) -> Any:
    """Return Pulumi's proxies as plain data, with UNKNOWN where they would raise."""
    if isinstance(value, Mapping):
        return {key: _plain_at(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain_at(value, number) for number in range(len(value))]
    return value


def _plain_at(holder: Any, key: Any) -> Any:
    try:
        return plain(holder[key])
    except UnknownValueError:
        return UNKNOWN
