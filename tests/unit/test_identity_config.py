"""The configuration of an account is read whole, and every mistake is reported at once."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from infra.config import ConfigError
from infra.config.schema import key_of
from infra.identity import config as identity
from infra.identity.config import (
    SECTIONS,
    BootstrapConfig,
    GitHubConfig,
    IdentityConfig,
    LegacyObject,
    PulumiConfig,
    ServedStack,
)
from infra.permissions import StackResources

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = {"region": "eu-central-1", "allowedAccountIds": ["333333333333"]}
GITHUB = {"repository": "acme/shop"}
PROD = {"name": "prod", "environment": "prod"}
IDS = {"ownerId": "12", "repositoryId": "345"}


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
    assert config.stacks == (ServedStack("prod", "prod"),)


def test_a_stack_of_other_functions_names_them_all() -> None:
    (stack,) = parse(stacks=[{**PROD, "services": ["orders", "invoices"]}]).identity.stacks
    assert stack.names("shop").services == ("orders", "invoices")
    assert ServedStack("prod", "prod").names("shop").services == ("orders",)


@pytest.mark.parametrize("services", [[], ["Orders"], ["orders", "orders"], "orders"])
def test_functions_are_a_list_of_different_names(services: object) -> None:
    assert "stacks[0].services" in mistakes(stacks=[{**PROD, "services": services}])[0]


def test_a_repository_with_numbers_is_another_subject() -> None:
    assert str(parse(github={**GITHUB, "subject": "ids", **IDS}).identity.github.found) == "acme@12/shop@345"


@pytest.mark.parametrize(
    "repository",
    [
        "",
        "shop",
        "acme/",
        "/shop",
        "acme/shop/x",
        "acme/*",
        "*/shop",
        "acme/sh?p",
        "a cme/shop",
        "acme/..",
        "-acme/shop",
        "acme-/shop",
        "ac--me/shop",
        "acme/shop:ref",
        "https://github.com/acme/shop",
        3,
    ],
)
def test_a_repository_name_of_the_wrong_form_is_a_mistake(repository: object) -> None:
    (line,) = mistakes(github={"repository": repository})
    assert line.startswith(f"strata-bootstrap:identity.github.repository is {json.dumps(repository)}, not ")
    assert "OWNER/NAME" in line


def test_a_stack_without_an_environment_is_a_mistake() -> None:
    (line,) = mistakes(stacks=[{"name": "prod"}])
    assert line.startswith(
        "strata-bootstrap:identity.stacks[0].environment is missing and has no default; give the name"
    )


@pytest.mark.parametrize("environment", ["", "*", "prod:x", "a b", "pr?d", None])
def test_an_environment_that_would_not_be_exact_is_a_mistake(environment: object) -> None:
    (line,) = mistakes(stacks=[{**PROD, "environment": environment}])
    assert line.startswith(f"strata-bootstrap:identity.stacks[0].environment is {json.dumps(environment)}, not")


def test_the_owners_number_is_of_no_use_where_the_subject_is_of_names() -> None:
    (owner,) = mistakes(github={**GITHUB, **IDS})
    assert owner.startswith('strata-bootstrap:identity.github.ownerId is "12", without effect')
    assert "subject is names" in owner


def test_the_repositorys_number_is_asked_for_with_either_form_of_subject() -> None:
    token = parse(github={**GITHUB, "repositoryId": "345"}).identity.github.found.token("prod")
    assert (token.subject, dict(token.claims)) == ("repo:acme/shop:environment:prod", {"repository_id": "345"})


def test_jobs_of_one_branch_alone_deploy_and_build() -> None:
    assert parse().identity.github.ref == "refs/heads/main"
    assert parse(github={**GITHUB, "branch": "release/2.x"}).identity.github.ref == "refs/heads/release/2.x"


@pytest.mark.parametrize(
    "branch", ["", "*", "release/*", "ma?n", "refs heads", "a..b", "a//b", "main/", "/main", "main.lock", ".main", 1]
)
def test_a_branch_that_would_not_be_exact_is_a_mistake(branch: object) -> None:
    (line,) = mistakes(github={**GITHUB, "branch": branch})
    assert line.startswith(f"strata-bootstrap:identity.github.branch is {json.dumps(branch)}, not")


def test_numbers_without_a_number_are_a_mistake() -> None:
    (line,) = mistakes(github={**GITHUB, "subject": "ids", "ownerId": "12"})
    assert line.startswith("strata-bootstrap:identity.github.repositoryId is missing, but ")


def test_the_numbers_are_no_part_of_the_repositorys_name() -> None:
    (line,) = mistakes(github={"repository": "acme@12/shop@345", "subject": "ids", **IDS})
    assert "a repository as OWNER/NAME" in line
    hyphens = parse(github={"repository": "acme-12/shop-345", "subject": "ids", **IDS}).identity.github.found
    assert str(hyphens) == "acme-12@12/shop-345@345"


def test_two_stacks_of_one_environment_would_open_each_other() -> None:
    (line,) = mistakes(stacks=[PROD, {"name": "blue", "environment": "prod"}])
    assert line.startswith('strata-bootstrap:identity.stacks[1].environment is "prod", which is that of stack prod')


@pytest.mark.parametrize("other", ["prod", "preview"])
def test_the_build_job_has_an_environment_of_its_own(other: str) -> None:
    found = mistakes(artifacts={"environment": other})
    assert all("its jobs could take either role" in line for line in found)
    assert len(found) == 1


def test_readers_are_without_effect_where_another_account_holds_the_bundles() -> None:
    (line,) = mistakes(artifacts={"accountId": "999999999999", "readers": ["111111111111"]})
    assert "readers and environment beside it are without effect" in line


def test_an_environment_of_pull_requests_deploys_nothing() -> None:
    (line,) = mistakes(stacks=[{**PROD, "environment": "preview"}])
    assert "which is that of previews" in line


def test_a_stack_is_listed_once() -> None:
    (line,) = mistakes(stacks=[PROD, {**PROD, "environment": "other"}])
    assert "a stack is listed once" in line


def test_no_stacks_are_a_mistake() -> None:
    (line,) = mistakes(stacks=[])
    assert line.startswith("strata-bootstrap:identity.stacks is [], shorter than 1")


def test_a_table_of_terraforms_is_named() -> None:
    legacy = {"bucket": "acme-state", "key": "data/terraform.tfstate"}
    (line,) = mistakes(stacks=[{**PROD, "legacy": legacy}])
    assert line.startswith("strata-bootstrap:identity.stacks[0].tableName is missing")
    config = parse(stacks=[{**PROD, "tableName": "orders-prod", "legacy": {**legacy, "workspace": "blue"}}])
    (stack,) = config.identity.stacks
    assert stack.resources(config.names) == StackResources(
        "orders-prod", "acme-state", "env:/blue/data/terraform.tfstate"
    )


@pytest.mark.parametrize("reviewer", ["acme/on call", "acme/on/call", "@ann", "", 7])
def test_a_reviewer_is_a_person_or_a_team(reviewer: object) -> None:
    (line,) = mistakes(stacks=[{**PROD, "reviewers": ["ann", reviewer]}])
    assert line.startswith(f"strata-bootstrap:identity.stacks[0].reviewers[1] is {json.dumps(reviewer)}, not ")
    (stack,) = parse(stacks=[{**PROD, "reviewers": ["ann", "acme/oncall"]}]).identity.stacks
    assert stack.reviewers == ("ann", "acme/oncall")


def test_github_takes_six_reviewers() -> None:
    (line,) = mistakes(stacks=[{**PROD, "reviewers": [f"ann{number}" for number in range(7)]}])
    assert line == (
        "strata-bootstrap:identity.stacks[0].reviewers has 7, and GitHub takes 6 for an environment; name a team"
    )


def test_pulumi_deployments_runs_in_an_image_that_is_named() -> None:
    (line,) = mistakes(pulumi={"organization": "acme", "image": "Pulumi Latest"})
    assert line.startswith('strata-bootstrap:identity.pulumi.image is "Pulumi Latest", not of the form wanted')


def test_a_state_of_terraforms_is_one_object() -> None:
    (line,) = mistakes(stacks=[{**PROD, "tableName": "t-1", "legacy": {"bucket": "acme-state", "key": "data/*"}}])
    assert line.startswith('strata-bootstrap:identity.stacks[0].legacy.key is "data/*"')


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


def test_the_project_file_describes_every_key_and_no_other_object() -> None:
    found = yaml.safe_load((ROOT / "bootstrap/Pulumi.yaml").read_text())["config"]
    assert set(found) == {f"strata-bootstrap:{section}" for section in SECTIONS}
    described = found["strata-bootstrap:identity"]["description"]
    sections = (IdentityConfig, GitHubConfig, PulumiConfig, ServedStack, LegacyObject)
    keys = {key_of(name) for cls in sections for name in cls.__dataclass_fields__}
    assert sorted(key for key in keys if key not in described) == []


MANY = ["orders", "invoices", "refunds"]


def test_a_stack_of_many_functions_must_not_begin_the_name_of_another() -> None:
    (line,) = mistakes(stacks=[{**PROD, "services": MANY}, {"name": "prod-2", "environment": "two"}])
    assert line.startswith('strata-bootstrap:identity.stacks[0].name is "prod", with which "prod-2" begins too')
    assert "its policies say strata-prod-* and would be about both; rename one" in line
    assert parse(stacks=[PROD, {"name": "prod-2", "environment": "two"}]).identity.stacks
    assert parse(stacks=[{**PROD, "services": MANY}, {"name": "production", "environment": "two"}]).identity.stacks


def test_names_that_aws_would_not_take_are_mistakes_all_at_once() -> None:
    long = {"name": "s" * 32, "environment": "long"}
    found = mistakes(project="p" * 16, stacks=[PROD, long, {**long, "name": "t" * 32, "environment": "longer"}])
    assert len(found) == 4
    assert found[0].startswith("strata-bootstrap:identity.stacks[1]: the IAM role ")
    assert f"shorten its longest part, the stack's name {'s' * 32!r} (32)" in found[0]


@pytest.mark.parametrize("api", ["", "A1B2C3D4E5", "https://a1b2c3d4e5", "*", "a1b2c3d4e5/*"])
def test_an_api_is_pinned_by_its_whole_id(api: str) -> None:
    (line,) = mistakes(stacks=[{**PROD, "apiId": api}])
    assert line.startswith(f"strata-bootstrap:identity.stacks[0].apiId is {json.dumps(api)}, not ")


def test_the_environment_in_which_a_reviewed_stack_is_previewed_deploys_nothing() -> None:
    reviewed = {**PROD, "reviewers": ["acme/oncall"]}
    (line,) = mistakes(stacks=[reviewed, {"name": "blue", "environment": "preview-prod"}])
    assert 'environment is "preview-prod", which is that of previews of stack prod' in line
