"""CreateFunction and the updates refuse wrong settings with AWS's codes."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.codedeploy import trust
from local.tests.cloud.conftest import REGION, Functions, archive

CODE = "def handler(event, context):\n    return 1\n"
LAYER = f"arn:aws:lambda:{REGION}:111122223333:layer:x"
VALIDATION, PARAMETER = "ValidationException", "InvalidParameterValueException"


def _empty() -> bytes:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


def _refused(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    answer: Any = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return answer["Error"]["Code"], answer["Error"]["Message"]


SETTINGS = [
    ({"MemorySize": 5}, VALIDATION, "Value '5' at 'memorySize' failed to satisfy constraint: Member must have value g"),
    ({"MemorySize": 127}, VALIDATION, "greater than or equal to 128"),
    ({"MemorySize": 10241}, VALIDATION, "less than or equal to 10240"),
    ({"Timeout": 0}, VALIDATION, "greater than or equal to 1"),
    (
        {"Timeout": 1000},
        VALIDATION,
        "Value '1000' at 'timeout' failed to satisfy constraint: Member must have value le",
    ),
    ({"Timeout": 6000}, VALIDATION, "'timeout'"),
    ({"Runtime": "python4.4"}, PARAMETER, "Value python4.4 at 'runtime' failed to satisfy constraint: Member must sat"),
    (
        {"Runtime": "nodejs23.x"},
        PARAMETER,
        "Value nodejs23.x at 'runtime' failed to satisfy constraint: Member must sat",
    ),
    ({"Runtime": "nodejs22"}, PARAMETER, "Value nodejs22 at 'runtime' failed to satisfy constraint: Member must satis"),
    ({"Handler": "no spaces"}, VALIDATION, "'handler'"),
    ({"Role": "deployer"}, VALIDATION, "1 validation error detected: Value 'deployer' at 'role' failed to satisfy"),
    ({"Description": "x" * 257}, VALIDATION, "'description'"),
    ({"TracingConfig": {"Mode": "Always"}}, VALIDATION, "'tracingConfig.mode'"),
    ({"EphemeralStorage": {"Size": 100}}, VALIDATION, "'ephemeralStorage.size'"),
    ({"MemorySize": 5, "Timeout": 1000}, VALIDATION, "2 validation errors detected: "),
    ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, PARAMETER, "Reserved keys used in this request: AWS_REGION"),
    ({"Environment": {"Variables": {"A": "x" * 4096}}}, PARAMETER, "exceeded the 4KB limit"),
    ({"Layers": [f"arn:aws:lambda:{REGION}:{{account}}:layer:none:1"]}, PARAMETER, "layer:none:1 does not exist."),
    ({"Layers": [f"{LAYER}{number}:1" for number in range(6)]}, PARAMETER, "cannot reference more than 5 layers"),
    ({"Layers": [f"{LAYER}:1", f"{LAYER}:2"]}, PARAMETER, "Two different versions of the same layer are not allowed"),
]


@pytest.mark.parametrize(("settings", "code", "text"), SETTINGS)
def test_settings_out_of_bounds_are_refused_by_create_and_by_update(
    functions: Functions, account: str, settings: dict[str, Any], code: str, text: str
) -> None:
    functions.create(CODE)
    settings = json.loads(json.dumps(settings).replace("{account}", account))
    request = {
        "FunctionName": "another",
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": functions.role(),
        "Code": {"ZipFile": archive(CODE)},
    }
    before = functions.client.get_function_configuration(FunctionName="orders")
    for call, base in (
        (functions.client.create_function, request),
        (functions.client.update_function_configuration, {"FunctionName": "orders"}),
    ):
        found, message = _refused(call, **{**base, **settings})
        assert found == code
        assert text in message
    after = functions.client.get_function_configuration(FunctionName="orders")
    assert {**after, "ResponseMetadata": None} == {**before, "ResponseMetadata": None}
    assert [each["FunctionName"] for each in functions.client.list_functions()["Functions"]] == ["orders"]


def test_the_bounds_themselves_are_taken(functions: Functions) -> None:
    functions.create(CODE, MemorySize=10240, Timeout=900)
    functions.reconfigure(MemorySize=128, Timeout=1, Environment={"Variables": {"A": "x" * (4096 - len('{"A":""}'))}})


ROLES: list[tuple[dict[str, Any] | None, bool]] = [
    (None, False),
    (json.loads(trust("lambda.amazonaws.com")), True),
    (json.loads(trust("codedeploy.amazonaws.com")), False),
    (
        {
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
                {"Effect": "Deny", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
            ]
        },
        False,
    ),
    (
        {
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Service": ["edgelambda.amazonaws.com", "lambda.amazonaws.com"]},
                "Action": ["sts:AssumeRole"],
            }
        },
        True,
    ),
    ({"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:Tag"}}, False),
    (
        {"Statement": {"Effect": "Allow", "Principal": {"AWS": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}},
        False,
    ),
]


@pytest.mark.parametrize(("policy", "taken"), ROLES)
def test_a_role_must_exist_and_let_lambda_assume_it(
    functions: Functions, client: Callable[[str], Any], account: str, policy: dict[str, Any] | None, taken: bool
) -> None:
    functions.create(CODE)
    role = f"arn:aws:iam::{account}:role/another"
    if policy is not None:
        client("iam").create_role(RoleName="another", AssumeRolePolicyDocument=json.dumps(policy))
    request = {
        "FunctionName": "another",
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": role,
        "Code": {"ZipFile": archive(CODE)},
    }
    if taken:
        functions.client.create_function(**request)
        functions.reconfigure(Role=role)
        return
    expected = (PARAMETER, "The role defined for the function cannot be assumed by Lambda.")
    assert _refused(functions.client.create_function, **request) == expected
    assert _refused(functions.client.update_function_configuration, FunctionName="orders", Role=role) == expected


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ({}, "Please provide a source for function code."),
        ({"S3Bucket": "there"}, "Please provide a source for function code."),
        ({"S3Bucket": "nowhere-at-all", "S3Key": "k"}, "S3 Error Code: NoSuchBucket. S3 Error Message: The specified"),
        ({"S3Bucket": "there", "S3Key": "none.zip"}, "Error occurred while GetObject. S3 Error Code: NoSuchKey."),
        ({"S3Bucket": "there", "S3Key": "text.zip"}, "Could not unzip uploaded file."),
        ({"ZipFile": b""}, "Could not unzip uploaded file."),
        ({"ZipFile": b"def handler(): pass"}, "Could not unzip uploaded file."),
        ({"ZipFile": _empty()}, "Uploaded file must be a non-empty zip"),
    ],
)
def test_code_that_is_not_there_or_no_archive_is_refused(
    functions: Functions, client: Callable[[str], Any], account: str, code: dict[str, Any], text: str
) -> None:
    functions.create(CODE)
    s3 = client("s3")
    s3.create_bucket(Bucket=f"there-{account}", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=f"there-{account}", Key="text.zip", Body=b"text")
    given = {**code, "S3Bucket": f"there-{account}"} if code.get("S3Bucket") == "there" else code
    base = {"Runtime": "python3.11", "Handler": "app.handler", "Role": functions.role()}
    for found, message in (
        _refused(functions.client.create_function, FunctionName="another", Code=given, **base),
        _refused(functions.client.update_function_code, FunctionName="orders", **given),
    ):
        assert found == PARAMETER
        assert text in message
    assert functions.invoke(qualifier="")["Payload"] == 1


@pytest.mark.parametrize("lacking", ["Runtime", "Handler"])
def test_an_archive_needs_runtime_and_handler(functions: Functions, lacking: str) -> None:
    request = {
        "FunctionName": "orders",
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": functions.role(),
        "Code": {"ZipFile": archive(CODE)},
    }
    del request[lacking]
    assert _refused(functions.client.create_function, **request) == (
        PARAMETER,
        "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
    )


def test_an_update_of_a_function_that_is_not_there_says_so(functions: Functions) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        functions.client.update_function_configuration(FunctionName="missing", Timeout=5)


def test_a_dead_letter_configuration_with_an_empty_target_is_gone(
    functions: Functions, client: Callable[[str], Any], account: str
) -> None:
    client("sqs").create_queue(QueueName="dead")
    functions.create(CODE, DeadLetterConfig={"TargetArn": f"arn:aws:sqs:{REGION}:{account}:dead"})
    changed = functions.client.update_function_configuration(FunctionName="orders", DeadLetterConfig={"TargetArn": ""})
    assert "DeadLetterConfig" not in changed
    assert "DeadLetterConfig" not in functions.client.get_function_configuration(FunctionName="orders")
