"""A stack's file is read as the real CLI reads it: the same files are valid, with the same values.

`make test` asks the CLI about one file of each kind, `make test-all` about all of them: what our own reader makes of
each is tested in tests/unit, and the CLI's answers change with its version alone.
"""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra import config
from infra.config import ConfigError, stack_file
from infra.config.stack_file import Handed, StackFileError
from tests.unit.stack_files import BAD, GOOD, PROJECT, of_scalars


@dataclass(frozen=True)
class Folder:
    """A project with one stack, whose state is in a folder."""

    project: Path
    state: Path

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_CONFIG_PASSPHRASE": "for tests only",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        command = ["pulumi", *arguments, "--stack", "dev", "--non-interactive"]
        return subprocess.run(command, cwd=self.project, env=env, capture_output=True, text=True, check=False)

    def write(self, text: str) -> None:
        (self.project / "Pulumi.dev.yaml").write_text(text)

    def read(self) -> Handed:
        return stack_file.read(stack_file.project(self.project), "dev")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root = tmp_path_factory.mktemp("stack-files")
    found = Folder(root / "project", root / "state")
    for each in (found.project, found.state):
        each.mkdir()
    (found.project / "Pulumi.yaml").write_text(PROJECT)
    command = ["pulumi", "stack", "init", "dev"]
    env = {**os.environ, "PULUMI_BACKEND_URL": f"file://{found.state}", "PULUMI_CONFIG_PASSPHRASE": "for tests only"}
    subprocess.run(command, cwd=found.project, env=env, check=True, capture_output=True)
    return found


def same(handed: Handed, cli: dict[str, Any]) -> None:
    assert set(handed.raw) == set(cli)
    assert handed.secret == {key for key, entry in cli.items() if entry["secret"]}
    for key in set(cli) - handed.secret:
        if "objectValue" in cli[key]:
            found, wanted = json.loads(handed.raw[key]), cli[key]["objectValue"]
            assert json.dumps(found, sort_keys=True) == json.dumps(wanted, sort_keys=True), key
        else:
            assert handed.raw[key] == cli[key]["value"], key


FIRST = {
    *("anchors and merges", "a secret", "a null within", "every form of a scalar"),
    *("a key twice", "a tab", "no number"),
}
"""Files that `make test` asks about: merged, encrypted and empty values; keys, YAML and numbers that are refused."""


def cases(files: Mapping[str, Any]) -> list[Any]:
    """Return a parameter for each file; those that are not in FIRST are left to `make test-all`."""
    return [
        pytest.param(*(given if isinstance(given, tuple) else (given,)), id=name, marks=marks)
        for name, given in files.items()
        for marks in [() if name in FIRST else pytest.mark.faults]
    ]


@pytest.mark.parametrize("text", cases({**GOOD, "every form of a scalar": of_scalars()}))
def test_a_file_that_the_cli_accepts_is_accepted_with_the_same_values(folder: Folder, text: str) -> None:
    folder.write(text)
    shown = folder.pulumi("config", "--json")
    assert shown.returncode == 0, shown.stderr
    same(folder.read(), json.loads(shown.stdout))


@pytest.mark.parametrize(("text", "said"), cases(BAD))
def test_a_file_that_the_cli_refuses_is_refused(folder: Folder, text: str, said: str) -> None:
    folder.write(text)
    assert folder.pulumi("config", "--json").returncode != 0
    with pytest.raises(StackFileError) as caught:
        folder.read()
    assert said in str(caught.value)


def test_a_file_that_the_cli_itself_writes_is_read_back(folder: Folder) -> None:
    folder.write("")
    for arguments in (
        ("--path", "shop:account.ids[0]", "012345678901"),
        ("--path", "shop:account.ids[1]", "111111111111", "--type", "string"),
        ("--path", "shop:account.share", "0.2", "--type", "float"),
        ("--path", "shop:account.wait", "true"),
        ("--path", "shop:account.text", "0.2"),
        ("--path", 'shop:account["a.b"].c', "x"),
        ("--secret", "--path", "shop:keys.first", "hidden"),
        ("--secret", "shop:whole", "hidden"),
        ("shop:plain-text", '{"size": 1}'),
    ):
        assert (done := folder.pulumi("config", "set", *arguments)).returncode == 0, done.stderr
    shown = folder.pulumi("config", "--json")
    found = folder.read()
    same(found, json.loads(shown.stdout))
    assert found.secret == {"shop:keys", "shop:whole"}
    assert json.loads(found.raw["shop:account"])["ids"] == ["012345678901", "111111111111"]


@pytest.mark.parametrize(
    ("key", "given"),
    [("observability.errorShare", "0.2"), ("release.rule.z", "3.5"), ("account.allowedAccountIds[1]", "111111111111")],
)
def test_the_way_to_give_a_type_that_a_mistake_names_works(folder: Folder, key: str, given: str) -> None:
    (folder.project / "Pulumi.dev.yaml").write_text(
        'config:\n  strata:account: {region: eu-central-1, allowedAccountIds: ["222222222222"]}\n'
    )
    assert folder.pulumi("config", "set", "--path", f"strata:{key}", given).returncode == 0
    with pytest.raises(ConfigError) as caught:
        config.parse(strata_keys(folder), "dev")
    (line,) = caught.value.mistakes
    for remedy in re.findall(r"`pulumi (config [^`]*)`", line):
        assert (done := folder.pulumi(*shlex.split(remedy))).returncode == 0, done.stderr
    config.parse(strata_keys(folder), "dev")


def strata_keys(folder: Folder) -> dict[str, str]:
    return {key: text for key, text in folder.read().raw.items() if key.startswith("strata:")}
