"""What a bundle takes of a package that is installed, and what it believes of the package's own metadata."""

from pathlib import Path, PurePath

import pytest

from infra.bundle import BundleError, Platform, packages
from tests.unit.wheels import hashed

X86 = Platform("python3.11", "x86_64")
LOCK = "requirements.txt"


def install(folder: Path, name: str, *metadata: str, files: dict[str, str] | None = None) -> None:
    """Install a package by hand: its files, and a record of their hashes."""
    info = f"{name}-1.0.dist-info"
    held = {
        f"{name}.py": "",
        f"{info}/METADATA": "\n".join(["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *metadata, ""]),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
        f"{info}/INSTALLER": "hand",
        **(files or {}),
    }
    record = "".join(f"{file},sha256={hashed(text)},{len(text)}\n" for file, text in held.items())
    for file, text in {**held, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)


def read(folder: Path, *names: str) -> list[packages.Package]:
    (folder / LOCK).write_text("".join(f"{name}==1.0\n" for name in names))
    return packages.read(folder, LOCK, X86, folder)


@pytest.mark.parametrize(
    ("metadata", "license_"),
    [
        (("License-Expression: MIT OR Apache-2.0",), "MIT OR Apache-2.0"),
        (("License: BSD", "License-Expression: MIT"), "MIT"),
        (("License: BSD",), "BSD"),
        (("License: Copyright 2020\n        All of the text of a license",), ""),
        ((), ""),
    ],
)
def test_a_license_is_what_the_package_says_in_one_line(
    tmp_path: Path, metadata: tuple[str, ...], license_: str
) -> None:
    install(tmp_path, "alpha", *metadata)
    (found,) = read(tmp_path, "alpha")
    assert found.license == license_


def test_a_package_requires_what_the_lock_has_of_its_requirements_for_the_platform(tmp_path: Path) -> None:
    needs = ("beta", "Gamma_Ray>=1 ; extra == 'fast'", "windows ; sys_platform == 'win32'", "elsewhere", "beta")
    install(tmp_path, "alpha", "Provides-Extra: fast", *(f"Requires-Dist: {each}" for each in needs))
    for name in ("beta", "gamma_ray", "windows"):
        install(tmp_path, name)
    found = {each.name: each.requires for each in read(tmp_path, "alpha", "beta", "gamma-ray", "windows")}
    assert found == {"alpha": ("beta", "gamma-ray"), "beta": (), "gamma-ray": (), "windows": ()}


def test_the_files_are_those_of_the_record_and_the_programs_those_that_may_be_run(tmp_path: Path) -> None:
    install(
        tmp_path, "alpha", files={"alpha/run": "#!/bin/sh\n", "alpha/__pycache__/a.pyc": "", "alpha/data.json": "{}"}
    )
    (tmp_path / "alpha/run").chmod(0o755)
    (tmp_path / "alpha/stray.py").write_text("")
    (found,) = read(tmp_path, "alpha")
    assert set(found.files) == {"alpha.py", "alpha/run", "alpha/data.json", "alpha-1.0.dist-info/METADATA"}
    assert found.programs == {"alpha/run"}
    assert (found.name, found.version, found.files["alpha/data.json"]) == ("alpha", "1.0", b"{}")


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("alpha/INSTALLER", True),
        ("alpha-1.0.dist-info/METADATA", True),
        ("alpha-1.0.dist-info/INSTALLER", False),
        ("alpha-1.0.dist-info/RECORD", False),
        ("alpha-1.0.dist-info/licenses/RECORD", True),
        ("alpha/__pycache__/alpha.cpython-311.pyc", False),
        ("../../../bin/alpha", False),
        ("/usr/bin/alpha", False),
    ],
)
def test_what_the_installer_wrote_and_what_lies_outside_is_left_out(name: str, taken: bool) -> None:
    assert packages.belongs(PurePath(name)) is taken


def test_a_file_that_is_not_what_the_record_says_is_refused(tmp_path: Path) -> None:
    install(tmp_path, "alpha")
    module = tmp_path / "alpha.py"
    for change, said in (
        (lambda: module.write_text("edited"), "has not the bytes that its RECORD says"),
        (module.unlink, "alpha.py of alpha 1.0 is not there"),
        (lambda: linked(module), "alpha.py of alpha 1.0 is a link"),
    ):
        module.write_text("")
        change()
        with pytest.raises(BundleError) as caught:
            read(tmp_path, "alpha")
        assert said in str(caught.value)
        module.unlink(missing_ok=True)


def linked(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.with_name(LOCK))


def test_a_package_of_another_version_or_none_is_refused(tmp_path: Path) -> None:
    install(tmp_path, "alpha")
    (tmp_path / LOCK).write_text("alpha==2.0\n")
    with pytest.raises(BundleError, match=r"wants alpha 2\.0, but 1\.0 is installed"):
        packages.read(tmp_path, LOCK, X86, tmp_path)
    with pytest.raises(BundleError, match=r"wants beta 1\.0, which is not installed"):
        read(tmp_path, "beta")
