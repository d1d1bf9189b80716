"""Which records pass a stream's filter: the operators that Lambda's page lists."""

from typing import Any

import pytest

from infra.services.matching import matches

EVENT: dict[str, Any] = {
    "eventName": "INSERT",
    "empty": None,
    "count": 7,
    "whole": True,
    "tags": ["new", "large"],
    "dynamodb": {"NewImage": {"id": {"S": "ord_1"}}},
}


@pytest.mark.parametrize(
    "pattern",
    [
        {"eventName": ["INSERT"]},
        {"eventName": ["MODIFY", "INSERT"]},
        {"dynamodb": {"NewImage": {"id": {"S": [{"prefix": "ord_"}]}}}},
        {"dynamodb": {"NewImage": {"id": {"S": [{"suffix": "_1"}]}}}},
        {"dynamodb": {"NewImage": {"id": {"S": [{"prefix": {"equals-ignore-case": "ORD"}}]}}}},
        {"eventName": [{"equals-ignore-case": "insert"}]},
        {"eventName": [{"anything-but": ["MODIFY", "REMOVE"]}]},
        {"eventName": [{"anything-but": "REMOVE"}]},
        {"eventName": [{"anything-but": {"prefix": "MOD"}}]},
        {"count": [{"numeric": [">", 5, "<=", 7]}]},
        {"count": [{"numeric": ["=", 7]}]},
        {"count": [7]},
        {"whole": [True]},
        {"empty": [None]},
        {"tags": ["large"]},
        {"eventName": [{"exists": True}]},
        {"gone": [{"exists": False}]},
        {"dynamodb": {"OldImage": {"id": {"S": [{"exists": False}]}}}},
        {"$or": [{"eventName": ["REMOVE"]}, {"count": [7]}]},
    ],
)
def test_a_filter_lets_through_what_it_names(pattern: dict[str, Any]) -> None:
    assert matches(pattern, EVENT)


@pytest.mark.parametrize(
    "pattern",
    [
        {"eventName": ["insert"]},
        {"eventName": ["INSERT"], "count": [8]},
        {"dynamodb": {"NewImage": {"id": {"S": [{"prefix": "claim#"}]}}}},
        {"dynamodb": {"OldImage": {"id": {"S": [{"prefix": "ord_"}]}}}},
        {"eventName": [{"anything-but": ["INSERT"]}]},
        {"eventName": [{"anything-but": {"prefix": ["MOD", "INS"]}}]},
        {"gone": [{"anything-but": ["x"]}]},
        {"count": [{"numeric": [">", 5, "<", 7]}]},
        {"eventName": [{"numeric": [">", 0]}]},
        {"whole": [1]},
        {"whole": [{"numeric": ["=", 1]}]},
        {"gone": [None]},
        {"eventName": [{"exists": False}]},
        {"gone": [{"exists": True}]},
        {"$or": [{"eventName": ["REMOVE"]}, {"count": [8]}]},
    ],
)
def test_a_filter_stops_everything_else(pattern: dict[str, Any]) -> None:
    assert not matches(pattern, EVENT)
