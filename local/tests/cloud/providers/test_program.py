"""The stand-in providers under the real Pulumi CLI."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.conftest import Cloud
from local.tests.cloud.providers.program import pulumi, resources, tools, up

__all__ = ["pulumi", "tools"]  # fixtures

PROGRAM = """
import json
import os
import pulumi
import pulumi_aws as aws
import pulumi_terraform as terraform

account = os.environ["AWS_ACCESS_KEY_ID"]
provider = aws.Provider(
    "aws",
    region="eu-central-1",
    allowed_account_ids=[os.environ.get("ALLOWED", account)],
    default_tags=aws.ProviderDefaultTagsArgs(tags={"stack": "prod"}),
)
ours = pulumi.ResourceOptions(provider=provider)
table = aws.dynamodb.Table(
    "table",
    name="legacy-orders",
    billing_mode="PAY_PER_REQUEST",
    hash_key="id",
    attributes=[{"name": "id", "type": "S"}],
    point_in_time_recovery={"enabled": True},
    ttl={"attribute_name": "expiration", "enabled": True},
    opts=pulumi.ResourceOptions(provider=provider, import_="legacy-orders", protect=False, retain_on_delete=True),
)
role = aws.iam.Role("role", assume_role_policy=json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}), opts=ours)
function = aws.lambda_.Function(
    "orders",
    name="orders",
    role=role.arn,
    runtime="python3.11",
    handler="main.handler",
    code=pulumi.AssetArchive({"main.py": pulumi.StringAsset(os.environ["SOURCE"])}),
    environment={"variables": {"TABLE_NAME": table.name}},
    publish=True,
    opts=ours,
)
alias = aws.lambda_.Alias(
    "live",
    name="live",
    function_name=function.name,
    function_version=function.version,
    description=os.environ.get("DESCRIPTION"),
    opts=pulumi.ResourceOptions(provider=provider, ignore_changes=["functionVersion", "routingConfig"]),
)
topic = aws.sns.Topic(
    "elsewhere",
    display_name=os.environ.get("DISPLAY_NAME"),
    opts=pulumi.ResourceOptions(
        provider=aws.Provider("other", region="us-east-1"), ignore_changes=["tags", "tagsAll"]
    ),
)
state = terraform.state.get_local_reference(path=os.environ["STATE"])
pulumi.export("version", function.version)
pulumi.export("topic", topic.arn)
pulumi.export("legacy", state.outputs["table_name"])
"""


@pytest.fixture
def program() -> str:
    return PROGRAM


def test_a_program_lives_from_its_import_to_its_end(
    pulumi: Callable[..., str], client: Callable[[str], Any], cloud: Cloud, account: str
) -> None:
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="legacy-orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "stack", "Value": "prod"}],
    )
    recovery = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName="legacy-orders", PointInTimeRecoverySpecification=recovery)
    ttl = {"AttributeName": "expiration", "Enabled": True}
    dynamodb.update_time_to_live(TableName="legacy-orders", TimeToLiveSpecification=ttl)

    assert up(pulumi) == {"+ 7 created", "= 1 imported", "8 changes"}
    assert up(pulumi) == {"8 unchanged"}, "an import or a creation left something to change"
    outputs = json.loads(pulumi("stack", "output", "--json"))
    assert (outputs["version"], outputs["legacy"]) == ("1", "legacy-orders")
    assert ":us-east-1:" in outputs["topic"]

    sns = cloud.client("sns", account, "us-east-1")
    sns.tag_resource(ResourceArn=outputs["topic"], Tags=[{"Key": "first", "Value": "of another"}])
    code = "def handler(event, context): return 2"
    message = pulumi("preview", "--diff", SOURCE=code)
    assert resources(message) == {"~ 1 to update", "7 unchanged"}, "the alias ignores the version that will come"
    assert up(pulumi, SOURCE=code, DISPLAY_NAME="one") == {"~ 2 updated", "6 unchanged"}
    client("lambda").update_alias(FunctionName="orders", Name="live", FunctionVersion="2")  # as CodeDeploy does
    pulumi("refresh", "--yes", "--skip-preview")
    sns.tag_resource(ResourceArn=outputs["topic"], Tags=[{"Key": "second", "Value": "of another"}])
    changed = {"SOURCE": code, "DESCRIPTION": "x", "DISPLAY_NAME": "two"}
    assert up(pulumi, **changed) == {"~ 2 updated", "6 unchanged"}
    assert client("lambda").get_alias(FunctionName="orders", Name="live")["FunctionVersion"] == "2"
    assert up(pulumi, **changed) == {"8 unchanged"}, "what another has tagged is left to them"
    tags = sns.list_tags_for_resource(ResourceArn=outputs["topic"])["Tags"]
    assert {tag["Key"] for tag in tags} == {"first", "second"}

    assert resources(pulumi("destroy", "--yes", "--skip-preview")) == {"- 8 deleted"}
    assert dynamodb.describe_table(TableName="legacy-orders")["Table"]["TableStatus"] == "ACTIVE", "it is retained"
    assert client("lambda").list_functions()["Functions"] == []


def test_another_account_and_a_missing_resource_are_reported_plainly(pulumi: Callable[..., str]) -> None:
    message = pulumi("preview", code=1, ALLOWED="222222222222")
    assert "AWS account ID not allowed: " in message
    assert "Traceback" not in message
    assert "resource 'legacy-orders' does not exist" in pulumi("preview", code=1)
