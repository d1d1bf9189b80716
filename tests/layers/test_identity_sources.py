"""The source of identity: what `bootstrap/` declares that reads, adopts or owns what Terraform's layer has."""

import json
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml  # type: ignore[import-untyped]

from infra.config import ConfigError
from infra.legacy import LegacyError
from tests.hcl import system
from tests.layers.recorder import ACCOUNT, Declared, Recorder, known, record
from tests.layers.test_program import ACCOUNTS, STATE, answers
from tests.layers.test_sources import different, lacking, readme_rows

ROOT = Path(__file__).resolve().parents[2]
ALIAS = "aws:kms/getAlias:getAlias"
LEGACY = {"bucket": "strata-terraform-state-prod", "key": "identity/terraform.tfstate"}
IAM = f"arn:aws:iam::{ACCOUNT}"
OUTPUTS = {
    "boundary_arn": f"{IAM}:policy/strata-prod-boundary",
    "alarms_key_alias": "alias/strata-prod-alarms",
    "deploy_role_arn": f"{IAM}:role/strata-prod-deploy",
    "preview_role_arn": f"{IAM}:role/strata-prod-preview",
}
READ: dict[str, Any] = {"source": "legacy", "legacy": LEGACY}
ADOPTED: dict[str, Any] = {"source": "adopted"}
ROWS = [row for row in readme_rows() if row[0] == "identity"]


def run(monkeypatch: pytest.MonkeyPatch, **given: Any) -> tuple[Recorder, dict[str, Any]]:
    """Run `bootstrap/` for prod's account; `outputs`: of Terraform's state. Return declarations and exports."""
    outputs, reviewed = given.pop("outputs", OUTPUTS), given.pop("reviewed", True)
    written = yaml.safe_load((ROOT / "bootstrap/Pulumi.prod.yaml").read_text())["config"]
    identity = written["strata-bootstrap:identity"]
    (stack,) = identity["stacks"]
    if not reviewed:
        del stack["reviewers"]
    identity |= {"stacks": [{**stack, "services": ["orders"]}], **given}
    pulumi.runtime.set_all_config({key: json.dumps(value) for key, value in written.items()})
    exported: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)
    monkeypatch.setattr(pulumi, "get_project", lambda: "strata-bootstrap")
    found = {
        **answers(ACCOUNTS["prod"]),
        STATE: lambda _: {"outputs": outputs},
        ALIAS: lambda asked: {"name": asked["name"], "targetKeyId": "KEY", "id": "x", "arn": "x", "targetKeyArn": "x"},
    }
    program = str(ROOT / "bootstrap/__main__.py")
    return record(lambda: runpy.run_path(program), answers=found, project="strata-bootstrap"), exported


def aws(recorded: Recorder) -> dict[str, Declared]:
    return {each.name: each for each in recorded if each.type.startswith("aws:")}


def test_what_terraform_has_is_read_and_all_else_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    managed, theirs = aws(run(monkeypatch)[0]), {row[3] for row in ROWS}
    legacy, exported = run(monkeypatch, **READ)
    assert aws(legacy).keys() == managed.keys() - theirs - {name for name in managed if _of_preview(name)}
    assert theirs <= managed.keys()
    (read,) = [call.args for call in legacy.called if call.token == STATE]
    assert (read["bucket"], read["key"], read["region"]) == (*LEGACY.values(), "eu-central-1")
    roles = {name: known(value) for name, value in exported["roles"].items()}
    assert roles["strata-prod-deploy"] == OUTPUTS["deploy_role_arn"]
    assert roles["strata-prod-preview"] == OUTPUTS["preview_role_arn"]


def _of_preview(name: str) -> bool:
    """Whether a resource is a policy of the preview role, or attaches one to it."""
    return name.startswith("identity-prod-preview-")


@pytest.mark.parametrize(("given", "previews"), [(READ, 0), (ADOPTED, 0), ({}, 6)])
@pytest.mark.parametrize("reviewed", [False, True])
def test_the_roles_have_the_stacks_policies_but_branches_that_none_has_reviewed_decrypt_no_secrets(
    given: dict[str, Any], previews: int, monkeypatch: pytest.MonkeyPatch, *, reviewed: bool
) -> None:
    recorded, _ = run(monkeypatch, reviewed=reviewed, **given)
    attached = recorded.of("iam/rolePolicyAttachment:RolePolicyAttachment")
    of_roles = Counter(each.inputs["role"] for each in attached)
    expected = Counter({"strata-build": 1, "strata-prod-deploy": 6, "strata-prod-preview": previews if reviewed else 6})
    assert of_roles == +expected


@pytest.mark.parametrize("given", [READ, ADOPTED])
def test_a_provider_that_is_outside_of_the_layer_is_no_part_of_it(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    github = {"repository": "strata-example/strata", "existingProvider": True}
    recorded, _ = run(monkeypatch, github=github, **given)
    assert recorded.of("iam/openIdConnectProvider:OpenIdConnectProvider") == []


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_state_of_another_stack_is_not_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = {**OUTPUTS, name: OUTPUTS[name].replace("prod", "staging")}
    with pytest.raises(LegacyError, match=rf"layer identity is legacy: .* but {name} is '.*staging") as caught:
        run(monkeypatch, outputs=outputs, **READ)
    assert "point strata-bootstrap:identity.legacy at the state of this stack's own layer" in str(caught.value)


def test_each_resource_is_imported_by_the_id_that_the_readme_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = run(monkeypatch, **ADOPTED)
    imported = {(each.type, each.name): each.imports for each in aws(recorded).values() if each.imports}
    assert imported == {(kind, name): id_ for _, _, kind, name, id_ in ROWS}


def test_each_is_protected_and_retained_and_ignores_tags_and_what_kms_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded, _ = run(monkeypatch, **ADOPTED)
    ours = [each for each in aws(recorded).values() if each.imports]
    assert len(ours) == 6
    assert [each.name for each in ours if not (each.protect and each.retain)] == []
    more = {each.name: set(each.ignores) - {"tags", "tagsAll"} for each in ours}
    assert {name: ignored for name, ignored in more.items() if ignored} == {
        "identity-prod-alarms": {"deletionWindowInDays", "bypassPolicyLockoutSafetyCheck"}
    }


def test_adopted_and_managed_are_the_same_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    adopted, managed = (run(monkeypatch, **given)[0] for given in (ADOPTED, {}))
    waited = {each.urn for each in aws(managed).values() if _of_preview(each.name)}
    assert {each.urn for each in aws(adopted).values()} == {each.urn for each in aws(managed).values()} - waited
    assert [each.name for each in aws(managed).values() if each.imports or each.retain] == []


def test_every_property_in_the_hcl_is_the_one_that_the_program_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Terraform applied is what Pulumi imports, so that the first preview shows no difference."""
    recorded, _ = run(monkeypatch, **ADOPTED)
    layers = system()
    issuer = f"{IAM}:oidc-provider/token.actions.githubusercontent.com"
    made_up = {
        "arn:aws:test:eu-central-1:333333333333:aws_iam_openid_connect_provider.github": issuer,
        "aws_kms_key.alarms-key_id": "identity-prod-alarms-key_id",
    }
    assert different(recorded, layers, ROWS, made_up) == {}
    assert lacking(recorded, layers, ROWS) == {}


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"source": "legacy"}, "identity.legacy is missing, but strata-bootstrap:identity.source is legacy"),
        ({**ADOPTED, "legacy": LEGACY}, "identity.legacy is given, without effect: strata-bootstrap:identity.source"),
        ({"legacy": LEGACY}, "identity.legacy is given, without effect: strata-bootstrap:identity.source is managed"),
        (
            {**ADOPTED, "stacks": [{"name": name, "environment": name} for name in ("prod", "blue")]},
            "identity.stacks has prod, blue, but strata-bootstrap:identity.source is adopted, and Terraform",
        ),
    ],
)
def test_what_cannot_go_together_is_refused_with_the_reason(
    given: dict[str, Any], wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError) as caught:
        run(monkeypatch, **given)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"strata-bootstrap:{wrong}")


def test_branches_of_a_stack_with_reviewers_preview_from_its_own_environment_once_the_role_is_managed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def subjects(**given: Any) -> list[str]:
        role = aws(run(monkeypatch, **given)[0])["identity-prod-preview"]
        host = "token.actions.githubusercontent.com"
        asked = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        return [each["Condition"]["StringEquals"][f"{host}:sub"].rpartition(":")[2] for each in asked]

    assert subjects(**ADOPTED) == ["preview"]
    assert subjects() == ["preview-prod", "preview"]
