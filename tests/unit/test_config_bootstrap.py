"""What starts a stack's releases is compared with what the files of `bootstrap/` declare for it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from infra import config
from infra.config import ConfigError, bootstrap_files
from infra.identity.config import IdentityConfig
from tests.unit.test_config import ACCOUNT
from tests.unit.test_config_upstream import staging

AFTER, BEFORE = "333333333333", "222222222222"


def administered(folder: Path, *, prod: dict[str, Any] | None, before: dict[str, Any] | None) -> None:
    """Write `bootstrap/`. prod: its `follows`; before: `provesTo` of staging; None: no file lists the stack."""
    staging(folder, {"region": "eu-central-1", "allowedAccountIds": [BEFORE]})
    (folder / "bootstrap").mkdir()
    (folder / "bootstrap" / "Pulumi.yaml").write_text("name: strata-bootstrap\n")
    for stack, key, neighbour in (("prod", "follows", prod), ("staging", "provesTo", before)):
        listed = [] if neighbour is None else [{"name": stack, **({key: neighbour} if neighbour else {})}]
        identity = {"strata-bootstrap:identity": {"stacks": [{"name": "other"}, *listed]}}
        (folder / "bootstrap" / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": identity}))


def mistakes(folder: Path, project: str = "strata", **release: object) -> list[str]:
    sections = {"account": ACCOUNT, "release": {"from": "staging", **release}}
    raw = {f"{project}:{key}": json.dumps(value) for key, value in sections.items()}
    try:
        config.parse(raw, "prod", project, folder=folder)
    except ConfigError as problem:
        return list(problem.mistakes)
    return []


FOLLOWS, PROVES = {"stack": "staging", "account": BEFORE}, {"stack": "prod", "account": AFTER}
DECLARED = {"prod": {**FOLLOWS, "byEvent": True}, "before": {**PROVES, "byEvent": True}}


@pytest.mark.parametrize(
    ("release", "files"),
    [
        ({"promoteBy": "event"}, DECLARED),
        ({}, {"prod": FOLLOWS, "before": PROVES}),
        ({}, {"prod": {}, "before": {}}),
        ({"promoteBy": "event"}, {"prod": None, "before": None}),
    ],
)
def test_what_fits_or_cannot_be_read_is_no_mistake(
    tmp_path: Path, release: dict[str, Any], files: dict[str, Any]
) -> None:
    administered(tmp_path, **files)
    assert mistakes(tmp_path, **release) == []


def test_a_stack_that_waits_for_events_which_no_account_declares_is_refused_for_both_accounts_at_once(
    tmp_path: Path,
) -> None:
    administered(tmp_path, prod=FOLLOWS, before={**PROVES, "byEvent": False})
    assert mistakes(tmp_path, promoteBy="event") == [
        "strata:release.promoteBy is event, but in bootstrap/Pulumi.prod.yaml "
        "strata-bootstrap:identity.stacks[1].follows.byEvent is missing, so no event of staging would start a release; "
        "let it name staging with byEvent: true and run `pulumi --cwd bootstrap up`, or set strata:release.promoteBy "
        "to pipeline",
        "strata:release.promoteBy is event, but in bootstrap/Pulumi.staging.yaml "
        "strata-bootstrap:identity.stacks[1].provesTo.byEvent is false, so no event of staging would start a release; "
        "let it name prod with byEvent: true and run `pulumi --cwd bootstrap up`, or set strata:release.promoteBy to "
        "pipeline",
    ]


def test_events_that_start_builds_of_a_stack_which_no_event_releases_are_a_mistake(tmp_path: Path) -> None:
    administered(tmp_path, **DECLARED)
    [after, before] = mistakes(tmp_path)
    assert after == (
        "strata:release.promoteBy is pipeline, but in bootstrap/Pulumi.prod.yaml "
        "strata-bootstrap:identity.stacks[1].follows.byEvent is true, so each success of staging would start a build "
        "that releases nothing; set strata:release.promoteBy to event, or take byEvent away and run `pulumi --cwd "
        "bootstrap up`"
    )
    assert "bootstrap/Pulumi.staging.yaml strata-bootstrap:identity.stacks[1].provesTo.byEvent is true" in before


def test_an_event_of_another_stack_than_the_upstream_one_is_a_mistake(tmp_path: Path) -> None:
    administered(tmp_path, prod={**FOLLOWS, "stack": "dev", "byEvent": True}, before=DECLARED["before"])
    [said] = mistakes(tmp_path, promoteBy="event")
    assert 'stacks[1].follows.stack is "dev", not "staging", so no event of staging would start a release' in said


def test_the_events_of_another_project_are_none_of_this_ones(tmp_path: Path) -> None:
    administered(tmp_path, **DECLARED)
    account = {"region": "eu-central-1", "allowedAccountIds": [BEFORE]}
    (tmp_path / "Pulumi.staging.yaml").write_text(yaml.safe_dump({"config": {"other:account": account}}))
    assert mistakes(tmp_path, "other") == []


@pytest.mark.parametrize("text", ["config: [", "config: 3", "config: {strata-bootstrap:identity: text}", ""])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    administered(tmp_path, prod=FOLLOWS, before=None)
    (tmp_path / "bootstrap" / "Pulumi.prod.yaml").write_text(text)
    assert mistakes(tmp_path, promoteBy="event") == []


def test_a_file_that_names_no_project_is_of_the_default_one() -> None:
    assert IdentityConfig.project == bootstrap_files.PROJECT


def test_the_stacks_of_this_repository_fit_what_its_accounts_declare() -> None:
    for stack in config.stacks(config.REPOSITORY):
        config.of(config.REPOSITORY, stack)
