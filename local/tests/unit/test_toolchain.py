"""The toolchain: a cache that two runs may fill at once, the user's own Pulumi first, and errors with remedies."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.toolchain import cache, chromium, environments, pulumi_cli

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def executable(folder: Path, name: str, text: str = "#!/bin/sh\nexit 0\n") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text)
    file.chmod(0o755)
    return file


def slow_build(folder: Path) -> None:
    (folder / "first").write_text("half")
    time.sleep(0.3)
    (folder / "second").write_text(str(os.getpid()))


def hang(cache_folder: str) -> None:
    """Build an entry that is never whole."""

    def build(folder: Path) -> None:
        (folder / "first").write_text("half")
        time.sleep(600)

    os.environ["STRATA_CACHE"] = cache_folder
    cache.entry("thing", build)


def fill(cache_folder: str, found: "multiprocessing.Queue[str]") -> None:
    os.environ["STRATA_CACHE"] = cache_folder
    found.put((cache.entry("thing", slow_build) / "second").read_text())


def test_two_runs_at_once_build_an_entry_once(empty_cache: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    found = spawn.Queue()
    runs = [spawn.Process(target=fill, args=(str(empty_cache), found)) for _ in range(3)]
    for run in runs:
        run.start()
    builders = {found.get(timeout=300) for _ in runs}
    for run in runs:
        run.join(60)
    assert len(builders) == 1


def test_a_build_that_fails_leaves_no_entry(empty_cache: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise RuntimeError("no compiler")

    with pytest.raises(RuntimeError):
        cache.entry("thing", broken)
    assert [place.name for place in empty_cache.iterdir()] == ["locks"]
    assert (cache.entry("thing", slow_build) / "first").exists()


def test_a_build_killed_midway_is_not_taken_for_a_whole_one(empty_cache: Path) -> None:
    run = multiprocessing.get_context("spawn").Process(target=hang, args=(str(empty_cache),))
    run.start()
    while not (begun := list(empty_cache.glob(".thing-*/first"))) and run.is_alive():
        time.sleep(0.01)
    run.kill()
    assert begun, "the build did not begin"
    run.join(60)
    assert not (empty_cache / "thing").exists()
    assert (cache.entry("thing", slow_build) / "second").read_text() == str(os.getpid())


def test_an_environment_that_was_half_filled_is_filled_again_for_the_earlier_lock_too(
    tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = executable(tmp_path / "bin", "uv", f'#!/bin/sh\necho run >> "{tmp_path}/ran"\nexit "${{UV_FAILS:-0}}"\n')
    monkeypatch.setattr(environments, "uv", lambda: uv)
    python, lock = executable(tmp_path / "venv/bin", "python"), tmp_path / "lock.txt"
    lock.write_text("one")
    environments.sync(python, lock)
    environments.sync(python, lock)
    assert (tmp_path / "ran").read_text().count("run") == 1
    lock.write_text("two")
    monkeypatch.setenv("UV_FAILS", "1")
    with pytest.raises(subprocess.CalledProcessError):
        environments.sync(python, lock)
    monkeypatch.delenv("UV_FAILS")
    lock.write_text("one")
    environments.sync(python, lock)
    assert (tmp_path / "ran").read_text().count("run") == 3


def test_an_installed_pulumi_wins(tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "bin", "pulumi")
    executable(tmp_path / "bin", "pulumi-language-python")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert pulumi_cli.folder() is None
    assert not empty_cache.exists()


APT = """#!/bin/sh
# Stands in for apt-get: it knows the browser and one library, as `apt-get install --print-uris` lists them.
echo "$1" >> "$APT_RAN"
case "$1 ${APT_FAILS:-}" in
"install ")
  echo "'http://mirror/b_1.2%7edeb12u1_amd64.deb' b_1.2~deb12u1_amd64.deb 64070200 SHA256:12"
  echo "'http://mirror/a_3-1_all.deb' a_3-1_all.deb 13460 " ;;
"download ") touch a_3-1_all.deb b_1.2~deb12u1_amd64.deb ;;
*) exit 100 ;;
esac
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/lib/chromium" "$3/usr/lib/machine" && touch "$3/usr/lib/machine/lib.so.1"
printf '#!/bin/sh\\necho "$LD_LIBRARY_PATH $*"\\n' > "$3/usr/lib/chromium/chromium-headless-shell"
chmod +x "$3/usr/lib/chromium/chromium-headless-shell"
"""


@pytest.fixture
def debian(tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with apt and without a browser; returns the file of what apt was asked."""
    executable(tmp_path / "bin", "apt-get", APT)
    executable(tmp_path / "bin", "dpkg-deb", DPKG)
    for tool in ("sh", "touch", "mkdir", "chmod", "dirname", "realpath", "find", "sort", "tr"):
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("APT_RAN", str(tmp_path / "ran"))
    return tmp_path / "ran"


def test_debians_chromium_is_unpacked_once_and_finds_its_own_libraries(debian: Path) -> None:
    folder = chromium.folder()
    assert folder is not None
    assert chromium.folder() == folder
    assert debian.read_text().split() == ["install", "download", "install"]
    said = subprocess.run([folder / "chromium", "--version"], check=True, capture_output=True, text=True).stdout
    assert said == f"{folder}/root/usr/lib/machine: --version\n"
    assert sorted(each.name for each in folder.iterdir()) == ["chromium", "root"]


@pytest.mark.parametrize("name", chromium.NAMES)
def test_an_installed_browser_wins(debian: Path, name: str) -> None:
    executable(debian.parent / "bin", name)
    assert chromium.folder() is None
    assert not debian.exists()


def test_a_machine_without_apt_or_without_its_lists_goes_without_a_browser(
    debian: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APT_FAILS", "yes")
    assert chromium.folder() is None
    (debian.parent / "bin/apt-get").unlink()
    assert chromium.folder() is None


def test_a_download_that_fails_is_said_and_leaves_nothing(
    debian: Path, empty_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    executable(debian.parent / "bin", "dpkg-deb", "#!/bin/sh\nexit 2\n")
    assert chromium.folder() is None
    assert (
        "tests of pages are skipped: Debian's chromium-headless-shell could not be unpacked" in capsys.readouterr().err
    )
    assert [place.name for place in empty_cache.iterdir()] == ["locks"]


def test_without_pulumi_and_go_the_error_names_both_remedies(tmp_path: Path, empty_cache: Path) -> None:
    executable(tmp_path / "bin", "true")
    environment = {"PATH": str(tmp_path / "bin"), "STRATA_CACHE": str(empty_cache), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "local.toolchain", "pulumi"]
    tried = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert tried.returncode == 1
    assert "install Pulumi's CLI" in tried.stderr
    assert "install Go" in tried.stderr
    assert "Traceback" not in tried.stderr


def test_the_toolchain_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-c", "import local.toolchain.__main__"]
    subprocess.run(command, cwd=ROOT, env={"PATH": str(tmp_path)}, check=True)


def test_words_that_mean_nothing_are_answered_with_the_usage() -> None:
    command = [sys.executable, "-m", "local.toolchain", "pulumy"]
    tried = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert tried.returncode == 2
    assert "python3 -m local.toolchain pulumi" in tried.stderr
