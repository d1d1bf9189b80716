"""The resource policies of a function, its versions and its aliases."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Functions

CODE = "def handler(event, context):\n    return 1\n"


def _refused(call: Callable[..., Any], **request: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as refused:
        call(FunctionName="orders", **request)
    answer: Any = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.fixture
def two(functions: Functions) -> Functions:
    """A function with a version and an alias."""
    functions.create(CODE)
    functions.alias("1")
    return functions


def _add(functions: Functions, sid: str, **more: Any) -> Any:
    allowed = {"Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com", **more}
    return functions.client.add_permission(FunctionName="orders", StatementId=sid, **allowed)


def _policy(functions: Functions, **qualifier: str) -> Any:
    return json.loads(functions.client.get_policy(FunctionName="orders", **qualifier)["Policy"])


def test_each_qualifier_has_a_policy_of_its_own(two: Functions, account: str) -> None:
    arn = f"arn:aws:lambda:{REGION}:{account}:function:orders"
    for qualifier in ({}, {"Qualifier": "live"}, {"Qualifier": "1"}):
        _add(two, "s", **qualifier)  # the same id in each
    _add(two, "t", Qualifier="live")
    for qualifier, resource, sids in (
        ({}, arn, ["s"]),
        ({"Qualifier": "live"}, f"{arn}:live", ["s", "t"]),
        ({"Qualifier": "1"}, f"{arn}:1", ["s"]),
    ):
        statements = _policy(two, **qualifier)["Statement"]
        assert [statement["Sid"] for statement in statements] == sids
        assert {statement["Resource"] for statement in statements} == {resource}
    two.client.remove_permission(FunctionName="orders", StatementId="s")
    assert len(_policy(two, Qualifier="live")["Statement"]) == 2
    status, code, _ = _refused(
        two.client.add_permission, StatementId="t", Qualifier="live", Action="lambda:*", Principal="*"
    )
    assert (status, code) == (409, "ResourceConflictException")


def test_a_policy_without_statements_is_none(two: Functions) -> None:
    none = (404, "ResourceNotFoundException", "The resource you requested does not exist.")
    for qualifier in ({}, {"Qualifier": "live"}):
        assert _refused(two.client.get_policy, **qualifier) == none
        _add(two, "s", **qualifier)
        assert _refused(two.client.remove_permission, StatementId="t", **qualifier) == (
            404,
            "ResourceNotFoundException",
            "Statement t is not found in resource policy.",
        )
        two.client.remove_permission(FunctionName="orders", StatementId="s", **qualifier)
        assert _refused(two.client.get_policy, **qualifier) == none
        assert _refused(two.client.remove_permission, StatementId="s", **qualifier)[:2] == none[:2]


@pytest.mark.parametrize("qualifier", [{}, {"Qualifier": "live"}, {"Qualifier": "1"}])
def test_a_stale_revision_is_refused_and_nothing_changes(two: Functions, qualifier: dict[str, str]) -> None:
    client = two.client
    _add(two, "s", **qualifier)
    first = client.get_policy(FunctionName="orders", **qualifier)["RevisionId"]
    _add(two, "t", RevisionId=first, **qualifier)
    second = client.get_policy(FunctionName="orders", **qualifier)["RevisionId"]
    assert second != first
    stale = (
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest "
        "Revision Id",
    )
    given = {"Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com", "RevisionId": first}
    assert _refused(client.add_permission, StatementId="u", **given, **qualifier) == stale
    assert _refused(client.remove_permission, StatementId="t", RevisionId=first, **qualifier) == stale
    assert len(_policy(two, **qualifier)["Statement"]) == 2
    client.remove_permission(FunctionName="orders", StatementId="t", RevisionId=second, **qualifier)


def test_the_revision_is_that_of_what_the_policy_belongs_to(two: Functions) -> None:
    _add(two, "s")
    _add(two, "s", Qualifier="live")
    client = two.client
    assert (
        client.get_policy(FunctionName="orders")["RevisionId"]
        == (client.get_function_configuration(FunctionName="orders")["RevisionId"])
    )
    assert (
        client.get_policy(FunctionName="orders", Qualifier="live")["RevisionId"]
        == (client.get_alias(FunctionName="orders", Name="live")["RevisionId"])
    )


def test_a_policy_goes_with_its_alias(two: Functions) -> None:
    _add(two, "s", Qualifier="live")
    two.client.delete_alias(FunctionName="orders", Name="live")
    two.alias("1")
    assert _refused(two.client.get_policy, Qualifier="live")[1] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Qualifier": "$LATEST"}, "InvalidParameterValueException"),
        ({"Qualifier": "nowhere"}, "ResourceNotFoundException"),
        ({"Qualifier": "9"}, "ResourceNotFoundException"),
        ({"Action": "x:y"}, "ValidationException"),
        ({"StatementId": "no spaces"}, "ValidationException"),
        ({"SourceAccount": "12"}, "ValidationException"),
        ({"SourceArn": "x" * 10_000}, "ValidationException"),
    ],
)
def test_a_wrong_permission_is_refused(two: Functions, given: dict[str, Any], code: str) -> None:
    request = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com", **given}
    assert _refused(two.client.add_permission, **request)[1] == code


def test_a_policy_of_more_than_twenty_kilobytes_is_refused_and_stays_as_it_was(two: Functions) -> None:
    _add(two, "s")
    long = f"arn:aws:sns:{REGION}:111122223333:" + "x" * 9_000
    _add(two, "t", SourceArn=long)
    _add(two, "u", SourceArn=long)
    status, code, _ = _refused(
        two.client.add_permission,
        StatementId="v",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=long,
    )
    assert (status, code) == (400, "PolicyLengthExceededException")
    assert len(_policy(two)["Statement"]) == 3
