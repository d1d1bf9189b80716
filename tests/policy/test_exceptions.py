"""Exceptions excuse one resource from one rule until a day, and are checked themselves."""

from datetime import date, timedelta
from typing import Any

from policy import settings
from policy.judge import exceptions
from policy.rules import ALL
from policy.view import AgreedException, Settings, Stack
from tests.golden import Golden, listed
from tests.policy.kit import TODAY, broken, role, stack

ROLE = AgreedException("role", "iam-boundary", "until bootstrap runs", TODAY)


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


LATE = AgreedException("role", "iam-boundary", "until bootstrap runs", TODAY - timedelta(days=1))


def test_an_expired_exception_excuses_nothing() -> None:
    assert len(broken("iam-boundary", judged(LATE))) == 1


ENTRY = {"resource": "role", "rule": "iam-boundary", "reason": "until bootstrap runs", "expires": TODAY}


def parsed(**changed: Any) -> Settings:
    entry = {key: value for key, value in {**ENTRY, **changed}.items() if value is not None}
    return settings.parse("prod", {"prod": {"exceptions": [entry]}})


def test_a_whole_exception_is_read() -> None:
    assert parsed() == Settings(exceptions=(ROLE,))


REPORTED = {
    "expired": judged(LATE),
    "without an end": judged(AgreedException("role", "iam-boundary", "for ever", date(2999, 1, 1))),
    "from an unknown rule": judged(AgreedException("role", "iam-bondary", "a slip", TODAY)),
    "of an unknown resource": judged(AgreedException("roll", "iam-boundary", "a slip", TODAY)),
    "no longer needed": judged(ROLE, permissionsBoundary="arn:aws:iam::333333333333:policy/strata-boundary"),
}
WRONG: list[dict[str, Any]] = [
    *({each: None} for each in ("resource", "rule", "reason", "expires")),
    {"expires": "2026-12-31"},
    {"reason": 7},
    {"until": TODAY},
]


def test_an_exception_that_is_wrong_is_reported_with_the_remedy(golden: Golden) -> None:
    """golden/exceptions.txt: exceptions that the rules report, and entries of the file that cannot be read."""
    reported = [(name, list(exceptions(ALL, each))) for name, each in REPORTED.items()]
    reported += [(str(each), list(parsed(**each).mistakes)) for each in WRONG]
    assert [name for name, lines in reported if len(lines) != 1] == []
    golden("exceptions", listed(reported))


def test_a_mistake_in_the_file_is_reported_beside_the_exceptions() -> None:
    assert list(exceptions(ALL, stack(settings=Settings(mistakes=("the file is wrong",))))) == ["the file is wrong"]
