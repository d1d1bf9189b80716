"""Enforced policies: AWS's services act as their roles, or a resource's policy permits them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.codedeploy import Deployer, appspec
from local.tests.cloud.conftest import REGION, Functions, until
from local.tests.cloud.enforced import Account, allow, cloud, document, own
from local.tests.cloud.languages import NODE

__all__ = ["cloud", "own"]  # fixtures

CALLER = (
    "import boto3\ndef handler(event, context):\n"
    "    boto3.client('dynamodb').list_tables()\n"
    "    return boto3.client('sts').get_caller_identity()['Arn']\n"
)
LOGS = allow(["logs:CreateLogStream", "logs:PutLogEvents"], Sid="Logs")
QUIET = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'ok'}\n"
HOOK = (
    "import boto3\ndef handler(event, context):\n"
    "    boto3.client('codedeploy').put_lifecycle_event_hook_execution_status(\n"
    "        deploymentId=event['DeploymentId'], status='Succeeded',\n"
    "        lifecycleEventHookExecutionId=event['LifecycleEventHookExecutionId'])\n"
)


# Lambda


def test_a_function_in_node_calls_with_the_session_of_its_execution_role(own: Account, functions: Functions) -> None:
    role = own.service_role("execution", "lambda", LOGS)
    functions.create(NODE.identity, Role=role, Runtime=NODE.runtime)
    session = f"arn:aws:sts::{own.account}:assumed-role/execution/orders"
    assert functions.invoke(qualifier="")["Payload"] == session


def test_a_function_acts_as_its_execution_role(own: Account, functions: Functions) -> None:
    role = own.service_role("execution", "lambda", LOGS)
    functions.create(CALLER, Role=role)
    denied = functions.invoke(qualifier="")["Payload"]["errorMessage"]
    session = f"arn:aws:sts::{own.account}:assumed-role/execution/orders"
    assert f"User: {session} is not authorized to perform: dynamodb:ListTables" in denied
    own.grant("execution", allow("dynamodb:ListTables", Sid="Tables"))
    assert functions.invoke(qualifier="")["Payload"] == session
    allowed = [entry for entry in own.decisions() if entry["action"] == "dynamodb:ListTables" and entry["allowed"]]
    assert [(entry["caller"], entry["by"]) for entry in allowed] == [(role, [{"policy": "rights", "sid": "Tables"}])]


def test_a_function_whose_role_may_not_log_leaves_no_log(own: Account, functions: Functions) -> None:
    role = own.service_role("execution", "lambda")
    functions.create(QUIET, Role=role)
    logs = own.admin("logs")

    def groups() -> list[str]:
        return [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]

    assert functions.invoke(qualifier="")["StatusCode"] == 200
    assert groups() == []
    own.grant("execution", LOGS)
    functions.invoke(qualifier="")
    assert until(groups) == ["/aws/lambda/orders"]


def test_active_tracing_needs_a_role_that_may_send_traces(own: Account, functions: Functions) -> None:
    role = own.service_role("execution", "lambda", LOGS)
    active: dict[str, Any] = {"TracingConfig": {"Mode": "Active"}}
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="PutTraceSegments on XRAY"):
        functions.create(QUIET, Role=role, **active)
    functions.create(QUIET, Role=role)
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="PutTraceSegments on XRAY"):
        functions.reconfigure(**active)
    own.grant("execution", LOGS, allow("xray:PutTraceSegments"))
    functions.reconfigure(**active)


# API Gateway


@pytest.mark.parametrize(
    ("qualifier", "source", "status"),
    [
        ("live", "arn:aws:execute-api:{region}:{account}:{api}/*/*", 200),
        ("live", "arn:aws:execute-api:{region}:{account}:{api}/*/GET/orders", 200),
        ("live", "arn:aws:execute-api:{region}:{account}:{api}/*/POST/orders", 500),
        ("live", "arn:aws:execute-api:{region}:{account}:other/*/*", 500),
        ("", "arn:aws:execute-api:{region}:{account}:{api}/*/*", 500),
        (None, "", 500),
    ],
)
def test_an_api_reaches_a_function_only_by_a_permission_on_what_it_calls(
    own: Account, functions: Functions, qualifier: str | None, source: str, status: int
) -> None:
    alias = functions.alias(functions.create(QUIET, Role=own.service_role("execution", "lambda", LOGS)))
    gateway = own.admin("apigatewayv2")
    api = gateway.create_api(Name="shop", ProtocolType="HTTP")
    made = gateway.create_integration(
        ApiId=api["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=alias, PayloadFormatVersion="2.0"
    )
    gateway.create_route(ApiId=api["ApiId"], RouteKey="GET /orders", Target=f"integrations/{made['IntegrationId']}")
    gateway.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    if qualifier is not None:
        functions.client.add_permission(
            FunctionName="orders",
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=source.format(region=REGION, account=own.account, api=api["ApiId"]),
            **({"Qualifier": qualifier} if qualifier else {}),
        )
    host = api["ApiEndpoint"].removeprefix("http://")
    assert own.cloud.http("GET", "/orders", host=host)[0] == status


# CodeDeploy


@pytest.fixture
def deployer(own: Account, functions: Functions, client: Callable[[str], Any]) -> Deployer:
    """Its group's role may do nothing yet."""
    own.service_role("execution", "lambda", LOGS)
    return Deployer(client, functions)


MOVES = allow(["lambda:GetAlias", "lambda:UpdateAlias"], Sid="Aliases")
WATCHES = allow("cloudwatch:DescribeAlarms", Sid="Alarms")
CALLS = allow("lambda:InvokeFunction", Sid="Hooks")


@pytest.mark.parametrize("rights", [[], [WATCHES], [allow("lambda:GetAlias")], [allow("lambda:UpdateAlias")]])
def test_codedeploy_shifts_nothing_that_its_groups_role_may_not(
    own: Account, deployer: Deployer, rights: list[dict[str, Any]]
) -> None:
    own.grant("deployer", *rights)
    failed = deployer.ended(deployer.deploy())
    assert failed["errorInformation"]["code"] == "IAM_ROLE_PERMISSIONS"
    assert f"The IAM role {deployer.role} does not give you permission" in failed["errorInformation"]["message"]
    assert deployer.alias() == ("1", {})


def test_codedeploy_shifts_as_its_groups_role(own: Account, deployer: Deployer) -> None:
    own.grant("deployer", MOVES)
    assert deployer.ended(deployer.deploy())["status"] == "Succeeded"
    function = own.arn("lambda", "function:orders")
    made = {(entry["action"], entry["resource"]) for entry in own.decisions() if entry["caller"] == deployer.role}
    assert made == {("lambda:GetAlias", function), ("lambda:UpdateAlias", function)}


@pytest.mark.parametrize(("rights", "status"), [([MOVES], "Failed"), ([MOVES, CALLS], "Succeeded")])
def test_codedeploy_calls_hooks_as_its_groups_role(
    own: Account, deployer: Deployer, functions: Functions, rights: list[dict[str, Any]], status: str
) -> None:
    group = own.arn("codedeploy", "deploymentgroup:shop/orders")
    answer = allow("codedeploy:PutLifecycleEventHookExecutionStatus", group, Sid="Answer")
    role = own.service_role("hook", "lambda", LOGS, answer)
    functions.create(HOOK, name="check", Role=role)
    own.grant("deployer", *rights)
    ended = deployer.ended(deployer.deploy(appspec("1", "2", {"BeforeAllowTraffic": "check"})))
    assert ended["status"] == status
    answered = [
        entry["resource"] for entry in own.decisions() if entry["caller"] == role and "codedeploy" in entry["action"]
    ]
    assert answered == ([group] if status == "Succeeded" else [])


@pytest.mark.parametrize(("rights", "status"), [([MOVES], "Stopped"), ([MOVES, WATCHES], "Succeeded")])
def test_codedeploy_reads_alarms_as_its_groups_role(
    own: Account, deployer: Deployer, rights: list[dict[str, Any]], status: str
) -> None:
    deployer.alarm("red")
    own.grant("deployer", *rights)
    alarms = {"enabled": True, "alarms": [{"name": "red"}]}
    assert deployer.ended(deployer.deploy(overrideAlarmConfiguration=alarms))["status"] == status


# CloudWatch


@pytest.mark.parametrize(
    ("principal", "condition", "outcome"),
    [
        ("cloudwatch.amazonaws.com", {"StringEquals": {"aws:SourceAccount": "{account}"}}, "Successfully executed"),
        ("cloudwatch.amazonaws.com", {"ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:*:{account}:alarm:red"}},
         "Successfully executed"),
        ("cloudwatch.amazonaws.com", {"StringEquals": {"aws:SourceAccount": "123456789012"}}, "Failed to execute"),
        ("events.amazonaws.com", {}, "Failed to execute"),
    ],
)  # fmt: skip
def test_an_alarm_reaches_its_topic_by_the_topics_policy(
    own: Account, principal: str, condition: dict[str, Any], outcome: str
) -> None:
    topic = topic_of(own, principal, condition)
    assert outcome in raised(own, topic)


@pytest.mark.parametrize(("lets", "outcome"), [(True, "Successfully executed"), (False, "Failed to execute")])
def test_an_alarm_reaches_an_encrypted_topic_only_if_the_key_lets_cloudwatch_in(
    own: Account, lets: bool, outcome: str
) -> None:
    root = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{own.account}:root"}}
    service = {**allow(["kms:Decrypt", "kms:GenerateDataKey*"]), "Principal": {"Service": "cloudwatch.amazonaws.com"}}
    key = own.admin("kms").create_key(Policy=document(root, *([service] if lets else [])))["KeyMetadata"]["KeyId"]
    assert outcome in raised(own, topic_of(own, "cloudwatch.amazonaws.com", {}, KmsMasterKeyId=key))


def test_an_alarm_reaches_a_topic_without_a_policy(own: Account) -> None:
    topic = own.admin("sns").create_topic(Name="alarms")["TopicArn"]
    assert "Successfully executed" in raised(own, topic)


def topic_of(own: Account, principal: str, condition: dict[str, Any], **attributes: str) -> str:
    """Return the ARN of a topic that a service may publish to."""
    topic = own.arn("sns", "alarms")
    stated = json.loads(json.dumps(condition).replace("{account}", own.account))
    statement = {**allow("sns:Publish", topic), "Principal": {"Service": principal}, "Condition": stated}
    own.admin("sns").create_topic(Name="alarms", Attributes={"Policy": document(statement), **attributes})
    return topic


def raised(own: Account, topic: str) -> str:
    """Return what the history says of the action of an alarm that fired."""
    cloudwatch = own.admin("cloudwatch")
    metric = {"Namespace": "Tests", "MetricName": "m", "Statistic": "Sum", "Period": 60}
    limit = {"EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName="red", AlarmActions=[topic], TreatMissingData="ignore", **metric, **limit)
    cloudwatch.set_alarm_state(AlarmName="red", StateValue="ALARM", StateReason="test")
    (item,) = cloudwatch.describe_alarm_history(AlarmName="red", HistoryItemType="Action")["AlarmHistoryItems"]
    return str(item["HistorySummary"])
