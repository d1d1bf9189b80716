"""A stack keeps each rule, and one mutation breaks it with its exact message."""

import json
from dataclasses import dataclass, replace

import pytest

from policy.rules import ALL
from policy.tokens import AWS_PROVIDER, FUNCTION_URL, PARAMETER, TOPIC
from policy.view import Resource
from tests.policy.kit import (
    alias,
    broken,
    curve,
    function,
    group,
    logs,
    release,
    resource,
    role,
    stack,
    stage,
    statement,
    table,
)

HOST = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::333333333333:oidc-provider/{HOST}"
SUBJECT = "repo:acme/orders:environment:prod"


def federated(**condition: object) -> str:
    return statement("sts:AssumeRoleWithWebIdentity", Principal={"Federated": PROVIDER}, Condition=condition)


def integration(uses: str, **props: object) -> Resource:
    kind = "aws:apigatewayv2/integration:Integration"
    return resource(kind, "integration", uses={"integrationUri": uses}, **props)


@dataclass(frozen=True)
class Case:
    """A case: `good` keeps the rule; with `bad` in place of its last resource, the rule yields `message`."""

    rule: str
    good: tuple[Resource, ...]
    bad: Resource
    message: str


def receipts(value: str) -> dict[str, dict[str, str]]:
    return {"variables": {"RECEIPTS": value}}


VALUE = "what the parameter holds"
EXACT = federated(StringEquals={f"{HOST}:aud": "sts.amazonaws.com", f"{HOST}:sub": SUBJECT})
LOOSE = federated(StringEquals={f"{HOST}:aud": "sts.amazonaws.com"}, StringLike={f"{HOST}:sub": "repo:acme/*"})
TAGS = {"ManagedBy": "pulumi", "Project": "strata", "Stack": "prod"}

CASES = (
    Case(
        "lambda-alias-only",
        (function(), alias(), integration("live")),
        integration("orders"),
        "integration must reach the function through its alias: integrationUri is an output of orders; take "
        "invoke_arn of the alias, so that a canary sees the traffic",
    ),
    Case(
        "lambda-alias-moved",
        (alias(),),
        replace(alias(), ignore_changes=frozenset({"functionVersion"})),
        'live must leave its version to CodeDeploy: ignoreChanges is ["functionVersion"]; add description, '
        "routingConfig, or `pulumi up` undoes a shift of traffic",
    ),
    Case(
        "lambda-own-role",
        (role("a"), function("one", role="arn:a"), function("two", role="arn:b")),
        function("two", role="arn:a"),
        'one must have a role that two does not have: role is "arn:a"; declare a role for each function, with only '
        "the actions that it calls",
    ),
    Case(
        "lambda-secrets",
        (function(environment={"variables": {"PAYMENT_TOKEN": "/strata/prod/payment"}}),),
        function(environment={"variables": {"PAYMENT_TOKEN": "s3cr3t"}}),
        "orders must read its secrets at run time: environment.variables.PAYMENT_TOKEN is a literal of 6 characters; "
        "keep it in SSM or Secrets Manager, and give the name of the parameter",
    ),
    Case(
        "release-group",
        (alias(), group(), release()),
        release(targets=[]),
        "live must be moved by a deployment group: no target of a strata:release:Release names it; give the release a "
        "target with the function's group and alias",
    ),
    Case(
        "release-evidence",
        (release(),),
        release(policy={"evidence": "warn"}),
        'release must roll back a canary without evidence in production: policy.evidence is "warn"; set '
        'strata:release.evidence to "enforce" in the stack\'s file',
    ),
    Case(
        "codedeploy-alarm",
        (group(),),
        group(alarmConfiguration={"enabled": True, "alarms": []}),
        "group must stop at an alarm: alarmConfiguration.alarms is []; name an alarm on the alias's errors",
    ),
    Case(
        "codedeploy-rollback",
        (group(),),
        group(autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}),
        'group must roll back by itself: autoRollbackConfiguration.events is ["DEPLOYMENT_FAILURE"]; add '
        "DEPLOYMENT_STOP_ON_ALARM, DEPLOYMENT_STOP_ON_REQUEST",
    ),
    Case(
        "codedeploy-canary",
        (group(), curve()),
        curve("AllAtOnce"),
        'group must shift traffic step by step in production: deploymentConfigName is "canary-10-10"; name a canary '
        "or linear one, so that a bad version meets a share of the requests",
    ),
    Case(
        "apigateway-throttle",
        (stage(),),
        stage(defaultRouteSettings={"throttlingRateLimit": 200, "throttlingBurstLimit": 0}),
        "stage must bound the requests that it lets through: defaultRouteSettings.throttlingBurstLimit is 0; give a "
        "rate and a burst that the service can serve",
    ),
    Case(
        "apigateway-access-log",
        (stage(),),
        stage(accessLogSettings=None),
        "stage must log its requests in production: accessLogSettings.destinationArn is not set; name a log group with "
        "a retention",
    ),
    Case(
        "cloudwatch-retention",
        (logs(),),
        logs(retentionInDays=0),
        "logs must delete its logs after a time: retentionInDays is 0; set retention_in_days to one of the periods "
        "that CloudWatch Logs offers",
    ),
    Case(
        "cloudwatch-log-group",
        (function(), logs()),
        logs(name="/aws/lambda/other"),
        'orders must write to a log group of the stack: its log group is "/aws/lambda/orders"; declare it, and set '
        "retention_in_days to one of the periods that CloudWatch Logs offers",
    ),
    Case(
        "iam-actions",
        (resource("aws:iam/rolePolicy:RolePolicy", "calls", policy=statement("dynamodb:PutItem", Resource="arn:t")),),
        resource("aws:iam/rolePolicy:RolePolicy", "calls", policy=statement("*", Resource="arn:t")),
        'calls must name the actions that it allows: policy.Statement[0].Action is "*"; name the actions that are '
        "called in place of *",
    ),
    Case(
        "iam-principals",
        (resource(TOPIC, "topic", policy=statement("sns:Publish", Principal={"Service": "cloudwatch.amazonaws.com"})),),
        resource(TOPIC, "topic", policy=statement("sns:Publish", Principal={"AWS": "*"})),
        'topic must name its principals: policy.Statement[0].Principal is {"AWS": "*"}; name the service, the role '
        "or the account",
    ),
    Case(
        "iam-managed",
        (role(managedPolicyArns=["arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"]),),
        role(managedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
        "role must be granted no more than it needs: managedPolicyArns is "
        '"arn:aws:iam::aws:policy/AdministratorAccess"; attach a policy of the actions that are called',
    ),
    Case(
        "iam-boundary",
        (role(),),
        role(permissionsBoundary=None),
        "role must stay within the account's boundary: permissionsBoundary is not set; set permissions_boundary to "
        "the ARN of the policy strata-boundary, which `bootstrap/` creates in the account",
    ),
    Case(
        "iam-access-key",
        (role(),),
        resource("aws:iam/accessKey:AccessKey", "key", user="ci"),
        'key must not exist: an access key never expires: user is "ci"; delete it, and let the caller assume a role '
        "by its own identity (OIDC, or the service's role)",
    ),
    Case(
        "oidc-subject",
        (role(assumeRolePolicy=EXACT),),
        role(assumeRolePolicy=LOOSE),
        "role must trust one exact subject: assumeRolePolicy.Statement[0].Condition is "
        + json.dumps(json.loads(LOOSE)["Statement"][0]["Condition"], sort_keys=True)
        + f"; add {HOST}:sub with the whole subject and no wildcard; StringLike will not do",
    ),
    Case(
        "dynamodb-recovery",
        (table(),),
        table(pointInTimeRecovery={"enabled": False}),
        "table must be recoverable to any second of the last 35 days: pointInTimeRecovery.enabled is false; set it to "
        "true",
    ),
    Case(
        "dynamodb-encryption",
        (table(),),
        table(serverSideEncryption=None),
        "table must be encrypted by a KMS key of the account: serverSideEncryption.enabled is not set; set it to true",
    ),
    Case(
        "dynamodb-protection",
        (table(),),
        table(deletionProtectionEnabled=False),
        "table must refuse its deletion in production: deletionProtectionEnabled is false; set it to true",
    ),
    Case(
        "stateful-protection",
        (table(),),
        replace(table(), protect=False),
        "table must be protected in production: protect is false; set ResourceOptions(protect=True), or a rename "
        "deletes it with all that it holds",
    ),
    Case(
        "s3-encryption",
        (resource("aws:s3/bucket:Bucket", "bucket", serverSideEncryptionConfiguration={"rule": {}}),),
        resource("aws:s3/bucket:Bucket", "bucket"),
        "bucket must be encrypted: serverSideEncryptionConfiguration is not set; declare a "
        "BucketServerSideEncryptionConfiguration for it with the algorithm aws:kms or AES256",
    ),
    Case(
        "sns-encryption",
        (resource(TOPIC, "topic", kmsMasterKeyId="arn:key"),),
        resource(TOPIC, "topic"),
        "topic must be encrypted: kmsMasterKeyId is not set; give a KMS key whose policy lets the topic's publishers "
        "use it",
    ),
    Case(
        "ssm-encryption",
        (resource(PARAMETER, "key", type="SecureString", value=VALUE),),
        resource(PARAMETER, "key", type="String", value=VALUE),
        'key must be encrypted: type is "String"; set it to SecureString, and give the value by a Pulumi secret',
    ),
    Case(
        "ssm-apart",
        (resource(PARAMETER, "key", type="SecureString", value=VALUE), function(environment=receipts("/strata/key"))),
        function(environment=receipts(f"hmac:{VALUE}")),
        "orders must read key at run time: environment.variables.RECEIPTS holds its value; give the parameter's name "
        "instead, and the right to read it",
    ),
    Case(
        "network-url",
        (resource(FUNCTION_URL, "url", authorizationType="AWS_IAM"),),
        resource(FUNCTION_URL, "url", authorizationType="NONE"),
        'url must authenticate its callers: authorizationType is "NONE"; set it to AWS_IAM, or put an API with an '
        "authorizer in front of the function",
    ),
    Case(
        "tagging-defaults",
        (resource(AWS_PROVIDER, "aws", defaultTags=json.dumps({"tags": TAGS})),),
        resource(AWS_PROVIDER, "aws", defaultTags=json.dumps({"tags": {"Project": "strata"}})),
        'aws must tag every resource: defaultTags.tags is {"Project": "strata"}; add ManagedBy, Stack; a default '
        "provider has none, so give the resources this stack's own",
    ),
)


def by_rule(case: Case) -> str:
    return case.rule


def test_every_rule_has_a_case_and_a_name_of_its_own() -> None:
    assert sorted(case.rule for case in CASES) == sorted(rule.name for rule in ALL)
    assert len({rule.name for rule in ALL}) == len(ALL)


@pytest.mark.parametrize("case", CASES, ids=by_rule)
def test_a_stack_that_keeps_a_rule_passes(case: Case) -> None:
    assert broken(case.rule, stack(*case.good)) == []


@pytest.mark.parametrize("case", CASES, ids=by_rule)
def test_one_mutation_breaks_the_rule_and_the_message_has_the_remedy(case: Case) -> None:
    assert case.message in broken(case.rule, stack(*case.good[:-1], case.bad))


@pytest.mark.parametrize("case", CASES, ids=by_rule)
def test_a_message_names_the_resource_the_duty_and_the_remedy(case: Case) -> None:
    for message in broken(case.rule, stack(*case.good[:-1], case.bad)):
        duty, _, rest = message.partition(": ")
        assert " must " in duty
        assert "; " in rest
