"""A step's result covers the service that it is about, and says of the other one whether it was released beside it."""

import pytest

from rehearsal.environment.sandbox import FULFILMENT, ORDERS, Sandbox
from rehearsal.observe.aws_records import Deployment, Errors, FunctionState
from rehearsal.release.report import Bystander
from rehearsal.release.step import NO_ERRORS, NOTHING, Step, bystanders

OLD = Deployment("d-1", "Succeeded", "", "", stable="1", canary="2", rollback=None)
NEW = Deployment("d-2", "Succeeded", "", "", stable="2", canary="3", rollback=None)
AT_2, AT_3 = FunctionState("2", (OLD,)), FunctionState("3", (NEW, OLD))
FAILED = Errors(4, {"3": 4})


def test_the_other_service_is_a_bystander_with_its_own_deployment_and_errors() -> None:
    step = Step("good", {ORDERS: AT_2, FULFILMENT: AT_2}, start=0.0)
    after, errors = {ORDERS: AT_3, FULFILMENT: AT_3}, {ORDERS: NO_ERRORS, FULFILMENT: FAILED}
    (found,) = bystanders(step, after, errors)
    assert found == Bystander("good", FULFILMENT, "promoted", "2", "3", "d-2", 4)
    assert found.ended == "fulfilment 2 -> 3 promoted by d-2"


def test_in_a_step_about_fulfilment_orders_is_the_bystander_and_an_older_deployment_is_not_its_own() -> None:
    step = Step("stream", {ORDERS: AT_2, FULFILMENT: AT_2}, start=0.0, service=FULFILMENT)
    (found,) = bystanders(step, {ORDERS: AT_2, FULFILMENT: AT_2}, {ORDERS: NO_ERRORS, FULFILMENT: FAILED})
    assert found == Bystander("stream", ORDERS, "unchanged", "2", "2", None, 0)


def test_before_there_was_a_stack_each_service_had_no_version() -> None:
    step = Step("first", {}, start=0.0)
    assert step.state(ORDERS) == NOTHING
    (found,) = bystanders(
        step, {ORDERS: AT_2, FULFILMENT: FunctionState("1", ())}, dict.fromkeys((ORDERS, FULFILMENT), NO_ERRORS)
    )
    assert (found.outcome, found.from_version, found.to_version) == ("first", None, "1")


def test_a_target_is_found_by_its_service_wherever_it_is_in_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [{"function": "strata-prod-fulfilment"}, {"function": "strata-prod-orders"}]
    monkeypatch.setattr(Sandbox, "release", lambda _: {"targets": listed})
    sandbox = object.__new__(Sandbox)
    assert sandbox.targets() == {FULFILMENT: listed[0], ORDERS: listed[1]}
    assert (sandbox.target(), sandbox.target(FULFILMENT)) == (listed[1], listed[0])
    monkeypatch.setattr(Sandbox, "release", lambda _: {})
    assert (sandbox.targets(), sandbox.target()) == ({}, {})
