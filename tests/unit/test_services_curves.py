"""How `curve: auto` of a stack and of its services go together."""

from typing import Any

import pytest

from infra.config import AutoCurve, Curve, CurveSettings, Detect
from infra.services import reader
from tests.unit.test_services_settled import mistakes, settle, stack

AUTO = {"curve": "auto"}


def settled(text: str = "", **delivery: Any) -> CurveSettings:
    return settle(text, delivery=delivery).canary.settled(stack(delivery=delivery).delivery)


def test_a_configured_curve_is_never_another() -> None:
    assert settled() == CurveSettings(Curve())
    assert settled(curve={"percent": 7, "minutes": 12}) == CurveSettings(Curve(7, 12))
    assert settled("canary: {curve: {percent: 20}}", curve="auto") == CurveSettings(Curve(20, 10))


def test_a_chosen_curve_has_every_default() -> None:
    assert settled(curve="auto") == CurveSettings(Curve(), Detect(5, 0.9), 60)
    assert settled("canary: {curve: auto}") == settled(curve="auto")


def test_a_stack_says_what_is_to_be_detected_and_a_service_may_say_otherwise() -> None:
    given: dict[str, Any] = {"detect": {"points": 3}, "longest": 90, "curves": [{"percent": 30, "minutes": 45}]}
    assert settled(**AUTO, **given) == CurveSettings(Curve(), Detect(3, 0.9), 90, (Curve(30, 45),))
    own = "canary: {detect: {points: 20, chance: 0.99}, longest: 45}"
    assert settled(own, **AUTO, **given) == CurveSettings(Curve(), Detect(20, 0.99), 45, (Curve(30, 45),))
    assert settled(**AUTO, default={"percent": 20, "minutes": 15}).default == Curve(20, 15)


def test_a_stack_overrides_what_a_service_detects() -> None:
    found = settle("canary: {curve: auto, detect: {points: 20}}", services={"svc": {"canary": {"longest": 30}}})
    assert (found.canary.curve, found.canary.detect, found.canary.longest) == (AutoCurve(), Detect(20, 0.9), 30)


@pytest.mark.parametrize("key", ["detect", "longest", "curves", "default"])
def test_a_key_that_no_chosen_curve_uses_is_refused(key: str) -> None:
    values = {"detect": {}, "longest": 30, "curves": [{"percent": 20, "minutes": 12}], "default": {}}
    (found,) = mistakes("", delivery={key: values[key]})
    assert found == (
        f"strata:delivery.{key} is given, without effect: no curve is auto; leave it out, or set "
        "strata:delivery.curve to auto"
    )
    assert settle("canary: {curve: auto}", delivery={key: values[key]})


def test_a_key_beside_a_services_own_curve_is_refused() -> None:
    found: list[str] = []
    list(reader._declared("svc", b"canary: {curve: {percent: 20}, detect: {points: 3}, longest: 30}", found))
    assert found == [
        f"app/svc/service.yaml: canary.{key} is given, without effect: canary.curve is not auto; leave it out"
        for key in ("detect", "longest")
    ]
    (wrong,) = mistakes("", services={"svc": {"canary": {"longest": 30}}})
    assert wrong == (
        "strata:services.svc.canary.longest is given, without effect: the service's curve is not auto; leave it out"
    )


def test_a_default_that_is_longer_than_a_choice_may_be_is_refused() -> None:
    (found,) = mistakes("", delivery={**AUTO, "longest": 5})
    assert found == (
        "strata:delivery.default lasts 10 minutes, as none is given, but longest allows svc 5; give a default of 5 "
        "minutes at most, or lengthen longest"
    )
    assert settle("", delivery={**AUTO, "longest": 5, "default": {"minutes": 5}})


def test_a_listed_curve_that_is_never_chosen_is_refused() -> None:
    delivery = {**AUTO, "curves": [{"percent": 10, "minutes": 30}, {"percent": 50, "minutes": 61}]}
    assert mistakes("", delivery=delivery) == (
        "strata:delivery.curves[0] is 10 % for 30 minutes, which CodeDeploy offers itself; leave it out",
        "strata:delivery.curves[1] is 50 % for 61 minutes, without effect: longest is 60; leave it out, or lengthen "
        "longest",
    )
