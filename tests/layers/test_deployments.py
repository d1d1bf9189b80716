"""The settings of Pulumi Deployments for each stack, and their command in a real shell."""

import subprocess
from pathlib import Path

import pytest

from infra.identity.access import Access, accesses
from infra.identity.config import GitHubConfig, IdentityConfig, PulumiConfig, ServedStack
from infra.layers import deployments
from infra.layers.deployments import Deployments, assume
from infra.naming import AwsLocation
from infra.permissions.trust import PULUMI
from tests.layers.recorder import ACCOUNT, REGION, Recorder, record

ROOT = Path(__file__).resolve().parents[2]
PLACE = AwsLocation("aws", REGION, ACCOUNT)
CLOUD = PulumiConfig("acme")
PROD = ServedStack("prod", "production", reviewers=("acme/oncall",))
DEV = ServedStack("dev", "dev")
ROLES = {each: f"arn:aws:iam::{ACCOUNT}:role/strata-prod-pulumi-{each}" for each in ("preview", "update")}


def declare(*stacks: ServedStack, cloud: PulumiConfig = CLOUD, stack: str = "prod") -> Recorder:
    config = IdentityConfig(GitHubConfig("acme/shop"), stacks, pulumi=cloud)
    return record(lambda: Deployments("deployments", place=PLACE, config=config, cloud=cloud), stack=stack)


def test_each_stack_has_settings_of_its_own_and_nothing_else_is_declared() -> None:
    recorded = declare(PROD, DEV)
    assert [(each.type, each.name, each.parent) for each in recorded] == [
        ("strata:layers:Deployments", "deployments", "strata-prod"),
        ("pulumiservice:index:DeploymentSettings", "deployments-prod", "deployments"),
        ("pulumiservice:index:DeploymentSettings", "deployments-dev", "deployments"),
    ]
    prod = recorded.named("deployments-prod").inputs
    assert (prod["organization"], prod["project"], prod["stack"]) == ("acme", "strata", "prod")


def test_a_program_is_recorded_below_its_own_stack_whatever_was_recorded_before() -> None:
    parents = [declare(DEV, stack=stack).named("deployments").parent for stack in ("dev", "prod")]
    assert parents == ["strata-dev", "strata-prod"]


def test_the_source_is_the_repositorys_main_by_vcs_and_not_by_what_is_deprecated() -> None:
    prod = declare(PROD).named("deployments-prod").inputs
    assert prod["sourceContext"] == {"git": {"branch": "refs/heads/main"}}
    assert (prod["vcs"]["provider"], prod["vcs"]["repository"]) == ("github", "acme/shop")
    assert "github" not in prod


def test_a_push_deploys_only_a_stack_without_reviewers_and_every_pull_request_previews() -> None:
    recorded = declare(PROD, DEV)
    pushed = {name: recorded.named(f"deployments-{name}").inputs["vcs"]["deployCommits"] for name in ("prod", "dev")}
    assert pushed == {"prod": False, "dev": True}
    assert recorded.named("deployments-prod").inputs["vcs"]["previewPullRequests"] is True


def test_the_paths_are_what_a_stack_is_made_of() -> None:
    paths = declare(PROD).named("deployments-prod").inputs["vcs"]["paths"]
    assert paths[-1] == "Pulumi.prod.yaml"
    for path in paths:
        assert list(ROOT.glob(path)), f"{path} matches nothing here"


def test_it_runs_in_the_configured_image() -> None:
    def image(cloud: PulumiConfig) -> str:
        context = declare(PROD, cloud=cloud).named("deployments-prod").inputs["executorContext"]
        return str(context["executorImage"])

    assert image(CLOUD) == "pulumi/pulumi-python-3.11:3.259.0"
    assert image(PulumiConfig("acme", image="acme/pulumi:1")) == "acme/pulumi:1"


def test_there_is_no_secret_and_no_role_for_every_operation_alike() -> None:
    context = declare(PROD).named("deployments-prod").inputs["operationContext"]
    assert context["environmentVariables"] == {
        "AWS_REGION": REGION,
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/mnt/pulumi/pulumi.oidc",
    }
    assert "oidc" not in context
    assert context["preRunCommands"] == [assume(ROLES)]


def test_the_roles_are_those_that_trust_the_operations_token() -> None:
    config = IdentityConfig(GitHubConfig("acme/shop"), (PROD,), pulumi=CLOUD)
    ours = [each for each in accesses(config) if isinstance(each, Access) and each.tokens[0].issuer == PULUMI]
    trusting = {each.operation: each for each in ours}
    assert {operation: PLACE.global_arn("iam", f"role/{each.role}") for operation, each in trusting.items()} == ROLES
    for operation, each in trusting.items():
        assert each.tokens[0].subject.endswith(f":operation:{operation}:scope:write")


def run(operation: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run the command as a runner does, with the file for variables in a folder of ours; return its result and file."""
    kept = folder / "PULUMI_ENV"
    monkeypatch.setattr(deployments, "KEPT", str(kept))
    env = {"PATH": "/usr/bin:/bin", "PULUMI_CI_OPERATION": operation, "PULUMI_CI_BUILD_NUMBER": "7"}
    ran = subprocess.run(["bash", "-c", assume(ROLES)], env=env, capture_output=True, text=True, check=False)
    return ran, kept.read_text() if kept.exists() else ""


@pytest.mark.parametrize("operation", ["preview", "update"])
def test_an_operation_takes_its_own_role(operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, kept = run(operation, tmp_path, monkeypatch)
    assert ran.returncode == 0, ran.stderr
    assert kept == f"AWS_ROLE_ARN={ROLES[operation]}\nAWS_ROLE_SESSION_NAME=pulumi-7\n"


@pytest.mark.parametrize("operation", ["destroy", "refresh", "detect-drift", "", "update;id"])
def test_any_other_operation_ends_before_it_starts(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, kept = run(operation, tmp_path, monkeypatch)
    assert (ran.returncode, kept) == (1, "")
    said = f"no role for {operation}: a stack has roles for preview and update; an administrator runs the rest\n"
    assert ran.stderr == said
