"""The pages and settings at the root of the repository are right about the repository."""

import importlib.metadata
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.rehearsal.documents import shell_blocks

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ".venv/bin/"
PATH = re.compile(r"[\w./*-]+/[\w./*-]*|[\w*-]+\.(?:in|md|py|toml|yaml)|Makefile")
PLACEHOLDER = re.compile(r"(?<![A-Za-z])(?:SERVICE|DOMAIN|NAME)(?![A-Za-z])")


def hooks() -> list[dict[str, Any]]:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local", "a hook of another repository would be downloaded"
    found: list[dict[str, Any]] = repository["hooks"]
    return found


@cache
def executables() -> Mapping[str, str]:
    """Every executable that a distribution has put into the environment, with the distribution's name."""
    return {
        file.name: distribution.metadata["Name"].lower()
        for distribution in importlib.metadata.distributions()
        for file in distribution.files or ()
        if file.parent.name == "bin"
    }


def locked() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE))


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def paths(page: str) -> list[str]:
    """Every path between backticks; what stands in capitals in it, such as SERVICE, is whatever is there."""
    named = [name for name in re.findall(r"`([^`\n]+)`", text_of(page)) if PATH.fullmatch(name)]
    return [PLACEHOLDER.sub("*", name) for name in named]


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: hook["id"])
def test_a_hook_runs_what_requirements_dev_installs_as_make_check_does(hook: dict[str, Any]) -> None:
    executable = hook["entry"].split()[0].removeprefix(ENVIRONMENT)
    assert hook["entry"].startswith(ENVIRONMENT)
    assert executables().get(executable) in locked(), f"requirements-dev.txt installs no {executable}"
    assert f"\t@{hook['entry']}\n" in text_of("Makefile")
    assert (hook["language"], hook["pass_filenames"]) == ("system", False)


def test_hooks_check_types_before_a_push_and_not_at_each_commit() -> None:
    stages = {hook["id"]: hook["stages"] for hook in hooks()}
    for name, when in stages.items():
        assert when == (["pre-push"] if name.startswith("mypy") else ["pre-commit"])
    assert {"ruff-check", "ruff-format", "lint-imports", "mypy-packages"} <= set(stages)


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    sections = re.findall(r"^## (.+)$", text_of("CHANGELOG.md"), re.MULTILINE)
    assert sections[0] == "[Unreleased]"
    assert sections[1:] == sorted(sections[1:], reverse=True), "newest first"


def test_the_changelog_groups_changes_as_keep_a_changelog_does() -> None:
    groups = set(re.findall(r"^### (.+)$", text_of("CHANGELOG.md"), re.MULTILINE))
    assert groups <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "docs/tutorial.md", "local/README.md"])
def test_a_path_between_backticks_is_there(page: str) -> None:
    assert [name for name in paths(page) if not any(ROOT.glob(name))] == []


def test_contributing_names_files() -> None:
    assert len(paths("CONTRIBUTING.md")) > 20


def test_the_tutorials_patches_fit_the_app_one_after_the_other(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    patches = [
        block.partition("\n")[2].partition("\nEND\n")[0] + "\n"
        for block in shell_blocks("tutorial.md")
        if block.startswith("git apply")
    ]
    assert len(patches) == 2
    for patch in patches:
        subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch, text=True, check=True)
    fees = '{"CHF": 25, "EUR": 25, "GBP": 20, "USD": 30}[new["currency"]]'
    assert fees in (tmp_path / "app/orders/orders.py").read_text()
