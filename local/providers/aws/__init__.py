"""The resource types and functions of the stand-in aws plugin, one file a service."""

from collections.abc import Mapping

from local.providers.assets import Assets
from local.providers.aws import (
    apigatewayv2,
    apigatewayv2_domains,
    cloudwatch,
    codebuild,
    codedeploy,
    dynamodb,
    events,
    events_http,
    iam,
    iam_policies,
    kms,
    lambda_,
    lambda_sources,
    route53,
    s3,
    sns,
    sqs,
    ssm,
    sts,
)
from local.providers.resource import Resource

FUNCTIONS = sts.FUNCTIONS | lambda_.FUNCTIONS | kms.FUNCTIONS


def resources(assets: Assets) -> Mapping[str, Resource]:
    """Return every resource type by its token. `assets` reads the archives that a Lambda function's code comes in."""
    every: tuple[Resource, ...] = (
        apigatewayv2.Api(),
        apigatewayv2_domains.ApiMapping(),
        apigatewayv2.Authorizer(),
        apigatewayv2_domains.DomainName(),
        apigatewayv2.Integration(),
        apigatewayv2.Route(),
        apigatewayv2.Stage(),
        cloudwatch.Dashboard(),
        cloudwatch.LogGroup(),
        cloudwatch.MetricAlarm(),
        codebuild.Project(),
        codedeploy.Application(),
        codedeploy.DeploymentConfig(),
        codedeploy.DeploymentGroup(),
        dynamodb.Table(),
        events_http.EventApiDestination(),
        events.EventBus(),
        events.EventBusPolicy(),
        events_http.EventConnection(),
        events.EventRule(),
        events.EventTarget(),
        iam.Role(),
        iam.RolePolicy(),
        iam.RolePolicyAttachment(),
        iam_policies.OpenIdConnectProvider(),
        iam_policies.Policy(),
        kms.Alias(),
        kms.Key(),
        lambda_.Alias(),
        lambda_.Function(assets),
        lambda_.Permission(),
        lambda_sources.EventSourceMapping(),
        lambda_sources.FunctionEventInvokeConfig(),
        route53.Record(),
        route53.Zone(),
        s3.Bucket(),
        s3.BucketEncryption(),
        s3.BucketLifecycle(),
        s3.BucketObject(),
        s3.BucketPolicy(),
        s3.BucketPublicAccessBlock(),
        s3.BucketVersioning(),
        sns.Topic(),
        sns.TopicPolicy(),
        sns.TopicSubscription(),
        sqs.Queue(),
        sqs.QueuePolicy(),
        ssm.Parameter(),
    )
    return {resource.kind: resource for resource in every}
