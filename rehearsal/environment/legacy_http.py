"""The HTTP API of the legacy layer compute, as Terraform would have left it."""

import json
from dataclasses import dataclass
from typing import Any

from rehearsal.environment.legacy_document import Instance
from rehearsal.environment.legacy_state import TAGS
from rehearsal.observe.aws_records import AwsRecords

PREFIX, FUNCTION, ALIAS = "strata-prod", "strata-prod-orders", "live"
ROUTES = ("POST /orders", "GET /orders/{id}", "GET /health")
STATEMENT = "terraform-20260131120000000000000001"
"""Terraform makes up the id of a statement without one: https://developer.hashicorp.com/terraform/plugin/sdkv2/resources"""
ACCESS_LOG = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "responseLatency": "$context.responseLatency",
    "responseLength": "$context.responseLength",
    "integrationError": "$context.integrationErrorMessage",
    "authorizerError": "$context.authorizer.error",
}


@dataclass(frozen=True)
class Api:
    """The API, whose id and address AWS makes up."""

    id: str
    url: str
    instances: tuple[Instance, ...]


def create(aws: AwsRecords, invoked: str) -> Api:
    """Make the API in front of the alias that is invoked by the ARN `invoked`."""
    api, functions = aws.client("apigatewayv2"), aws.client("lambda")
    made = api.create_api(Name=PREFIX, ProtocolType="HTTP", Tags=TAGS)
    id_, url = made["ApiId"], made["ApiEndpoint"]
    called = f"arn:aws:execute-api:{aws.region}:{aws.account}:{id_}"
    whole = {
        "id": id_,
        "name": PREFIX,
        "protocol_type": "HTTP",
        "api_endpoint": url,
        "execution_arn": called,
        "arn": f"arn:aws:apigateway:{aws.region}::/apis/{id_}",
        "cors_configuration": [],
        "disable_execute_api_endpoint": False,
        "tags": None,
        "tags_all": TAGS,
    }
    front = {"integration_type": "AWS_PROXY", "integration_method": "POST", "payload_format_version": "2.0"}
    integration = api.create_integration(
        ApiId=id_,
        IntegrationType="AWS_PROXY",
        IntegrationMethod="POST",
        PayloadFormatVersion="2.0",
        IntegrationUri=invoked,
    )["IntegrationId"]
    attributes = {"id": integration, "api_id": id_, "integration_uri": invoked, **front}
    routes = []
    for key in ROUTES:
        target = f"integrations/{integration}"
        route = api.create_route(ApiId=id_, RouteKey=key, Target=target)["RouteId"]
        named = {"id": route, "api_id": id_, "route_key": key, "target": target, "authorization_type": "NONE"}
        routes.append(Instance("aws_apigatewayv2_route", "orders", named, key=key))
    log = log_group(aws, f"/aws/vendedlogs/{PREFIX}-api", 30)
    return Api(
        id_,
        url,
        (
            Instance("aws_apigatewayv2_api", "this", whole),
            Instance("aws_apigatewayv2_integration", "orders", attributes),
            *routes,
            Instance("aws_lambda_permission", "api", _permission(functions, f"{called}/*/*")),
            Instance("aws_cloudwatch_log_group", "access", log),
            Instance("aws_apigatewayv2_stage", "default", _stage(api, id_, log["arn"])),
        ),
    )


def _permission(functions: Any, source: str) -> dict[str, Any]:
    allowed = {"action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com"}
    functions.add_permission(
        FunctionName=FUNCTION,
        Qualifier=ALIAS,
        StatementId=STATEMENT,
        Action=allowed["action"],
        Principal=allowed["principal"],
        SourceArn=source,
    )
    return {
        **allowed,
        "id": STATEMENT,
        "statement_id": STATEMENT,
        "statement_id_prefix": "terraform-",
        "function_name": FUNCTION,
        "qualifier": ALIAS,
        "source_arn": source,
        "source_account": None,
    }


def _stage(api: Any, id_: str, log: str) -> dict[str, Any]:
    api.create_stage(
        ApiId=id_,
        StageName="$default",
        AutoDeploy=True,
        DefaultRouteSettings={"ThrottlingRateLimit": 200, "ThrottlingBurstLimit": 400},
        AccessLogSettings={"DestinationArn": log, "Format": json.dumps(ACCESS_LOG)},
        Tags=TAGS,
    )
    return {
        "id": "$default",
        "api_id": id_,
        "name": "$default",
        "auto_deploy": True,
        "default_route_settings": [{"throttling_rate_limit": 200, "throttling_burst_limit": 400}],
        "access_log_settings": [{"destination_arn": log, "format": json.dumps(ACCESS_LOG)}],
        "tags": None,
        "tags_all": TAGS,
    }


def log_group(aws: AwsRecords, name: str, days: int) -> dict[str, Any]:
    """Make a log group; return its attributes."""
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=name, tags=TAGS)
    logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    arn = f"arn:aws:logs:{aws.region}:{aws.account}:log-group:{name}"
    kept = {"retention_in_days": days, "skip_destroy": False, "kms_key_id": ""}
    return {"arn": arn, "id": name, "name": name, **kept, "tags": None, "tags_all": TAGS}
