"""A session reads its layer's source, finds its state or says which workspaces there are, and keeps its journal."""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from infra import config
from infra.config import LegacyState
from infra.console import UsageError
from infra.identity import config as identity
from infra.migrate import backend
from infra.migrate.aws import JOURNAL_VERSION, Bucket, read_journal
from infra.migrate.backend import Backend
from infra.migrate.model import Direction, Journal, MigrationError, Moved, Thing
from infra.migrate.session import Session, open_unit, require_same_state
from infra.migrate.tools import Pulumi
from infra.source import Source

REPOSITORY = Path(__file__).resolve().parents[2]
STATES = Backend("strata-terraform-state-prod", "data/terraform.tfstate", "eu-central-1")


@dataclass
class EmptyBucket:
    """A bucket without the state of the selected workspace."""

    backend: Backend

    def state(self) -> None:
        return None

    def workspaces(self) -> list[str]:
        return ["blue", "default"]


def session(layer: str, backend: Backend = STATES) -> Session:
    pulumi = Pulumi(REPOSITORY, "prod", lambda _: None)
    bucket = cast("Bucket", EmptyBucket(backend))
    return Session("prod", layer, Path("terraform-legacy"), config.of(REPOSITORY, "prod"), bucket, pulumi)


def test_a_workspace_that_is_not_there_is_named_beside_those_that_are() -> None:
    green = Backend("b", "k", "eu-central-1", workspace="green")
    with pytest.raises(MigrationError, match=r"s3://b/env:/green/k: its workspace green was never applied; there is b"):
        session("data", green).seen(())


def test_layers_without_a_source_of_their_own_have_that_of_compute() -> None:
    assert session("data").wanted is Source.LEGACY
    assert [session(layer).wanted for layer in ("compute", "delivery", "observability")] == [Source.MANAGED] * 3


def test_the_program_and_terraform_must_mean_the_same_state() -> None:
    settings = config.of(REPOSITORY, "prod")
    require_same_state(settings, "prod", "data", STATES)
    with pytest.raises(MigrationError, match="but Terraform is initialised for s3://strata-terraform-state-staging"):
        require_same_state(settings, "prod", "data", Backend("strata-terraform-state-staging", STATES.key, "r"))


def test_identity_is_a_layer_of_bootstrap_s_own_stack() -> None:
    settings = identity.of(REPOSITORY / "bootstrap", "prod")
    states = Backend(STATES.bucket, "identity/terraform.tfstate", STATES.region)
    legacy = replace(settings.identity, source=Source.LEGACY, legacy=LegacyState(states.bucket, states.key))
    settings = replace(settings, identity=legacy)
    made = replace(session("identity", states), config=settings)
    assert made.wanted is Source.LEGACY
    require_same_state(settings, "prod", "identity", states)
    with pytest.raises(MigrationError, match=r"strata-bootstrap:identity\.legacy of prod is s3://strata-terraform"):
        require_same_state(settings, "prod", "identity", STATES)


def test_the_tool_runs_pulumi_where_the_program_of_the_layer_is(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in folders.iterdir():
        initialise(folder)
    monkeypatch.setattr(Bucket, "state", lambda _: None)
    opened = {layer: open_unit("prod", layer, REPOSITORY, folders, print).session for layer in ("data", "identity")}
    assert {layer: each.pulumi.project for layer, each in opened.items()} == {
        "data": REPOSITORY,
        "identity": REPOSITORY / "bootstrap",
    }
    assert opened["identity"].wanted is Source.MANAGED
    assert opened["identity"].config.names.project == "strata-bootstrap"


def test_a_layer_that_is_no_folder_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"'cache' is no layer in .*: it has .*data"):
        open_unit("prod", "cache", REPOSITORY, REPOSITORY / "terraform-legacy", lambda _: None)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """The folders of the legacy layers with the stacks' files, and without Terraform's."""
    for file in (REPOSITORY / "terraform-legacy").glob("*/*"):
        if file.name in ("versions.tf", "environments"):
            copy = shutil.copytree if file.is_dir() else shutil.copy
            (tmp_path / file.parent.name).mkdir(exist_ok=True)
            copy(file, tmp_path / file.parent.name / file.name)
    return tmp_path


def initialise(folder: Path, bucket: str = "strata-terraform-state-prod") -> None:
    config = {"bucket": bucket, "key": f"{folder.name}/terraform.tfstate", "region": "r", "use_lockfile": True}
    (folder / ".terraform").mkdir(exist_ok=True)
    (folder / ".terraform/terraform.tfstate").write_text(json.dumps({"backend": {"type": "s3", "config": config}}))


def unopened(folder: Path, layer: str = "data", **options: bool) -> tuple[str, list[str]]:
    """Return why a layer is not opened, and what was reported before that."""
    reported: list[str] = []
    with pytest.raises(MigrationError) as problem:
        open_unit("prod", layer, REPOSITORY, folder, reported.append, **options)
    return str(problem.value), reported


INIT = "init -input=false -reconfigure -backend-config=environments/prod.s3.tfbackend"


def test_every_layer_for_which_terraform_is_not_initialised_is_named_with_the_line_to_type(folders: Path) -> None:
    said, _ = unopened(folders)
    assert said.startswith("Terraform is not initialised for data, and so the place of the state is unknown; type ")
    assert f"`terraform -chdir={folders}/data {INIT}`" in said
    initialise(folders / "data")
    initialise(folders / "identity")
    said, _ = unopened(folders)
    assert said.startswith(
        "Terraform is not initialised for compute, delivery, observability, whose states say whether"
    )
    line = f"for layer in compute delivery observability; do terraform -chdir={folders}/$layer {INIT}; done"
    assert f"type `{line}`" in said


def test_the_layers_that_move_together_are_all_needed(folders: Path) -> None:
    initialise(folders / "compute")
    said, _ = unopened(folders, "compute", alone=True)
    assert said.startswith("Terraform is not initialised for delivery, observability, and so the place")


def test_the_layers_beside_it_are_left_out_where_the_answer_does_not_need_them(folders: Path) -> None:
    initialise(folders / "data", bucket="strata-terraform-state-staging")
    said, reported = unopened(folders, alone=True)
    assert reported == [
        "not compared with compute, delivery, identity, observability: Terraform is not initialised there"
    ]
    assert (
        "initialised for s3://strata-terraform-state-staging/data/terraform.tfstate, but the bucket of prod is" in said
    )
    assert f"type `terraform -chdir={folders}/data {INIT}`" in said


def test_a_layer_without_a_file_of_the_stack_is_initialised_from_its_hcl(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    command = backend.init_command([tmp_path / "cache"], "prod")
    assert command == f"terraform -chdir={tmp_path}/cache init -input=false -reconfigure"
    backend.require_own_bucket(tmp_path / "cache", "prod", STATES)


def test_a_journal_is_read_as_it_was_written_and_a_newer_one_is_refused() -> None:
    moved = Moved('a.b["c"]', Thing("t", "i"), "urn:x", "k.strata/1.tfstate")
    journal = Journal("prod", "data", Direction.IN, "lock", "lineage", 3, (moved,), over=True)
    written: dict[str, Any] = json.loads(json.dumps({"version": JOURNAL_VERSION, **asdict(journal)}))
    assert read_journal(written) == journal
    with pytest.raises(MigrationError, match="has the version 2, and this tool knows 1"):
        read_journal({**written, "version": 2})
