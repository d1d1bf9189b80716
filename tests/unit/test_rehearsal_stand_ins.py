"""A scratch copy works on a stack that holds secrets: a stand-in replaces each, and nothing else changes."""

import json
from pathlib import Path

import pytest

from infra import config
from infra.config import stack_file
from rehearsal.environment import stand_in
from tests.unit.test_config_secrets import KEY

ROOT = Path(__file__).resolve().parents[2]
FILE = """# a comment
secretsprovider: awskms://alias/strata?region=eu-central-1
encryptedkey: AQIDAHi
config:
  strata:account: {region: eu-central-1, allowedAccountIds: ["012345678901"]}
  strata:observability:
    logRetentionDays: 0x1E
    notify: [oncall@example.com, {secure: v1:c}]
  strata:secrets:
    receiptKey:
      secure: v1:a
    "odd.key":
      secure: "v1:b"
  strata:compute: {secure: v1:d}
  other: yes
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    (tmp_path / "Pulumi.dev.yaml").write_text(FILE)
    return tmp_path


def test_each_secret_has_a_stand_in_by_its_path(folder: Path) -> None:
    assert stand_in.closed(folder, "dev") == {
        "strata:observability.notify[1]": stand_in.VALUE,
        "strata:secrets.receiptKey": stand_in.VALUE,
        'strata:secrets["odd.key"]': stand_in.VALUE,
        "strata:compute": stand_in.WHOLE,
    }


def test_what_is_not_secret_stays_as_it_was_read(folder: Path) -> None:
    before = stack_file.read(stack_file.project(folder), "dev")
    stand_in.closed(folder, "dev")
    after = stack_file.read(stack_file.project(folder), "dev")
    assert after.secret == frozenset()
    for key in ("strata:account", "strata:other"):
        assert after.raw[key] == before.raw[key]
    assert '"logRetentionDays": 30' in after.raw["strata:observability"]
    text = (folder / "Pulumi.dev.yaml").read_text()
    assert not any(key in text for key in ("v1:", *stand_in.KEYS))


def test_a_stand_in_is_a_valid_secret() -> None:
    raw = {"strata:account": '{"region": "eu-central-1", "allowedAccountIds": ["111111111111"]}'}
    chats = {path.removeprefix("secrets."): address for path, address in stand_in.WEBHOOKS.items()}
    secrets = {"strata:secrets": json.dumps({"receiptKey": stand_in.VALUE, **chats})}
    found = config.parse({**raw, **secrets}, "dev", secret=frozenset(secrets))
    assert found.secrets.webhooks.keys() == {"slack", "teams"}
    assert found.secrets.receipt_key is not None
    assert found.secrets.receipt_key.value == stand_in.VALUE != KEY


@pytest.mark.parametrize("text", ["", "config:\n", "config: [1]\n", "- a\n", "config: {a: [1\n", "encryptionsalt: x\n"])
def test_a_file_without_secrets_is_left_as_it_is(folder: Path, text: str) -> None:
    (folder / "Pulumi.dev.yaml").write_text(text)
    assert stand_in.closed(folder, "dev") == {}
    assert (folder / "Pulumi.dev.yaml").read_text() == text
    assert stand_in.closed(folder, "fresh") == {}
