"""The real make hands a target's values to its command byte by byte, and runs nothing that they contain."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = [
    "orders without a currency",
    "costs $5 and $$6",
    "costs $(shell touch RAN) $5",
    "${shell touch RAN}",
    "`touch RAN`",
    "$$(touch RAN)",
    "'; touch RAN; '",
    '"; touch RAN; "',
    'it\'s "fine" \\ # $@ % ~ * ?',
    "two\nlines\n\ttouch RAN",
    "--help",
    "$(error stop) $(eval RUN=touch)",
    "spaces  kept ",
    "Größe, 注文",
    "a=b:=c",
    "$(REASON)",
]
STUB = """#!/bin/sh
printf '%s\\0' "$#" "${0##*/}" "$@" >> "$SAID"
"""
"""Notes a command: its number of words, its name, and its words, each ended by a zero byte."""


def said(
    folder: Path, target: str, *, environment: Mapping[str, str] = MappingProxyType({}), **given: str
) -> list[list[str]]:
    """Return the commands that a target ran, in a copy of the Makefile's folder in which each is a stub."""
    (folder / "Makefile").write_text((ROOT / "Makefile").read_text())
    for name in ("stub", "pulumi"):
        (folder / name).write_text(STUB)
        (folder / name).chmod(0o755)
    env = {**os.environ, "SAID": str(folder / "said"), "PATH": f"{folder}:{os.environ['PATH']}", **environment}
    command = [
        "make",
        target,
        f"RUN={folder}/stub",
        "PYTHON=true",
        *(f"{name}={value}" for name, value in given.items()),
    ]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (folder / "RAN").exists()
    return [command for command in commands((folder / "said").read_text()) if "local.toolchain" not in command]


def commands(noted: str) -> Iterator[list[str]]:
    """Yield each command that a stub noted."""
    words = iter(noted.split("\0")[:-1])
    for count in words:
        yield [next(words) for _ in range(int(count) + 1)]


@pytest.mark.parametrize("reason", HOSTILE)
@pytest.mark.parametrize("target", ["abort", "rollback"])
def test_a_reason_is_handed_on_as_it_is(tmp_path: Path, target: str, reason: str) -> None:
    (command,) = said(tmp_path, target, STACK="prod", REASON=reason, FUNCTION=reason)
    assert command[1:] == [
        "-m",
        "infra.release",
        target,
        "--stack",
        "prod",
        "--reason",
        reason,
        "--function",
        reason,
    ]


@pytest.mark.parametrize("reason", HOSTILE)
def test_a_reason_from_the_environment_as_in_a_workflow_is_handed_on_as_it_is(tmp_path: Path, reason: str) -> None:
    (command,) = said(tmp_path, "abort", environment={"STACK": "prod", "REASON": reason})
    assert command[-2:] == ["--reason", reason]


@pytest.mark.parametrize("target", ["publish-bundle", "keep"])
def test_the_bundles_are_published_by_either_name_of_the_target(tmp_path: Path, target: str) -> None:
    (command,) = said(tmp_path, target, STACK="prod")
    assert command[1:] == ["-m", "infra.artifacts", "put", "--stack", "prod"]


@pytest.mark.parametrize("value", ["$(shell touch RAN)", "a b; touch RAN", "'\"`touch RAN`$5"])
@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("plan", "STACK"),
        ("deploy", "STACK"),
        ("access", "TO"),
        ("comment", "PULL_REQUEST"),
        ("rehearsal", "FACTOR"),
        ("rehearsal", "ENFORCE"),
        ("rehearsal-promotion", "FACTOR"),
        ("rehearsal-promotion", "EVENTS"),
        ("rehearsal-migration", "FACTOR"),
        ("sandbox", "FACTOR"),
        ("captures", "FACTOR"),
        ("unlock", "ALONE"),
        ("by-event", "ALONE"),
        ("by-event", "EVENT"),
        ("by-event", "WAIT"),
        ("view", "PORT"),
        ("redrive", "SERVICE"),
        ("redrive", "DRY"),
        ("environments", "APPLY"),
        ("test-aws", "ACCOUNT"),
        ("properties", "STEPS"),
        ("mutants", "SEED"),
        ("mutants", "COUNT"),
    ],
)
def test_no_other_value_is_run_either(tmp_path: Path, target: str, name: str, value: str) -> None:
    given = {"STACK": "prod", "SERVICE": "orders", name: value}
    commands = said(tmp_path, target, environment={}, **given)
    switches = {
        "ENFORCE": "--enforce",
        "ALONE": "--alone",
        "APPLY": "--apply",
        "DRY": "--dry-run",
        "EVENTS": "--events",
    }
    wanted = switches.get(name, value)
    in_environment = name in {"ACCOUNT", "STEPS"}
    assert commands
    assert in_environment or all(wanted in command for command in commands)


@pytest.mark.parametrize(("stack", "levels"), [("prod", True), ("organization/strata/prod", True), ("fresh", False)])
def test_a_deploy_takes_a_stack_by_any_name_and_without_levels_of_its_own(
    tmp_path: Path, stack: str, *, levels: bool
) -> None:
    (tmp_path / "policy/levels").mkdir(parents=True)
    (tmp_path / "policy/levels/prod.json").write_text("{}")
    up, watch, landed = said(tmp_path, "deploy", STACK=stack)
    assert up[:6] == ["pulumi", "up", "--yes", "--non-interactive", "--stack", stack]
    assert up[6:] == ["--policy-pack", "policy"] + (
        ["--policy-pack-config", "policy/levels/prod.json"] if levels else []
    )
    assert watch[-2:] == landed[-2:] == ["--stack", stack]


def test_a_target_without_its_stack_says_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    env = {name: value for name, value in os.environ.items() if name != "STACK"}
    command = ["make", "plan", "RUN=true", "PYTHON=true"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "say which, e.g. make plan STACK=dev" in done.stderr


def needed(target: str, **environment: str) -> str:
    """Return what make would run of a target, its prerequisites included."""
    env = {**os.environ, **environment}
    done = subprocess.run(
        ["make", "-n", target, "STACK=dev"], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert not (ROOT / "RAN").exists()
    return done.stdout


@pytest.mark.parametrize("target", ["abort", "rollback", "by-event", "doctor", "drift", "access", "publish-bundle"])
def test_an_operators_target_needs_no_packages_of_npm(target: str) -> None:
    assert "local.toolchain packages" not in needed(target)


@pytest.mark.parametrize("target", ["bundle", "check", "test", "rehearsal", "policy", "venvs"])
def test_a_target_that_bundles_or_checks_has_npms_packages(target: str) -> None:
    assert "local.toolchain packages" in needed(target)


@pytest.mark.parametrize("target", ["plan", "deploy"])
def test_a_deploy_has_npms_packages_unless_its_bundles_are_built(target: str) -> None:
    assert "local.toolchain packages" in needed(target, STRATA_MANIFEST="")
    assert "local.toolchain packages" not in needed(target, STRATA_MANIFEST="dist/manifest.json")
    assert "local.toolchain packages" not in needed(target, STRATA_MANIFEST="$(shell touch RAN)")


@pytest.mark.parametrize("target", ["test", "test-all", "captures", "bench"])
def test_a_target_that_draws_or_reads_pages_finds_a_browser(target: str) -> None:
    shown = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "local.toolchain chromium" in shown
