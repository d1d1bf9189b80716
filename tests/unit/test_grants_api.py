"""A stack's HTTP API is identified by its tags and its parts by their path; no stack claims another's by tagging it."""

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from tests.unit.grants_kit import OWNED, PLACE, PROD, allowed, deploying, named, previewing

ROOT_OF_APIS = "arn:aws:apigateway:eu-central-1::"
TAG_PATHS = [
    f"{ROOT_OF_APIS}/tags/arn%3Aaws%3Aapigateway%3Aeu-central-1%3A%3A{path}"
    for path in ("%2Fapis%2F", "%2Fv2%2Fapis%2F")
]


def test_an_api_is_ours_by_its_tags() -> None:
    tags = {"Project": "strata", "Stack": "prod"}
    for sid, kind in (("NewApi", "RequestTag"), ("Api", "ResourceTag")):
        wanted = {"StringEquals": {f"aws:{kind}/{key}": value for key, value in tags.items()}}
        assert named(sid, deploying()).condition == wanted
    assert not allowed("apigateway:DELETE", f"{ROOT_OF_APIS}/apis/abc", deploying())


def test_the_parts_of_an_api_are_ours_by_their_path_since_they_have_no_tags() -> None:
    parts = named("ApiParts", deploying())
    assert (parts.condition, parts.resources) == (None, (f"{ROOT_OF_APIS}/apis/*/*",))
    assert {"apigateway:POST", "apigateway:PATCH", "apigateway:TagResource"} <= set(parts.actions)


def test_in_an_account_of_several_stacks_only_the_parts_of_the_pinned_api_are_changed() -> None:
    pinned = named("ApiParts", deploying(replace(OWNED, api="a1b2c3d4e5")))
    assert pinned.resources == (f"{ROOT_OF_APIS}/apis/a1b2c3d4e5/*",)
    unknown = named("ApiParts", deploying(replace(OWNED, api="")))
    assert unknown.actions == ("apigateway:GET",)


@pytest.mark.parametrize("path", TAG_PATHS)
def test_the_tags_that_make_an_api_ours_are_set_only_when_it_is_made(path: str) -> None:
    new, there = named("NewTags", deploying()), named("ApiTags", deploying())
    assert f"{path}${{*}}" in new.resources  # an asterisk as a letter: an API that has no id yet
    assert not any(fnmatchcase(f"{path}abc", each.replace("${*}", "[*]")) for each in new.resources)
    assert any(fnmatchcase(f"{path}abc%2Fstages%2Flive", each.replace("${*}", "[*]")) for each in new.resources)
    assert f"{path}*" in there.resources
    assert there.condition == {
        "ForAllValues:StringNotEquals": {"aws:TagKeys": ["Project", "Stack"]},
        "Null": {"aws:TagKeys": "false"},
    }


NAMED = replace(OWNED, domain="api.example.com")
DOMAINS = f"{ROOT_OF_APIS}/domainnames"


def test_a_stack_without_a_domain_has_no_rights_on_any() -> None:
    assert [each.sid for each in deploying() if any("domainnames" in arn for arn in each.resources)] == []
    assert [each.sid for each in deploying(NAMED) if any("route53" in action for action in each.actions)] == []


def test_a_domain_is_made_with_the_stacks_tags_and_ours_by_its_name() -> None:
    assert allowed("apigateway:POST", DOMAINS, deploying(NAMED))
    assert named("NewDomain", deploying(NAMED)).condition == named("NewApi", deploying(NAMED)).condition
    for action in ("GET", "PATCH", "DELETE"):
        assert allowed(f"apigateway:{action}", f"{DOMAINS}/api.example.com", deploying(NAMED))
        assert allowed(f"apigateway:{action}", f"{DOMAINS}/api.example.com/apimappings/abc", deploying(NAMED))
        assert not allowed(f"apigateway:{action}", f"{DOMAINS}/www.example.com", deploying(NAMED))
        assert not allowed(f"apigateway:{action}", f"{DOMAINS}/api.example.com.evil.example", deploying(NAMED))


def test_a_preview_reads_the_domain_and_changes_nothing() -> None:
    assert allowed("apigateway:GET", f"{DOMAINS}/api.example.com", previewing(NAMED))
    assert not allowed("apigateway:POST", f"{DOMAINS}/api.example.com/apimappings", previewing(NAMED))
    assert "Record" not in [each.sid for each in previewing(replace(NAMED, zone_id="Z0ABC"))]


def test_with_a_zone_only_the_names_own_record_is_changed() -> None:
    statements = deploying(replace(NAMED, zone_id="Z0ABC"))
    record = named("Record", statements)
    assert (record.actions, record.resources) == (
        ("route53:ChangeResourceRecordSets",),
        ("arn:aws:route53:::hostedzone/Z0ABC",),
    )
    assert record.condition == {
        "ForAllValues:StringEquals": {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["api.example.com"],
            "route53:ChangeResourceRecordSetsRecordTypes": ["A"],
        }
    }
    assert allowed("route53:ListResourceRecordSets", "arn:aws:route53:::hostedzone/Z0ABC", statements)


@pytest.mark.parametrize("kind", ["5xx", "latency"])
def test_the_alarms_of_the_api_are_the_stacks_to_change(kind: str) -> None:
    alarm = PLACE.arn("cloudwatch", f"alarm:{PROD.api_alarm(kind)}")
    assert allowed("cloudwatch:PutMetricAlarm", alarm, deploying())
    assert allowed("cloudwatch:ListTagsForResource", alarm, previewing())
