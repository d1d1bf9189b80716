"""The scratch copy holds what git would take, and its environment has nothing of the user's accounts."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.noop import PLAIN
from rehearsal import commits
from rehearsal.environment import workspace
from rehearsal.environment.workspace import Edit, Scratch, ScratchError, aws_environment, git
from rehearsal.observe.traffic import new_order

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "--quiet")
    for folder in (".venv", "app/node_modules", "app/demo/node_modules"):
        (project / folder).mkdir(parents=True)
    for name, text in {
        ".gitignore": "*.log\n.venv\nnode_modules\n",
        "app/main.py": "answer = 41\n",
        "deleted.txt": "",
        "noise.log": "",
        "app/demo/main.ts": "",
        ".venv/marker": "the project's own",
        "app/node_modules/marker": "the tools",
        "app/demo/node_modules/marker": "the service's own",
    }.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "first")
    (project / "deleted.txt").unlink()
    (project / "untracked.txt").write_text("new")
    return project


@pytest.fixture
def copy(repository: Path) -> Iterator[Scratch]:
    made = Scratch.of(repository)
    yield made
    made.remove()
    assert not made.root.exists()


def environment(copy: Scratch, base: dict[str, str]) -> dict[str, str]:
    reached = aws_environment("http://127.0.0.1:4566", account="333333333333", region="eu-central-1")
    return copy.environment(base, rate=40) | reached


def test_the_copy_holds_tracked_and_new_files_but_no_ignored_or_deleted_ones(copy: Scratch) -> None:
    found = {str(file.relative_to(copy.project)) for file in copy.project.rglob("*") if file.is_file()}
    assert {name for name in found if not name.startswith(".git/")} == {
        ".gitignore",
        "app/main.py",
        "app/demo/main.ts",
        "untracked.txt",
    }


def test_the_copy_uses_the_projects_own_packages_and_does_not_commit_them(copy: Scratch) -> None:
    assert (copy.project / ".venv/marker").read_text() == "the project's own"
    assert (copy.project / "app/node_modules/marker").read_text() == "the tools"
    assert (copy.project / "app/demo/node_modules/marker").read_text() == "the service's own"
    assert git(copy.project, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("person", "author"), [("", "rehearsal"), ("[user]\nname = Ann\nemail = ann@example.com", "Ann")]
)
def test_a_commit_typed_in_the_copy_has_an_author(
    person: str, author: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gitconfig").write_text(person)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    copy = Scratch.of(repository)
    try:
        typed = ["git", "commit", "--allow-empty", "--quiet", "--message", "typed"]
        subprocess.run(typed, cwd=copy.project, check=True)
        assert git(copy.project, "log", "-1", "--format=%an") == author
    finally:
        copy.remove()


def test_an_edit_is_one_commit_of_the_copy_alone(copy: Scratch, repository: Path) -> None:
    commit = copy.apply(Edit("Answer rightly", "app/main.py", "41", "42"))
    assert (copy.project / "app/main.py").read_text() == "answer = 42\n"
    assert git(copy.project, "log", "-1", "--format=%h %s") == f"{commit} Answer rightly"
    assert (repository / "app/main.py").read_text() == "answer = 41\n"


def test_an_edit_undone_gives_the_same_bytes(copy: Scratch) -> None:
    edit = Edit("Answer rightly", "app/main.py", "41", "42")
    before = git(copy.project, "rev-parse", "HEAD^{tree}")
    copy.apply(edit)
    copy.apply(edit.going_back())
    assert git(copy.project, "rev-parse", "HEAD^{tree}") == before


@pytest.mark.parametrize(("before", "times"), [("43", 0), (" ", 2)])
def test_an_edit_whose_text_is_not_there_exactly_once_is_an_error(copy: Scratch, before: str, times: int) -> None:
    with pytest.raises(ScratchError, match=rf"app/main\.py \(Answer\): the text to replace occurs {times} times"):
        copy.apply(Edit("Answer", "app/main.py", before, "42"))


@pytest.mark.parametrize(
    "edit",
    [commits.GOOD, commits.COUNTED, commits.BAD, commits.READABLE, commits.CANNOT_IMPORT, PLAIN],
    ids=lambda edit: edit.title,
)
def test_the_edits_fit_the_app_and_the_program_as_they_are(edit: Edit) -> None:
    assert (REPOSITORY / edit.file).read_text().count(edit.before) == 1


def test_the_bad_edit_breaks_half_of_the_currencies_and_the_fix_none() -> None:
    from app.orders.prices import CURRENCIES  # noqa: PLC0415

    bad = [currency for currency in CURRENCIES if f'"{currency}"' not in commits.BAD.after]
    assert len(bad) * 2 == len(CURRENCIES)
    assert all(f'"{currency}"' in commits.FIXED.after for currency in CURRENCIES)
    assert commits.BAD.after.count(commits.FIXED.before) == 1


def test_a_third_of_the_orders_of_live_traffic_have_more_pieces_than_the_boxes_of_the_edit_hold() -> None:
    assert commits.COUNTED.after.count(commits.BOXED.before) == 1, "it follows that edit"
    quantities = [item["quantity"] for number in range(900) for item in new_order(number / 1000)["items"]]
    assert set(quantities) == {1, 2, 3}
    assert abs(quantities.count(3) - 300) <= 1
    assert '["small", "large"][each.quantity - 1]' in commits.BOXED.after


def test_nothing_of_the_users_aws_or_pulumi_remains(copy: Scratch) -> None:
    mine = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "secret",
        "AWS_ENDPOINT_URL_S3": "https://s3.example",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "PULUMI_ACCESS_TOKEN": "pul-secret",
        "PULUMI_PYTHON_CMD": "/usr/bin/python2",
        "STRATA_COMMIT": "deadbeef",
        "GIT_DIR": "/elsewhere",
        "PATH": "/usr/bin",
        "HOME": "/home/me",
    }
    made = environment(copy, mine)
    assert {name for name in mine if name in made} == {"AWS_ACCESS_KEY_ID", "PATH", "HOME"}
    assert made["AWS_ACCESS_KEY_ID"] == "333333333333"
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        assert Path(made[name]).read_text() == ""


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://[::1]:1", "http://127.3.2.1:80"])
def test_an_endpoint_on_loopback_is_accepted(endpoint: str) -> None:
    assert aws_environment(endpoint, "333333333333", "eu-central-1")["AWS_ENDPOINT_URL"] == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://lambda.eu-central-1.amazonaws.com",
        "http://localhost:4566",
        "http://10.0.0.1",
        "http://0.0.0.0:1",
        "4566",
        "",
    ],
)
def test_an_endpoint_off_loopback_is_refused(endpoint: str) -> None:
    with pytest.raises(ScratchError, match=r"is not on loopback \(127\.0\.0\.1 or ::1\)"):
        aws_environment(endpoint, "333333333333", "eu-central-1")


def test_a_folder_that_git_does_not_know_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ScratchError, match=r"is not a git work tree.*`git init`"):
        Scratch.of(tmp_path)


def test_a_copy_that_fails_leaves_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "git")

    monkeypatch.setattr(workspace, "git", fail)
    with pytest.raises(ScratchError):
        Scratch.of(repository)
    assert os.listdir(tmp_path / "temporary") == []  # noqa: PTH208
