"""An API with CORS and a name of its own, and a traced function, declared by a program under the real Pulumi CLI."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.conftest import REGION
from local.tests.cloud.providers.program import pulumi, resources, tools, up

__all__ = ["pulumi", "tools"]  # fixtures

PROGRAM = """
import json
import os
import pulumi
import pulumi_aws as aws

aws_ = aws.Provider("aws", region="eu-central-1", default_tags=aws.ProviderDefaultTagsArgs(tags={"stack": "prod"}))
ours = pulumi.ResourceOptions(provider=aws_)
named = os.environ.get("NAMED", "yes") == "yes"
api = aws.apigatewayv2.Api(
    "api",
    name="shop",
    protocol_type="HTTP",
    cors_configuration={"allow_origins": ["https://shop.example.com"], "max_age": 60} if named else None,
    disable_execute_api_endpoint=True if named else None,
    opts=ours,
)
stage = aws.apigatewayv2.Stage("stage", api_id=api.id, name="$default", auto_deploy=True, opts=ours)
if named:
    domain = aws.apigatewayv2.DomainName(
        "domain",
        domain_name="program.example.com",
        domain_name_configuration={
            "certificate_arn": "arn:aws:acm:eu-central-1:111111111111:certificate/0a1b2c3d-0000-4000-8000-000000000001",
            "endpoint_type": "REGIONAL",
            "security_policy": "TLS_1_2",
        },
        opts=ours,
    )
    aws.apigatewayv2.ApiMapping("mapping", api_id=api.id, domain_name=domain.id, stage=stage.name, opts=ours)
    target = domain.domain_name_configuration
    zone = aws.route53.Zone("zone", name="example.com", opts=ours)
    aws.route53.Record(
        "record",
        zone_id=zone.zone_id,
        name="program.example.com",
        type="A",
        aliases=[{
            "name": target.target_domain_name,
            "zone_id": target.hosted_zone_id,
            "evaluate_target_health": False,
        }],
        opts=ours,
    )
    pulumi.export("target", target.target_domain_name)
role = aws.iam.Role("role", assume_role_policy=json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}), opts=ours)
mode = os.environ.get("MODE", "")
function = aws.lambda_.Function(
    "jobs",
    name="jobs",
    role=role.arn,
    runtime="python3.11",
    handler="main.handler",
    code=pulumi.AssetArchive({"main.py": pulumi.StringAsset(os.environ["SOURCE"])}),
    publish=True,
    tracing_config={"mode": mode} if mode else None,
    opts=ours,
)
pulumi.export("version", function.version)
"""


@pytest.fixture
def program() -> str:
    return PROGRAM


@pytest.mark.faults
def test_a_name_of_its_own_and_a_mode_of_tracing_come_and_go_and_what_is_the_default_already_is_no_change(
    pulumi: Callable[..., str], client: Callable[[str], Any]
) -> None:
    up(pulumi)
    assert up(pulumi, MODE="PassThrough") == {"10 unchanged"}, "the mode is the default"
    outputs = json.loads(pulumi("stack", "output", "--json"))
    assert outputs["version"] == "1"
    has_its_name(client, outputs["target"])
    pulumi("refresh", "--yes", "--expect-no-changes")

    assert "~ 1 updated" in up(pulumi, MODE="Active")
    left_out = resources(pulumi("preview"))
    assert left_out == {"10 unchanged"}, "a function that names no mode keeps its last one, unseen"

    switched_off = pulumi("up", "--yes", "--skip-preview", "--diff", MODE="PassThrough", NAMED="no")
    assert {"~ 2 updated", "- 4 deleted"} < resources(switched_off)
    assert "tracingConfig" in switched_off
    assert pulumi("stack", "output", "version").strip() == "3"
    gateway = client("apigatewayv2")
    (api,) = gateway.get_apis()["Items"]
    assert not api["DisableExecuteApiEndpoint"]
    assert "CorsConfiguration" not in api
    assert gateway.get_domain_names()["Items"] == []


def has_its_name(client: Callable[[str], Any], target: str) -> None:
    """Check that AWS has the API as the program declares it, under its own name alone."""
    gateway = client("apigatewayv2")
    (api,) = gateway.get_apis()["Items"]
    assert (api["DisableExecuteApiEndpoint"], api["CorsConfiguration"]["MaxAge"]) == (True, 60)
    (mapping,) = gateway.get_api_mappings(DomainName="program.example.com")["Items"]
    assert (mapping["ApiId"], mapping["Stage"]) == (api["ApiId"], "$default")
    assert gateway.get_domain_name(DomainName="program.example.com")["Tags"] == {"stack": "prod"}
    assert target.endswith(f".execute-api.{REGION}.amazonaws.com")
    dns = client("route53")
    (zone,) = dns.list_hosted_zones()["HostedZones"]
    records = dns.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    (record,) = [each for each in records if each["Type"] == "A"]
    assert (record["Name"], record["AliasTarget"]["DNSName"].rstrip(".")) == ("program.example.com.", target)
