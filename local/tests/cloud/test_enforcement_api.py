"""Enforced policies: an HTTP API is known by its tags, its parts by their path alone."""

from functools import partial
from typing import Any

import pytest

from local.tests.cloud.conftest import Cloud
from local.tests.cloud.enforced import Account, allow, cloud, own, refusal

__all__ = ["cloud", "own"]  # fixtures

ROOT = "arn:aws:apigateway:eu-central-1::"
TAGGED = {"StringEquals": {"aws:ResourceTag/Stack": "prod"}}
SPELLED = [
    "arn%3Aaws%3Aapigateway%3Aeu-central-1%3A%3A%2Fapis%2F",
    "arn%3Aaws%3Aapigateway%3Aeu-central-1%3A%3A%2Fv2%2Fapis%2F",
]


def made(own: Account, stack: str) -> str:
    return str(own.admin("apigatewayv2").create_api(Name="a", ProtocolType="HTTP", Tags={"Stack": stack})["ApiId"])


def test_an_api_is_known_by_its_tags(own: Account) -> None:
    mine, other = made(own, "prod"), made(own, "dev")
    client = own.session(allow("apigateway:*", f"{ROOT}/apis/*", Condition=TAGGED))("apigatewayv2")
    assert refusal(lambda: client.get_api(ApiId=mine)) == ""
    assert refusal(lambda: client.update_api(ApiId=mine, Description="x")) == ""
    assert refusal(lambda: client.get_api(ApiId=other))


@pytest.mark.parametrize(
    ("call", "given", "resource"),
    [
        ("create_route", {"RouteKey": "GET /x"}, "routes"),
        (
            "create_integration",
            {"IntegrationType": "HTTP_PROXY", "IntegrationUri": "https://x.example"},
            "integrations",
        ),
        ("get_routes", {}, "routes"),
        ("get_integrations", {}, "integrations"),
        ("create_stage", {"StageName": "s"}, "stages"),
    ],
)
def test_its_parts_have_none_of_its_tags(own: Account, call: str, given: dict[str, Any], resource: str) -> None:
    mine = made(own, "prod")
    by_tag = own.session(allow("apigateway:*", f"{ROOT}/apis/*", Condition=TAGGED))("apigatewayv2")
    sentence = refusal(lambda: getattr(by_tag, call)(ApiId=mine, **given))
    assert f"on resource: {ROOT}/apis/{mine}/{resource} " in sentence
    by_path = own.session(allow("apigateway:*", f"{ROOT}/apis/{mine}/*"))("apigatewayv2")
    assert refusal(lambda: getattr(by_path, call)(ApiId=mine, **given)) == ""


def test_a_stage_has_tags_of_its_own(own: Account) -> None:
    gateway, mine = own.admin("apigatewayv2"), made(own, "dev")
    for name, stack in (("ours", "prod"), ("theirs", "dev")):
        gateway.create_stage(ApiId=mine, StageName=name, Tags={"Stack": stack})
    client = own.session(allow("apigateway:*", f"{ROOT}/apis/*/*", Condition=TAGGED))("apigatewayv2")
    assert refusal(lambda: client.get_stage(ApiId=mine, StageName="ours")) == ""
    assert refusal(lambda: client.get_stage(ApiId=mine, StageName="theirs"))


def test_an_api_of_others_cannot_be_claimed_by_tagging_it(own: Account) -> None:
    other = made(own, "dev")
    client = own.session(
        allow("apigateway:*", f"{ROOT}/apis/*", Condition=TAGGED), allow("apigateway:*", f"{ROOT}/tags/*")
    )("apigatewayv2")
    for arn in (f"{ROOT}/apis/{other}", f"{ROOT}/v2/apis/{other}"):
        sentence = refusal(partial(client.tag_resource, ResourceArn=arn, Tags={"Stack": "prod"}))
        assert f"apigateway:PATCH on resource: {ROOT}/apis/{other}" in sentence


def test_an_asterisk_as_a_letter_is_an_api_that_is_being_made_and_no_other(own: Account) -> None:
    other = made(own, "dev")
    letters = [f"{ROOT}/tags/{path}${{*}}" for path in SPELLED]
    client = own.session(
        allow("apigateway:POST", f"{ROOT}/apis"),
        allow("apigateway:POST", letters),
        allow("apigateway:PATCH", f"{ROOT}/apis/*"),
    )("apigatewayv2")
    assert refusal(lambda: client.create_api(Name="a", ProtocolType="HTTP", Tags={"Stack": "prod"})) == ""
    for path, arn in zip(SPELLED, (f"{ROOT}/apis/{other}", f"{ROOT}/v2/apis/{other}"), strict=True):
        sentence = refusal(partial(client.tag_resource, ResourceArn=arn, Tags={"Stack": "prod"}))
        assert f"apigateway:POST on resource: {ROOT}/tags/{path}{other} because" in sentence


def test_tags_of_other_names_can_be_set_where_those_that_name_the_owner_cannot(own: Account) -> None:
    mine = made(own, "prod")
    kept = {"ForAllValues:StringNotEquals": {"aws:TagKeys": ["Stack"]}, "Null": {"aws:TagKeys": "false"}}
    client = own.session(
        allow("apigateway:PATCH", f"{ROOT}/apis/*"),
        allow(["apigateway:POST", "apigateway:DELETE"], f"{ROOT}/tags/*", Condition=kept),
    )("apigatewayv2")
    arn = f"{ROOT}/apis/{mine}"
    assert refusal(lambda: client.tag_resource(ResourceArn=arn, Tags={"team": "shop"})) == ""
    assert refusal(lambda: client.tag_resource(ResourceArn=arn, Tags={"team": "shop", "Stack": "prod"}))
    assert refusal(lambda: client.untag_resource(ResourceArn=arn, TagKeys=["Stack"]))
    assert refusal(lambda: client.untag_resource(ResourceArn=arn, TagKeys=["team"])) == ""


def test_a_domain_is_made_by_its_path_and_its_callers_need_no_signature(
    own: Account,
    cloud: Cloud,
) -> None:
    domain, names = "api.enforced.example", f"{ROOT}/domainnames"
    letters = f"{ROOT}/tags/arn%3Aaws%3Aapigateway%3Aeu-central-1%3A%3A%2Fv2%2Fdomainnames%2F${{*}}"
    client = own.session(
        allow("apigateway:POST", [names, letters]),
        allow("apigateway:*", [f"{names}/{domain}", f"{names}/{domain}/*"]),
    )("apigatewayv2")
    mine = made(own, "prod")
    own.admin("apigatewayv2").create_stage(ApiId=mine, StageName="$default")
    assert refusal(lambda: client.create_domain_name(DomainName=domain, Tags={"Stack": "prod"})) == ""
    assert refusal(lambda: client.create_api_mapping(ApiId=mine, DomainName=domain, Stage="$default")) == ""
    assert cloud.http("GET", "/nothing", None, domain) == (404, '{"message":"Not Found"}')
    own.admin("apigatewayv2").create_domain_name(DomainName="other.enforced.example")
    assert refusal(lambda: client.get_domain_name(DomainName="other.enforced.example"))
    assert refusal(lambda: client.delete_domain_name(DomainName=domain)) == ""
