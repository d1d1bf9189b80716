"""The identity layer declares exactly the roles, policies, buckets and keys that an account needs."""

import json
from dataclasses import replace
from typing import Any, get_type_hints

import pytest

from infra import permissions
from infra.artifacts.store import source_key
from infra.identity.config import (
    GitHubConfig,
    IdentityConfig,
    KeptArtifacts,
    LegacyFunctions,
    LegacyObject,
    PeerSettings,
    PulumiConfig,
    ServedStack,
)
from infra.layers.identity import Identity, IdentityError
from infra.naming import AwsLocation
from infra.permissions import Statement
from infra.permissions.artifacts import FOLDERS
from infra.release.model.spec import ReleasePolicy
from tests.layers.recorder import ACCOUNT, REGION, Recorder, known, record

PLACE = AwsLocation("aws", REGION, ACCOUNT)
PROD = ServedStack("prod", "production", services=("orders",))
OWN = KeptArtifacts()
made: list[Identity] = []


def declare(
    *stacks: ServedStack,
    pulumi: PulumiConfig | None = None,
    artifacts: KeptArtifacts = OWN,
    **github: Any,
) -> Recorder:
    config = IdentityConfig(GitHubConfig("acme/shop", **github), stacks or (PROD,), pulumi=pulumi, artifacts=artifacts)

    def program() -> None:
        made[:] = [Identity("identity", place=PLACE, config=config)]

    return record(program)


def trusted(recorded: Recorder) -> dict[str, str]:
    """Return the subject that opens each role, by role."""
    found = {}
    for role in recorded.of("iam/role:Role"):
        (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        ((issuer, subject),) = [
            (key, value) for key, value in statement["Condition"]["StringEquals"].items() if key.endswith(":sub")
        ]
        assert statement["Principal"] == {
            "Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer.removesuffix(':sub')}"
        }
        found[role.inputs["name"]] = subject
    return found


def statements(recorded: Recorder, policy: str) -> list[dict[str, Any]]:
    """Return the statements of a managed policy, by the name of its resource."""
    (found,) = [each for each in recorded.of("iam/policy:Policy") if each.name == policy]
    said: list[dict[str, Any]] = json.loads(found.inputs["policy"])["Statement"]
    return said


def test_each_stack_has_a_role_that_deploys_and_one_that_previews() -> None:
    assert trusted(declare(PROD, ServedStack("blue", "blue"))) == {
        "strata-build": "repo:acme/shop:environment:build",
        "strata-prod-deploy": "repo:acme/shop:environment:production",
        "strata-prod-preview": "repo:acme/shop:environment:preview",
        "strata-blue-deploy": "repo:acme/shop:environment:blue",
        "strata-blue-preview": "repo:acme/shop:environment:preview",
    }


def test_a_stack_that_proves_to_another_lets_its_roles_read_its_records_and_nothing_else() -> None:
    staging = ServedStack("staging", "staging", proves_to=PeerSettings("prod", "333333333333"), services=("orders",))
    recorded = declare(staging)
    (role,) = [each for each in recorded.of("iam/role:Role") if each.inputs["name"] == "strata-staging-proof"]
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    roles = [f"arn:aws:iam::333333333333:role/strata-prod-{each}" for each in ("deploy", "preview")]
    assert trust["Principal"] == {"AWS": "arn:aws:iam::333333333333:root"}
    assert trust["Condition"] == {"StringEquals": {"aws:PrincipalArn": roles}}
    (policy,) = recorded.of("iam/rolePolicy:RolePolicy")
    (statement,) = json.loads(policy.inputs["policy"])["Statement"]
    assert statement["Action"] == [
        "codedeploy:BatchGetDeployments",
        "codedeploy:ListDeployments",
        "codedeploy:ListTagsForResource",
    ]
    group = f"arn:aws:codedeploy:{REGION}:{ACCOUNT}:deploymentgroup:strata-staging/strata-staging-orders"
    assert statement["Resource"] == [group]


@pytest.mark.parametrize("by_event", [False, True])
def test_the_role_that_promotes_by_event_reads_the_records_only_where_it_is_configured(*, by_event: bool) -> None:
    after = PeerSettings("prod", "333333333333", by_event)
    recorded = declare(ServedStack("staging", "staging", proves_to=after, services=("orders",)))
    (role,) = [each for each in recorded.of("iam/role:Role") if each.inputs["name"] == "strata-staging-proof"]
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    askers = trust["Condition"]["StringEquals"]["aws:PrincipalArn"]
    assert ("arn:aws:iam::333333333333:role/strata-prod-promote" in askers) is by_event


@pytest.mark.parametrize("by_event", [False, True])
def test_the_build_job_publishes_source_archives_only_where_an_event_starts_a_release(*, by_event: bool) -> None:
    before = PeerSettings("staging", "222222222222", by_event)
    recorded = declare(replace(PROD, follows=before))
    (written,) = [each for each in statements(recorded, "identity-build-artifacts") if each["Sid"] == "NewArtifacts"]
    assert any(each.endswith("/sources/*") for each in written["Resource"]) is by_event


def test_a_stack_that_follows_another_may_take_its_proof_role() -> None:
    prod = replace(PROD, follows=PeerSettings("staging", "222222222222"))
    documents = [each.inputs["policy"] for each in declare(prod).of("iam/policy:Policy")]
    assert sum("arn:aws:iam::222222222222:role/strata-staging-proof" in each for each in documents) == 2
    assert not [each for each in declare(PROD).of("iam/policy:Policy") if "sts:AssumeRole" in each.inputs["policy"]]


def test_pulumi_deployments_has_a_role_for_each_operation_where_it_is_configured() -> None:
    found = trusted(declare(pulumi=PulumiConfig("acme")))
    stack = "pulumi:deploy:org:acme:project:strata:stack:prod"
    assert found["strata-prod-pulumi-preview"] == f"{stack}:operation:preview:scope:write"
    assert found["strata-prod-pulumi-update"] == f"{stack}:operation:update:scope:write"
    assert not [name for name in trusted(declare()) if "pulumi" in name]


def test_a_subject_with_numbers_is_trusted_as_it_is_configured() -> None:
    recorded = declare(subject="ids", owner_id="12", repository_id="345")
    assert trusted(recorded)["strata-prod-deploy"] == "repo:acme@12/shop@345:environment:production"


def test_a_stack_with_reviewers_is_previewed_by_branches_from_an_environment_that_has_them_too() -> None:
    recorded = declare(replace(PROD, reviewers=("acme/oncall",)))
    (role,) = [each for each in recorded.of("iam/role:Role") if each.inputs["name"] == "strata-prod-preview"]
    host = "token.actions.githubusercontent.com"
    asked = [each["Condition"]["StringEquals"] for each in json.loads(role.inputs["assumeRolePolicy"])["Statement"]]
    assert [(keys[f"{host}:sub"], keys.get(f"{host}:ref")) for keys in asked] == [
        ("repo:acme/shop:environment:preview-prod", None),
        ("repo:acme/shop:environment:preview", "refs/heads/main"),
    ]


@pytest.mark.parametrize("branch", ["main", "trunk"])
def test_only_jobs_of_the_branch_deploy_and_build_and_those_of_the_repository_by_its_number(branch: str) -> None:
    recorded = declare(repository_id="345", branch=branch)
    asked = {}
    for role in recorded.of("iam/role:Role"):
        (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        keys = statement["Condition"]["StringEquals"]
        host = "token.actions.githubusercontent.com"
        asked[role.inputs["name"]] = (keys.get(f"{host}:ref"), keys.get(f"{host}:repository_id"))
    assert asked == {
        "strata-build": (f"refs/heads/{branch}", "345"),
        "strata-prod-deploy": (f"refs/heads/{branch}", "345"),
        "strata-prod-preview": (None, "345"),
    }


def test_an_issuer_that_the_account_has_already_is_not_declared_again() -> None:
    def issuers(recorded: Recorder) -> dict[str, list[str]]:
        found = recorded.of("iam/openIdConnectProvider:OpenIdConnectProvider")
        return {each.inputs["url"]: each.inputs["clientIdLists"] for each in found}

    github, cloud = "https://token.actions.githubusercontent.com", "https://api.pulumi.com/oidc"
    assert issuers(declare()) == {github: ["sts.amazonaws.com"]}
    assert issuers(declare(pulumi=PulumiConfig("acme"))) == {github: ["sts.amazonaws.com"], cloud: ["acme"]}
    assert issuers(declare(existing_provider=True)) == {}
    existing = declare(pulumi=PulumiConfig("acme", existing_provider=True))
    assert issuers(existing) == {github: ["sts.amazonaws.com"]}


def test_a_role_has_its_policies_and_waits_for_its_issuer() -> None:
    recorded = declare()
    attached = recorded.of("iam/rolePolicyAttachment:RolePolicyAttachment")
    pairs = {(each.inputs["role"], each.inputs["policyArn"].rpartition(":")[2]) for each in attached}
    parts = ("functions", "api", "triggers", "roles", "delivery", "state")
    stacks = {(role, f"{role}-{part}") for role in ("strata-prod-deploy", "strata-prod-preview") for part in parts}
    assert pairs == {*stacks, ("strata-build", "strata-build-artifacts")}
    assert all("identity-github" in role.after for role in recorded.of("iam/role:Role"))


def test_the_boundary_is_the_stacks_and_knows_its_table() -> None:
    legacy = LegacyObject("acme-terraform-state", "data/terraform.tfstate")
    recorded = declare(ServedStack("prod", "production", "orders-prod", legacy, services=("orders",)))
    policy = recorded.named("identity-prod-boundary").inputs
    assert policy["name"] == "strata-prod-boundary"
    resources = [arn for statement in json.loads(policy["policy"])["Statement"] for arn in statement["Resource"]]
    assert f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders-prod" in resources
    (state,) = [each for each in recorded.of("iam/policy:Policy") if each.name == "identity-prod-deploy-state"]
    assert "arn:aws:s3:::acme-terraform-state/data/terraform.tfstate" in state.inputs["policy"]


def test_both_roles_read_the_states_of_legacy_functions() -> None:
    layers = ("compute", "observability", "delivery")
    states = LegacyFunctions(*(LegacyObject("acme-terraform-state", f"{layer}/terraform.tfstate") for layer in layers))
    recorded = declare(ServedStack("prod", "production", legacy_functions=states, services=("orders",)))
    for role in ("deploy", "preview"):
        named = f"identity-prod-{role}-state"
        (policy,) = [each for each in recorded.of("iam/policy:Policy") if each.name == named]
        statements = json.loads(policy.inputs["policy"])["Statement"]
        (found,) = [each for each in statements if each["Sid"] == "LegacyFunctions"]
        assert found["Action"] == ["s3:GetObject"]
        assert found["Resource"] == [f"arn:aws:s3:::acme-terraform-state/{layer}/terraform.tfstate" for layer in layers]


@pytest.mark.parametrize("kind", ["state", "artifacts"])
def test_state_and_artifacts_are_versioned_encrypted_private_and_kept(kind: str) -> None:
    recorded = declare()
    bucket = recorded.named(f"identity-{kind}")
    name = f"strata-{kind}-{ACCOUNT}-{REGION}"
    assert (bucket.inputs["bucket"], bucket.protect) == (name, True)
    versions = recorded.named(f"identity-{kind}-versions").inputs
    assert versions["versioningConfiguration"] == {"status": "Enabled"}
    encryption = recorded.named(f"identity-{kind}-encryption")
    assert encryption.inputs["rules"] == [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    private = recorded.named(f"identity-{kind}-private").inputs
    assert [value for key, value in private.items() if key != "bucket"] == [True] * 4
    settings = [each for each in recorded if each.name.startswith(f"{bucket.name}-")]
    assert {each.inputs["bucket"] for each in settings} == {name}


@pytest.mark.parametrize("kind", ["state", "artifacts"])
def test_state_and_artifacts_are_reached_only_by_tls(kind: str) -> None:
    (statement,) = json.loads(declare().named(f"identity-{kind}-tls").inputs["policy"])["Statement"]
    bucket = f"arn:aws:s3:::strata-{kind}-{ACCOUNT}-{REGION}"
    assert statement == {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:*"],
        "Resource": [bucket, f"{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_source_archives_alone_expire_and_no_sooner_than_a_pending_promotion_can_need_them() -> None:
    recorded = declare()
    lifecycle = recorded.one("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
    assert lifecycle.inputs["bucket"] == f"strata-artifacts-{ACCOUNT}-{REGION}"
    [rule] = lifecycle.inputs["rules"]
    key = source_key("1" * 40)
    assert key.startswith(rule["filter"]["prefix"])
    assert not [each for each in FOLDERS if f"{each}/".startswith(rule["filter"]["prefix"])]
    longest = get_type_hints(ReleasePolicy, include_extras=True)["proof_days"].__metadata__[0].high
    assert rule["expiration"] == {"days": 2 * longest}
    assert (rule["status"], rule["noncurrentVersionExpiration"]) == ("Enabled", {"noncurrentDays": 30})
    assert "identity-artifacts-versions" in lifecycle.after


def test_the_build_job_writes_only_new_objects_and_deletes_none() -> None:
    found = statements(declare(), "identity-build-artifacts")
    bucket = f"arn:aws:s3:::strata-artifacts-{ACCOUNT}-{REGION}"
    objects = [f"{bucket}/bundles/*", f"{bucket}/manifests/*"]
    assert [(each["Action"], each["Resource"], each.get("Condition")) for each in found] == [
        (["s3:GetObject", "s3:GetObjectVersion"], objects, None),
        (["s3:ListBucket"], [bucket], None),
        (["s3:PutObject"], objects, {"Null": {"s3:if-none-match": "false"}}),
    ]


def test_other_accounts_read_the_bundles_where_they_are_named_and_change_none() -> None:
    recorded = declare(artifacts=KeptArtifacts(readers=("111111111111",)))
    _, shared = json.loads(recorded.named("identity-artifacts-tls").inputs["policy"])["Statement"]
    assert (shared["Effect"], shared["Principal"]) == ("Allow", {"AWS": "arn:aws:iam::111111111111:root"})
    assert shared["Action"] == ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"]


def test_an_account_that_reads_bundles_from_another_has_no_artifact_bucket_and_no_build_role() -> None:
    recorded = declare(artifacts=KeptArtifacts("999999999999"))
    assert [each.name for each in recorded if "artifacts" in each.name or "build" in each.name] == []
    for role in ("prod-deploy", "prod-preview"):
        (taken,) = [each for each in statements(recorded, f"identity-{role}-state") if each["Sid"] == "Artifacts"]
        assert taken["Resource"][0] == f"arn:aws:s3:::strata-artifacts-999999999999-{REGION}/bundles/*"
        assert taken["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]


def test_the_layout_of_the_state_is_written_so_that_no_stack_chooses_it() -> None:
    layout = declare().one("s3/bucketObjectv2:BucketObjectv2").inputs
    assert (layout["key"], layout["content"]) == (".pulumi/meta.yaml", "version: 1\n")


def test_keys_rotate_have_names_and_are_kept() -> None:
    recorded = declare()
    keys = recorded.of("kms/key:Key")
    assert [(key.name, key.inputs["enableKeyRotation"], key.protect) for key in keys] == [
        ("identity-secrets", True, True),
        ("identity-prod-alarms", True, True),
    ]
    aliases = {each.inputs["name"] for each in recorded.of("kms/alias:Alias")}
    assert aliases == {"alias/strata-secrets", "alias/strata-prod-alarms"}


def test_cloudwatch_may_use_the_key_of_the_topic_and_never_that_of_the_secrets() -> None:
    recorded = declare()

    def principals(name: str) -> list[Any]:
        policy = json.loads(recorded.named(name).inputs["policy"])
        return [statement["Principal"] for statement in policy["Statement"]]

    account = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert principals("identity-prod-alarms") == [account, {"Service": "cloudwatch.amazonaws.com"}]
    assert principals("identity-secrets") == [account]


def test_a_session_that_deploys_outlasts_a_canary() -> None:
    longest = {role.inputs["name"]: role.inputs["maxSessionDuration"] for role in declare().of("iam/role:Role")}
    assert longest == {"strata-build": 3600, "strata-prod-deploy": 14400, "strata-prod-preview": 3600}


def test_it_declares_no_user_no_key_of_one_and_nothing_of_a_stack() -> None:
    kinds = {each.type.split(":")[1].split("/")[0] for each in declare() if each.type.startswith("aws:")}
    assert kinds == {"iam", "kms", "s3"}
    names = {each.type.rpartition(":")[2] for each in declare()}
    assert not {name for name in names if "User" in name or "AccessKey" in name or "InstanceProfile" in name}


def test_it_says_where_state_and_secrets_are() -> None:
    declare()
    (layer,) = made
    assert known(layer.state) == f"s3://strata-state-{ACCOUNT}-{REGION}?region={REGION}"
    assert layer.secrets_providers["prod"].endswith("&context_project=strata&context_stack=prod")
    assert set(layer.roles) == {"strata-build", "strata-prod-deploy", "strata-prod-preview"}


def test_a_boundary_that_iam_would_not_take_declares_no_role(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = (Statement("S", ("a:B",), tuple(f"arn:aws:x:::{number:06}" for number in range(400))),)
    monkeypatch.setattr(permissions, "boundary", lambda *_: huge)
    with pytest.raises(IdentityError, match=r"strata-prod-boundary has 8,\d{3} characters, and IAM takes 6,144"):
        declare()
