"""`python -m infra.identity explain` shows the token that AWS expects, and the roles that it opens."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.identity.__main__ import app

CONFIG = """
config:
  strata-bootstrap:account: {region: eu-central-1, allowedAccountIds: ["333333333333"]}
  strata-bootstrap:identity:
    github: GITHUB
    stacks: [{name: prod, environment: production}, {name: blue, environment: blue}]
"""
NAMES = "{repository: acme/shop}"
IDS = '{repository: acme/shop, subject: ids, ownerId: "12", repositoryId: "345"}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.prod.yaml").write_text(CONFIG.replace("GITHUB", NAMES))
    return tmp_path


def explain(folder: Path, environment: str = "production", *more: str, repository: str = "acme/shop") -> Result:
    options = ["explain", "--repository", repository, "--environment", environment, "--folder", str(folder), *more]
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, options)


def test_it_shows_the_exact_token_and_the_role_that_accepts_it(folder: Path) -> None:
    found = explain(folder)
    assert found.exit_code == 0
    for line in (
        "  issuer    https://token.actions.githubusercontent.com",
        "  audience  sts.amazonaws.com",
        "  subject   repo:acme/shop:environment:production",
        "arn:aws:iam::333333333333:role/strata-prod-deploy releases and changes stack prod:",
    ):
        assert line in found.stdout.splitlines()
    assert "strata-blue" not in found.stdout


def test_it_shows_the_roles_calls_resources_and_conditions(folder: Path) -> None:
    found = explain(folder).stdout
    for word in ("PassToCodeDeploy", "role/strata-prod-codedeploy", "iam:PassedToService is codedeploy.amazonaws.com"):
        assert word in found


def test_a_job_of_the_pull_requests_environment_may_read_every_stack(folder: Path) -> None:
    found = json.loads(explain(folder, "preview", "--json").stdout)
    assert [role["role"].rpartition("/")[2] for role in found["opens"]] == [
        "strata-prod-preview",
        "strata-blue-preview",
    ]
    assert [role["changes"] for role in found["opens"]] == [False, False]


def test_a_program_gets_the_whole_statements(folder: Path) -> None:
    found = json.loads(explain(folder, "production", "--json").stdout)
    assert found["token"]["subject"] == "repo:acme/shop:environment:production"
    (role,) = found["opens"]
    (create,) = [each for each in role["statements"] if each["Sid"] == "BoundRoles"]
    assert create["policy"] == "strata-prod-deploy-roles"
    assert create["Condition"] == {
        "StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::333333333333:policy/strata-prod-boundary"}
    }


@pytest.mark.parametrize(
    ("repository", "environment"),
    [("acme/shop", "staging"), ("acme/shop2", "production"), ("Acme/shop", "production"), ("acme/shop", "Production")],
)
def test_a_token_that_opens_no_role_is_reported_with_the_tokens_that_would(
    folder: Path, repository: str, environment: str
) -> None:
    found = explain(folder, environment, repository=repository)
    assert found.exit_code == 1
    assert "No role accepts it." in found.stdout
    assert "repo:acme/shop:environment:production" in found.stdout


def test_exactly_the_shape_that_is_configured_is_accepted(folder: Path) -> None:
    numbers = ("--owner-id", "12", "--repository-id", "345")
    assert explain(folder, "production", *numbers).exit_code == 1
    (folder / "Pulumi.prod.yaml").write_text(CONFIG.replace("GITHUB", IDS))
    assert explain(folder).exit_code == 1
    found = explain(folder, "production", *numbers)
    assert found.exit_code == 0
    assert "repo:acme@12/shop@345:environment:production" in found.stdout


def test_it_says_of_which_repositories_the_form_is_and_how_to_find_the_numbers_of_the_other(folder: Path) -> None:
    names = explain(folder).stdout
    assert "created, renamed or transferred after July 15, 2026" in names
    assert "repo:acme@OWNERID/shop@REPOID:..." in names
    assert "`gh api repos/acme/shop --jq '.owner.id, .id'` shows both numbers" in names
    ids = explain(folder, "production", "--owner-id", "12", "--repository-id", "345").stdout
    assert "The subject's form is ids: of a repository that was created, renamed or transferred after July" in ids
    assert json.loads(explain(folder, "production", "--json").stdout)["token"]["form"].startswith("names: ")


@pytest.mark.parametrize("ref", ["refs/heads/evil", "refs/tags/main", "main", "refs/pull/7/merge"])
def test_a_job_of_another_branch_may_not_deploy_and_the_answer_names_the_branch(folder: Path, ref: str) -> None:
    found = explain(folder, "production", "--ref", ref)
    assert found.exit_code == 1
    assert "  repo:acme/shop:environment:production with ref refs/heads/main" in found.stdout.splitlines()
    assert explain(folder, "preview", "--ref", ref).exit_code == 0


def test_another_repository_of_the_same_name_is_refused_where_the_number_is_configured(folder: Path) -> None:
    (folder / "Pulumi.prod.yaml").write_text(CONFIG.replace("GITHUB", '{repository: acme/shop, repositoryId: "345"}'))
    assert explain(folder, "production", "--repository-id", "999").exit_code == 1
    found = explain(folder, "production", "--repository-id", "345", "--json")
    assert json.loads(found.stdout)["opens"][0]["takes"] == [
        {
            "aud": "sts.amazonaws.com",
            "sub": "repo:acme/shop:environment:production",
            "repository_id": "345",
            "ref": "refs/heads/main",
        }
    ]


def test_a_branch_previews_a_stack_with_reviewers_from_an_environment_of_its_own(folder: Path) -> None:
    text = (folder / "Pulumi.prod.yaml").read_text()
    reviewed = text.replace("environment: production", "environment: production, reviewers: [acme/oncall]")
    (folder / "Pulumi.prod.yaml").write_text(reviewed)

    def opened(environment: str, ref: str) -> list[str]:
        found = json.loads(explain(folder, environment, "--ref", ref, "--json").stdout)
        return [role["role"].rpartition("/")[2] for role in found["opens"]]

    assert opened("preview", "refs/pull/7/merge") == ["strata-blue-preview"]
    assert opened("preview-prod", "refs/pull/7/merge") == ["strata-prod-preview"]
    assert opened("preview", "refs/heads/main") == ["strata-prod-preview", "strata-blue-preview"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"repository": "shop"}, "--repository is 'shop', not a repository: give OWNER/NAME"),
        ({"environment": "a*"}, "--environment is 'a*': give the name of a GitHub environment"),
    ],
)
def test_a_wrong_repository_or_environment_is_a_usage_error(
    folder: Path, options: dict[str, str], expected: str
) -> None:
    found = explain(folder, **options)
    assert found.exit_code == 2
    assert expected in found.stderr


def test_wrong_usage_is_reported_in_json_too(folder: Path) -> None:
    found = explain(folder, "production", "--json", repository="shop")
    assert (found.exit_code, json.loads(found.stdout).keys()) == (2, {"error"})


def test_one_number_is_not_enough(folder: Path) -> None:
    found = explain(folder, "production", "--owner-id", "12")
    assert (found.exit_code, "both numbers or none" in found.stderr) == (2, True)


def test_every_mistake_of_the_configuration_is_reported(folder: Path) -> None:
    (folder / "Pulumi.prod.yaml").write_text(CONFIG.replace("GITHUB", "{repository: shop}"))
    found = explain(folder)
    assert found.exit_code == 2
    assert 'identity.github.repository is "shop"' in found.stderr
