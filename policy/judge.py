"""Check the rules on a stack, with its exceptions applied; and check the exceptions themselves."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from policy.rule import Rule
from policy.view import AgreedException, Resource, Stack

LONGEST = timedelta(days=366)  # of an exception; where a longer one is needed, the rule should change instead


def judge(rule: Rule, resource: Resource, stack: Stack) -> list[str]:
    """Return the messages on one resource; none while an exception excuses it."""
    excused = any(one.rule == rule.name and one.resource == resource.name for one in in_force(stack))
    return [] if excused else rule.broken(resource, stack)


def in_force(stack: Stack) -> list[AgreedException]:
    """Return the exceptions whose last day is not over."""
    return [one for one in stack.settings.exceptions if one.expires >= stack.today]


def exceptions(rules: Sequence[Rule], stack: Stack) -> Iterator[str]:
    """Yield the errors of the stack's exceptions: expired, too long, of an unknown rule or resource, or needless."""
    yield from stack.settings.mistakes
    for one in stack.settings.exceptions:
        which = f"the exception of {one.resource} from {one.rule}"
        named = [resource for resource in stack.resources if resource.name == one.resource]
        rule = next((rule for rule in rules if rule.name == one.rule), None)
        if one.expires < stack.today:
            yield (
                f"{which} must not be older than its last day: expires is {one.expires}, today is {stack.today}; "
                "correct the resource and remove the exception, or agree on another day"
            )
        elif one.expires - stack.today > LONGEST:
            latest = stack.today + LONGEST
            yield f"{which} must end within a year: expires is {one.expires}; choose a day up to {latest}"
        if rule is None:
            known = ", ".join(sorted(rule.name for rule in rules))
            yield f"{which} must name a rule: rule is {one.rule!r}; take one of {known}"
        elif not named:
            yield f"{which} must name a resource of the stack: resource is {one.resource!r}; correct or remove it"
        elif not any(rule.broken(resource, stack) for resource in named):
            yield f"{which} must excuse something: {one.resource} keeps the rule; remove the exception"
