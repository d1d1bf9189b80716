"""A case for each stand-in resource type: what it needs, its inputs, and what an `up` changes of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.providers.wire import ARCHIVE, ASSET, SIGNATURE
from local.tests.cloud.providers.conftest import Made

LOGS = "arn:aws:logs:eu-central-1:111111111111:log-group"
LAMBDA_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["lambda.amazonaws.com", "codedeploy.amazonaws.com"]},
                "Action": ["sts:AssumeRole"],
            }
        ],
    },
    indent=2,
)


def code(source: str) -> dict[str, Any]:
    """Return an AssetArchive of one module, with the hash by which the engine knows it."""
    module = {SIGNATURE: ASSET, "text": source}
    return {SIGNATURE: ARCHIVE, "assets": {"main.py": module}, "hash": source}


def policy(action: str, resource: str = "*") -> str:
    """Return a policy document."""
    statement = {"Effect": "Allow", "Action": [action], "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


Inputs = Callable[[Mapping[str, Made]], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A use of a type: `inputs` from what it needs; `update`: what an `up` then changes, or removes (None)."""

    kind: str
    inputs: Inputs
    update: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    import_id: Callable[[Made], str] = lambda made: made.id
    imported_as: Callable[[Made], str] = lambda made: made.id


CASES = {
    "table": Case(
        "aws:dynamodb/table:Table",
        lambda _: {
            "name": "strata-orders",
            "hashKey": "id",
            "attributes": [{"name": "id", "type": "S"}, {"name": "day", "type": "S"}],
            "billingMode": "PAY_PER_REQUEST",
            "pointInTimeRecovery": {"enabled": True},
            "serverSideEncryption": {"enabled": True},
            "ttl": {"attributeName": "expiration", "enabled": True},
            "globalSecondaryIndexes": [{"name": "by-day", "hashKey": "day", "projectionType": "ALL"}],
            "tags": {"owner": "orders"},
        },
        {
            "attributes": [{"name": "id", "type": "S"}, {"name": "buyer", "type": "S"}],
            "deletionProtectionEnabled": False,
            "globalSecondaryIndexes": [{"name": "by-buyer", "hashKey": "buyer", "projectionType": "KEYS_ONLY"}],
            "pointInTimeRecovery": {"enabled": False},
            "tags": {"owner": "data"},
        },
    ),
    "provisioned table": Case(
        "aws:dynamodb/table:Table",
        lambda _: {
            "name": "strata-provisioned",
            "hashKey": "id",
            "rangeKey": "at",
            "attributes": [{"name": "id", "type": "S"}, {"name": "at", "type": "N"}],
            "readCapacity": 1,
            "writeCapacity": 1,
            "streamEnabled": True,
            "streamViewType": "NEW_IMAGE",
        },
        {"readCapacity": 2, "streamViewType": "NEW_AND_OLD_IMAGES"},
    ),
    "role": Case(
        "aws:iam/role:Role",
        lambda _: {"name": "execution", "assumeRolePolicy": LAMBDA_TRUST, "description": "runs"},
        {"description": "runs orders", "maxSessionDuration": 7200, "tags": {"a": "b"}},
    ),
    "role with policies": Case(
        "aws:iam/role:Role",
        lambda _: {
            "name": "whole",
            "assumeRolePolicy": LAMBDA_TRUST,
            "inlinePolicies": [{"name": "calls", "policy": policy("s3:GetObject")}],
            "managedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
        },
        {"inlinePolicies": [{"name": "other", "policy": policy("s3:ListBucket")}], "managedPolicyArns": []},
    ),
    "role policy": Case(
        "aws:iam/rolePolicy:RolePolicy",
        lambda made: {"role": made["role"].state["name"], "name": "calls", "policy": policy("dynamodb:GetItem")},
        {"policy": policy("dynamodb:PutItem")},
        ("role",),
    ),
    "role policy attachment": Case(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        lambda made: {
            "role": made["role"].state["name"],
            "policyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        },
        needs=("role",),
        import_id=lambda made: f"{made.state['role']}/{made.state['policyArn']}",
        imported_as=lambda made: f"{made.state['role']}-{made.state['policyArn']}",
    ),
    "function": Case(
        "aws:lambda/function:Function",
        lambda made: {
            "name": "orders",
            "role": made["role"].state["arn"],
            "runtime": "python3.11",
            "handler": "main.handler",
            "code": code("def handler(event, context): return 1"),
            "publish": True,
            "environment": {"variables": {"TABLE_NAME": "orders"}},
            "loggingConfig": {"logFormat": "JSON"},
            "memorySize": 256,
        },
        {"environment": None, "memorySize": None, "timeout": 9, "reservedConcurrentExecutions": 2},
        ("role",),
    ),
    "alias": Case(
        "aws:lambda/alias:Alias",
        lambda made: {
            "name": "live",
            "functionName": made["function"].state["arn"],
            "functionVersion": made["function"].state["version"],
        },
        {"description": "what is live"},
        ("function",),
    ),
    "permission": Case(
        "aws:lambda/permission:Permission",
        lambda made: {
            "action": "lambda:InvokeFunction",
            "function": made["function"].state["name"],
            "principal": "apigateway.amazonaws.com",
            "qualifier": made["alias"].state["name"],
            "sourceArn": "arn:aws:execute-api:eu-central-1:111111111111:abc/*/*",
            "statementId": "api",
        },
        needs=("alias",),
        import_id=lambda made: f"orders:live/{made.id}",
    ),
    "api": Case(
        "aws:apigatewayv2/api:Api",
        lambda _: {"name": "orders", "protocolType": "HTTP", "corsConfiguration": {"allowOrigins": ["*"]}},
        {"description": "orders", "corsConfiguration": None, "tags": {"a": "b"}},
    ),
    "integration": Case(
        "aws:apigatewayv2/integration:Integration",
        lambda made: {
            "apiId": made["api"].id,
            "integrationType": "AWS_PROXY",
            "integrationMethod": "POST",
            "integrationUri": made["alias"].state["invokeArn"],
            "payloadFormatVersion": "2.0",
        },
        {"description": "to the alias", "timeoutMilliseconds": 5000},
        ("api", "alias"),
        lambda made: f"{made.state['apiId']}/{made.id}",
    ),
    "route": Case(
        "aws:apigatewayv2/route:Route",
        lambda made: {
            "apiId": made["api"].id,
            "routeKey": "GET /health",
            "target": f"integrations/{made['integration'].id}",
        },
        {"routeKey": "GET /ready"},
        ("api", "integration"),
        lambda made: f"{made.state['apiId']}/{made.id}",
    ),
    "authorizer": Case(
        "aws:apigatewayv2/authorizer:Authorizer",
        lambda made: {
            "apiId": made["api"].id,
            "name": "tokens",
            "authorizerType": "JWT",
            "identitySources": ["$request.header.Authorization"],
            "jwtConfiguration": {"issuer": "https://issuer.example.com", "audiences": ["orders"]},
        },
        {"jwtConfiguration": {"issuer": "https://issuer.example.com", "audiences": ["orders", "returns"]}},
        ("api",),
        lambda made: f"{made.state['apiId']}/{made.id}",
    ),
    "stage": Case(
        "aws:apigatewayv2/stage:Stage",
        lambda made: {
            "apiId": made["api"].id,
            "name": "$default",
            "autoDeploy": True,
            "accessLogSettings": {"destinationArn": f"{LOGS}:api", "format": "$context.requestId"},
        },
        {"accessLogSettings": None, "defaultRouteSettings": {"throttlingBurstLimit": 10, "throttlingRateLimit": 5}},
        ("api",),
        lambda made: f"{made.state['apiId']}/{made.id}",
    ),
    "log group": Case(
        "aws:cloudwatch/logGroup:LogGroup",
        lambda _: {"name": "/aws/lambda/orders", "retentionInDays": 7},
        {"retentionInDays": None, "tags": {"a": "b"}},
    ),
    "alarm": Case(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        lambda made: {
            "name": "errors",
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 2,
            "datapointsToAlarm": 1,
            "threshold": 0,
            "namespace": "AWS/Lambda",
            "metricName": "Errors",
            "period": 60,
            "statistic": "Sum",
            "dimensions": {"FunctionName": "orders", "Resource": "orders:live"},
            "alarmActions": [made["topic"].id],
            "treatMissingData": "notBreaching",
        },
        {"threshold": 1.5, "alarmActions": None, "alarmDescription": "too many errors"},
        ("topic",),
    ),
    "alarm on metric math": Case(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        lambda _: {
            "name": "rate",
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 1,
            "threshold": 1,
            "metricQueries": [
                {"id": "rate", "expression": "100 * e / i", "label": "rate", "returnData": True},
                {"id": "e", "metric": metric("Errors")},
                {"id": "i", "metric": metric("Invocations")},
            ],
        },
        {"threshold": 5},
    ),
    "dashboard": Case(
        "aws:cloudwatch/dashboard:Dashboard",
        lambda _: {"dashboardName": "strata", "dashboardBody": '{ "widgets": [] }'},
        {"dashboardBody": json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "x"}}]})},
    ),
    "topic": Case(
        "aws:sns/topic:Topic",
        lambda _: {"name": "alarms", "displayName": "Alarms"},
        {"displayName": "All alarms", "tags": {"a": "b"}},
    ),
    "topic policy": Case(
        "aws:sns/topicPolicy:TopicPolicy",
        lambda made: {"arn": made["topic"].id, "policy": policy("sns:Publish", made["topic"].id)},
        {"policy": policy("sns:Subscribe")},
        ("topic",),
    ),
    "topic subscription": Case(
        "aws:sns/topicSubscription:TopicSubscription",
        lambda made: {"topic": made["topic"].id, "protocol": "email", "endpoint": "someone@strata.example"},
        {"filterPolicy": '{"kind": ["a"]}'},
        ("topic",),
    ),
    "key": Case(
        "aws:kms/key:Key",
        lambda _: {"description": "for alarms", "enableKeyRotation": True, "deletionWindowInDays": 7},
        {"description": "for topics", "enableKeyRotation": False, "tags": {"a": "b"}},
    ),
    "managed policy": Case(
        "aws:iam/policy:Policy",
        lambda _: {"name": "calls", "policy": policy("s3:GetObject"), "description": "reads"},
        {"policy": policy("s3:ListBucket"), "tags": {"a": "b"}},
    ),
    # The local cloud cannot change its audiences.
    "issuer": Case(
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        lambda _: {"url": "https://issuer.example.com", "clientIdLists": ["sts.amazonaws.com"]},
        {"tags": {"a": "b"}},
    ),
    "key's alias": Case(
        "aws:kms/alias:Alias",
        lambda made: {"name": "alias/alarms", "targetKeyId": made["key"].id},
        needs=("key",),
    ),
    "parameter": Case(
        "aws:ssm/parameter:Parameter",
        lambda _: {
            "name": "/strata/test/key",
            "type": "SecureString",
            "value": "the first",
            "description": "Signs",
            "tags": {"a": "b"},
        },
        {"value": "the second", "description": "Seals", "tags": {"a": "c"}},
    ),
    "application": Case(
        "aws:codedeploy/application:Application",
        lambda _: {"name": "strata", "computePlatform": "Lambda"},
        {"tags": {"a": "b"}},
        import_id=lambda made: str(made.state["name"]),
    ),
    "curve": Case(
        "aws:codedeploy/deploymentConfig:DeploymentConfig",
        lambda _: {
            "deploymentConfigName": "canary-10-5",
            "computePlatform": "Lambda",
            "trafficRoutingConfig": {
                "type": "TimeBasedCanary",
                "timeBasedCanary": {"interval": 5, "percentage": 10},
            },
        },
    ),
    "deployment group": Case(
        "aws:codedeploy/deploymentGroup:DeploymentGroup",
        lambda made: {
            "appName": made["application"].state["name"],
            "deploymentGroupName": "orders",
            "serviceRoleArn": made["role"].state["arn"],
            "deploymentConfigName": made["curve"].id,
            "deploymentStyle": {"deploymentOption": "WITH_TRAFFIC_CONTROL", "deploymentType": "BLUE_GREEN"},
            "autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
            "alarmConfiguration": {"enabled": True, "alarms": ["errors"]},
        },
        {
            "alarmConfiguration": None,
            "autoRollbackConfiguration": {
                "enabled": True,
                "events": ["DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"],
            },
            "tags": {"a": "b"},
        },
        ("application", "role", "curve"),
        lambda made: f"{made.state['appName']}:{made.state['deploymentGroupName']}",
    ),
}


def metric(name: str) -> dict[str, Any]:
    """Return a metric of the function, as an alarm's query names it."""
    where = {"FunctionName": "orders"}
    return {"namespace": "AWS/Lambda", "metricName": name, "period": 60, "stat": "Sum", "dimensions": where}
