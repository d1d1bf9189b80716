"""The packages of a bundle are Lambda's: of its platform and runtime, whatever this machine is."""

import os
from pathlib import Path

import pytest

from infra.bundle import BundleError, Platform, packages
from local.toolchain import environments
from tests.unit import wheels

X86, ARM = Platform("python3.11", "x86_64"), Platform("python3.11", "arm64")
LOCK = "requirements.txt"


@pytest.fixture(autouse=True)
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the wheels that uv finds."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{environments.uv().parent}{os.pathsep}{os.environ['PATH']}")
    for name, value in wheels.only(folder).items():
        monkeypatch.setenv(name, value)
    return folder


def lock(repository: Path, *lines: str) -> None:
    (repository / LOCK).write_text("".join(lines))


def fetched(repository: Path, platform: Platform) -> dict[str, str]:
    """Return the text of each package's module."""
    into = repository / f"into-{platform.architecture}-{platform.runtime}"
    found = packages.read(repository, LOCK, platform, packages.fetch(repository, LOCK, platform, into))
    return {each.name: each.files[f"{each.name}/__init__.py"].decode() for each in found}


def refusal(repository: Path, platform: Platform = X86) -> str:
    with pytest.raises(BundleError) as caught:
        fetched(repository, platform)
    return str(caught.value)


def test_a_compiled_package_is_lambdas_and_never_this_machines(tmp_path: Path, links: Path) -> None:
    x86 = wheels.wheel(links, "fast", tag="cp311-cp311-manylinux2014_x86_64", text="x86")
    arm = wheels.wheel(links, "fast", tag="cp311-cp311-manylinux2014_aarch64", text="arm")
    lock(tmp_path, x86.strip(), f" {arm.split()[1]}\n")
    assert (fetched(tmp_path, X86), fetched(tmp_path, ARM)) == ({"fast": "x86"}, {"fast": "arm"})


def test_the_runtimes_python_chooses_the_wheel(tmp_path: Path, links: Path) -> None:
    old = wheels.wheel(links, "fast", tag="cp311-cp311-manylinux2014_x86_64", text="3.11")
    new = wheels.wheel(links, "fast", tag="cp312-cp312-manylinux_2_34_x86_64", text="3.12")
    lock(tmp_path, old.strip(), f" {new.split()[1]}\n")
    assert fetched(tmp_path, X86) == {"fast": "3.11"}
    assert fetched(tmp_path, Platform("python3.12", "x86_64")) == {"fast": "3.12"}


@pytest.mark.parametrize("tag", ["cp311-cp311-macosx_11_0_arm64", "cp312-cp312-manylinux2014_x86_64"])
def test_a_package_without_a_wheel_for_the_platform_is_named(tmp_path: Path, links: Path, tag: str) -> None:
    lock(tmp_path, wheels.wheel(links, "plain"), wheels.wheel(links, "native", "2.5", tag))
    said = refusal(tmp_path)
    assert said.startswith("requirements.txt wants native 2.5, which has no wheel for python3.11 on x86_64")
    assert "choose a version that has one" in said


def test_a_wheel_for_a_newer_c_library_than_the_runtimes_is_none(tmp_path: Path, links: Path) -> None:
    lock(tmp_path, wheels.wheel(links, "native", tag="cp311-cp311-manylinux_2_34_x86_64"))
    assert "wants native 1.0, which has no wheel" in refusal(tmp_path)


def test_a_package_that_would_have_to_be_built_here_is_named(tmp_path: Path, links: Path) -> None:
    (links / "source-1.0.tar.gz").write_bytes(b"")
    lock(tmp_path, f"source==1.0 --hash=sha256:{'0' * 64}\n")
    assert "wants source 1.0, which has no wheel" in refusal(tmp_path)


def test_a_wheel_that_is_not_the_locked_one_is_refused(tmp_path: Path, links: Path) -> None:
    wheels.wheel(links, "plain")
    lock(tmp_path, f"plain==1.0 --hash=sha256:{'0' * 64}\n")
    said = refusal(tmp_path)
    assert said.startswith("uv could not install the packages of requirements.txt for python3.11 on x86_64")
    assert "plain" in said


def test_a_package_without_a_hash_is_refused(tmp_path: Path, links: Path) -> None:
    wheels.wheel(links, "plain")
    lock(tmp_path, "plain==1.0\n")
    assert "must have a hash, but none were provided for: plain==1.0" in refusal(tmp_path)


def test_lines_for_other_platforms_are_not_lambdas(tmp_path: Path) -> None:
    lock(
        tmp_path,
        "always==1.0 \\\n    --hash=sha256:0\n",
        "windows==1.0 ; sys_platform == 'win32'\n",
        "arm==1.0 ; platform_machine == 'aarch64'\n",
        "old==1.0 ; python_full_version < '3.12'\n",
        "    # via always\n",
    )
    assert packages.locked(tmp_path, LOCK, X86) == {"always": "1.0", "old": "1.0"}
    assert packages.locked(tmp_path, LOCK, ARM) == {"always": "1.0", "arm": "1.0", "old": "1.0"}
    assert packages.locked(tmp_path, LOCK, Platform("python3.13", "x86_64")) == {"always": "1.0"}


@pytest.mark.parametrize("line", ["jmespath>=1.0", "jmespath", "-r other.txt", "jmespath==1.*", "./wheel.whl"])
def test_a_line_that_locks_nothing_is_reported_with_its_number(tmp_path: Path, line: str) -> None:
    lock(tmp_path, f"# a lock\n{line}\n")
    with pytest.raises(BundleError, match=r"^requirements\.txt, line 2, is .*, which locks no"):
        packages.locked(tmp_path, LOCK, X86)


def test_without_uv_the_remedy_is_the_target_that_has_it(
    tmp_path: Path, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(tmp_path, wheels.wheel(links, "plain"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal(tmp_path).endswith("run `make bundle`")


def test_a_lock_without_packages_needs_no_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(tmp_path, "# nothing\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetched(tmp_path, X86) == {}
