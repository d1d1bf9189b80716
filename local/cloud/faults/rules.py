"""The rules that inject faults into calls."""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from local.cloud.faults.calls import Call
from local.cloud.faults.operations import model, services

KINDS = ("throttle", "error", "lost", "drop", "delay", "expired", "denied")


class FaultsError(ValueError):
    """A list of rules has mistakes; the message has one a line."""


@dataclass
class Rule:
    """A fault, and the calls that it affects.

    `seconds`: the duration of a `delay`; for every other kind, the time for which the rule acts from its first fault on
    (a burst). Both are real seconds: clients' timeouts are not scaled either. `user_agent` is a part of the User-Agent.
    """

    kind: str
    service: str = "*"
    action: str = "*"
    share: float = 1
    times: int | None = None
    after: int = 0
    user_agent: str = ""
    seconds: float | None = None
    seed: int | None = None
    matched: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - chance, not a secret
        self._until = math.inf

    def fires(self, call: Call) -> bool:
        """Return True if this call gets the fault; the call is counted in any case."""
        if not (
            self.service in {"*", call.service}
            and self.action in {"*", call.action}
            and self.user_agent in call.user_agent
        ):
            return False
        self.matched += 1
        if self.matched <= self.after or self.fired == self.times or time.monotonic() > self._until:
            return False
        if self._chance.random() >= self.share:
            return False
        if self.fired == 0 and self.seconds is not None and self.kind != "delay":
            self._until = time.monotonic() + self.seconds
        self.fired += 1
        return True


class Faults:
    """The active rules, in order: the first that fires decides, and later ones do not count the call."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def meets(self, call: Call) -> Rule | None:
        """Return the rule whose fault the call gets; None if no rule fires."""
        return next((rule for rule in self._rules if rule.fires(call)), None)

    def read(self) -> list[dict[str, Any]]:
        """Return the rules in JSON's form, with the number of calls that each has matched and of faults that it has
        injected."""
        return [asdict(rule) for rule in self._rules]

    def replace(self, wanted: Any) -> None:
        """Replace the active rules by those of a JSON list, all or none. Raises FaultsError with every mistake."""
        if not isinstance(wanted, list):
            raise FaultsError(f"the rules are {wanted!r}: they must be a JSON list of objects")
        mistakes = [f"rule {place}: {text}" for place, rule in enumerate(wanted, 1) for text in _mistakes(rule)]
        if mistakes:
            raise FaultsError("\n".join(mistakes))
        self._rules = [Rule(**rule) for rule in wanted]


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and value >= least


def _number(above: float, most: float) -> Callable[[Any], bool]:
    return lambda value: type(value) in {int, float} and above < value <= most


_LONGEST = 3600
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "kind": (lambda value: value in KINDS, f"one of {', '.join(KINDS)}"),
    "service": (
        lambda value: isinstance(value, str) and value in {"*", *services()},
        "* or boto3's name of a client, such as codedeploy",
    ),
    "action": (lambda value: isinstance(value, str), "* or the name of an operation, such as UpdateAlias"),
    "share": (_number(0, 1), "a number above 0 and at most 1"),
    "times": (_whole(1), "a whole number from 1 up"),
    "after": (_whole(0), "a whole number from 0 up"),
    "user_agent": (lambda value: isinstance(value, str) and value != "", "a part of the User-Agent"),
    "seconds": (_number(0, _LONGEST), f"a number above 0 and at most {_LONGEST}"),
    "seed": (_whole(0), "a whole number from 0 up"),
}


def _mistakes(rule: Any) -> Iterator[str]:
    if not isinstance(rule, dict):
        yield f"{rule!r} is no JSON object"
        return
    yield from (f"unknown key {name!r}: use {', '.join(_FIELDS)}" for name in rule if name not in _FIELDS)
    if "kind" not in rule:
        yield f"it has no kind: use one of {', '.join(KINDS)}"
    wrong = [name for name, (right, _) in _FIELDS.items() if name in rule and not right(rule[name])]
    yield from (f"{name} is {rule[name]!r}: it must be {_FIELDS[name][1]}" for name in wrong)
    if not wrong:
        yield from _without_effect(rule)


def _without_effect(rule: dict[str, Any]) -> Iterator[str]:
    service, action = rule.get("service", "*"), rule.get("action", "*")
    operations: Sequence[str] = getattr(model(service), "operation_names", ())
    if action != "*" and service == "*":
        yield f"action is {action!r} of any service: name the service that has it"
    elif action not in {"*", *operations}:
        yield f"action is {action!r}: {service} has no such operation"
    if rule.get("kind") == "delay" and "seconds" not in rule:
        yield "a delay has no seconds: say how long it takes"
    if "seed" in rule and rule.get("share", 1) == 1:
        yield "seed has no effect where every call is hit: give a share below 1"
