"""Exceptions excuse one resource from one rule until a day, and are checked themselves."""

from datetime import date, timedelta
from typing import Any

import pytest

from policy import settings
from policy.judge import exceptions
from policy.rules import ALL
from policy.view import AgreedException, Settings, Stack
from tests.policy.kit import TODAY, broken, role, stack

ROLE = AgreedException("role", "iam-boundary", "until bootstrap runs", TODAY)
WHICH = "the exception of role from iam-boundary"


def judged(*agreed: AgreedException, **props: Any) -> Stack:
    return stack(role(**{"permissionsBoundary": None, **props}), settings=Settings(exceptions=agreed))


def test_an_exception_excuses_its_resource_to_its_last_day() -> None:
    assert broken("iam-boundary", judged(ROLE)) == []
    assert list(exceptions(ALL, judged(ROLE))) == []


def test_without_an_exception_the_rule_holds() -> None:
    assert len(broken("iam-boundary", judged())) == 1


def test_an_exception_excuses_from_its_own_rule_alone() -> None:
    other = AgreedException("role", "iam-managed", "another matter", TODAY)
    assert len(broken("iam-boundary", judged(other))) == 1


def test_an_exception_excuses_no_other_resource() -> None:
    assert len(broken("iam-boundary", stack(role("b", permissionsBoundary=None), settings=judged(ROLE).settings))) == 1


def test_an_expired_exception_excuses_nothing_and_is_reported() -> None:
    late = AgreedException("role", "iam-boundary", "until bootstrap runs", TODAY - timedelta(days=1))
    assert len(broken("iam-boundary", judged(late))) == 1
    assert list(exceptions(ALL, judged(late))) == [
        f"{WHICH} must not be older than its last day: expires is 2026-05-31, today is 2026-06-01; correct the "
        "resource and remove the exception, or agree on another day"
    ]


def test_an_exception_ends_within_a_year() -> None:
    endless = AgreedException("role", "iam-boundary", "for ever", date(2999, 1, 1))
    assert list(exceptions(ALL, judged(endless))) == [
        f"{WHICH} must end within a year: expires is 2999-01-01; choose a day up to 2027-06-02"
    ]


def test_an_exception_from_an_unknown_rule_is_reported_with_the_known_rules() -> None:
    (message,) = exceptions(ALL, judged(AgreedException("role", "iam-bondary", "a slip", TODAY)))
    assert message.startswith(
        "the exception of role from iam-bondary must name a rule: rule is 'iam-bondary'; take one of apigateway-"
    )
    assert "iam-boundary" in message


def test_an_exception_of_no_resource_is_reported() -> None:
    assert list(exceptions(ALL, judged(AgreedException("roll", "iam-boundary", "a slip", TODAY)))) == [
        "the exception of roll from iam-boundary must name a resource of the stack: resource is 'roll'; correct or "
        "remove it"
    ]


def test_an_exception_that_is_no_longer_needed_is_reported() -> None:
    mended = judged(ROLE, permissionsBoundary="arn:aws:iam::333333333333:policy/strata-boundary")
    assert list(exceptions(ALL, mended)) == [
        f"{WHICH} must excuse something: role keeps the rule; remove the exception"
    ]


ENTRY = {"resource": "role", "rule": "iam-boundary", "reason": "until bootstrap runs", "expires": TODAY}


def parsed(**changed: Any) -> Settings:
    entry = {key: value for key, value in {**ENTRY, **changed}.items() if value is not None}
    return settings.parse("prod", {"prod": {"exceptions": [entry]}})


def test_a_whole_exception_is_read() -> None:
    assert parsed() == Settings(exceptions=(ROLE,))


@pytest.mark.parametrize("missing", ["resource", "rule", "reason", "expires"])
def test_an_exception_that_leaves_something_out_is_a_mistake(missing: str) -> None:
    assert parsed(**{missing: None}) == Settings(
        mistakes=(
            f"exception 1 of stack prod must name resource, rule, reason and expires: {missing} is not set; add it",
        )
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"expires": "2026-12-31"}, "expires is '2026-12-31'; write a day, without quotes: 2026-12-31"),
        ({"reason": 7}, "reason is 7; write a text, in quotes"),
        ({"until": TODAY}, "until is none of them; remove it"),
    ],
)
def test_an_exception_of_another_form_is_a_mistake(changed: dict[str, Any], expected: str) -> None:
    (mistake,) = parsed(**changed).mistakes
    assert mistake == f"exception 1 of stack prod must name resource, rule, reason and expires: {expected}"


def test_a_mistake_in_the_file_is_reported_beside_the_exceptions() -> None:
    assert list(exceptions(ALL, stack(settings=Settings(mistakes=("the file is wrong",))))) == ["the file is wrong"]
