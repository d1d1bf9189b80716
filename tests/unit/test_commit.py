"""A release records the commit that CI names, or that git reports."""

import subprocess
from pathlib import Path

import pytest

from infra.git import current_commit


def git(repository: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=repository, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("1")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_the_commit_that_ci_names_comes_first(repository: Path) -> None:
    assert current_commit(repository, {"STRATA_COMMIT": " abc123 "}) == "abc123"


def test_gits_commit_is_used_where_ci_names_none(repository: Path) -> None:
    found = current_commit(repository, {"STRATA_COMMIT": ""})
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True)
    assert found == head.stdout[:12]


def test_a_tag_does_not_hide_the_commit(repository: Path) -> None:
    before = current_commit(repository, {})
    git(repository, "tag", "-a", "v1", "-m", "v1")
    assert current_commit(repository, {}) == before


def test_changed_files_are_reported(repository: Path) -> None:
    (repository / "file").write_text("2")
    assert current_commit(repository, {}).endswith("-dirty")


def test_no_repository_is_an_unknown_commit(tmp_path: Path) -> None:
    assert current_commit(tmp_path, {}) == "unknown"


def test_no_git_is_an_unknown_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert current_commit(repository, {}) == "unknown"
