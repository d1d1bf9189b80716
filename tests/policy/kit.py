"""Small stacks on which the tests check rules."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

from policy.judge import judge
from policy.rules import ALL
from policy.tokens import ALIAS, CURVE, FUNCTION, GROUP, LOG_GROUP, RELEASE, ROLE, STAGE, TABLE
from policy.view import Resource, Settings, Stack

TODAY = date(2026, 6, 1)
PRODUCTION = Settings(production=True, boundary="strata-boundary")
BOUNDARY = "arn:aws:iam::333333333333:policy/strata-boundary"


def resource(type_: str, called: str, /, *, uses: dict[str, str] | None = None, **props: Any) -> Resource:
    """Return a resource. `uses`: property -> the URN of the resource whose output it is; a URN is a resource's name."""
    made = {key: (urn,) for key, urn in (uses or {}).items()}
    return Resource(type=type_, name=called, props=props, uses=made, urn=called)


def stack(*resources: Resource, settings: Settings = PRODUCTION) -> Stack:
    return Stack(name="prod", resources=resources, settings=settings, today=TODAY)


def broken(rule: str, seen: Stack) -> list[str]:
    """Return a rule's messages on all resources of a stack."""
    (asked,) = [one for one in ALL if one.name == rule]
    return [message for one in seen.resources for message in judge(asked, one, seen)]


def statement(action: str | list[str] = "s3:GetObject", **more: Any) -> str:
    """Return a policy document with one Allow."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **more}]})


def role(name: str = "role", **props: Any) -> Resource:
    trust = statement("sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"})
    return resource(ROLE, name, **{"assumeRolePolicy": trust, "permissionsBoundary": BOUNDARY, **props})


def function(name: str = "orders", **props: Any) -> Resource:
    return resource(FUNCTION, name, **{"name": name, "role": f"arn:aws:iam::333333333333:role/{name}", **props})


def alias(name: str = "live") -> Resource:
    ignored = frozenset({"description", "functionVersion", "routingConfig"})
    made = resource(ALIAS, name, uses={"functionName": "orders"}, name="live", functionName="orders")
    return replace(made, ignore_changes=ignored)


def stage(**props: Any) -> Resource:
    settings = {"throttlingRateLimit": 200, "throttlingBurstLimit": 400}
    log = {"destinationArn": "arn:aws:logs:eu-central-1:333333333333:log-group:api", "format": "$context.requestId"}
    given = {"name": "$default", "defaultRouteSettings": settings, "accessLogSettings": log}
    return resource(STAGE, "stage", **{**given, **props})


def group(**props: Any) -> Resource:
    given = {
        "deploymentGroupName": "orders",
        "deploymentConfigName": "canary-10-10",
        "autoRollbackConfiguration": {
            "enabled": True,
            "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
        },
        "alarmConfiguration": {"enabled": True, "alarms": ["orders-errors"]},
    }
    return replace(resource(GROUP, "group", **{**given, **props}), protect=True)


def curve(kind: str = "TimeBasedCanary") -> Resource:
    return resource(CURVE, "curve", deploymentConfigName="canary-10-10", trafficRoutingConfig={"type": kind})


def release(**props: Any) -> Resource:
    target = {"function": "orders", "alias": "live", "group": "orders"}
    return resource(RELEASE, "release", **{"targets": [target], "policy": {"evidence": "enforce"}, **props})


def table(**props: Any) -> Resource:
    given = {
        "pointInTimeRecovery": {"enabled": True},
        "serverSideEncryption": {"enabled": True},
        "deletionProtectionEnabled": True,
    }
    return replace(resource(TABLE, "table", **{**given, **props}), protect=True)


def logs(**props: Any) -> Resource:
    return resource(LOG_GROUP, "logs", **{"name": "/aws/lambda/orders", "retentionInDays": 30, **props})
