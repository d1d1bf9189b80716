"""Stack files without the CLI. tests/rehearsal/test_stack_files.py asks the CLI itself of the same cases."""

import json
from pathlib import Path

import pytest

from infra import config
from infra.artifacts import stacks
from infra.config import ConfigError, Secret, stack_file
from infra.config.stack_file import StackFileError
from infra.schema import Sealed
from tests.unit.stack_files import BAD, GOOD, PROJECT

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "  strata:account: {region: eu-central-1, allowedAccountIds: [IDS]}\n"
LOCKED = (
    "secretsprovider: awskms://alias/strata?region=eu-central-1\nencryptedkey: AQIDAHi\n"
    "config:\n"
    + ACCOUNT.replace("IDS", '"111111111111"')
    + "  strata:secrets:\n    receiptKey:\n      secure: v1:abc:def\n"
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    return tmp_path


@pytest.fixture
def strata(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    return tmp_path


def value(shop: Path, text: str) -> object:
    (shop / "Pulumi.dev.yaml").write_text(f"config:\n  shop:one: [{text}]\n")
    (found,) = json.loads(stack_file.read(stack_file.project(shop), "dev").raw["shop:one"])
    return found


@pytest.mark.parametrize(
    ("text", "handed"),
    [
        ("012345678901", 12345678901),
        ("111111111111", 111111111111),
        ('"012345678901"', "012345678901"),
        ("0123", 83),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b101", 5),
        ("1_000", 1000),
        ("1e3", 1000),
        ("512.0", 512),
        ("12:30:45", "12:30:45"),
        ("yes", "yes"),
        ("on", "on"),
        ("True", True),
        ("~", None),
        ("2026-01-31", "2026-01-31 00:00:00 +0000 UTC"),
        ("2026-02-31", "2026-02-31"),
        ("=", "="),
        ("!!str 12", "12"),
    ],
)
def test_a_plain_value_is_what_go_takes_it_for(shop: Path, text: str, handed: object) -> None:
    found = value(shop, text)
    assert (found, type(found)) == (handed, type(handed))


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_the_cli_takes_is_taken(shop: Path, text: str) -> None:
    (shop / "Pulumi.dev.yaml").write_text(text)
    found = stack_file.read(stack_file.project(shop), "dev")
    assert {"shop:all", "shop:plain", "shop:text", "shop:account", "aws:region"} <= set(found.raw)


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_what_the_cli_refuses_is_refused(shop: Path, text: str, said: str) -> None:
    (shop / "Pulumi.dev.yaml").write_text(text)
    with pytest.raises(StackFileError) as caught:
        stack_file.read(stack_file.project(shop), "dev")
    assert said in str(caught.value)


def test_a_key_without_a_value_or_a_default_is_missing(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nconfig:\n  one: {type: string}\n  shop:two: {}\n")
    with pytest.raises(StackFileError, match="Stack 'dev' is missing configuration values 'one', 'shop:two'"):
        stack_file.read(stack_file.project(tmp_path), "dev")


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [("integer", "5", "five"), ("boolean", "true", "yes"), ("object", "{a: 1}", "text"), ("string", "text", "[a]")],
)
def test_the_type_that_a_project_gives_is_held_to(tmp_path: Path, type_: str, good: str, bad: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(f"name: shop\nconfig:\n  one: {{type: {type_}}}\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  one: {good}\n")
    assert stack_file.read(stack_file.project(tmp_path), "dev").raw
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  one: {bad}\n")
    with pytest.raises(StackFileError, match=f"Stack 'dev' with configuration key 'one' must be of type '{type_}'"):
        stack_file.read(stack_file.project(tmp_path), "dev")


def test_two_spellings_of_one_key_are_refused_since_the_cli_takes_either(shop: Path) -> None:
    (shop / "Pulumi.dev.yaml").write_text("config:\n  text: a\n  shop:text: b\n")
    with pytest.raises(StackFileError, match="text and shop:text are one key"):
        stack_file.read(stack_file.project(shop), "dev")


def test_stacks_lie_where_the_project_says(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yml").write_text("name: shop\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks/Pulumi.my.dev.yml").write_text("config: {a: 1}")
    found = stack_file.project(tmp_path)
    assert found.stacks() == ["my.dev"]
    assert stack_file.read(found, "my.dev").raw == {"shop:a": "1"}


@pytest.mark.parametrize("name", ["prod", "organization/prod", "organization/shop/prod", "acme/shop/prod"])
def test_a_stack_has_every_name_that_pulumi_takes(name: str) -> None:
    assert stack_file.short(name, "shop") == "prod"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a/b/c/prod", "could not parse stack name"),
        ("acme//prod", "could not parse stack name"),
        ("acme/other/prod", "is of project other, and this is shop"),
        ("", "a stack name may only contain"),
        ("shop/", "a stack name may only contain"),
        ("pr od", "a stack name may only contain"),
        ("x" * 101, "a stack name may only contain"),
    ],
)
def test_what_is_no_name_of_a_stack_is_refused(name: str, said: str) -> None:
    with pytest.raises(StackFileError, match=said):
        stack_file.short(name, "shop")


def test_a_secret_that_is_not_needed_is_not_opened(strata: Path) -> None:
    (strata / "Pulumi.dev.yaml").write_text(LOCKED)
    found = config.of(strata, "organization/strata/dev")
    assert found.secrets.receipt_key == Sealed()
    assert isinstance(found.secrets.receipt_key, Secret)
    assert stacks.bucket(found) == "strata-artifacts-111111111111-eu-central-1"
    assert set(stacks.all_of(strata)) == {"dev"}


def test_a_whole_section_that_is_encrypted_is_not_opened_either(strata: Path) -> None:
    (strata / "Pulumi.dev.yaml").write_text(LOCKED.replace("    receiptKey:\n      secure", "    secure"))
    assert config.of(strata, "dev").secrets.receipt_key is None


def test_a_secret_in_another_section_is_refused_as_the_program_does(strata: Path) -> None:
    (strata / "Pulumi.dev.yaml").write_text(LOCKED + "  strata:compute:\n    logLevel: {secure: v1:abc}\n")
    with pytest.raises(ConfigError, match=r"strata:compute holds a value that was set with --secret"):
        config.of(strata, "dev")


def test_an_account_that_is_no_text_is_refused_where_the_bundle_is_made_too(strata: Path) -> None:
    (strata / "Pulumi.dev.yaml").write_text("config:\n" + ACCOUNT.replace("IDS", "012345678901"))
    with pytest.raises(ConfigError) as caught:
        stacks.one(strata, "dev")
    (line,) = caught.value.mistakes
    assert line.startswith("strata:account.allowedAccountIds[0] is 12345678901, not a string (it may lack quotes)")


def test_a_project_of_another_name_has_its_own_keys(strata: Path) -> None:
    for file, text in (("Pulumi.yaml", (ROOT / "Pulumi.yaml").read_text()), ("Pulumi.dev.yaml", LOCKED)):
        (strata / file).write_text(text.replace("strata:", "shop:").replace("name: strata\n", "name: shop\n", 1))
    found = config.of(strata, "dev")
    assert (found.names.project, found.secrets.receipt_key) == ("shop", Sealed())


def test_what_the_project_gives_by_default_is_what_the_bundle_is_made_for(strata: Path) -> None:
    file = strata / "Pulumi.yaml"
    file.write_text(file.read_text().replace("runtime: python3.11\n", "runtime: python3.12\n"))
    (strata / "Pulumi.dev.yaml").write_text("config:\n" + ACCOUNT.replace("IDS", '"111111111111"'))
    assert stacks.platform(stacks.all_of(strata)).runtime == "python3.12"


def test_what_an_environment_of_pulumi_esc_gives_is_said_to_be_unseen(strata: Path) -> None:
    (strata / "Pulumi.dev.yaml").write_text("environment:\n  - acme/accounts\n")
    with pytest.raises(ConfigError) as caught:
        config.of(strata, "dev")
    assert "values that only an environment of Pulumi ESC gives are unknown without Pulumi" in caught.value.mistakes[-1]
    (strata / "Pulumi.dev.yaml").write_text("environment: [acme/accounts]\n" + LOCKED)
    assert config.of(strata, "dev").account.region == "eu-central-1"


def test_a_stack_without_a_file_is_reported_with_those_that_have_one(strata: Path) -> None:
    (strata / "Pulumi.dev.yaml").write_text(LOCKED)
    with pytest.raises(ConfigError, match=r"there is no file Pulumi\.prod\.yaml; the stacks here are dev"):
        config.of(strata, "prod")
