"""A pattern or a schedule that EventBridge would refuse is a mistake with its path, and one that it takes is none."""

import json
from typing import Any

import pytest

from infra.services import schedules
from infra.services.patterns import LONGEST_FILTER, LONGEST_PATTERN, OF_EVENTBRIDGE, OF_LAMBDA, mistakes


def of_a_rule(pattern: Any) -> list[str]:
    return list(mistakes(pattern, "events", operators=OF_EVENTBRIDGE, longest=LONGEST_PATTERN))


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["shop"]},
        {"source": [{"prefix": "shop."}], "detail": {"total": [{"numeric": [">", 0, "<=", 100]}, None, True, 5]}},
        {"$or": [{"source": ["a"]}, {"detail-type": [{"suffix": {"equals-ignore-case": "placed"}}]}]},
        {"detail": {"ip": [{"cidr": "10.0.0.0/24"}], "path": [{"wildcard": "a*b\\*"}], "x": [{"exists": False}]}},
        {"detail": {"state": [{"anything-but": ["new", "old"]}, {"anything-but": {"prefix": "init"}}]}},
    ],
)
def test_a_pattern_that_eventbridge_takes_has_no_mistake(pattern: dict[str, Any]) -> None:
    assert of_a_rule(pattern) == []


@pytest.mark.parametrize(
    ("pattern", "mistake"),
    [
        ({}, "events is {}, not an object with fields; give the fields to match"),
        ({"source": "shop"}, 'events.source is "shop", not a list of what matches; write ["shop"]'),
        ({"source": []}, "events.source is [], which matches nothing; give the values that match"),
        ({"detail": {}}, "events.detail is {}, not an object with fields"),
        ({"detail": {"a": [["b"]]}}, 'events.detail.a[0] is ["b"], a list in a list; write its items into the outer'),
        ({"detail": {"a": [6e9]}}, "events.detail.a[0] is 6000000000.0, not a number from -5000000000 to 5000000000"),
        ({"a": [{"prefix": "x", "suffix": "y"}]}, "with 2 operators; give one of prefix, suffix"),
        ({"a": [{"regex": "x"}]}, 'events.a[0].regex is "x", but there is no such operator here; give one of'),
        ({"a": [{"prefix": 5}]}, "events.a[0].prefix is 5, not a text; give one in quotes"),
        ({"a": [{"exists": "true"}]}, 'events.a[0].exists is "true", neither true nor false'),
        ({"a": [{"numeric": [">"]}]}, 'events.a[0].numeric is [">"], not a comparison and a number'),
        ({"a": [{"numeric": ["!=", 5]}]}, 'events.a[0].numeric has "!=", and the comparisons are =, <, <=, >, >='),
        ({"a": [{"numeric": [">", "5"]}]}, 'events.a[0].numeric has "5", not a number from'),
        ({"a": [{"numeric": [">", 5, "<", 5]}]}, "not a lower bound and then a greater upper one"),
        ({"a": [{"cidr": "10.0.0.1"}]}, 'events.a[0].cidr is "10.0.0.1", not a block of addresses'),
        ({"a": [{"wildcard": "a**"}]}, 'events.a[0].wildcard is "a**", with two asterisks in a row'),
        ({"a": [{"wildcard": "a\\b"}]}, "with a backslash before neither asterisk nor backslash"),
        ({"a": [{"anything-but": ["x", 5]}]}, 'events.a[0].anything-but is ["x", 5], neither texts nor numbers'),
        ({"a": [{"anything-but": {"cidr": "x"}}]}, "and it takes one of prefix, suffix, equals-ignore-case, wildcard"),
        ({"$or": [{"a": ["b"]}]}, "events"),
        ({"a": ["x" * LONGEST_PATTERN]}, "events has 2058 characters as JSON, and AWS takes 2048; match fewer values"),
    ],
)
def test_a_pattern_that_eventbridge_refuses_is_a_mistake_with_its_path(pattern: Any, mistake: str) -> None:
    (found,) = of_a_rule(pattern)
    assert mistake in found


def test_every_mistake_of_a_pattern_is_named() -> None:
    pattern = {"source": "shop", "detail": {"a": [], "b": [{"exists": 1}]}}
    assert [each.partition(" ")[0] for each in of_a_rule(pattern)] == [
        "events.source",
        "events.detail.a",
        "events.detail.b[0].exists",
    ]


@pytest.mark.parametrize("operator", [{"wildcard": "a*"}, {"cidr": "10.0.0.0/8"}])
def test_a_filter_of_lambda_has_fewer_operators(operator: dict[str, str]) -> None:
    pattern = {"dynamodb": {"Keys": [operator]}}
    (found,) = mistakes(pattern, "stream.filter", operators=OF_LAMBDA, longest=LONGEST_FILTER)
    assert (
        f"stream.filter.dynamodb.Keys[0].{next(iter(operator))} is {json.dumps(next(iter(operator.values())))}" in found
    )
    assert "there is no such operator here" in found


@pytest.mark.parametrize(
    "text",
    [
        "rate(1 minute)",
        "rate(2 days)",
        "cron(0 10 * * ? *)",
        "cron(15 12 * * ? *)",
        "cron(0 18 ? * MON-FRI *)",
        "cron(0/5 8-17 ? * MON-FRI *)",
        "cron(0,30 2-20 ? * 2#1 *)",
        "cron(0 8 1 JAN,JUL ? 2027-2030)",
        "cron(0 0 L * ? *)",
        "cron(0 0 3W * ? *)",
        "cron(0 0 ? * 5L *)",
    ],
)
def test_a_schedule_that_eventbridge_takes_has_no_mistake(text: str) -> None:
    assert schedules.mistake(text) == ""


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("rate(0 minutes)", "neither a rate nor the six fields of a cron expression"),
        ("rate(5 minute)", "and EventBridge wants the plural for 5"),
        ("rate(1 week)", "neither a rate nor the six fields of a cron expression"),
        ("cron(0 12 * * ?)", "neither a rate nor the six fields of a cron expression"),
        ("cron(60 12 * * ? *)", "and its minutes 60 is outside 0 - 59"),
        ("cron(0 24 * * ? *)", "and its hours 24 is outside 0 - 23"),
        ("cron(0 12 32 * ? *)", "and its day of the month 32 is outside 1 - 31"),
        ("cron(0 12 * JAN-FEBR ? *)", "and its month JAN-FEBR is outside 1 - 12 or JAN - DEC"),
        ("cron(0 12 * 1-2-3 ? *)", "and its month 1-2-3 is outside 1 - 12 or JAN - DEC"),
        ("cron(0 12 ? * 0 *)", "and its day of the week 0 is outside 1 - 7 or SUN - SAT"),
        ("cron(0 12 ? * mon *)", "and its day of the week mon is outside 1 - 7 or SUN - SAT"),
        ("cron(0 12 * * ? 1969)", "and its year 1969 is outside 1970 - 2199"),
        ("cron(0/0 12 * * ? *)", "and its minutes 0/0 is outside 0 - 59"),
        ("cron(0, 12 * * ? *)", "and its minutes 0, is outside 0 - 59"),
        ("cron(0 12 ? * ? *)", "exactly one must be ?"),
    ],
)
def test_a_schedule_that_eventbridge_refuses_is_a_mistake(text: str, mistake: str) -> None:
    assert mistake in schedules.mistake(text)
