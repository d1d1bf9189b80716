"""A session reads its layer's source, finds its state or says which workspaces there are, and keeps its journal."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from infra import config
from infra.console import UsageError
from infra.migrate.aws import JOURNAL_VERSION, Bucket, read_journal
from infra.migrate.backend import Backend
from infra.migrate.model import Direction, Journal, MigrationError, Moved, Thing
from infra.migrate.session import Session, open_session, require_same_state
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
        session("data", green).seen()


def test_layers_without_a_source_of_their_own_have_that_of_compute() -> None:
    assert session("data").wanted is Source.LEGACY
    assert [session(layer).wanted for layer in ("compute", "delivery", "observability")] == [Source.MANAGED] * 3


def test_the_program_and_terraform_must_mean_the_same_state() -> None:
    settings = config.of(REPOSITORY, "prod")
    require_same_state(settings, "prod", "data", STATES)
    with pytest.raises(MigrationError, match="but Terraform is initialised for s3://strata-terraform-state-staging"):
        require_same_state(settings, "prod", "data", Backend("strata-terraform-state-staging", STATES.key, "r"))


def test_a_layer_that_is_no_folder_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"'cache' is no layer in .*: it has .*data"):
        open_session("prod", "cache", REPOSITORY, REPOSITORY / "terraform-legacy", lambda _: None)


def test_a_journal_is_read_as_it_was_written_and_a_newer_one_is_refused() -> None:
    moved = Moved('a.b["c"]', Thing("t", "i"), "urn:x", "k.strata/1.tfstate")
    journal = Journal("prod", "data", Direction.IN, "lock", "lineage", 3, (moved,), over=True)
    written: dict[str, Any] = json.loads(json.dumps({"version": JOURNAL_VERSION, **asdict(journal)}))
    assert read_journal(written) == journal
    with pytest.raises(MigrationError, match="has the version 2, and this tool knows 1"):
        read_journal({**written, "version": 2})
