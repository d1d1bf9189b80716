"""Each rule kept, and broken by one mutation; the messages stand in golden/rules.txt."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from policy.rules import ALL
from policy.tokens import AWS_PROVIDER, FUNCTION_URL, PARAMETER, PROJECT, TOPIC
from policy.view import Resource
from tests.golden import Golden, listed
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


def api(**cors: object) -> Resource:
    kept = {"allowOrigins": ["https://shop.example.com"], "allowCredentials": True, **cors}
    return resource("aws:apigatewayv2/api:Api", "api", corsConfiguration=kept, disableExecuteApiEndpoint=True)


def receipts(value: str) -> dict[str, dict[str, str]]:
    return {"variables": {"RECEIPTS": value}}


VALUE = "what the parameter holds"
EXACT = federated(StringEquals={f"{HOST}:aud": "sts.amazonaws.com", f"{HOST}:sub": SUBJECT})
LOOSE = federated(StringEquals={f"{HOST}:aud": "sts.amazonaws.com"}, StringLike={f"{HOST}:sub": "repo:acme/*"})
TAGS = {"ManagedBy": "pulumi", "Project": "strata", "Stack": "prod"}

CASES: Mapping[str, tuple[tuple[Resource, ...], Resource]] = {
    "lambda-alias-only": ((function(), alias(), integration("live")), integration("orders")),
    "lambda-alias-moved": ((alias(),), replace(alias(), ignore_changes=frozenset({"functionVersion"}))),
    "lambda-own-role": (
        (role("a"), function("one", role="arn:a"), function("two", role="arn:b")),
        function("two", role="arn:a"),
    ),
    "lambda-secrets": (
        (function(environment={"variables": {"PAYMENT_TOKEN": "/strata/prod/payment"}}),),
        function(environment={"variables": {"PAYMENT_TOKEN": "s3cr3t"}}),
    ),
    "release-group": ((alias(), group(), release()), release(targets=[])),
    "release-evidence": ((release(),), release(policy={"evidence": "warn"})),
    "codedeploy-alarm": ((group(),), group(alarmConfiguration={"enabled": True, "alarms": []})),
    "codedeploy-rollback": (
        (group(),),
        group(autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}),
    ),
    "codedeploy-canary": ((group(), curve()), curve("AllAtOnce")),
    "apigateway-throttle": (
        (stage(),),
        stage(defaultRouteSettings={"throttlingRateLimit": 200, "throttlingBurstLimit": 0}),
    ),
    "apigateway-credentials": ((api(),), api(allowOrigins=["https://*"])),
    "apigateway-endpoint": (
        (resource("aws:apigatewayv2/apiMapping:ApiMapping", "mapping", uses={"apiId": "api"}), api()),
        replace(api(), props={}),
    ),
    "apigateway-access-log": ((stage(),), stage(accessLogSettings=None)),
    "cloudwatch-retention": ((logs(),), logs(retentionInDays=0)),
    "cloudwatch-log-group": ((function(), logs()), logs(name="/aws/lambda/other")),
    "iam-actions": (
        (resource("aws:iam/rolePolicy:RolePolicy", "calls", policy=statement("dynamodb:PutItem", Resource="arn:t")),),
        resource("aws:iam/rolePolicy:RolePolicy", "calls", policy=statement("*", Resource="arn:t")),
    ),
    "iam-principals": (
        (resource(TOPIC, "topic", policy=statement("sns:Publish", Principal={"Service": "cloudwatch.amazonaws.com"})),),
        resource(TOPIC, "topic", policy=statement("sns:Publish", Principal={"AWS": "*"})),
    ),
    "iam-managed": (
        (role(managedPolicyArns=["arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"]),),
        role(managedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    "iam-boundary": ((role(),), role(permissionsBoundary=None)),
    "iam-access-key": ((role(),), resource("aws:iam/accessKey:AccessKey", "key", user="ci")),
    "oidc-subject": ((role(assumeRolePolicy=EXACT),), role(assumeRolePolicy=LOOSE)),
    "dynamodb-recovery": ((table(),), table(pointInTimeRecovery={"enabled": False})),
    "dynamodb-encryption": ((table(),), table(serverSideEncryption=None)),
    "dynamodb-protection": ((table(),), table(deletionProtectionEnabled=False)),
    "stateful-protection": ((table(),), replace(table(), protect=False)),
    "s3-encryption": (
        (resource("aws:s3/bucket:Bucket", "bucket", serverSideEncryptionConfiguration={"rule": {}}),),
        resource("aws:s3/bucket:Bucket", "bucket"),
    ),
    "sns-encryption": ((resource(TOPIC, "topic", kmsMasterKeyId="arn:key"),), resource(TOPIC, "topic")),
    "ssm-encryption": (
        (resource(PARAMETER, "key", type="SecureString", value=VALUE),),
        resource(PARAMETER, "key", type="String", value=VALUE),
    ),
    "ssm-apart": (
        (resource(PARAMETER, "key", type="SecureString", value=VALUE), function(environment=receipts("/strata/key"))),
        function(environment=receipts(f"hmac:{VALUE}")),
    ),
    "codebuild-unprivileged": (
        (resource(PROJECT, "promotion", environment={"privilegedMode": False}),),
        resource(PROJECT, "promotion", environment={"privilegedMode": True}),
    ),
    "codebuild-alone": (
        (resource(PROJECT, "promotion", concurrentBuildLimit=1),),
        resource(PROJECT, "promotion"),
    ),
    "network-url": (
        (resource(FUNCTION_URL, "url", authorizationType="AWS_IAM"),),
        resource(FUNCTION_URL, "url", authorizationType="NONE"),
    ),
    "tagging-defaults": (
        (resource(AWS_PROVIDER, "aws", defaultTags=json.dumps({"tags": TAGS})),),
        resource(AWS_PROVIDER, "aws", defaultTags=json.dumps({"tags": {"Project": "strata"}})),
    ),
}
"""By rule: resources that keep it, and what breaks it in place of the last of them."""


def mutated(rule: str) -> list[str]:
    good, bad = CASES[rule]
    return broken(rule, stack(*good[:-1], bad))


def test_every_rule_has_a_case_and_a_name_of_its_own() -> None:
    assert sorted(CASES) == sorted(rule.name for rule in ALL)
    assert len({rule.name for rule in ALL}) == len(ALL)


@pytest.mark.parametrize("rule", CASES)
def test_a_stack_that_keeps_a_rule_passes_and_one_mutation_breaks_it(rule: str) -> None:
    assert broken(rule, stack(*CASES[rule][0])) == []
    assert mutated(rule) != []


def test_a_message_names_the_resource_the_duty_what_is_given_and_the_remedy(golden: Golden) -> None:
    golden("rules", listed((rule, mutated(rule)) for rule in CASES))
    for message in (message for rule in CASES for message in mutated(rule)):
        duty, _, rest = message.partition(": ")
        assert " must " in duty
        assert "; " in rest
