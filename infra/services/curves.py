"""Check how the curves of the services fit strata:delivery."""

from collections.abc import Iterator, Mapping, Sequence

from infra.codedeploy import CANARIES
from infra.config import AutoCurve, Canary, CurveSettings, StackConfig
from infra.services.model import Service

OF_AUTO = ("detect", "longest")
"""The keys of a canary that only a chosen curve uses."""


def without_effect(canary: Canary) -> Iterator[str]:
    """Yield the keys of a service's own file that its own curve leaves without effect."""
    if canary.curve is not None and not isinstance(canary.curve, AutoCurve):
        for name in OF_AUTO:
            if getattr(canary, name) is not None:
                yield f"canary.{name} is given, without effect: canary.curve is not auto; leave it out"


def mistakes(services: Sequence[Service], config: StackConfig) -> Iterator[str]:
    """Yield the mistakes of a stack; `services` are settled."""
    settled = {each.name: each.canary.settled(config.delivery) for each in services}
    chosen = {name: each for name, each in settled.items() if each.detect is not None}
    yield from _unused(chosen, config)
    yield from _too_long(chosen, config)


def _unused(chosen: Mapping[str, CurveSettings], config: StackConfig) -> Iterator[str]:
    """Yield the keys that no chosen curve uses."""
    path = f"{config.names.project}:delivery"
    for name in (*OF_AUTO, "curves", "default"):
        if getattr(config.delivery, name) and not chosen:
            yield f"{path}.{name} is given, without effect: no curve is auto; leave it out, or set {path}.curve to auto"
    for service, override in (config.services.overrides or {}).items():
        for name in OF_AUTO:
            if service not in chosen and getattr(override.canary, name, None) is not None:
                where = f"{config.names.project}:services.{service}.canary"
                yield f"{where}.{name} is given, without effect: the service's curve is not auto; leave it out"


def _too_long(chosen: Mapping[str, CurveSettings], config: StackConfig) -> Iterator[str]:
    """Yield the curves of the stack that are never chosen, or that are longer than a choice may be."""
    path = f"{config.names.project}:delivery"
    for name, found in chosen.items():
        if found.default.minutes > found.longest:
            given = "" if config.delivery.default else ", as none is given"
            yield (
                f"{path}.default lasts {found.default.minutes} minutes{given}, but longest allows {name} "
                f"{found.longest}; give a default of {found.longest} minutes at most, or lengthen longest"
            )
    longest = max((each.longest for each in chosen.values()), default=0)
    for number, curve in enumerate(config.delivery.curves if chosen else ()):
        what = f"{path}.curves[{number}] is {curve.percent} % for {curve.minutes} minutes"
        if (curve.percent, curve.minutes) in CANARIES:
            yield f"{what}, which CodeDeploy offers itself; leave it out"
        elif curve.minutes > longest:
            yield f"{what}, without effect: longest is {longest}; leave it out, or lengthen longest"
