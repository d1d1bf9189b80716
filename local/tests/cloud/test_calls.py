"""The record of API calls: who called what, in every protocol, and how it ended."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from local.tests.cloud.codedeploy import Deployer, trust
from local.tests.cloud.conftest import REGION, Cloud, Functions, archive

SOURCE = "def handler(event, context):\n    return {'statusCode': 200, 'body': '1'}\n"


class Record:
    """The calls of one account since the test began."""

    def __init__(self, cloud: Cloud, account: str) -> None:
        self._cloud = cloud
        self._account = account
        self._since = time.time()

    def calls(self) -> list[dict[str, Any]]:
        """Return them in the control plane's form."""
        status, answer = self._cloud.control("GET", f"calls?since={self._since}")
        assert status == 200, answer
        return [call for call in answer["calls"] if call["access_key"] == self._account]

    def names(self) -> list[str]:
        """Service and action of each, as boto3 names them; then it begins anew."""
        found = [f"{call['service']}.{call['action']}" for call in self.calls()]
        self._since = time.time()
        return found


@pytest.fixture
def record(cloud: Cloud, account: str) -> Record:
    """The calls of the fresh account."""
    return Record(cloud, account)


@pytest.fixture
def fault(cloud: Cloud) -> Iterator[Callable[[str], None]]:
    """Makes every call meet one kind of fault, until the test ends."""

    def put(kind: str) -> None:
        cloud.control("POST", "faults", [{"kind": kind}])

    yield put
    cloud.control("DELETE", "faults")


def called(client: Any, operation: str, **arguments: Any) -> str:
    """Call an operation, whatever the answer is: what the record is to say."""
    method = next(name for name, wanted in client.meta.method_to_api_mapping.items() if wanted == operation)
    with contextlib.suppress(ClientError):
        getattr(client, method)(**arguments)
    return f"{client.meta.service_model.service_name}.{operation}"


def test_a_call_has_its_time_status_user_agent_and_access_key(cloud: Cloud, account: str, record: Record) -> None:
    began = time.time()
    cloud.client("lambda", account).list_functions()
    with pytest.raises(ClientError):
        cloud.client("lambda", account).get_function(FunctionName="none")
    first, second = record.calls()
    assert began <= first["at"] <= second["at"] <= time.time()
    assert (first["service"], first["action"], first["status"]) == ("lambda", "ListFunctions", 200)
    assert (second["action"], second["status"]) == ("GetFunction", 404)
    assert "Botocore/" in first["user_agent"]
    assert first["access_key"] == account


@pytest.mark.parametrize("function", ["orders", "arn:aws:lambda:eu-central-1:444455556666:function:orders"])
def test_lambdas_routes_are_named_right(client: Callable[[str], Any], record: Record, function: str) -> None:
    lambda_ = client("lambda")
    name = {"FunctionName": function}
    alias = {**name, "Name": "live"}
    permission = {"StatementId": "api", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
    code = {"ZipFile": archive(SOURCE)}
    execution = {"Role": "arn:aws:iam::444455556666:role/execution", "Code": code}
    resource = {"Resource": "arn:aws:lambda:eu-central-1:444455556666:function:orders"}
    arguments: dict[str, dict[str, Any]] = {
        "CreateFunction": {**name, **execution, "Runtime": "python3.11", "Handler": "app.handler"},
        "GetFunction": name,
        "GetFunctionConfiguration": {**name, "Qualifier": "1"},
        "UpdateFunctionCode": {**name, **code},
        "UpdateFunctionConfiguration": {**name, "Timeout": 5},
        "PublishVersion": name,
        "ListVersionsByFunction": name,
        "CreateAlias": {**alias, "FunctionVersion": "1"},
        "GetAlias": alias,
        "UpdateAlias": {**alias, "FunctionVersion": "1"},
        "ListAliases": name,
        "DeleteAlias": alias,
        "Invoke": {**name, "Qualifier": "live"},
        "AddPermission": {**name, **permission, "Qualifier": "live"},
        "GetPolicy": name,
        "RemovePermission": {**name, "StatementId": "api"},
        "PutFunctionConcurrency": {**name, "ReservedConcurrentExecutions": 1},
        "GetFunctionConcurrency": name,
        "DeleteFunctionConcurrency": name,
        "PutFunctionEventInvokeConfig": {**name, "MaximumRetryAttempts": 0},
        "GetProvisionedConcurrencyConfig": {**name, "Qualifier": "live"},
        "ListProvisionedConcurrencyConfigs": name,
        "ListTags": resource,
        "TagResource": {**resource, "Tags": {"a": "b"}},
        "UntagResource": {**resource, "TagKeys": ["a"]},
        "GetAccountSettings": {},
        "ListFunctions": {},
        "DeleteFunction": {**name, "Qualifier": "1"},
    }
    expected = [called(lambda_, operation, **given) for operation, given in arguments.items()]
    assert record.names() == expected


def test_services_of_every_protocol_are_named_right(client: Callable[[str], Any], record: Record) -> None:
    api = {"ApiId": "a"}
    bucket = {"Bucket": "orders"}
    key = {**bucket, "Key": "a/b c"}
    arguments: list[tuple[str, str, dict[str, Any]]] = [
        ("codedeploy", "ListApplications", {}),
        ("logs", "DescribeLogGroups", {}),
        ("dynamodb", "ListTables", {}),
        ("sqs", "ListQueues", {}),
        ("sts", "GetCallerIdentity", {}),
        ("iam", "ListRoles", {}),
        ("sns", "ListTopics", {}),
        ("apigatewayv2", "CreateApi", {"Name": "shop", "ProtocolType": "HTTP"}),
        ("apigatewayv2", "GetStage", {**api, "StageName": "$default"}),
        ("apigatewayv2", "DeleteRoute", {**api, "RouteId": "r"}),
        ("apigatewayv2", "GetTags", {"ResourceArn": "arn:aws:apigateway:eu-central-1::/apis/a"}),
        ("apigateway", "GetRestApis", {}),
        ("s3", "CreateBucket", bucket),
        ("s3", "PutObject", {**key, "Body": b"1"}),
        ("s3", "GetObject", key),
        ("s3", "HeadObject", key),
        ("s3", "GetObjectTagging", key),
        ("s3", "ListObjectsV2", bucket),
        ("s3", "ListObjects", bucket),
        ("s3", "GetBucketVersioning", bucket),
        ("s3", "UploadPart", {**key, "UploadId": "u", "PartNumber": 1}),
        ("s3", "DeleteObject", key),
        ("s3", "ListBuckets", {}),
    ]
    expected = [called(client(service), operation, **given) for service, operation, given in arguments]
    assert record.names() == expected


@pytest.mark.parametrize("protocol", ["smithy-rpc-v2-cbor", "json", "query"])
def test_cloudwatch_is_named_right_in_all_its_protocols(
    client: Callable[[str], Any], record: Record, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setattr("botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", [protocol])
    cloudwatch = client("cloudwatch")
    cloudwatch.describe_alarms(AlarmNames=["Action=None"])
    cloudwatch.list_metrics()
    assert record.names() == ["cloudwatch.DescribeAlarms", "cloudwatch.ListMetrics"]


def test_an_unsigned_call_of_sts_counts(cloud: Cloud, client: Callable[[str], Any], record: Record) -> None:
    role = client("iam").create_role(RoleName="deploy", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    began = time.time()
    make: Callable[..., Any] = boto3.client
    sts = make("sts", endpoint_url=cloud.endpoint, region_name=REGION, config=Config(signature_version=UNSIGNED))
    named = called(
        sts,
        "AssumeRoleWithWebIdentity",
        RoleArn=role["Role"]["Arn"],
        RoleSessionName="ci",
        WebIdentityToken="a.b.c",
    )
    calls = cloud.control("GET", f"calls?since={began}")[1]["calls"]
    assert [f"{call['service']}.{call['action']}" for call in calls if call["access_key"] == ""] == [named]


def test_an_http_api_is_no_api_call_and_is_never_hit(
    cloud: Cloud, client: Callable[[str], Any], functions: Functions, fault: Callable[[str], None]
) -> None:
    arn = functions.alias(functions.create(SOURCE))
    gateway = client("apigatewayv2")
    api = gateway.create_api(Name="shop", ProtocolType="HTTP")
    integration = gateway.create_integration(
        ApiId=api["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )
    target = f"integrations/{integration['IntegrationId']}"
    gateway.create_route(ApiId=api["ApiId"], RouteKey="POST /orders", Target=target)
    gateway.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    host = api["ApiEndpoint"].removeprefix("http://")
    fault("error")
    before = len(cloud.control("GET", "calls")[1]["calls"])
    assert cloud.http("POST", "/orders", "{}", host)[0] == 200
    assert cloud.http("GET", "/_ministack/health")[0] == 200
    assert len(cloud.control("GET", "calls")[1]["calls"]) == before
    (rule,) = cloud.control("GET", "faults")[1]["faults"]
    assert rule["matched"] == 0


def test_what_aws_does_for_itself_is_no_call(
    client: Callable[[str], Any], functions: Functions, record: Record
) -> None:
    deployer = Deployer(client, functions)
    record.names()
    assert deployer.ended(deployer.deploy())["status"] == "Succeeded"
    assert set(record.names()) == {"codedeploy.CreateDeployment", "codedeploy.GetDeployment"}


def test_what_a_function_calls_is_recorded(functions: Functions, record: Record, account: str) -> None:
    functions.create(
        "import boto3\ndef handler(event, context):\n    return boto3.client('sts').get_caller_identity()['Account']\n"
    )
    record.names()
    assert functions.invoke(qualifier="")["Payload"] == account
    assert record.names() == ["sts.GetCallerIdentity", "lambda.Invoke"]


@pytest.mark.parametrize(("kind", "status"), [("lost", None), ("drop", None), ("throttle", 400), ("expired", 403)])
def test_a_fault_is_recorded_by_what_the_client_got(
    client: Callable[[str], Any], record: Record, fault: Callable[[str], None], kind: str, status: int | None
) -> None:
    fault(kind)
    with pytest.raises((ClientError, ConnectionClosedError)):
        client("sts").get_caller_identity()
    (call,) = record.calls()
    assert (call["action"], call["status"]) == ("GetCallerIdentity", status)


def test_the_record_begins_at_the_time_asked_for_and_can_be_cleared(cloud: Cloud, account: str) -> None:
    sts = cloud.client("sts", account)
    sts.get_caller_identity()
    (first,) = [call for call in cloud.control("GET", "calls")[1]["calls"] if call["access_key"] == account]
    sts.get_caller_identity()
    after = cloud.control("GET", f"calls?since={first['at'] + 1e-6}")[1]["calls"]
    assert [call["access_key"] for call in after] == [account]
    assert cloud.control("DELETE", "calls") == (200, {"calls": []})
    assert cloud.control("GET", "calls") == (200, {"calls": []})


@pytest.mark.parametrize(("query", "mistake"), [("since=now", "since is 'now'"), ("until=3", "unknown until")])
def test_a_wrong_query_of_the_record_is_a_mistake(cloud: Cloud, query: str, mistake: str) -> None:
    status, text = cloud.http("GET", f"/_strata/calls?{query}")
    assert status == 400
    assert mistake in json.loads(text)["mistakes"][0]
