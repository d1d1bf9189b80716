"""AppSpecs for Lambda: what is read, and what is refused."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from local.cloud.codedeploy.appspec import AppSpec, AppSpecError, of_revision, parse

DOCUMENTED = """
version: 0.0
Resources:
  - myLambdaFunction:
      Type: AWS::Lambda::Function
      Properties:
        Name: "myLambdaFunction"
        Alias: "myLambdaFunctionAlias"
        CurrentVersion: "1"
        TargetVersion: "2"
Hooks:
  - BeforeAllowTraffic: "LambdaFunctionToValidateBeforeTrafficShift"
  - AfterAllowTraffic: "LambdaFunctionToValidateAfterTrafficShift"
"""
READ = AppSpec(
    "myLambdaFunction",
    "myLambdaFunctionAlias",
    "1",
    "2",
    {
        "BeforeAllowTraffic": "LambdaFunctionToValidateBeforeTrafficShift",
        "AfterAllowTraffic": "LambdaFunctionToValidateAfterTrafficShift",
    },
)


def nowhere(location: Mapping[str, Any]) -> bytes:
    raise AppSpecError(f"nothing lies in S3, nor does {location}")


def document(**changes: Any) -> dict[str, Any]:
    properties = {"Name": "f", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"} | changes
    return {
        "version": 0.0,
        "Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": properties}}],
    }


def test_the_documentation_s_example_is_read_from_yaml() -> None:
    assert parse(DOCUMENTED) == READ


def test_json_and_keys_in_small_letters_are_read_alike() -> None:
    assert parse(json.dumps(document())) == AppSpec("f", "live", "1", "2", {})
    small = DOCUMENTED.partition("Hooks:")[0].lower().replace("aws::lambda::function", "AWS::Lambda::Function")
    assert parse(small) == AppSpec("mylambdafunction", "mylambdafunctionalias", "1", "2", {})
    assert parse(json.dumps(document(CurrentVersion=1, TargetVersion=2))) == AppSpec("f", "live", "1", "2", {})


def test_a_revision_round_trips_without_its_hooks() -> None:
    assert of_revision(READ.revision(), nowhere) == AppSpec("myLambdaFunction", "myLambdaFunctionAlias", "1", "2", {})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a: [", "neither YAML nor JSON"),
        ("just text", "must be a mapping, not str"),
        (json.dumps(document() | {"version": 1.0}), "version 1.0; it must be 0.0"),
        (json.dumps({"version": 0.0}), "exactly one resource"),
        (json.dumps({"version": 0.0, "Resources": [*document()["Resources"]] * 2}), "exactly one resource"),
        (json.dumps({"version": 0.0, "Resources": [{"f": {"Type": "AWS::ECS::Service"}}]}), "AWS::ECS::Service"),
        (json.dumps(document(Alias="")), "Properties lack alias"),
        (json.dumps(document(CurrentVersion="$LATEST")), r"\$LATEST cannot be deployed"),
        (json.dumps(document(TargetVersion="$LATEST")), r"\$LATEST cannot be deployed"),
        (json.dumps(document() | {"Hooks": [{"BeforeInstall": "f"}]}), "The hook BeforeInstall: f"),
        (json.dumps(document() | {"Hooks": [{"BeforeAllowTraffic": ""}]}), "The hook BeforeAllowTraffic: "),
        (json.dumps(document() | {"Hooks": [{"BeforeAllowTraffic": 5}]}), "The hook BeforeAllowTraffic: 5"),
        (json.dumps(document() | {"Hooks": {"BeforeAllowTraffic": "f"}}), "Hooks must be a list"),
        (json.dumps(document() | {"Hooks": [{"BeforeAllowTraffic": "f"}] * 2}), "given twice"),
    ],
)
def test_a_wrong_appspec_says_what_is_wrong(content: str, reason: str) -> None:
    with pytest.raises(AppSpecError, match=reason):
        parse(content)


def test_a_revision_is_appspec_content_or_a_string_whose_digest_is_right() -> None:
    content = json.dumps(document())
    digest = hashlib.sha256(content.encode()).hexdigest()
    assert (
        of_revision({"revisionType": "String", "string": {"content": content, "sha256": digest}}, nowhere).target == "2"
    )
    for revision, reason in (
        ({"revisionType": "AppSpecContent", "appSpecContent": {"content": content, "sha256": "0" * 64}}, "SHA-256"),
        ({"revisionType": "AppSpecContent"}, "has no appSpecContent.content"),
        ({"revisionType": "GitHub"}, "revisionType GitHub is not for the Lambda platform: use S3, AppSpecContent or"),
        ({}, "revisionType None is not for the Lambda platform"),
    ):
        with pytest.raises(AppSpecError, match=reason):
            of_revision(revision, nowhere)


def test_a_revision_in_s3_is_one_file_of_json_or_yaml() -> None:
    files = {"a.yaml": DOCUMENTED.encode(), "a.json": json.dumps(document()).encode(), "binary": b"\xff"}
    place = {"bucket": "b", "key": "a.yaml", "bundleType": "YAML"}

    def read(**changes: Any) -> AppSpec:
        location = {name: value for name, value in (place | changes).items() if value is not None}
        return of_revision({"revisionType": "S3", "s3Location": location}, lambda there: files[there["key"]])

    tag = hashlib.md5(DOCUMENTED.encode(), usedforsecurity=False).hexdigest()
    assert read() == read(eTag=tag) == read(eTag=f'"{tag}"') == READ
    assert read(key="a.json", bundleType="JSON").target == read(key="a.json").target == "2"
    for changes, reason in (
        ({"key": None}, "s3Location lacks key"),
        ({"bucket": None, "bundleType": None}, "s3Location lacks bucket, bundleType"),
        ({"bundleType": "zip"}, "bundleType zip is not for the Lambda platform: use JSON or YAML"),
        ({"bundleType": "JSON"}, "s3://b/a.yaml is not JSON"),
        ({"key": "binary"}, "s3://b/binary is not YAML"),
        ({"eTag": "0" * 32}, "The eTag of s3://b/a.yaml is not 000"),
    ):
        with pytest.raises(AppSpecError, match=reason):
            read(**changes)
