"""Types the commands of docs/migration.md for identity: `bootstrap/` reads, adopts and owns it, and gives it back."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from infra.migrate.steps import Step
from rehearsal.environment import legacy_identity, sandbox
from rehearsal.environment.bootstrap import PROGRAM
from rehearsal.environment.legacy_document import beside
from rehearsal.environment.legacy_identity import ALIAS, BOUNDARY, DEPLOY, HOMELESS, ISSUER, LAYER, PREVIEW
from rehearsal.environment.sandbox import REPOSITORY, STACK
from rehearsal.migration import stage
from rehearsal.migration.stage import Stage
from tests.rehearsal.documents import shell_lines
from tests.rehearsal.stage import FACTOR
from tests.rehearsal.test_migration import typed

SET = f"pulumi config set --cwd {PROGRAM} --stack {STACK} --path strata-bootstrap:identity"
UNCHANGED = f"pulumi preview --cwd {PROGRAM} --stack {STACK} --expect-no-changes"


@pytest.fixture
def made() -> Iterator[Stage]:
    """A sandbox with Terraform's identity layer, and an account for which `bootstrap/` was not brought up yet."""
    with sandbox.running(FACTOR) as running:
        legacy_identity.create(running.aws, running.legacy, REPOSITORY)
        sandbox.succeed(running.scratch, running.env, "--cwd", PROGRAM, "stack", "init", STACK)
        yield stage.opened(running)


def identities(made: Stage) -> dict[str, Any]:
    """Return what AWS generated for the layer's resources, which no move may change."""
    iam, kms = made.sandbox.aws.client("iam"), made.sandbox.aws.client("kms")
    account = f"arn:aws:iam::{made.sandbox.account}"
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=f"{account}:oidc-provider/{ISSUER}")
    policy = iam.get_policy(PolicyArn=f"{account}:policy/{BOUNDARY}")["Policy"]
    roles = {name: iam.get_role(RoleName=name)["Role"] for name in (DEPLOY, PREVIEW)}
    return {
        "providers": len(iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]),
        "provider": str(provider["CreateDate"]),
        "boundary": (policy["PolicyId"], str(policy["CreateDate"])),
        "keys": {each["AliasName"]: each["TargetKeyId"] for each in kms.list_aliases()["Aliases"]}[ALIAS],
        "roles": {name: (each["RoleId"], str(each["CreateDate"])) for name, each in roles.items()},
        "trust": {name: each["AssumeRolePolicyDocument"] for name, each in roles.items()},
    }


def policies(made: Stage, role: str) -> set[str]:
    found = made.sandbox.aws.client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    return {each["PolicyName"] for each in found}


def counts(done: dict[str, Any]) -> list[int]:
    """Return what a move created, replaced and deleted."""
    assert done["exit"] == 0, done
    return [done[name] for name in ("created", "replaced", "deleted")]


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform on PATH to move its state")
def test_identity_is_read_adopted_managed_and_given_back_by_the_page(made: Stage) -> None:
    lines = shell_lines("migration.md", "5. Identity")
    read, adopted, managed = lines[:5], lines[5:9], lines[9:]
    before = identities(made)

    typed(made, [*read[:-1], f"{SET}.legacy.endpoint {made.sandbox.endpoint}", f"{SET}.legacy.usePathStyle true"])
    typed(made, read[-1:])
    assert identities(made) == before
    assert {f"{DEPLOY}-state", f"{DEPLOY}-roles"} <= policies(made, DEPLOY)
    assert policies(made, PREVIEW) == {"ReadOnlyAccess"}  # branches that none has reviewed open this role

    inspected = made.migrate("inspect", LAYER)
    homes = {each["address"]: each["import_id"] for each in inspected["resources"]}
    assert {address for address, home in homes.items() if home is None} == set(HOMELESS)
    assert homes["aws_kms_key.alarms"] == before["keys"]
    assert len(homes) == 8

    typed(made, adopted[:2])
    refused = made.migrate("move", LAYER)
    assert refused["exit"] == 3
    assert all(f"{address} has no home" in refused["error"] for address in HOMELESS)

    legacy_identity.without_pipelines(made.sandbox.aws)
    made.terraform(LAYER, "state", "rm", *HOMELESS)  # `terraform apply` of the HCL without them ends in this state
    planned = made.migrate("plan", LAYER, "--to", "adopted")
    assert "bootstrap/Pulumi.prod.yaml" in planned["steps"][0]["does"]
    moved = made.migrate(*adopted[2].split()[3:5])
    assert counts(moved) == [0, 0, 0]
    assert (moved["from"], moved["to"], moved["imported"]) == ("legacy", "adopted", 6)
    typed(made, [adopted[3], UNCHANGED])
    assert made.left(LAYER) == []
    assert identities(made) == before

    typed(made, managed[:1])
    moved = made.migrate("move", LAYER)
    assert counts(moved) == [0, 0, 0]
    assert (moved["to"], moved["steps"], moved["new"]) == ("managed", [Step.UPDATE], 12)
    typed(made, [UNCHANGED, managed[2], managed[3], UNCHANGED, adopted[3]])
    assert {**identities(made), "trust": before["trust"]} == before
    environments = json.dumps(identities(made)["trust"][PREVIEW])
    assert "environment:preview-prod" in environments


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform on PATH to move its state")
def test_identity_goes_back_to_terraform_with_what_it_had(made: Stage) -> None:
    lines = shell_lines("migration.md", "5. Identity")
    read, adopted = lines[:5], lines[5:9]
    file = made.sandbox.scratch.project / PROGRAM / f"Pulumi.{STACK}.yaml"
    legacy = [*read[:-1], f"{SET}.legacy.endpoint {made.sandbox.endpoint}", f"{SET}.legacy.usePathStyle true"]
    legacy_identity.without_pipelines(made.sandbox.aws)
    made.terraform(LAYER, "state", "rm", *HOMELESS)
    typed(made, [*legacy, read[-1]])
    text, before = file.read_text(), identities(made)
    key = beside(made.sandbox.legacy, LAYER).object_key
    s3 = made.sandbox.aws.client("s3")

    def attributes() -> dict[str, Any]:
        found = json.loads(s3.get_object(Bucket=made.sandbox.legacy.bucket, Key=key)["Body"].read())
        return {f"{each['type']}.{each['name']}": each["instances"] for each in found["resources"]}

    terraforms = attributes()
    typed(made, adopted)
    assert attributes() == {}
    file.write_text(text)
    done = made.migrate("back", LAYER)
    assert counts(done) == [0, 0, 0]
    assert (done["from"], done["to"]) == ("adopted", "legacy")
    assert attributes() == terraforms
    typed(made, [adopted[3], UNCHANGED])
    assert identities(made) == before
