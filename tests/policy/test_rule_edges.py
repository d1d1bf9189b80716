"""Violations that the rules must not miss, and correct stacks that they must not refuse."""

import json
from dataclasses import replace

import pytest

from policy.rules import ALL
from policy.tokens import ALIAS, AWS_PROVIDER, FUNCTION_URL, GROUP, PERMISSION, TOPIC
from policy.view import UNKNOWN, Resource, Settings
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
    statement,
    table,
)

DEV = Settings(production=False)
ARN = "arn:aws:lambda:eu-central-1:333333333333:function:orders"
INVOKE = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{}/invocations"
HOST = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::333333333333:oidc-provider/{HOST}"
SUBJECT = "repo:acme/orders:environment:prod"
AUDIENCE = "sts.amazonaws.com"


@pytest.mark.parametrize("qualifier", ["", ":3", ":$LATEST"])
def test_a_known_address_without_the_alias_is_seen(qualifier: str) -> None:
    kind = "aws:apigatewayv2/integration:Integration"
    seen = stack(resource(kind, "integration", integrationUri=INVOKE.format(ARN + qualifier)))
    assert len(broken("lambda-alias-only", seen)) == 1


def test_a_known_address_with_the_alias_passes() -> None:
    kind = "aws:apigatewayv2/integration:Integration"
    assert broken("lambda-alias-only", stack(resource(kind, "i", integrationUri=INVOKE.format(f"{ARN}:live")))) == []


def test_an_address_made_of_the_function_and_its_alias_passes() -> None:
    kind = "aws:apigatewayv2/integration:Integration"
    uses = {"integrationUri": ("orders", "live")}
    both = Resource(kind, "integration", {"integrationUri": UNKNOWN}, uses=uses, urn="integration")
    assert broken("lambda-alias-only", stack(function(), alias(), both)) == []


@pytest.mark.parametrize(
    ("given", "passes"), [("orders", False), ("orders:3", False), ("orders:live", True), (f"{ARN}:live", True)]
)
def test_a_queue_names_the_alias_behind_a_colon(given: str, passes: bool) -> None:
    kind = "aws:lambda/eventSourceMapping:EventSourceMapping"
    assert (broken("lambda-alias-only", stack(resource(kind, "queue", functionName=given))) == []) is passes


@pytest.mark.parametrize("kind", [PERMISSION, FUNCTION_URL])
@pytest.mark.parametrize(("qualifier", "passes"), [(None, False), ("3", False), ("$LATEST", False), ("live", True)])
def test_a_permission_and_an_address_name_the_alias(kind: str, qualifier: str | None, passes: bool) -> None:
    seen = stack(function(), resource(kind, "invoke", function="orders", qualifier=qualifier))
    assert (broken("lambda-alias-only", seen) == []) is passes


def test_a_subscription_that_calls_no_function_bypasses_no_alias() -> None:
    kind = "aws:sns/topicSubscription:TopicSubscription"
    mail = resource(kind, "mail", protocol="email", endpoint="ops@example.com")
    assert broken("lambda-alias-only", stack(function(), mail)) == []


def test_two_functions_share_a_role_that_is_not_there_yet() -> None:
    both = [resource("aws:lambda/function:Function", name, uses={"role": "shared"}, role=UNKNOWN) for name in "ab"]
    assert [message.partition(";")[0] for message in broken("lambda-own-role", stack(*both))] == [
        'a must have a role that b does not have: role is "shared"',
        'b must have a role that a does not have: role is "shared"',
    ]


@pytest.mark.parametrize(
    ("name", "value", "passes"),
    [
        ("DB_PASSWORD", "hunter2", False),
        ("STRIPE_API_KEY", "sk_live_1", False),
        ("DATABASE", "postgres://app:hunter2@db.internal/orders", False),
        ("GREETING", "AKIA" + "A" * 16, False),
        ("PEM", "-----BEGIN RSA " + "PRIVATE KEY-----", False),
        ("DB_PASSWORD_ARN", "anything", True),
        ("DB_PASSWORD", "arn:aws:secretsmanager:eu-central-1:333333333333:secret:db-x", True),
        ("TOKEN", UNKNOWN, True),
        ("TABLE_NAME", "orders", True),
        ("DOCS", "https://example.com/a@b", True),
    ],
)
def test_a_secret_is_recognised_by_its_name_or_its_form_and_never_repeated(
    name: str, value: object, passes: bool
) -> None:
    found = broken("lambda-secrets", stack(function(environment={"variables": {name: value}})))
    assert (found == []) is passes
    assert all(str(value) not in message for message in found)


def test_an_alias_whose_group_is_not_declared_is_reported_with_the_groups_name() -> None:
    found = broken("release-group", stack(alias(), group(deploymentGroupName="other"), release()))
    assert found == [
        'live must be moved by a deployment group: the target\'s group is "orders"; declare a '
        f"{GROUP} of that name, or name the one that is"
    ]


def test_an_alias_of_another_function_is_not_moved_by_this_ones_target() -> None:
    other = resource(ALIAS, "other", name="live", functionName="payments")
    assert len(broken("release-group", stack(other, group(), release()))) == 1


@pytest.mark.parametrize(
    ("configuration", "path"),
    [
        (None, "enabled"),
        ({"enabled": False, "alarms": ["a"]}, "enabled"),
        ({"enabled": True, "alarms": ["a"], "ignorePollAlarmFailure": True}, "ignorePollAlarmFailure"),
    ],
)
def test_a_group_must_stop_at_its_alarms(configuration: object, path: str) -> None:
    assert f"alarmConfiguration.{path}" in broken("codedeploy-alarm", stack(group(alarmConfiguration=configuration)))[0]


def test_a_group_without_any_rollback_is_reported_twice() -> None:
    assert len(broken("codedeploy-rollback", stack(group(autoRollbackConfiguration=None)))) == 2


@pytest.mark.parametrize("name", [None, "CodeDeployDefault.LambdaAllAtOnce"])
def test_all_at_once_by_name_or_by_default_is_seen_in_production_only(name: str | None) -> None:
    assert len(broken("codedeploy-canary", stack(group(deploymentConfigName=name), curve()))) == 1
    assert broken("codedeploy-canary", stack(group(deploymentConfigName=name), curve(), settings=DEV)) == []


@pytest.mark.parametrize("rule", ["dynamodb-protection", "stateful-protection", "release-evidence"])
def test_a_rule_for_production_passes_in_dev(rule: str) -> None:
    bare = replace(table(deletionProtectionEnabled=False), protect=False)
    seen = (bare, release(policy={"evidence": "warn"}))
    assert broken(rule, stack(*seen)) != []
    assert broken(rule, stack(*seen, settings=DEV)) == []


def test_a_function_may_write_to_a_log_group_of_another_name() -> None:
    given = function(loggingConfig={"logGroup": "/strata/orders"})
    assert broken("cloudwatch-log-group", stack(given, logs(name="/strata/orders"))) == []


@pytest.mark.parametrize("action", ["*", "dynamodb:*", "dynamodb:Put*", ["dynamodb:GetItem", "iam:*"]])
def test_a_wildcard_anywhere_in_an_action_is_one(action: str | list[str]) -> None:
    seen = role(inlinePolicies=[{"name": "calls", "policy": statement(action)}])
    assert "inlinePolicies[0].policy.Statement[0].Action" in broken("iam-actions", stack(seen))[0]


def test_all_but_some_actions_are_not_named_ones() -> None:
    document = json.dumps({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}})
    assert len(broken("iam-actions", stack(resource("aws:iam/policy:Policy", "p", policy=document)))) == 1


def test_a_key_may_leave_its_administration_only_to_the_account() -> None:
    def key(principal: dict[str, str]) -> Resource:
        return resource("aws:kms/key:Key", "key", policy=statement("kms:*", Principal=principal))

    assert broken("iam-actions", stack(key({"AWS": "arn:aws:iam::333333333333:root"}))) == []
    assert len(broken("iam-actions", stack(key({"AWS": "arn:aws:iam::333333333333:role/app"})))) == 1


def test_a_wildcard_that_denies_passes() -> None:
    policy = json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}]})
    seen = stack(resource("aws:s3/bucketPolicy:BucketPolicy", "tls", policy=policy))
    assert broken("iam-actions", seen) + broken("iam-principals", seen) == []


@pytest.mark.parametrize("principal", ["*", {"AWS": ["arn:aws:iam::333333333333:root", "*"]}, {"Federated": "*"}])
def test_a_wildcard_names_no_principal(principal: object) -> None:
    seen = stack(resource(TOPIC, "topic", policy=statement("sns:Publish", Principal=principal)))
    assert len(broken("iam-principals", seen)) == 1
    assert len(broken("iam-principals", stack(resource(PERMISSION, "invoke", principal="*")))) == 1


def test_the_boundary_is_the_one_that_the_stack_is_held_to() -> None:
    given = role(permissionsBoundary="arn:aws:iam::333333333333:policy/looser")
    assert 'permissionsBoundary is "arn:aws:iam::333333333333:policy/looser"' in broken("iam-boundary", stack(given))[0]


@pytest.mark.parametrize(
    ("condition", "missing"),
    [
        (None, ["subject", "audience"]),
        ({"StringEquals": {f"{HOST}:aud": AUDIENCE}}, ["subject"]),
        ({"StringEquals": {f"{HOST}:sub": SUBJECT}}, ["audience"]),
        ({"StringEquals": {f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": "repo:acme/*"}}, ["subject"]),
        ({"StringEquals": {f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": [SUBJECT, "repo:acme/?"]}}, ["subject"]),
        ({"StringEquals": {f"{HOST}:aud": AUDIENCE, f"other.{HOST}:sub": SUBJECT}}, ["subject"]),
        ({"StringEqualsIfExists": {f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": SUBJECT}}, ["subject", "audience"]),
        ({"ForAnyValue:StringEquals": {f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": SUBJECT}}, ["subject", "audience"]),
        ({"stringequals": {f"{HOST.upper()}:AUD": [AUDIENCE], f"{HOST}:sub": [SUBJECT]}}, []),
    ],
)
def test_a_trust_names_the_whole_subject_and_the_whole_audience(condition: object, missing: list[str]) -> None:
    given = {"Principal": {"Federated": PROVIDER}} | ({"Condition": condition} if condition else {})
    document = statement("sts:AssumeRoleWithWebIdentity", **given)
    found = broken("oidc-subject", stack(role(assumeRolePolicy=document)))
    assert [message.partition(":")[0].rpartition(" ")[2] for message in found] == missing


def test_a_bucket_is_encrypted_by_a_resource_of_its_own() -> None:
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    bucket = resource("aws:s3/bucket:Bucket", "bucket", bucket="state")
    assert (
        broken("s3-encryption", stack(bucket, resource(kind, "key", uses={"bucket": "bucket"}, bucket=UNKNOWN))) == []
    )
    assert broken("s3-encryption", stack(bucket, resource(kind, "key", bucket="state"))) == []
    assert len(broken("s3-encryption", stack(bucket, resource(kind, "key", bucket="other")))) == 1


@pytest.mark.parametrize("tags", [None, {}, {"tags": {}}])
def test_a_provider_without_default_tags_is_seen(tags: object) -> None:
    assert len(broken("tagging-defaults", stack(resource(AWS_PROVIDER, "aws", defaultTags=tags)))) == 1


def test_a_public_address_is_also_seen_by_its_permission() -> None:
    seen = stack(resource(PERMISSION, "public", functionUrlAuthType="NONE"))
    assert len(broken("network-url", seen)) == 1


def test_an_unknown_value_breaks_no_rule() -> None:
    """The provider computes every property, on every type that any rule checks."""
    everything = dict.fromkeys(
        (
            "accessLogSettings",
            "alarmConfiguration",
            "assumeRolePolicy",
            "autoRollbackConfiguration",
            "concurrentBuildLimit",
            "defaultRouteSettings",
            "defaultTags",
            "deletionProtectionEnabled",
            "deploymentConfigName",
            "deploymentGroupName",
            "environment",
            "functionName",
            "kmsMasterKeyId",
            "name",
            "permissionsBoundary",
            "pointInTimeRecovery",
            "policy",
            "qualifier",
            "retentionInDays",
            "role",
            "serverSideEncryption",
            "serverSideEncryptionConfiguration",
            "targets",
            "type",
        ),
        UNKNOWN,
    )
    types = sorted({kind for rule in ALL for kind in rule.types})
    seen = [
        Resource(kind, kind, everything, protect=True, ignore_changes=alias().ignore_changes, urn=kind)
        for kind in types
    ]
    named = {message.partition(" must")[0] for rule in ALL for message in broken(rule.name, stack(*seen))}
    assert named == {"aws:iam/accessKey:AccessKey"}
