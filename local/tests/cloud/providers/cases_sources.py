"""The cases of what invokes functions beside an API: queues, event source mappings, buses, rules and targets."""

import json
from collections.abc import Mapping
from typing import Any

from local.tests.cloud.providers.cases import Case, policy
from local.tests.cloud.providers.cases_buckets import of_account
from local.tests.cloud.providers.conftest import Made

_PATTERN = {"source": ["shop"], "detail-type": ["Order placed"]}


def _filters(name: str) -> dict[str, Any]:
    return {"filters": [{"pattern": json.dumps({"eventName": [name]})}]}


def _redrive(made: Mapping[str, Made], attempts: int) -> str:
    return json.dumps({"deadLetterTargetArn": made["dead queue"].state["arn"], "maxReceiveCount": attempts})


CASES = {
    "dead queue": Case(
        "aws:sqs/queue:Queue",
        lambda _: {"name": "jobs-dead", "messageRetentionSeconds": 1_209_600},
        {"tags": {"a": "b"}},
    ),
    "queue": Case(
        "aws:sqs/queue:Queue",
        lambda made: {
            "name": "jobs",
            "visibilityTimeoutSeconds": 60,
            "redrivePolicy": _redrive(made, 5),
            "sqsManagedSseEnabled": True,
            "tags": {"a": "b"},
        },
        {"visibilityTimeoutSeconds": 90, "receiveWaitTimeSeconds": 20, "tags": {"a": "c", "d": "e"}},
        needs=("dead queue",),
    ),
    "queue policy": Case(
        "aws:sqs/queuePolicy:QueuePolicy",
        lambda made: {"queueUrl": made["dead queue"].id, "policy": policy("sqs:SendMessage")},
        {"policy": policy("sqs:ReceiveMessage")},
        needs=("dead queue",),
    ),
    "mapping of a queue": Case(
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        lambda made: {
            "eventSourceArn": made["queue"].state["arn"],
            "functionName": made["alias"].state["arn"],
            "batchSize": 10,
            "functionResponseTypes": ["ReportBatchItemFailures"],
            "scalingConfig": {"maximumConcurrency": 2},
            "tags": {"a": "b"},
        },
        {"batchSize": 5, "functionResponseTypes": None, "scalingConfig": None, "enabled": False, "tags": {"a": "c"}},
        needs=("queue", "function", "alias"),
    ),
    "mapping of a stream": Case(
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        lambda made: {
            "eventSourceArn": made["provisioned table"].state["streamArn"],
            "functionName": made["alias"].state["arn"],
            "startingPosition": "TRIM_HORIZON",
            "bisectBatchOnFunctionError": True,
            "destinationConfig": {"onFailure": {"destinationArn": made["dead queue"].state["arn"]}},
            "filterCriteria": _filters("INSERT"),
            "functionResponseTypes": ["ReportBatchItemFailures"],
            "maximumRetryAttempts": 5,
            "maximumRecordAgeInSeconds": 3600,
        },
        {"filterCriteria": _filters("MODIFY"), "maximumRetryAttempts": 3, "maximumBatchingWindowInSeconds": 1},
        needs=("provisioned table", "dead queue", "function", "alias"),
    ),
    "retries of asynchronous calls": Case(
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        lambda made: {
            "functionName": made["function"].state["name"],
            "qualifier": "live",
            "destinationConfig": {"onFailure": {"destination": made["dead queue"].state["arn"]}},
            "maximumEventAgeInSeconds": 3600,
        },
        {"maximumEventAgeInSeconds": 600, "maximumRetryAttempts": 0, "destinationConfig": None},
        needs=("dead queue", "function", "alias"),
    ),
    "bus": Case(
        "aws:cloudwatch/eventBus:EventBus",
        lambda _: {"name": "shop", "description": "events of the shop"},
        {"description": "its events", "tags": {"a": "b"}},
    ),
    "bus's policy": Case(
        "aws:cloudwatch/eventBusPolicy:EventBusPolicy",
        lambda made: {
            "eventBusName": made["bus"].state["name"],
            "policy": of_account("events:PutEvents", made["bus"].state["arn"]),
        },
        {"policy": of_account("events:PutRule", "arn:aws:events:eu-central-1:111111111111:event-bus/shop")},
        needs=("bus",),
    ),
    "project": Case(
        "aws:codebuild/project:Project",
        lambda made: {
            "name": "releases",
            "serviceRole": made["role"].state["arn"],
            "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2"},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": {
                "type": "LINUX_CONTAINER",
                "computeType": "BUILD_GENERAL1_SMALL",
                "image": "aws/codebuild/standard:7.0",
                "environmentVariables": [{"name": "STACK", "value": "prod"}],
            },
            "logsConfig": {"cloudwatchLogs": {"groupName": "/aws/codebuild/releases"}},
            "concurrentBuildLimit": 1,
            "tags": {"a": "b"},
        },
        {"buildTimeout": 240, "description": "releases a stack", "tags": {"c": "d"}},
        needs=("role",),
    ),
    "rule": Case(
        "aws:cloudwatch/eventRule:EventRule",
        lambda made: {
            "name": "placed",
            "eventBusName": made["bus"].state["name"],
            "eventPattern": json.dumps(_PATTERN, indent=2),
            "tags": {"a": "b"},
        },
        {"eventPattern": json.dumps({**_PATTERN, "source": ["other"]}), "description": "placed", "state": "DISABLED"},
        needs=("bus",),
    ),
    "schedule": Case(
        "aws:cloudwatch/eventRule:EventRule",
        lambda _: {"name": "often", "scheduleExpression": "rate(5 minutes)"},
        {"scheduleExpression": "cron(0 12 * * ? *)", "tags": {"a": "b"}},
    ),
    "target": Case(
        "aws:cloudwatch/eventTarget:EventTarget",
        lambda made: {
            "rule": made["rule"].state["name"],
            "eventBusName": made["bus"].state["name"],
            "targetId": "live",
            "arn": made["alias"].state["arn"],
        },
        {"input": '{"a": 1}', "retryPolicy": {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 60}},
        needs=("bus", "rule", "function", "alias"),
        import_id=lambda made: f"shop/placed/{made.state['targetId']}",
    ),
    "connection": Case(
        "aws:cloudwatch/eventConnection:EventConnection",
        lambda _: {
            "name": "chat",
            "authorizationType": "API_KEY",
            "authParameters": {
                "apiKey": {"key": "x-stack", "value": "prod"},
                "invocationHttpParameters": {
                    "queryStrings": [{"key": "sig", "value": "s3cret", "isValueSecret": True}]
                },
            },
        },
        {"authParameters": {"apiKey": {"key": "x-stack", "value": "dev"}}, "description": "of the chat"},
    ),
    "API destination": Case(
        "aws:cloudwatch/eventApiDestination:EventApiDestination",
        lambda made: {
            "name": "chat",
            "connectionArn": made["connection"].state["arn"],
            "httpMethod": "POST",
            "invocationEndpoint": "https://chat.example.com/hook",
            "invocationRateLimitPerSecond": 1,
        },
        {"invocationEndpoint": "https://chat.example.com/other"},
        needs=("connection",),
    ),
    "target with lines": Case(
        "aws:cloudwatch/eventTarget:EventTarget",
        lambda made: {
            "rule": made["rule"].state["name"],
            "eventBusName": made["bus"].state["name"],
            "targetId": "lines",
            "arn": made["dead queue"].state["arn"],
            "inputTransformer": {"inputPaths": {"what": "$.detail.what"}, "inputTemplate": '"<what>"'},
        },
        {"inputTransformer": {"inputPaths": {"why": "$.detail.why"}, "inputTemplate": '"<why>"'}},
        needs=("bus", "rule", "dead queue"),
        import_id=lambda made: f"shop/placed/{made.state['targetId']}",
    ),
}
