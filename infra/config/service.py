"""The settings of a service that a stack may override, and that a service's own file gives.

The file is app/SERVICE/service.yaml, which infra.services reads; the override is strata:services.SERVICE.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from infra.config.curves import CANARY, LONGEST, MINUTES, AutoCurve, Curve, CurveOf, CurveSettings, Detect
from infra.config.settings import SERVICE, DeliveryConfig
from infra.release.model.spec import EVIDENCE
from infra.release.verdict.rule import Rule
from infra.schema import (
    Check,
    Flag,
    InvalidValueError,
    ListOf,
    OneOf,
    Reader,
    Rest,
    Section,
    Whole,
    below,
    read_object,
    shown,
)

REMOVED = "removed"  # the key of strata:services that is no service


class Variables(Reader):
    """Environment variables: text by name.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """

    expected = 'an object of texts, e.g. {CURRENCY: "EUR"}'
    LARGEST = 4096  # bytes of all variables together
    OURS = ("TABLE_NAME", "EVENT_BUS_NAME", "AWS_", "LAMBDA_", "POWERTOOLS_", "_")  # set by Strata or by Lambda

    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Mapping[str, str]]:
        if not isinstance(value, dict):
            mistakes.append(f"{path} is {shown(value)}, not an object; give {self.expected}")
            return
        before = len(mistakes)
        for name, text in value.items():
            where = below(path, name)
            if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]+", name):
                mistakes.append(
                    f"{where} is {shown(text)}, and Lambda takes no variable of that name; begin with a letter, and "
                    "use two or more letters, digits and underscores"
                )
            elif name.startswith(self.OURS):
                mistakes.append(
                    f"{where} is {shown(text)}, and Strata or Lambda sets the names {', '.join(self.OURS)}* itself; "
                    "choose another name"
                )
            if not isinstance(text, str):
                mistakes.append(f"{where} is {shown(text)}, not a text; put it in quotes")
        size = sum(len(f"{name}{text}".encode(errors="replace")) for name, text in value.items())
        if size > self.LARGEST:
            mistakes.append(f"{path} has {size} bytes, and Lambda takes {self.LARGEST}; keep large values elsewhere")
        if len(mistakes) == before:
            yield value


class Given(Reader):
    """Some of a dataclass's settings, to be put in place of another instance's: values by field."""

    expected = "an object"

    def __init__(self, cls: type) -> None:
        self.cls = cls

    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Mapping[str, Any]]:
        before = len(mistakes)
        reading = read_object(self.cls, value, path, mistakes)
        if len(mistakes) == before:
            yield {name: each for name, each in reading.values.items() if name in reading.given}


MEMORY = Whole(128, 10240, "MB", "Lambda offers no other")
TIMEOUT = Whole(1, 900, "seconds", "Lambda ends an invocation after 15 minutes")
CONCURRENCY = Whole(
    1, 10_000, "invocations at once", "0 would stop the function, and an account has 1,000 unless raised"
)


class AlarmName(Check):
    """The name of an alarm in the stack's own region and account.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_Alarm.html
    """

    expected = 'the name of a metric alarm in the stack\'s own region, e.g. "orders-per-minute-low"'

    def check(self, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidValueError("not a string (it may lack quotes)")
        if value.startswith("arn:"):
            raise InvalidValueError("an ARN, but CodeDeploy reads alarms of its own region and account alone, by name")
        if not 1 <= len(value) <= 255 or not value.isprintable():
            raise InvalidValueError("not a name: one has 1 to 255 printable characters")
        return value


@dataclass(frozen=True)
class Canary:
    """The canary of one service: what is given replaces keys of strata:delivery and of strata:release.

    `rule`: bounds of the verdict by field of Rule; those left out are the stack's. `alarms`: names of CloudWatch alarms
    of the user's own that stop it too.
    """

    curve: Annotated[Curve | None, CurveOf()] = None
    minimum_requests: Annotated[
        int | None, Whole(0, 1_000_000, "requests", "0 asks for no evidence, and no canary is sent a million")
    ] = None
    evidence: Annotated[str, OneOf(*EVIDENCE, why="a canary without evidence goes on with a warning, or goes back")] = (
        ""
    )
    rule: Annotated[Mapping[str, Any] | None, Given(Rule)] = None
    detect: Annotated[Detect | None, Section(Detect)] = None
    longest: Annotated[int | None, MINUTES] = None
    alarms: Annotated[tuple[str, ...], ListOf(AlarmName(), least=1)] = ()

    def settled(self, delivery: DeliveryConfig) -> CurveSettings:
        """Return how the curve is found in a stack with that strata:delivery."""
        curve = self.curve or delivery.curve
        if not isinstance(curve, AutoCurve):
            return CurveSettings(curve)
        return CurveSettings(
            delivery.default or CANARY,
            self.detect or delivery.detect or Detect(),
            self.longest or delivery.longest or LONGEST,
            delivery.curves,
        )


@dataclass(frozen=True)
class ServiceOverride:
    """strata:services.SERVICE: what one stack gives a service in place of its own file; `environment` is added."""

    memory: Annotated[int | None, MEMORY] = None
    timeout: Annotated[int | None, TIMEOUT] = None
    concurrency: Annotated[int | None, CONCURRENCY] = None
    tracing: Annotated[bool | None, Flag()] = None
    environment: Annotated[Mapping[str, str] | None, Variables()] = None
    canary: Annotated[Canary | None, Section(Canary)] = None


@dataclass(frozen=True)
class ServicesConfig:
    """strata:services: overrides by service.

    `removed`: services whose folder is about to be taken away. They get no more events, and their queues and
    deployment groups lose their protection from deletion.
    """

    removed: Annotated[tuple[str, ...], ListOf(SERVICE, least=1)] = ()
    overrides: Annotated[Mapping[str, ServiceOverride] | None, Rest(SERVICE, Section(ServiceOverride))] = None
