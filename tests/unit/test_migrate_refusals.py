"""Each reason for which a layer does not move, or is not read: what the message says, and that nothing was changed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.console import RefusedError
from infra.migrate import backend, checks, compare, mover
from infra.migrate.model import Direction, Lock, MigrationError, PreviewStep, PulumiResource, TerraformState, Thing
from infra.migrate.steps import Step
from infra.source import Source
from tests.unit.migrate_kit import KEY, TABLE, FakeSides, KilledError, legacy, table, unit, urn, with_attributes

ORDERS = Thing(TABLE, "orders")


def refused(sides: FakeSides, direction: Direction = Direction.IN, **options: Any) -> str:
    """Return why a move is refused; it must have changed nothing."""
    before = (dict(sides.terraform), dict(sides.pulumi), sides.lock)
    with pytest.raises(RefusedError) as problem:
        mover.run([sides], direction, lambda _: None, **options)
    assert (sides.terraform, sides.pulumi, sides.lock) == before
    return str(problem.value)


def test_a_state_that_another_has_locked() -> None:
    sides = legacy("orders")
    sides.lock = Lock("abc", "OperationTypeApply", "", "bob@desk", "2026-11-30T08:00:00Z")
    said = refused(sides, resume=True)
    assert "is locked by bob@desk since 2026-11-30T08:00:00Z for OperationTypeApply (lock abc)" in said
    assert "`terraform force-unlock abc`" in said


def test_a_move_that_is_not_over_unless_it_is_resumed() -> None:
    sides = legacy("orders")
    sides.kill = 3
    with pytest.raises(KilledError):
        mover.run([sides], Direction.IN, lambda _: None)
    assert "run this again with --resume" in refused(sides)
    assert mover.run([sides], Direction.IN, lambda _: None, resume=True).steps[-1] is Step.UNLOCK


def test_a_state_that_is_newer_than_the_plan() -> None:
    sides = legacy("orders")
    sides.serial = 8
    assert "has the serial 8, but the plan was made of 7" in refused(sides, serials={"data": 7})


def test_a_state_that_was_written_past_the_lock_of_a_move() -> None:
    sides = legacy("orders", "carts")
    sides.kill = 9
    with pytest.raises(KilledError):
        mover.run([sides], Direction.IN, lambda _: None)
    assert sides.journal
    sides.serial += 1
    assert "it was written past the lock" in refused(sides, resume=True)


def test_a_resource_in_two_states() -> None:
    sides = legacy("orders")
    sides.others = {"compute": TerraformState("other", 1, (table("orders"),))}
    assert "aws:dynamodb/table:Table orders is in two states, of data and of compute" in refused(sides)


def test_a_resource_that_one_state_names_twice() -> None:
    sides = legacy("orders")
    again = table("orders")
    sides.terraform["aws_dynamodb_table.again"] = again
    assert "is not the only one that names aws:dynamodb/table:Table orders" in refused(sides)


def test_an_output_that_a_layer_still_reads() -> None:
    sides = legacy("orders")
    sides.others = {"compute": TerraformState("other", 1, (table("carts"),), reads=frozenset({KEY}))}
    said = refused(sides)
    assert "layer compute stays in Terraform with 1 resources, and reads the outputs of data (table_name)" in said
    assert "move compute first" in said


def test_a_layer_that_reads_but_has_moved_is_in_nobodys_way() -> None:
    sides = legacy("orders")
    sides.others = {"compute": TerraformState("other", 1, (), reads=frozenset({KEY}))}
    assert mover.run([sides], Direction.IN, lambda _: None).counts["import"] == 1


def test_a_type_without_a_home_and_an_instance_that_terraform_would_replace() -> None:
    sides = legacy("orders")
    sides.terraform["aws_x.y"] = type(table("x"))("aws_x.y", "aws_x", {}, None, "tainted")
    said = refused(sides)
    assert "aws_x.y has no home" in said
    assert "aws_x.y is tainted" in said
    assert "`terraform untaint 'aws_x.y'`" in said


def test_what_only_terraforms_pipelines_need_names_its_end() -> None:
    sides = legacy("orders")
    sides.layer = "identity"
    sides.terraform["aws_x.y"] = replace(table("x"), type="aws_iam_role_policy", address="aws_x.y", thing=None)
    said = refused(sides)
    assert "aws_x.y has no home: a role of Strata's has policies of its own" in said
    assert "take it out of the HCL and run `terraform apply`" in said


def test_the_stacks_file_of_identity_is_that_of_bootstrap() -> None:
    sides = legacy("orders", wanted=Source.LEGACY)
    assert "set another source in Pulumi.prod.yaml" in refused(sides)
    sides.layer = "identity"
    assert "set another source in bootstrap/Pulumi.prod.yaml" in refused(sides)


def test_credentials_and_resources_of_another_account() -> None:
    said = list(checks.account("111111111111", ["222222222222"], [table("orders")]))
    assert (
        "the credentials are of account 111111111111, but strata:account.allowedAccountIds is 222222222222" in said[0]
    )
    assert (
        said[1]
        == "aws_dynamodb_table.orders is in account 333333333333, and the stack in 222222222222; name its own state"
    )
    assert not list(checks.account("333333333333", ["333333333333"], [table("orders")]))
    (said_by_bootstrap,) = checks.account("1", ["2"], [], "strata-bootstrap")
    assert "but strata-bootstrap:account.allowedAccountIds is 2" in said_by_bootstrap


def imported(*after: PreviewStep, **inputs: Any) -> list[PreviewStep]:
    return [PreviewStep("import", PulumiResource(urn(ORDERS), TABLE), "orders", inputs=inputs), *after]


def changed(op: str, *differs: str, replaces: tuple[str, ...] = ()) -> PreviewStep:
    return PreviewStep(op, PulumiResource(urn(ORDERS), TABLE), "orders", differs, replaces)


OTHER = PulumiResource("urn:x", TABLE)
REPLACED = changed("replace", "hashKey", replaces=("hashKey",))


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (imported(REPLACED, hashKey="oid"), "hashKey of the program would replace it"),
        (
            imported(changed("update", "hashKey"), hashKey="oid"),
            'declares hashKey "oid", and Terraform\'s state has "id"',
        ),
        (
            imported(changed("update", "hashKey"), hashKey="id"),
            "AWS has another hashKey than Terraform's state and the",
        ),
        (imported(hashKey="oid"), 'hashKey is "id" in Terraform\'s state, but AWS has "oid"'),
        (imported(PreviewStep("create", OTHER)), "the preview would create urn:x"),
        (imported(PreviewStep("delete", OTHER)), "the preview would delete urn:x"),
        (imported(PreviewStep("replace", OTHER, replaces=("name",))), "would replace urn:x because of name"),
        ([], "orders would not be imported: the program declares no aws:dynamodb/table:Table orders"),
    ],
)
def test_a_preview_that_does_more_than_import(steps: list[PreviewStep], said: str) -> None:
    moved, problems = checks.imports(steps, [table("orders", hash_key="id")])
    assert len(problems) == 1
    assert said in problems[0]
    assert moved or not steps


def test_components_and_pulumis_own_providers_are_nothing_in_aws() -> None:
    component = PreviewStep("create", PulumiResource("urn:c", "strata:layers:Data", custom=False))
    provider = PreviewStep("delete", PulumiResource("urn:p", "pulumi:providers:terraform"))
    assert checks.imports(imported(component, provider), [table("orders")])[1] == []


def test_a_refused_preview_gives_the_lock_back_and_leaves_no_journal() -> None:
    sides = legacy("orders")
    sides.extra = (PreviewStep("create", PulumiResource("urn:x", TABLE)),)
    assert "the preview would create urn:x, which is no part of the move" in refused(sides)
    assert sides.journal is None


def test_a_layer_that_is_to_be_managed_at_once() -> None:
    assert "a managed layer is not imported" in refused(legacy("orders", wanted=Source.MANAGED))


@pytest.mark.parametrize(
    ("wanted", "direction", "command"),
    [
        (Source.LEGACY, Direction.IN, "`back data`"),
        (Source.ADOPTED, Direction.BACK, "`move data`"),
        (Source.MANAGED, Direction.BACK, "`move data`"),
    ],
)
def test_a_command_that_leads_the_other_way(wanted: Source, direction: Direction, command: str) -> None:
    assert f"or run {command}" in refused(legacy("orders", wanted=wanted), direction)


def test_a_managed_layer_does_not_go_back_to_terraform_in_one_step() -> None:
    sides = legacy("orders")
    mover.run([sides], Direction.IN, lambda _: None)
    sides.wanted = Source.MANAGED
    mover.run([sides], Direction.IN, lambda _: None)
    sides.wanted = Source.LEGACY
    assert "would be deleted in AWS: Pulumi's state does not retain it" in refused(sides, Direction.BACK)


def test_a_refused_way_back_leaves_the_resources_protected() -> None:
    sides = legacy("orders")
    mover.run([sides], Direction.IN, lambda _: None)
    sides.wanted = Source.LEGACY
    sides.extra = (PreviewStep("delete", PulumiResource("urn:x", TABLE)),)
    with pytest.raises(RefusedError, match="the preview would delete urn:x"):
        mover.run([sides], Direction.BACK, lambda _: None)
    assert sides.protected == {ORDERS} == set(sides.pulumi)


def test_a_move_that_another_process_goes_on_with_is_left_to_it() -> None:
    sides, reported = legacy("orders"), list[str]()

    def taken_over(line: str) -> None:
        reported.append(line.partition(":")[0])
        if reported[-1] == "import" and sides.lock:
            sides.lock = replace(sides.lock, holder="another")

    with pytest.raises(RefusedError, match="a move of data is not over: it is of ann@desk"):
        mover.run([sides], Direction.IN, taken_over, resume=True)
    assert reported == ["lock", "record", "import"]
    assert sides.lock
    assert sides.terraform
    assert mover.run([sides], Direction.IN, lambda _: None, resume=True).steps == [Step.FORGET, Step.UNLOCK]


def test_a_lock_that_another_takes_meanwhile_gives_back_those_of_the_layers_beside_it() -> None:
    compute, delivery = unit(compute=["orders"], delivery=["group"])
    other = Lock("abc", "OperationTypeApply", "", "bob@desk", "2026-11-30")

    def race(_: str) -> None:
        delivery.lock_of_another = other

    with pytest.raises(MigrationError, match="locked a moment ago"):
        mover.run([compute, delivery], Direction.IN, race)
    assert (compute.lock, delivery.lock) == (None, other)
    assert "is locked by bob@desk" in refused_of(compute, delivery)


def test_functions_that_become_managed_bring_what_waited_for_it_and_a_layer_alone_does_not() -> None:
    new = PreviewStep("create", PulumiResource("urn:hook", TABLE))
    alone = legacy("orders")
    members = unit(compute=["orders"], delivery=["group"])
    for each in ([alone], members):
        mover.run(each, Direction.IN, lambda _: None)
        for one in each:
            one.wanted, one.extra = Source.MANAGED, (new,)
    assert "the preview would create urn:hook" in refused(alone)
    assert mover.run(members, Direction.IN, lambda _: None).counts == {"new": 1}
    for one in members:
        one.wanted, one.extra = Source.ADOPTED, (PreviewStep("delete", new.resource),)
    with pytest.raises(RefusedError, match="the preview would delete urn:hook"):
        mover.run(members, Direction.BACK, lambda _: None)


def test_identity_that_becomes_managed_brings_the_policies_that_waited_for_it() -> None:
    sides = legacy("orders")
    sides.layer = "identity"
    mover.run([sides], Direction.IN, lambda _: None)
    sides.wanted, sides.extra = Source.MANAGED, (PreviewStep("create", PulumiResource("urn:policy", TABLE)),)
    assert mover.run([sides], Direction.IN, lambda _: None).counts == {"new": 1}
    sides.pulumi = {thing: replace(each, retain=True) for thing, each in sides.pulumi.items()}
    sides.extra = (PreviewStep("delete", PulumiResource("urn:policy", TABLE)),)
    assert "the preview would delete urn:policy" in refused(sides)


def test_a_layer_that_moves_too_may_read_the_outputs() -> None:
    compute, delivery = unit(compute=["orders"], delivery=["group"])
    reads = TerraformState("other", 1, tuple(delivery.terraform.values()), reads=frozenset({compute.key}))
    compute.others = {"delivery": reads}
    assert mover.run([compute, delivery], Direction.IN, lambda _: None).imported == {"compute": 1, "delivery": 1}
    compute.others = {"identity": reads}
    compute.terraform = {"x": table("x")}
    assert "move identity first" in refused_of(compute, delivery)


def refused_of(*members: FakeSides) -> str:
    with pytest.raises(RefusedError) as problem:
        mover.run(members, Direction.IN, lambda _: None)
    assert str(problem.value).startswith("compute, delivery do not move: ")
    return str(problem.value)


def test_an_update_of_another_layer_between_adopted_and_managed() -> None:
    sides = legacy("orders")
    mover.run([sides], Direction.IN, lambda _: None)
    sides.wanted = Source.MANAGED
    sides.extra = (PreviewStep("update", PulumiResource("urn:x", TABLE)),)
    assert "the preview would update urn:x" in refused(sides)
    sides.extra = (PreviewStep("update", PulumiResource(urn(ORDERS), TABLE), differs=("tags",)),)
    assert mover.run([sides], Direction.IN, lambda _: None).counts == {"update": 1}


@pytest.mark.parametrize(
    ("state", "differs"),
    [
        ("idp.example", {}),
        ("https://idp.example", {}),
        ("idp.other", {"url": ('"idp.other"', '"https://idp.example"')}),
    ],
)
def test_the_scheme_of_an_issuer_that_aws_leaves_out_is_no_drift(state: str, differs: dict[str, Any]) -> None:
    issuer = replace(table("x"), type="aws_iam_openid_connect_provider", attributes={"url": state})
    assert compare.unlike(issuer, {"url": "https://idp.example"}) == differs
    assert compare.unlike(replace(issuer, type="aws_x", attributes={"url": "a"}), {"url": "https://a"})


def settings(**changed: Any) -> dict[str, Any]:
    config = {"bucket": "states", "key": KEY, "region": "eu-central-1", "use_lockfile": True, "profile": None}
    return {"version": 3, "backend": {"type": "s3", "config": {**config, **changed}}}


def test_the_backend_is_read_as_terraform_resolved_it(tmp_path: Path) -> None:
    (tmp_path / ".terraform").mkdir()
    (tmp_path / ".terraform/terraform.tfstate").write_text(json.dumps(settings(skip_region_validation=True)))
    found = backend.of(tmp_path)
    assert (found.state, found.lock) == (KEY, f"{KEY}.tflock")
    (tmp_path / ".terraform/environment").write_text("blue")
    assert backend.of(tmp_path).state == f"env:/blue/{KEY}"
    assert backend.of(tmp_path, "green").state == f"env:/green/{KEY}"
    prefixed = settings(workspace_key_prefix="teams", endpoints={"s3": "http://127.0.0.1:1"})
    assert backend.read(prefixed, "blue", tmp_path).lock == f"teams/blue/{KEY}.tflock"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (settings(use_lockfile=None), "has no use_lockfile, so Terraform would not see"),
        (settings(use_lockfile=False), "has no use_lockfile"),
        (settings(dynamodb_table="locks"), "sets dynamodb_table, which this tool does not obey"),
        (settings(bucket=None, key=""), "has no bucket"),
        ({"backend": {"type": "local", "config": {}}}, "in the backend 'local', and this tool knows s3"),
    ],
)
def test_a_backend_that_a_move_cannot_lock(document: dict[str, Any], said: str) -> None:
    with pytest.raises(MigrationError, match=said):
        backend.read(document, "default", Path("data"))


def test_a_layer_for_which_terraform_was_not_initialised(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match=r"is not initialised: it has no \.terraform/terraform\.tfstate"):
        backend.of(tmp_path)


def test_attributes_that_only_the_tools_have_are_no_drift() -> None:
    sides = legacy("orders")
    with_attributes(sides, "orders", tags_all={"a": "b"}, timeouts=None, ttl=[{"enabled": True}], read_capacity=0)
    (one,) = sides.terraform.values()
    steps = imported(ttl={"enabled": True}, tagsAll={}, readCapacity=None)
    assert checks.imports(steps, [one])[1] == []
