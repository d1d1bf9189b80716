"""The configuration of an account is read whole, and every mistake is reported at once."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from infra import services
from infra.config import ConfigError, LegacyState
from infra.identity import config as identity
from infra.identity.config import (
    SECTIONS,
    BootstrapConfig,
    GitHubConfig,
    IdentityConfig,
    LegacyFunctions,
    LegacyObject,
    PulumiConfig,
    ServedDomain,
    ServedStack,
)
from infra.permissions import StackResources
from infra.schema import key_of
from infra.source import Source
from tests.golden import Golden, listed

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = {"region": "eu-central-1", "allowedAccountIds": ["333333333333"]}
GITHUB = {"repository": "acme/shop"}
PROD = {"name": "prod", "environment": "prod"}
IDS = {"ownerId": "12", "repositoryId": "345"}
LEGACY = {"bucket": "acme-state", "key": "data/terraform.tfstate"}
FUNCTIONS = ("compute", "observability", "delivery")
MANY = ["orders", "invoices", "refunds"]


def parse(**given: Any) -> BootstrapConfig:
    section = {"github": GITHUB, "stacks": [PROD], **given}
    raw = {"strata-bootstrap:account": json.dumps(ACCOUNT), "strata-bootstrap:identity": json.dumps(section)}
    return identity.parse(raw, "prod")


def mistakes(**given: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(**given)
    return caught.value.mistakes


def test_a_repository_and_a_stack_are_enough() -> None:
    config = parse().identity
    assert (config.project, config.preview_environment, config.pulumi) == ("strata", "preview", None)
    assert str(config.github.found) == "acme/shop"
    assert config.stacks == (ServedStack("prod", "prod", services=services.names(ROOT)),)


def test_a_stack_has_the_services_of_the_repository_unless_it_names_others(tmp_path: Path) -> None:
    for name in ("invoices", "refunds"):
        (tmp_path / "app" / name).mkdir(parents=True)
        (tmp_path / "app" / name / "service.yaml").write_text("")
    section = {"github": GITHUB, "stacks": [PROD, {"name": "dev", "environment": "dev", "services": ["orders"]}]}
    raw = {"strata-bootstrap:account": json.dumps(ACCOUNT), "strata-bootstrap:identity": json.dumps(section)}
    found = identity.parse(raw, "prod", repository=tmp_path).identity.stacks
    assert [each.services for each in found] == [("invoices", "refunds"), ("orders",)]


def test_a_stack_of_other_functions_names_them_all() -> None:
    (stack,) = parse(stacks=[{**PROD, "services": ["orders", "invoices"]}]).identity.stacks
    assert stack.names("shop").services == ("orders", "invoices")


def test_a_repository_with_numbers_is_another_subject() -> None:
    assert str(parse(github={**GITHUB, "subject": "ids", **IDS}).identity.github.found) == "acme@12/shop@345"


def test_the_repositorys_number_is_asked_for_with_either_form_of_subject() -> None:
    token = parse(github={**GITHUB, "repositoryId": "345"}).identity.github.found.token("prod")
    assert (token.subject, dict(token.claims)) == ("repo:acme/shop:environment:prod", {"repository_id": "345"})


def test_jobs_of_one_branch_alone_deploy_and_build() -> None:
    assert parse().identity.github.ref == "refs/heads/main"
    assert parse(github={**GITHUB, "branch": "release/2.x"}).identity.github.ref == "refs/heads/release/2.x"


def test_a_table_of_terraforms_is_named_with_its_state() -> None:
    legacy = {**LEGACY, "workspace": "blue"}
    config = parse(stacks=[{**PROD, "tableName": "orders-prod", "legacy": legacy}])
    (stack,) = config.identity.stacks
    assert stack.resources(config.names) == StackResources(
        "orders-prod", "acme-state", "env:/blue/data/terraform.tfstate"
    )


def test_functions_of_terraforms_are_named_with_the_state_of_each_of_their_layers() -> None:
    layers = {layer: {"bucket": "acme-state", "key": f"{layer}.tfstate"} for layer in FUNCTIONS}
    layers["delivery"]["workspace"] = "blue"
    config = parse(stacks=[{**PROD, "legacyFunctions": layers}])
    (stack,) = config.identity.stacks
    found = [("acme-state", key) for key in ("compute.tfstate", "observability.tfstate", "env:/blue/delivery.tfstate")]
    assert stack.resources(config.names) == StackResources(config.names.table, legacy_functions=tuple(found))
    same = dict.fromkeys(FUNCTIONS, LEGACY)
    (stack,) = parse(stacks=[{**PROD, "legacyFunctions": same}]).identity.stacks
    assert stack.resources(config.names).legacy_functions == (("acme-state", "data/terraform.tfstate"),)


def test_terraforms_identity_is_read_from_the_account_s_region_unless_another_is_named() -> None:
    state = LegacyState(LEGACY["bucket"], LEGACY["key"], "eu-central-1")
    assert parse(source="legacy", legacy=LEGACY).identity.legacy == state
    elsewhere = parse(source="legacy", legacy={**LEGACY, "region": "us-east-1"}).identity.legacy
    assert elsewhere == replace(state, region="us-east-1")
    assert (parse().identity.source, parse().identity.legacy) == (Source.MANAGED, None)


def test_the_name_of_an_api_is_a_stack_s_with_its_zone_or_without() -> None:
    for given, zone in ({"name": "api.example.com"}, ""), ({"name": "api.example.com", "zoneId": "Z0ABC"}, "Z0ABC"):
        config = parse(stacks=[{**PROD, "domain": given}])
        (stack,) = config.identity.stacks
        found = stack.resources(config.names)
        assert (found.domain, found.zone_id) == ("api.example.com", zone)


def test_what_is_right_where_another_account_would_be_wrong() -> None:
    hyphens = parse(github={"repository": "acme-12/shop-345", "subject": "ids", **IDS}).identity.github.found
    assert str(hyphens) == "acme-12@12/shop-345@345"
    (stack,) = parse(stacks=[{**PROD, "reviewers": ["ann", "acme/oncall"]}]).identity.stacks
    assert stack.reviewers == ("ann", "acme/oncall")
    assert parse(stacks=[PROD, {"name": "prod-2", "environment": "two"}]).identity.stacks
    assert parse(stacks=[{**PROD, "services": MANY}, {"name": "production", "environment": "two"}]).identity.stacks


REPOSITORIES = ("", "shop", "acme/", "/shop", "acme/shop/x", "acme/*", "*/shop", "acme/sh?p", "a cme/shop", "acme/..")
MORE_REPOSITORIES = ("-acme/shop", "acme-/shop", "ac--me/shop", "acme/shop:ref", "https://github.com/acme/shop", 3)
BRANCHES = ("", "*", "release/*", "ma?n", "refs heads", "a..b", "a//b", "main/", "/main", "main.lock", ".main", 1)
MISTAKES: list[dict[str, Any]] = [
    *[{"stacks": [{**PROD, "services": each}]} for each in ([], ["Orders"], ["orders", "orders"], "orders")],
    *[{"github": {"repository": each}} for each in (*REPOSITORIES, *MORE_REPOSITORIES)],
    {"stacks": [{"name": "prod"}]},
    *[{"stacks": [{**PROD, "environment": each}]} for each in ("", "*", "prod:x", "a b", "pr?d", None)],
    {"github": {**GITHUB, **IDS}},
    *[{"github": {**GITHUB, "branch": each}} for each in BRANCHES],
    {"github": {**GITHUB, "subject": "ids", "ownerId": "12"}},
    {"github": {"repository": "acme@12/shop@345", "subject": "ids", **IDS}},
    {"stacks": [PROD, {"name": "blue", "environment": "prod"}]},
    {"artifacts": {"environment": "prod"}},
    {"artifacts": {"environment": "preview"}},
    {"artifacts": {"accountId": "999999999999", "readers": ["111111111111"]}},
    {"stacks": [{**PROD, "environment": "preview"}]},
    {"stacks": [PROD, {**PROD, "environment": "other"}]},
    {"stacks": []},
    {"stacks": [{**PROD, "legacy": LEGACY}]},
    {"stacks": [{**PROD, "tableName": "t-1", "legacy": {"bucket": "acme-state", "key": "data/*"}}]},
    {"stacks": [{**PROD, "legacyFunctions": dict.fromkeys(FUNCTIONS[:2], LEGACY)}]},
    {"stacks": [{**PROD, "legacyFunctions": {**dict.fromkeys(FUNCTIONS, LEGACY), "data": LEGACY}}]},
    *[{"stacks": [{**PROD, "reviewers": ["ann", each]}]} for each in ("acme/on call", "acme/on/call", "@ann", "", 7)],
    {"stacks": [{**PROD, "reviewers": [f"ann{number}" for number in range(7)]}]},
    {"pulumi": {"organization": "acme", "image": "Pulumi Latest"}},
    {"stacks": [{**PROD, "services": MANY}, {"name": "prod-2", "environment": "two"}]},
    {"stacks": [{**PROD, "domain": {"zoneId": "Z0ABC"}}]},
    {"stacks": [{**PROD, "domain": {"name": "*.example.com"}}]},
    {"stacks": [{**PROD, "domain": {"name": "api.example.com", "zoneId": "*"}}]},
    *[{"stacks": [{**PROD, "apiId": each}]} for each in ("", "A1B2C3D4E5", "https://a1b2c3d4e5", "*", "a1b2c3d4e5/*")],
    {"stacks": [{**PROD, "reviewers": ["acme/oncall"]}, {"name": "blue", "environment": "preview-prod"}]},
    {"source": "terraform"},
    {"source": "legacy"},
    {"source": "legacy", "legacy": {"bucket": "acme-state"}},
    *[{"source": source, "legacy": LEGACY} for source in ("adopted", "managed")],
    {"source": "adopted", "stacks": [PROD, {"name": "blue", "environment": "blue"}]},
]
"""Each is one mistake."""


def test_a_mistake_is_reported_with_the_value_the_reason_and_the_remedy(golden: Golden) -> None:
    reported = [(json.dumps(each, sort_keys=True), mistakes(**each)) for each in MISTAKES]
    assert [name for name, lines in reported if len(lines) != 1] == []
    golden("identity_config", listed(reported))


def test_every_mistake_is_in_one_error() -> None:
    found = mistakes(github={"repository": "shop"}, stacks=[{"name": "Prod"}], project="", wibble=1)
    assert [line.split(" is ")[0] for line in found] == [
        "strata-bootstrap:identity.wibble",
        "strata-bootstrap:identity.github.repository",
        "strata-bootstrap:identity.stacks[0].name",
        "strata-bootstrap:identity.stacks[0].environment",
        "strata-bootstrap:identity.project",
    ]


def test_a_key_of_the_other_program_is_a_mistake() -> None:
    raw = {"strata-bootstrap:account": json.dumps(ACCOUNT), "strata:data": "{}"}
    with pytest.raises(ConfigError) as caught:
        identity.parse(raw, "prod")
    assert any(line.startswith('strata:data is "{}", without effect') for line in caught.value.mistakes)


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_the_accounts_files_hold_no_mistake_and_are_the_stacks_accounts(stack: str) -> None:
    def written(folder: str) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load((ROOT / folder / f"Pulumi.{stack}.yaml").read_text())["config"]
        return found

    mine, its = written("bootstrap"), written(".")
    config = identity.parse({key: json.dumps(value) for key, value in mine.items()}, stack)
    assert mine["strata-bootstrap:account"] == its["strata:account"]
    (served,) = config.identity.stacks
    assert served.name == stack
    assert (served.legacy is None) == ("legacy" not in its["strata:data"])
    if served.legacy is not None:
        legacy = its["strata:data"]["legacy"]
        assert (served.legacy.bucket, served.legacy.key) == (legacy["bucket"], legacy["key"])
    named = served.legacy_functions.objects if served.legacy_functions else ()
    read = [its.get(f"strata:{layer}", {}).get("legacy") for layer in FUNCTIONS]
    assert named == tuple(dict.fromkeys((each["bucket"], each["key"]) for each in read if each))


def test_the_project_file_describes_every_key_and_no_other_object() -> None:
    found = yaml.safe_load((ROOT / "bootstrap/Pulumi.yaml").read_text())["config"]
    assert set(found) == {f"strata-bootstrap:{section}" for section in SECTIONS}
    described = found["strata-bootstrap:identity"]["description"]
    sections = (IdentityConfig, GitHubConfig, PulumiConfig, ServedStack, ServedDomain, LegacyObject, LegacyFunctions)
    keys = {key_of(name) for cls in (*sections, LegacyState) for name in cls.__dataclass_fields__}
    assert sorted(key for key in keys if key not in described) == []


def test_names_that_aws_would_not_take_are_mistakes_all_at_once() -> None:
    long = {"name": "s" * 32, "environment": "long"}
    found = mistakes(project="p" * 16, stacks=[PROD, long, {**long, "name": "t" * 32, "environment": "longer"}])
    assert len(found) == 4
    assert found[0].startswith("strata-bootstrap:identity.stacks[1]: the IAM role ")
    assert f"shorten its longest part, the stack's name {'s' * 32!r} (32)" in found[0]
