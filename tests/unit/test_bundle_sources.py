"""A bundle holds the files that git tracks; a file that it leaves out or refuses is named."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from infra import bundle, git
from infra.bundle import Bundle, BundleError, sources
from infra.bundle.packages import Package
from infra.git import CommitError
from tests.unit import wheels
from tests.unit.test_bundle import write


def run(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def keep(folder: Path) -> None:
    run(folder, "add", "--all")
    run(folder, "commit", "--quiet", "--allow-empty", "--message", "x")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A small app, committed, whose git ignores logs and dist."""
    folder = tmp_path / "clone"
    write(folder, "app/__init__.py", "")
    write(folder, "app/demo/__init__.py", "")
    write(folder, "app/demo/main.py", "def handler(event, context):\n    return event\n")
    write(folder, "app/demo/requirements.txt", "")
    write(folder, ".gitignore", "*.log\ndist/\n__pycache__/\n")
    run(folder, "init", "--quiet")
    keep(folder)
    return folder


def build(folder: Path) -> Bundle:
    return bundle.build("demo", folder)


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        build(folder)
    return str(caught.value)


def test_a_file_that_git_ignores_is_left_out_and_named(clone: Path) -> None:
    before = build(clone)
    write(clone, "app/demo/debug.log", "secret")
    write(clone, "app/demo/deep/er.log", "secret")
    write(clone, "app/demo/__pycache__/main.cpython-311.pyc", "x")
    after = build(clone)
    assert after.digest == before.digest
    assert after.ignored == ("app/demo/debug.log", "app/demo/deep/er.log")
    assert git.checkout(clone, "app").changed == ()  # type: ignore[union-attr]


def test_a_handler_that_git_ignores_is_refused_since_no_other_machine_has_it(clone: Path) -> None:
    write(clone, ".gitignore", "late.py\n")
    write(clone, "app/demo/late.py", "def handler(event, context):\n    return event\n")
    with pytest.raises(BundleError) as caught:
        bundle.build("demo", clone, handler="app.demo.late.handler")
    assert str(caught.value) == (
        "app/demo/late.py is ignored by git, so no other machine has it; take it out of .gitignore"
    )


def test_a_tracked_file_that_a_later_rule_ignores_is_taken(clone: Path) -> None:
    write(clone, "app/demo/kept.log", "x")
    run(clone, "add", "--force", "app/demo/kept.log")
    keep(clone)
    assert "app/demo/kept.log" in build(clone).files


def test_a_new_file_that_is_not_ignored_is_taken_and_makes_the_commit_dirty(clone: Path) -> None:
    write(clone, "app/demo/new.py", "x = 1\n")
    assert "app/demo/new.py" in build(clone).files
    assert git.checkout(clone, "app").changed == ("app/demo/new.py",)  # type: ignore[union-attr]


def test_a_commit_that_git_calls_clean_has_the_commits_bytes(clone: Path) -> None:
    before = build(clone)
    run(clone, "update-index", "--assume-unchanged", "app/demo/main.py")
    write(clone, "app/demo/main.py", "def handler(event, context):\n    return 'other'\n")
    assert git.checkout(clone, "app").changed == ()  # type: ignore[union-attr]
    assert build(clone).digest == before.digest


def test_a_changed_file_and_a_deleted_one_are_as_on_disk(clone: Path) -> None:
    write(clone, "app/demo/more.py", "x = 1\n")
    keep(clone)
    (clone / "app/demo/more.py").unlink()
    write(clone, "app/demo/main.py", "def handler(event, context):\n    return 'other'\n")
    built = build(clone)
    assert "app/demo/more.py" not in built.files
    with zipfile.ZipFile(built.path) as archive:
        assert b"other" in archive.read("app/demo/main.py")


def test_a_folder_inside_a_repository_of_something_else_is_taken_as_it_is(tmp_path: Path, clone: Path) -> None:
    (clone / ".git").rename(tmp_path / "gone")
    write(tmp_path, ".gitignore", "clone/\n")
    run(tmp_path, "init", "--quiet")
    assert "app/demo/main.py" in build(clone).files


def test_a_project_below_the_top_of_its_repository_is_read_the_same(tmp_path: Path, clone: Path) -> None:
    before = build(clone).digest
    (clone / ".git").rename(tmp_path / "gone")
    run(tmp_path, "init", "--quiet")
    keep(tmp_path)
    assert build(clone).digest == before
    write(clone, "app/demo/main.py", "def handler(event, context):\n    return 'other'\n")
    assert build(clone).digest != before


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("target", ["main.py", "../../app", "nowhere"])
def test_a_link_is_refused_by_its_name(clone: Path, target: str, *, committed: bool) -> None:
    (clone / "app/demo/linked.py").symlink_to(target)
    if committed:
        keep(clone)
    said = refusal(clone)
    assert said.startswith(f"app/demo/linked.py is a link, to {target}, and a bundle holds only regular files; ")


def test_a_link_is_refused_without_git_and_among_smoke_events_too(clone: Path) -> None:
    (clone / "app/demo/smoke").mkdir()
    for name in ("smoke", "bake"):
        write(clone, f"app/hooks/{name}.py", "handler = 1\n")
    (clone / "app/demo/smoke/health.json").symlink_to("/etc/hostname")
    with pytest.raises(BundleError, match=r"^app/demo/smoke/health\.json is a link"):
        bundle.hooks(["demo"], clone)
    (clone / "app/demo/data").symlink_to("/etc")
    (clone / ".git").rename(clone / "no-git")
    assert refusal(clone).startswith("app/demo/data is a link, to /etc")


def test_a_link_that_git_ignores_is_left_out_and_named(clone: Path) -> None:
    (clone / "app/demo/last.log").symlink_to("/var/log/x")
    assert build(clone).ignored == ("app/demo/last.log",)


def test_a_submodule_is_refused_by_its_name(clone: Path, tmp_path: Path) -> None:
    run(clone, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(clone), "app/demo/inner")
    assert refusal(clone).startswith("app/demo/inner is not a regular file")


def test_the_mode_of_a_program_is_gits_and_kept(clone: Path) -> None:
    write(clone, "app/demo/tool", "#!/bin/sh\n")
    keep(clone)
    plain = build(clone).digest
    run(clone, "update-index", "--chmod=+x", "app/demo/tool")
    run(clone, "config", "core.fileMode", "false")  # as on a file system that keeps no modes
    run(clone, "commit", "--quiet", "--message", "x")
    built = build(clone)
    assert built.digest != plain
    with zipfile.ZipFile(built.path) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert (modes["app/demo/tool"], modes["app/demo/main.py"]) == (0o100755, 0o100644)
    for file in (clone / "app").rglob("*"):
        file.chmod(0o777)
    assert build(clone).digest == built.digest


def test_an_unfinished_merge_is_refused(clone: Path) -> None:
    for branch, text in (("one", "1"), ("two", "2")):
        run(clone, "checkout", "--quiet", "-b", branch, "HEAD" if branch == "one" else "HEAD~1")
        write(clone, "app/demo/main.py", f"handler = {text}\n")
        keep(clone)
    subprocess.run(["git", "merge", "one"], cwd=clone, capture_output=True, check=False)
    assert refusal(clone).startswith("app/demo/main.py is in conflict")


# Git that does not say


@pytest.fixture
def another_users(clone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let git take each repository for another user's, as its own tests do, once the clone exists."""
    assert clone.exists()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))


@pytest.mark.usefixtures("another_users")
def test_a_clone_of_another_user_is_reported_in_gits_words_and_its_remedy_works(clone: Path) -> None:
    for ask in (lambda: git.current_commit(clone, {}), lambda: git.checkout(clone, "app")):
        with pytest.raises(CommitError) as caught:
            ask()
        assert "detected dubious ownership in repository at" in str(caught.value)
    assert "detected dubious ownership" in refusal(clone)
    assert git.current_commit(clone, {"STRATA_COMMIT": "abc"}) == "abc"
    _, _, remedy = git.refuses(clone).partition("call: ")
    subprocess.run(remedy.split(), check=True)
    assert len(git.current_commit(clone, {})) == 12
    assert build(clone).files


def test_each_reason_for_which_there_is_no_commit_is_distinguished(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git.why_none(clone) == ""
    (tmp_path / "bare").mkdir()
    assert "clone the repository" in git.why_none(tmp_path / "bare")
    run(tmp_path / "bare", "init", "--quiet")
    assert "no commit yet" in git.why_none(tmp_path / "bare")
    assert git.current_commit(tmp_path / "bare", {}) == "unknown"
    assert git.checkout(tmp_path / "bare", "app") is None
    monkeypatch.setenv("PATH", "")
    assert "there is no git on PATH" in git.why_none(clone)
    assert build(clone).files


def test_a_shallow_clone_has_the_bundle_of_its_commit(clone: Path, tmp_path: Path) -> None:
    keep(clone)
    run(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{clone}", "shallow")
    assert build(tmp_path / "shallow").digest == build(clone).digest
    assert git.current_commit(tmp_path / "shallow", {}) == git.current_commit(clone, {})


def test_files_are_read_where_names_are_not_ascii(clone: Path) -> None:
    write(clone, "app/demo/größe 注.txt", "x")
    keep(clone)
    assert sources.read(clone, ["app/demo"]).contents["app/demo/größe 注.txt"] == b"x"


# Packages


def installed(folder: Path, name: str, files: dict[str, str], programs: tuple[str, ...] = ()) -> None:
    """A package in an environment, as an installer leaves it."""
    info = f"{name}-1.0.dist-info"
    all_ = {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"}
    record = "".join(f"{each},sha256={wheels.hashed(text)},{len(text)}\n" for each, text in all_.items())
    record += "".join(f"{each},,\n" for each in (f"{info}/INSTALLER", f"{info}/RECORD", "../../bin/tool"))
    for each, text in {**all_, f"{info}/INSTALLER": "uv", f"{info}/RECORD": record}.items():
        write(folder, each, text)
    for each in programs:
        (folder / each).chmod(0o700)


def test_all_that_a_package_installs_beside_its_modules_is_taken(clone: Path, tmp_path: Path) -> None:
    own = {
        "one/__init__.py": "",
        "one/tests/data.json": "1",
        "one/smoke/x.py": "",
        "one/.libs/lib.so": "x",
        "one/requirements.txt": "y",
        "one/WHEEL": "z",
        "one/run": "#!/bin/sh",
    }
    installed(tmp_path / "site", "one", own, programs=("one/run",))
    write(clone, "app/demo/requirements.txt", "one==1.0\n")
    held = bundle.packages.read(clone, "app/demo/requirements.txt", bundle.Platform(), tmp_path / "site")
    built = bundle.build("demo", clone, packages=held)
    assert set(own) | {"one-1.0.dist-info/METADATA"} == {name for name in built.files if name.startswith("one")}
    with zipfile.ZipFile(built.path) as archive:
        assert archive.getinfo("one/run").external_attr >> 16 == 0o100755


@pytest.mark.parametrize(("text", "refused"), [("other", True), ("same", False)])
def test_two_packages_with_one_name_are_refused_where_their_bytes_differ(
    clone: Path, text: str, *, refused: bool
) -> None:
    one, two = (
        Package(name, "1.0", "", (), {"shared/__init__.py": text_.encode()})
        for name, text_ in (("one", "same"), ("two", text))
    )
    held = [one, two]
    if not refused:
        assert bundle.build("demo", clone, packages=held).files
        return
    with pytest.raises(BundleError, match=r"^shared/__init__\.py is in one 1\.0 and, with other bytes, in two 1\.0"):
        bundle.build("demo", clone, packages=held)


def test_a_file_that_another_package_has_replaced_is_refused(clone: Path, tmp_path: Path) -> None:
    installed(tmp_path / "site", "one", {"shared/__init__.py": "same"})
    installed(tmp_path / "site", "two", {"shared/__init__.py": "other"})
    write(clone, "app/demo/requirements.txt", "one==1.0\ntwo==1.0\n")
    with pytest.raises(BundleError, match=r"^shared/__init__\.py of one 1\.0 has not the bytes that its RECORD says"):
        bundle.packages.read(clone, "app/demo/requirements.txt", bundle.Platform(), tmp_path / "site")


def test_a_package_that_would_replace_the_service_is_refused(clone: Path, tmp_path: Path) -> None:
    installed(tmp_path / "site", "app", {"app/__init__.py": "other"})
    write(clone, "app/demo/requirements.txt", "app==1.0\n")
    held = bundle.packages.read(clone, "app/demo/requirements.txt", bundle.Platform(), tmp_path / "site")
    with pytest.raises(BundleError, match=r"^app/__init__\.py is in app/demo and, with other bytes, in app 1\.0"):
        bundle.build("demo", clone, packages=held)


@pytest.mark.parametrize("gone", [True, False])
def test_a_file_of_a_package_that_is_gone_or_linked_is_refused(clone: Path, tmp_path: Path, *, gone: bool) -> None:
    installed(tmp_path / "site", "one", {"one/__init__.py": "", "one/data": "x"})
    (tmp_path / "site/one/data").unlink()
    if not gone:
        (tmp_path / "site/one/data").symlink_to("/etc/hostname")
    write(clone, "app/demo/requirements.txt", "one==1.0\n")
    with pytest.raises(
        BundleError, match=r"^one/data of one 1\.0 is (not there|a link, to /etc/hostname), so it is not"
    ):
        bundle.packages.read(clone, "app/demo/requirements.txt", bundle.Platform(), tmp_path / "site")


# Handlers


@pytest.mark.parametrize(
    "text",
    [
        "handler, other = 1, 2",
        "(other, [handler, *rest]) = 1, (2, 3)",
        "from app.demo.routes import *",
        "other = (handler := 1)",
        "for handler in (1,): pass",
        "with open('x') as handler: pass",
        "match 1:\n    case handler: pass",
        "async def handler(): ...\nhandler = wrap(handler)",
        "while True:\n    handler = 1\n    break",
    ],
)
def test_a_handler_may_be_bound_in_any_way(clone: Path, text: str) -> None:
    write(clone, "app/demo/main.py", text)
    assert build(clone).files


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("async def handler(event, context): ...", "is an `async def`, and Lambda's Python does not await"),
        ("handler: object", "defines no handler"),
        ("x = [handler for handler in ()]", "defines no handler"),
        ("class Other:\n    handler = 1", "defines no handler"),
        ("x = lambda handler: 1", "defines no handler"),
        ("handler\x00 = 1", "is not Python"),
    ],
)
def test_a_module_without_the_handler_is_refused_by_name(clone: Path, text: str, said: str) -> None:
    write(clone, "app/demo/main.py", text)
    assert said in refusal(clone)
