"""A stack's services: what it overrides, what it has by default, and what does not fit it."""

import json
from typing import Any

import pytest

from infra import config, services
from infra.config import Canary, Curve, StackConfig
from infra.release.verdict.rule import Rule
from infra.services import Service, ServiceError
from infra.services.reader import parse

ACCOUNT = {"region": "eu-central-1", "allowedAccountIds": ["333333333333"]}
ISSUER = {"issuer": "https://issuer.example.com", "audience": ["orders"]}


def stack(name: str = "prod", **sections: Any) -> StackConfig:
    raw = {f"strata:{section}": json.dumps(value) for section, value in ({"account": ACCOUNT} | sections).items()}
    return config.parse(raw, name)


def settle(text: str, **sections: Any) -> Service:
    """Return the one service of these lines, as the stack has it."""
    (found,) = services.settle([parse("svc", text.encode())], stack(**sections))
    return found


def mistakes(text: str, **sections: Any) -> tuple[str, ...]:
    with pytest.raises(ServiceError) as caught:
        settle(text, **sections)
    return caught.value.mistakes


def test_what_is_left_out_is_the_stacks() -> None:
    found = settle("", compute={"memory": 1024, "timeout": 7})
    assert (found.memory, found.timeout, found.removed) == (1024, 7, False)
    assert settle("memory: 256\ntimeout: 300").timeout == 300


def test_a_stack_overrides_a_service_key_by_key() -> None:
    text = "memory: 256\nenvironment: {A1: x, B1: y}\ncanary: {curve: {percent: 20}, rule: {z: 4, forgiven: 2}}"
    own = {"timeout": 5, "environment": {"B1": "z"}, "canary": {"minimumRequests": 5, "rule": {"z": 5}}}
    found = settle(text, services={"svc": {**own, "tracing": True, "concurrency": 3}})
    assert (found.memory, found.timeout, found.concurrency, found.tracing) == (256, 5, 3, True)
    assert found.environment == {"A1": "x", "B1": "z"}
    assert found.canary == Canary(Curve(20), 5, "", {"z": 5, "forgiven": 2})


def test_another_statistic_begins_with_its_own_bounds_and_keeps_those_that_do_not_depend_on_it() -> None:
    stacks = stack(release={"rule": {"z": 4, "forgiven": 2}}).release.rule
    assert stacks.overridden({"statistic": "z"}) == Rule(statistic="z", forgiven=2)
    assert stacks.overridden({"correction": 2}) == Rule(statistic="z", correction=2, forgiven=2)
    assert stacks.overridden({"minimum_errors": 9}).absolute_minimum == 9
    assert stacks.overridden({"absolute_z": 1}) == Rule(z=4, forgiven=2, absolute_z=1)
    assert settle("canary: {rule: {statistic: z}}").canary.rule == {"statistic": "z"}


@pytest.mark.parametrize(
    ("text", "sections", "said"),
    [
        (
            "canary: {rule: {statistic: z, absoluteZ: 2}}",
            {},
            "canary.rule of svc does not hold together: rule.absoluteZ is 2, but only statistic likelihood has it; "
            "leave it out, or give statistic: likelihood",
        ),
        (
            "canary: {rule: {statistic: z, correction: 1}}",
            {"services": {"svc": {"canary": {"rule": {"statistic": "likelihood"}}}}},
            "rule.correction is 1, but only statistic z has it",
        ),
        (
            "timeout: 3\ncanary: {rule: {slowMilliseconds: 3000}}",
            {},
            "canary.rule of svc: slowMilliseconds is 3000, but Lambda ends an invocation of svc after 3000 ms, its "
            "timeout, so none is ever counted as slow; give the service less",
        ),
        ("timeout: 3", {"release": {"rule": {"slowMilliseconds": 5000}}}, "slowMilliseconds is 5000, but Lambda ends"),
        (
            "canary: {minimumRequests: 2}",
            {},
            "rolls back from 3 canary errors on, but minimumRequests takes 2 requests",
        ),
        (
            "canary: {rule: {forgiven: 20, minimumErrors: 5}}",
            {},
            "canary.rule of svc: it rolls back from 25 canary errors on, but minimumRequests takes 20 requests for "
            "evidence, of which it could condemn none; give minimumRequests 25 or more, or lower minimumErrors and "
            "forgiven",
        ),
        (
            "timeout: 30\ncanary: {rule: {slowMilliseconds: 5000}}",
            {"services": {"svc": {"timeout": 4}}},
            "slowMilliseconds is 5000, but Lambda ends",
        ),
    ],
)
def test_bounds_that_do_not_go_together_or_can_never_be_passed_are_refused(
    text: str, sections: dict[str, Any], said: str
) -> None:
    (found,) = mistakes(text, **sections)
    assert said in found
    settle("timeout: 4\ncanary: {minimumRequests: 23, rule: {slowMilliseconds: 3999, forgiven: 20}}")
    settle("canary: {minimumRequests: 0}")


def test_a_route_asks_for_a_token_where_the_stack_has_an_issuer_and_the_route_says_nothing() -> None:
    text = "http: [GET /a, {route: GET /b, auth: none}]"
    assert [route.auth for route in settle(text).http] == ["none", "none"]
    assert [route.auth for route in settle(text, compute={"api": {"authorizer": ISSUER}}).http] == ["jwt", "none"]


def test_a_route_that_wants_a_token_of_nobody_is_refused() -> None:
    (found,) = mistakes("http: [{route: GET /a, auth: jwt}]")
    assert "with auth: jwt, but strata:compute.api.authorizer is missing, so no issuer's tokens are known" in found
    assert settle("http: [{route: GET /a, auth: jwt}]", compute={"api": {"authorizer": ISSUER}}).http[0].auth == "jwt"


@pytest.mark.parametrize("route", ["ANY /a", "OPTIONS /a"])
def test_a_route_that_would_answer_a_preflight_by_401_is_refused_where_the_stack_has_cors(route: str) -> None:
    cors = {"origins": ["https://shop.example.com"]}
    (found,) = mistakes(f"http: [{route}]", compute={"api": {"authorizer": ISSUER, "cors": cors}})
    assert (
        f"http has {route} with auth: jwt, which takes the preflights that strata:compute.api.cors is to answer"
        in found
    )
    for section in ({"cors": cors}, {"authorizer": ISSUER}):
        assert settle(f"http: [{route}]", compute={"api": section}).http[0].key == route
    open_ = f"http: [{{route: {route}, auth: none}}, GET /b]"
    assert settle(open_, compute={"api": {"authorizer": ISSUER, "cors": cors}}).http[0].auth == "none"


def test_every_way_in_which_services_do_not_fit_the_stack_is_reported_at_once() -> None:
    found = mistakes(
        "http: [{route: GET /a, auth: jwt}]",
        services={"svc": {"timeout": 60}, "other": {"memory": 256}, "removed": ["gone"]},
    )
    assert [each.partition(" is ")[0].partition(" has ")[0] for each in found] == [
        "strata:services.other",
        "strata:services.removed",
        "app/svc/service.yaml: http",
        "strata:services.svc.timeout",
    ]


def test_a_service_whose_role_would_have_too_long_a_name_is_refused() -> None:
    with pytest.raises(ServiceError, match=r"the IAM role .* has 66 characters, and AWS takes 64"):
        services.settle([parse("abcdefghijklmnop", b"")], stack("s" * 32))


@pytest.mark.parametrize(
    ("section", "mistake"),
    [
        ({"svc": {"memory": 1}}, "strata:services.svc.memory is 1, out of bounds: Lambda offers no other"),
        ({"Svc": {}}, "strata:services.Svc is {}, its name not of the form wanted; give a function's short name"),
        ({"svc": {"http": []}}, "strata:services.svc.http is [], but there is no such key"),
        ({"svc": {"canary": {"rule": {"zz": 1}}}}, "strata:services.svc.canary.rule.zz is 1, but there is no such key"),
        ({"removed": "svc"}, 'strata:services.removed is "svc", not a list'),
    ],
)
def test_an_override_that_is_wrong_is_a_mistake_of_the_configuration(section: dict[str, Any], mistake: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        stack(services=section)
    (found,) = caught.value.mistakes
    assert found.startswith(mistake)
