"""The stack whose releases prove this one's, as the configuration names it."""

import json
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from infra import config
from infra.config import ConfigError, StackConfig
from tests.unit.test_config import ACCOUNT, parse


def staging(folder: Path, account: object) -> None:
    (folder / "Pulumi.staging.yaml").write_text(yaml.safe_dump({"config": {"strata:account": account}}))


def follows(folder: Path, stack: str = "prod", **release: object) -> StackConfig:
    sections = {"account": ACCOUNT, "release": {"from": "staging", **release}}
    return config.parse({f"strata:{key}": json.dumps(value) for key, value in sections.items()}, stack, folder=folder)


def test_the_stack_before_is_where_its_own_file_says(tmp_path: Path) -> None:
    staging(tmp_path, {"region": "eu-west-1", "allowedAccountIds": ["222222222222"]})
    found = follows(tmp_path, proofDays=3)
    assert (found.release.source, found.release.proof_days) == ("staging", 3)
    assert found.upstream is not None
    assert (found.upstream.names.stack, found.upstream.region, found.upstream.account) == (
        "staging",
        "eu-west-1",
        "222222222222",
    )
    assert parse().upstream is None


@pytest.mark.parametrize(
    ("stack", "account", "said"),
    [
        ("staging", {}, 'strata:release.from is "staging", this very stack'),
        ("prod", None, "Pulumi.staging.yaml cannot be read (there is no such file); name a stack of this project"),
        ("prod", {"region": "eu-west-1"}, "in Pulumi.staging.yaml: strata:account.allowedAccountIds is missing"),
        ("prod", {"region": "eu-west-1", "allowedAccountIds": ["1" * 12, "2" * 12]}, "allowedAccountIds has 2"),
    ],
)
def test_a_stack_before_that_is_none_or_nowhere_is_a_mistake(
    tmp_path: Path, stack: str, account: object, said: str
) -> None:
    if account is not None:
        staging(tmp_path, account)
    with pytest.raises(ConfigError) as caught:
        follows(tmp_path, stack)
    assert len(caught.value.mistakes) == 1
    assert said in caught.value.mistakes[0]
