"""A manifest is refused with every mistake of its form and every mismatch with the checkout, all at once."""

import hashlib
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.artifacts import ManifestError, manifest, select
from infra.artifacts.build import dependencies
from infra.artifacts.manifest import Entry, Manifest
from infra.artifacts.sbom import bill
from infra.artifacts.selection import commit_mismatches
from infra.bundle import Platform
from infra.bundle.model import digest
from infra.bundle.packages import Package
from infra.git import Checkout, checkout
from infra.schema import shown
from tests.schemas import is_sbom

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
COMMIT, OTHER = "0123456789" * 4, "abcdef0123" * 4
X86 = Platform("python3.11", "x86_64")
PACKAGES = [
    Package("alpha", "1.0", "MIT", ("beta",), {}),
    Package("beta", "2.0", "BSD-3-Clause OR MIT", (), {}),
    Package("gamma", "3.0", "", (), {}),
]


def made(name: str, commit: str = COMMIT) -> Entry:
    found = digest(name.encode())
    return Entry(found, 100, 90, {"alpha": "1.0"}, bill(name, found, commit, NOON, PACKAGES))


def of(commit: str = COMMIT) -> Manifest:
    return Manifest(commit, NOON, X86.runtime, X86.architecture, {name: made(name) for name in ("orders", "hooks")})


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with a manifest and its zips."""
    git(tmp_path, "init", "-q")
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text("1")
    (tmp_path / ".gitignore").write_text("dist/\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/manifest.json").write_text(of(git(tmp_path, "rev-parse", "HEAD")).text())
    for name in ("orders", "hooks"):
        (tmp_path / f"dist/{name}.zip").write_text(name)
    return tmp_path


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments]
    return subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout.strip()


def choose(
    repository: Path, platform: Platform = X86, commit: str = "", services: tuple[str, ...] = ("orders",)
) -> Manifest:
    wanted = commit or git(repository, "rev-parse", "--short=12", "HEAD")
    selected = select(
        {"STRATA_MANIFEST": "dist/manifest.json"}, repository, platform, wanted, services=services, preview=False
    )
    assert selected is not None
    return selected.manifest


def mistakes(
    repository: Path, platform: Platform = X86, commit: str = "", services: tuple[str, ...] = ("orders",)
) -> tuple[str, ...]:
    with pytest.raises(ManifestError) as caught:
        choose(repository, platform, commit, services)
    return caught.value.mistakes


def rewrite(repository: Path, **changed: Any) -> None:
    file = repository / "dist/manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))


def test_a_manifest_reads_as_it_was_written() -> None:
    assert manifest.parse(of().text(), Path("x")) == of()


def test_a_manifest_of_the_checkout_is_selected(repository: Path) -> None:
    assert choose(repository).commit == git(repository, "rev-parse", "HEAD")


def test_no_manifest_is_selected_where_none_is_named(repository: Path) -> None:
    assert select({}, repository, X86, COMMIT, services=("orders",), preview=False) is None
    assert select({"STRATA_MANIFEST": " "}, repository, X86, COMMIT, services=("orders",), preview=False) is None


@pytest.mark.parametrize(
    ("plan", "preview", "planned"), [("true", True, True), ("true", False, False), ("", True, False)]
)
def test_only_a_preview_that_is_for_a_plan_may_name_bundles_that_are_not_published_yet(
    repository: Path, plan: str, *, preview: bool, planned: bool
) -> None:
    environment = {"STRATA_MANIFEST": "dist/manifest.json", "STRATA_PLAN": plan}
    commit = git(repository, "rev-parse", "HEAD")
    selected = select(environment, repository, X86, commit, services=("orders",), preview=preview)
    assert selected is not None
    assert selected.planned is planned


def test_a_manifest_of_another_commit_is_refused(repository: Path) -> None:
    before = git(repository, "rev-parse", "HEAD")
    (repository / "README").write_text("2")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "second")
    after = git(repository, "rev-parse", "HEAD")
    (line,) = mistakes(repository)
    assert line.startswith(f"it is of commit {before}, but the release would be of {after}")


@pytest.mark.parametrize("said", [OTHER, OTHER[:12], "abc", ""])
def test_the_commit_that_ci_gives_must_be_the_manifests_too(said: str) -> None:
    (line,) = commit_mismatches(of(), said, None)
    assert f"the release would be of {said}" in line


@pytest.mark.parametrize("said", [COMMIT, COMMIT[:12], f"{COMMIT[:12]}-dirty"])
def test_a_commit_may_be_abbreviated(said: str) -> None:
    assert list(commit_mismatches(of(), said, None)) == []


def test_an_unknown_commit_is_refused() -> None:
    (line,) = commit_mismatches(of(), "unknown", None)
    assert "the commit that is checked out here is unknown" in line


def test_a_change_outside_the_bundle_does_not_matter(repository: Path) -> None:
    (repository / "Pulumi.prod.yaml").write_text("encryptionsalt: x")
    assert choose(repository)


@pytest.mark.parametrize("name", ["main.py", "new.py"])
def test_an_uncommitted_change_to_the_bundle_is_refused_and_named(repository: Path, name: str) -> None:
    (repository / "app" / name).write_text("2")
    (line,) = mistakes(repository)
    assert f"(app/{name})" in line


def test_a_manifest_of_uncommitted_changes_is_refused(repository: Path) -> None:
    rewrite(repository, commit=git(repository, "rev-parse", "HEAD") + "-dirty")
    (line,) = mistakes(repository)
    assert "it cannot be built again" in line


def test_a_zip_altered_after_the_build_is_refused_with_both_digests(repository: Path) -> None:
    (repository / "dist/orders.zip").write_text("altered")
    (line,) = mistakes(repository)
    assert line.startswith(f"orders is {digest(b'orders')}, but ")
    assert f"has the digest {digest(b'altered')}: it was altered after the build" in line


def test_zips_need_not_lie_beside_the_manifest(repository: Path) -> None:
    (repository / "dist/orders.zip").unlink()
    assert choose(repository)


@pytest.mark.parametrize("platform", [Platform("python3.12", "x86_64"), Platform("python3.11", "arm64")])
def test_a_manifest_for_another_platform_is_refused(repository: Path, platform: Platform) -> None:
    (line,) = mistakes(repository, platform)
    assert line.startswith(f"it is for python3.11 on x86_64, but strata:compute has {platform}")


def test_every_reason_is_reported_at_once(repository: Path) -> None:
    rewrite(repository, commit=OTHER)
    (repository / "dist/hooks.zip").write_text("altered")
    (repository / "app/main.py").write_text("2")
    assert len(mistakes(repository, Platform("python3.12", "x86_64"))) == 4


def test_a_missing_manifest_is_reported_with_both_remedies(repository: Path) -> None:
    (repository / "dist/manifest.json").unlink()
    (line,) = mistakes(repository)
    assert line.endswith("run `make bundle`, or unset STRATA_MANIFEST")


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"commit": "a", "commit": "b"}', "\x00"])
def test_a_text_that_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ManifestError):
        manifest.parse(text, Path("x"))


@pytest.mark.parametrize(
    "wrong",
    ["", "x", digest(b"")[:-1], digest(b"").replace("=", "A"), f" {digest(b'')}", "0" * 64, "*" * 43 + "=", 5, None],
)
def test_a_digest_of_the_wrong_form_is_reported_with_its_value(wrong: object) -> None:
    document = json.loads(of().text())
    document["functions"]["orders"]["digest"] = wrong
    with pytest.raises(ManifestError) as caught:
        manifest.parse(json.dumps(document), Path("x"))
    (line,) = caught.value.mistakes
    assert line.startswith(f"manifest.functions.orders.digest is {shown(wrong)}, not ")
    assert line.endswith("give a digest as Lambda reports it, a SHA-256 in 44 characters of base64")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("commit", "main", 'manifest.commit is "main", not of the form wanted'),
        ("commit", COMMIT[:12], "not of the form wanted"),
        ("committed", "yesterday", 'manifest.committed is "yesterday", not a time'),
        ("committed", "2026-01-31T12:00:00", "without a time zone"),
        ("runtime", "python2.7", 'manifest.runtime is "python2.7", not supported'),
        ("architecture", "sparc", 'manifest.architecture is "sparc", not supported'),
        ("functions", {}, "manifest.functions names , not services and hooks; run `make bundle`"),
        ("functions", 5, "manifest.functions names 5, not services and hooks; run `make bundle`"),
        ("functions", {"hooks": {}}, "manifest.functions names hooks, not services and hooks; run `make bundle`"),
        ("digest", "x", 'manifest.digest is "x", but there is no such key'),
    ],
)
def test_a_key_of_the_wrong_form_is_reported(key: str, value: object, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest.parse(json.dumps({**json.loads(of().text()), key: value}), Path("x"))
    (line,) = caught.value.mistakes
    assert expected in line


def test_bundles_of_other_services_than_the_checkouts_are_reported(repository: Path) -> None:
    (line,) = mistakes(repository, services=("orders", "stock"))
    assert line == "it names hooks, orders, but the program has hooks, orders, stock; run `make bundle`"


def test_an_entry_has_the_language_of_its_code_and_an_older_manifest_is_of_python() -> None:
    document = json.loads(of().text())
    document["functions"]["orders"]["runtime"] = "node"
    del document["functions"]["hooks"]["runtime"]
    found = manifest.parse(json.dumps(document), Path("x")).functions
    assert {name: entry.runtime for name, entry in found.items()} == {"orders": "node", "hooks": "python"}
    document["functions"]["orders"]["runtime"] = "nodejs22.x"
    with pytest.raises(ManifestError, match=r'functions\.orders\.runtime is "nodejs22\.x", not supported'):
        manifest.parse(json.dumps(document), Path("x"))


def test_a_bundle_over_lambdas_limit_is_reported_with_both_sizes() -> None:
    document = json.loads(of().text())
    document["functions"]["hooks"]["unzipped"] = 262_144_001
    with pytest.raises(ManifestError) as caught:
        manifest.parse(json.dumps(document), Path("x"))
    (line,) = caught.value.mistakes
    assert line == (
        "manifest.functions.hooks.unzipped is 262144001, out of bounds: Lambda accepts no more, unzipped; "
        "give a whole number of bytes from 1 to 262144000"
    )


def test_pulumi_shows_the_error_without_a_traceback() -> None:
    assert issubclass(ManifestError, pulumi.RunError)


def test_the_bill_of_materials_is_valid_cyclonedx() -> None:
    text = json.dumps(made("orders").sbom)
    assert is_sbom(text)


def test_the_bill_of_materials_says_what_is_in_the_zip_and_what_needs_what() -> None:
    sbom = made("orders").sbom
    assert [(each["purl"], each.get("licenses")) for each in sbom["components"]] == [
        ("pkg:pypi/alpha@1.0", [{"license": {"id": "MIT"}}]),
        ("pkg:pypi/beta@2.0", [{"expression": "BSD-3-Clause OR MIT"}]),
        ("pkg:pypi/gamma@3.0", None),
    ]
    needs = {each["ref"]: each.get("dependsOn", []) for each in sbom["dependencies"]}
    assert needs == {"orders": ["alpha", "gamma"], "alpha": ["beta"], "beta": [], "gamma": []}
    (itself,) = sbom["metadata"]["component"]["hashes"]
    assert itself == {"alg": "SHA-256", "content": hashlib.sha256(b"orders").hexdigest()}


def test_the_bill_of_materials_names_npms_packages_by_scope_and_two_versions_of_one_apart() -> None:
    packages = [
        Package("@acme/core", "1.0.0", "MIT", ("tslib@2.0.0",), {}, kind="npm"),
        Package("tslib", "1.0.0", "0BSD", (), {}, kind="npm"),
        Package("tslib", "2.0.0", "0BSD", (), {}, kind="npm"),
    ]
    sbom = bill("demo", digest(b"demo"), COMMIT, NOON, packages)
    assert is_sbom(json.dumps(sbom))
    purls = ["pkg:npm/%40acme/core@1.0.0", "pkg:npm/tslib@1.0.0", "pkg:npm/tslib@2.0.0"]
    assert [each["purl"] for each in sbom["components"]] == purls
    assert [(each.get("group"), each["name"]) for each in sbom["components"]][:2] == [
        ("@acme", "core"),
        (None, "tslib"),
    ]
    needs = {each["ref"]: each.get("dependsOn", []) for each in sbom["dependencies"]}
    assert needs["demo"] == ["@acme/core@1.0.0", "tslib@1.0.0"]
    assert needs["@acme/core@1.0.0"] == ["tslib@2.0.0"]
    assert dependencies(packages) == {"@acme/core": "1.0.0", "tslib": "1.0.0, 2.0.0"}


def test_the_bill_of_materials_has_the_commits_time_and_a_number_that_follows_from_the_digest() -> None:
    first, again, other = made("orders").sbom, made("orders").sbom, made("hooks").sbom
    assert first == again
    assert first["metadata"]["timestamp"] == "2026-01-31T12:00:00+00:00"
    assert first["serialNumber"] != other["serialNumber"]


def test_a_checkout_has_the_time_of_its_commit_whatever_the_time_zone(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checkout(repository, "app")
    monkeypatch.setitem(os.environ, "TZ", "Asia/Tokyo")
    assert found == checkout(repository, "app")
    assert found is not None
    assert found.at == datetime.fromisoformat(git(repository, "show", "-s", "--format=%cI", "HEAD"))
    assert checkout(repository.parent, "app") is None
    assert found == Checkout(git(repository, "rev-parse", "HEAD"), found.at, ())
