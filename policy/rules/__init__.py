"""Rules by domain. Each is a pure function from a resource and its stack to messages."""

from policy.rules import (
    apigateway,
    cloudwatch,
    codebuild,
    codedeploy,
    dynamodb,
    iam,
    lambda_,
    network,
    oidc,
    release,
    s3,
    sns,
    ssm,
    stateful,
    tagging,
)

DOMAINS = (
    lambda_,
    apigateway,
    release,
    codedeploy,
    codebuild,
    cloudwatch,
    iam,
    oidc,
    dynamodb,
    stateful,
    s3,
    sns,
    ssm,
    network,
    tagging,
)
ALL = tuple(rule for domain in DOMAINS for rule in domain.RULES)
