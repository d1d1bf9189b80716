"""The pipeline's commands: the role of a job, locks, the texts of plans and summaries, and when a job may succeed."""

import json
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from typer.testing import CliRunner, Result

from infra.console import Exit
from infra.identity.explain import BOOTSTRAP, every
from infra.pipeline import summary as story
from infra.pipeline import unlock
from infra.pipeline.__main__ import app
from infra.pipeline.access import To, the_one
from infra.pipeline.drift import drifted, moved
from infra.pipeline.markdown import fenced
from infra.pipeline.plan import Section, page
from infra.pipeline.verify import missing
from infra.release.cli import state_lock
from infra.release.cli.state_lock import Holder
from infra.release.model.commands import WATCH
from infra.release.model.observation import Status
from tests.unit.seen import NEW, SPLIT, WHOLE, deployment, seen

ROOT = Path(__file__).resolve().parents[2]
HERE = socket.gethostname()
GONE = 2**22 + 1  # more than Linux gives a process


# Which role


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_the_role_and_the_state_are_those_that_bootstrap_makes(stack: str) -> None:
    ran = CliRunner().invoke(app, ["access", "--stack", stack])
    account = yaml.safe_load((BOOTSTRAP / f"Pulumi.{stack}.yaml").read_text())["config"]["strata-bootstrap:account"]
    (number,) = account["allowedAccountIds"]
    assert ran.output.splitlines() == [
        f"role=arn:aws:iam::{number}:role/strata-{stack}-deploy",
        "region=eu-central-1",
        f"backend=s3://strata-state-{number}-eu-central-1?region=eu-central-1",
    ]


def test_a_preview_takes_a_role_that_cannot_change_anything() -> None:
    role = the_one(every(BOOTSTRAP), "prod", To.PREVIEW)
    assert role.access.role == "strata-prod-preview"


def test_the_build_job_assumes_a_role_that_reaches_no_stack() -> None:
    ran = CliRunner().invoke(app, ["access", "--stack", "prod", "--to", "build"])
    assert ran.output == "role=arn:aws:iam::333333333333:role/strata-build\nregion=eu-central-1\n"


def test_in_a_job_they_are_outputs_of_the_step(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    outputs.write_text("before=1\n")
    ran = CliRunner().invoke(app, ["access", "--stack", "dev"], env={"GITHUB_OUTPUT": str(outputs)})
    assert (ran.exit_code, ran.output) == (0, "")
    assert outputs.read_text().startswith("before=1\nrole=arn:aws:iam::111111111111:role/strata-dev-deploy\n")


def test_an_unknown_stack_is_reported_with_the_known_ones() -> None:
    ran = CliRunner().invoke(app, ["access", "--stack", "Prod"])
    assert ran.exit_code == Exit.USAGE
    assert ran.output.endswith("in no account of bootstrap/'s configuration; configured are: dev, prod, staging\n")


def test_a_stack_in_two_accounts_has_no_one_role(tmp_path: Path) -> None:
    written = yaml.safe_load((BOOTSTRAP / "Pulumi.dev.yaml").read_text())
    written["config"]["strata-bootstrap:account"]["allowedAccountIds"] = ["1" * 12, "2" * 12]
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump(written))
    ran = CliRunner().invoke(app, ["access", "--stack", "dev", "--folder", str(tmp_path)])
    assert ran.exit_code == Exit.USAGE
    assert "stack dev is in the accounts 111111111111, 222222222222, and a job assumes one role" in ran.output


# The lock


def holder(user: str = "runner", host: str = "fv-az1", pid: int = 7) -> Holder:
    return Holder(user, host, pid, "2026-11-24T20:45:08Z")


def test_a_lock_of_this_machine_is_released_only_if_its_process_is_gone(tmp_path: Path) -> None:
    assert unlock.is_gone(holder(host=HERE, pid=GONE), alone=False)
    (tmp_path / "pulumi").symlink_to("/bin/cat")
    with subprocess.Popen([str(tmp_path / "pulumi")], stdin=subprocess.PIPE) as running:
        assert not unlock.is_gone(holder(host=HERE, pid=running.pid), alone=True)


def test_a_lock_of_another_runner_is_released_only_with_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "runner")
    assert unlock.is_gone(holder(), alone=True)
    assert not unlock.is_gone(holder(), alone=False)
    assert not unlock.is_gone(holder(user="ann"), alone=True), "a person's"


@pytest.mark.parametrize(
    ("held", "code", "said"),
    [
        ([], 0, "stack dev is not locked\n"),
        ([holder()], 0, "stack dev was locked by runner@fv-az1 (pid 7) since 2026-11-24T20:45:08Z, which is gone"),
        ([holder(), holder("ann", "laptop")], 1, "wait for ann@laptop (pid 7) since 2026-11-24T20:45:08Z, or run "),
    ],
)
def test_a_lock_that_may_be_held_stays_and_is_reported(
    monkeypatch: pytest.MonkeyPatch, held: list[Holder], code: int, said: str
) -> None:
    done: list[str] = []
    monkeypatch.setenv("LOGNAME", "runner")
    monkeypatch.setattr(state_lock, "held", lambda _: held)
    monkeypatch.setattr(state_lock, "cancel", done.append)
    ran = CliRunner().invoke(app, ["unlock", "--stack", "dev", "--alone"])
    assert ran.exit_code == code
    assert said in ran.output
    assert done == (["dev"] if held and not code else [])


# Green


def test_a_job_succeeds_only_where_all_traffic_is_on_the_version_that_the_stack_wants() -> None:
    there = seen(deployment(Status.SUCCEEDED), **WHOLE)
    assert list(missing({"orders": replace(there, live=there.wanted)})) == []


def test_a_canary_in_flight_a_split_alias_or_another_version_fails_the_job() -> None:
    flying = {"orders": seen(deployment(), alias=SPLIT, shifted=NEW)}
    assert list(missing(flying)) == [f"orders: d-1 is in flight; follow it by {WATCH}"]
    (split,) = missing({"orders": seen(alias=SPLIT, shifted=NEW)})
    assert split.startswith("orders: the alias is on ")
    (other,) = missing({"orders": seen(deployment(Status.STOPPED))})
    assert "; the stack wants " in other


# What is said


PLAN = [
    Section("Preview and policy", "  + 3 to create", True),
    Section("Deletions", "data-orders must not be deleted: it holds state", False),
    Section("Release", "orders: would refuse", True, ", but would be refused now"),
]


def test_a_plan_says_at_once_what_blocks_it_and_folds_the_rest() -> None:
    text = page("prod", PLAN)
    assert text.startswith("### prod: blocked\n")
    assert "<details><summary>Preview and policy: passed</summary>" in text
    assert "<details open><summary>Deletions: **failed**</summary>" in text
    assert "Release: passed, but would be refused now" in text
    assert page("prod", [PLAN[0]]).startswith("### prod: passed\n")


def test_code_with_fences_of_its_own_does_not_break_out() -> None:
    text = fenced("a\n```\n<img>\n````\nb")
    assert text.startswith("`````\n")
    assert text.endswith("\n`````")


def piped(folder: Path, script: str, *arguments: str, **environment: str) -> Result:
    """Run a command where `pulumi` is this shell script."""
    (folder / "pulumi").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "pulumi").chmod(0o755)
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    return CliRunner().invoke(app, [*arguments, "--stack", "dev"], env={**path, **environment})


def test_a_preview_that_fails_fails_the_plan_and_still_leaves_one(tmp_path: Path) -> None:
    ran = piped(tmp_path, "echo 'error: a rule is broken' >&2; exit 255", "plan", "--into", str(tmp_path / "plans"))
    assert ran.exit_code == Exit.FAILED
    assert ran.stderr == "error: stack dev: preview and policy failed\n"
    assert "error: a rule is broken" in (tmp_path / "plans/dev.md").read_text()


def test_a_plan_asks_what_differs_in_several_resources_at_a_time(tmp_path: Path) -> None:
    ran = piped(tmp_path, 'echo "in parallel: $PULUMI_PARALLEL_DIFF"; exit 255', "plan", "--into", str(tmp_path))
    assert "in parallel: true" in ran.stdout


STATUS: dict[str, Any] = {
    "live": {"alias": "7, and 10 % on 8", "digest": "abc=", "commit": "c0ffee"},
    "in_flight": {"deployment": "d-2", "from": "7", "to": "8", "weight": 0.1},
    "stuck": [],
    "refusals": [],
}
RELEASE: dict[str, Any] = {
    "function": "orders", "deployment": "d-1", "started": "2026-11-24T20:45:08+00:00", "stable": "6", "version": "7",
    "commit": "c0ffee0123456789", "by": "role/x|y", "ending": "rolled_back", "reason": "verdict", "minutes": 4.25,
    "why": "12 of 80 failed\n```",
}  # fmt: skip


def test_a_story_shows_the_traffic_the_release_in_flight_and_past_outcomes() -> None:
    text = story.page("prod", {"orders": STATUS}, [RELEASE])
    assert "- **orders** is on 7, and 10 % on 8, digest `abc=`, commit `c0ffee`" in text
    assert "in flight: d-2, 7 to 8, which has 10% of the traffic" in text
    row = "orders | 6 to 7 | c0ffee012345 | role/x\\|y | **rolled back** (verdict) | 4.2 |"
    assert row in text
    assert "````\n12 of 80 failed\n```\n````" in text


def test_a_story_without_data_says_so_and_exits_with_zero(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    ran = piped(tmp_path, "exit 255", "story", GITHUB_STEP_SUMMARY=str(summary))
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")
    assert summary.read_text().startswith("### dev\n\nNo status of the releases: stack dev has no release: ")


def test_the_summary_of_a_job_links_the_page_as_the_runs_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def answers(command: str, _stack: str, *options: str) -> dict[str, Any]:
        asked.append((command, *options))
        return {"functions": {"orders": STATUS}, "releases": [RELEASE]}

    monkeypatch.setattr(story, "_asked", answers)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "ann/strata")
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    story.story(stack="prod", file=tmp_path / "report.html")
    assert ("history", "--limit", "5", "--page", str(tmp_path / "report.html")) in asked
    link = "[the artifact story-prod](https://github.com/ann/strata/actions/runs/42#artifacts)"
    assert link in (tmp_path / "summary.md").read_text()


# Values that a person types


def test_a_value_that_a_person_types_into_a_workflow_reaches_no_shell(tmp_path: Path) -> None:
    """The Makefile's recipes run with the values in the environment, as GitHub hands them over."""
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text().replace("abort: tools", "abort:"))
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nfor each in "$@"; do printf "<%s>\\n" "$each"; done\n')
    python.chmod(0o755)
    nasty = "$(touch pwned) `touch pwned` $(shell touch pwned); touch pwned \"' & ${STACK} $$"
    env = {"PATH": "/usr/bin:/bin", "STACK": "prod", "REASON": nasty, "FUNCTION": nasty}
    ran = subprocess.run(
        ["make", "abort", "PYTHON=true"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    given = ["-m", "infra.release", "abort", "--stack", "prod", "--reason", nasty, "--function", nasty]
    assert ran.stdout == "".join(f"<{each}>\n" for each in given)
    assert not (tmp_path / "pwned").exists()


def test_a_target_without_its_stack_says_which_to_give(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(
        (ROOT / "Makefile").read_text().replace("deploy: tools $(UNLESS_BUILT)", "deploy:")
    )
    ran = subprocess.run(
        ["make", "deploy"], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "STACK: say which, e.g. make deploy STACK=dev" in ran.stderr


# Drift


def step(op: str, old: dict[str, Any], new: dict[str, Any], ignored: tuple[str, ...] = ()) -> dict[str, Any]:
    state = {"type": "aws:x:Y", "ignoreChanges": list(ignored)}
    urn = "urn:pulumi:prod::strata::strata:layers:Compute$aws:x:Y::compute-orders"
    return {"op": op, "urn": urn, "oldState": {**state, "outputs": old}, "newState": {**state, "outputs": new}}


def test_changed_properties_and_missing_resources_are_reported() -> None:
    steps = [step("update", {"memory": 512, "name": "a"}, {"memory": 256, "name": "a"}), step("delete", {}, {})]
    assert list(drifted(steps)) == [
        "compute-orders (aws:x:Y): memory is 256, and the state says 512",
        "compute-orders (aws:x:Y) is gone",
    ]


def test_a_property_that_the_program_ignores_is_no_drift() -> None:
    ignored = ("functionVersion", "tags")
    moved = step("update", {"functionVersion": "1"}, {"functionVersion": "2", "tags": {"strata:first": "x"}}, ignored)
    assert list(drifted([moved, step("refresh", {"memory": 1}, {"memory": 1})])) == []


def test_an_empty_property_that_was_never_set_is_no_drift() -> None:
    assert list(drifted([step("update", {"tags": {}}, {"layers": []})])) == []


def test_pulumis_own_keys_are_no_drift_and_a_false_is_a_value() -> None:
    """The values are from a state of the real provider, whose own keys differ after a refresh, at any depth."""
    before = {
        "__pulumi_raw_state_delta": {"obj": {"ps": {"tags": {"map": {}}}}},
        "environment": {"__defaults": [], "variables": {"TABLE": "orders"}},
        "metricQueries": [{"__defaults": ["returnData"], "id": "m1"}],
        "retentionInDays": 90,
        "actionsEnabled": True,
    }
    after = {
        "__pulumi_raw_state_delta": {"obj": {"ps": {"tags": {"map": {}}, "tagsAll": {"map": {}}}}},
        "__meta": '{"schema_version":"2"}',
        "environment": {"variables": {"TABLE": "orders"}},
        "metricQueries": [{"id": "m1"}],
        "retentionInDays": 7,
        "actionsEnabled": False,
    }
    assert [line.split(": ")[1] for line in drifted([step("update", before, after)])] == [
        "actionsEnabled is false, and the state says true",
        "retentionInDays is 7, and the state says 90",
    ]


def release_step(detail: str) -> dict[str, Any]:
    outcomes = {"orders": {"outcome": "moved", "detail": detail}, "stock": {"outcome": "promoted", "detail": "well"}}
    made = step("update", {"liveVersions": {"orders": "2"}}, {"liveVersions": {"orders": "1"}, "outcomes": outcomes})
    made["oldState"]["type"] = "strata:release:Release"
    return made


def test_a_rolled_back_release_is_reported_in_its_own_words_without_the_remedy_of_a_refresh(
    tmp_path: Path,
) -> None:
    said_of_it = "d-1 was rolled back (operator: ann reverted it: slow); the next `pulumi up` is refused"
    rolled_back = release_step(said_of_it)
    assert list(drifted([rolled_back])) == []
    assert list(moved([rolled_back])) == [f"compute-orders (strata:release:Release): orders: {said_of_it}"]
    for steps, said in (
        ([rolled_back], "error: stack dev is not live on the version that it wants\n"),
        (
            [rolled_back, step("delete", {}, {})],
            "error: stack dev has drifted; `pulumi up --refresh --stack dev`",
        ),
    ):
        (tmp_path / "steps.json").write_text(json.dumps({"steps": steps}))
        ran = piped(tmp_path, f"cat {tmp_path}/steps.json", "drift")
        assert (ran.exit_code, "reverted it: slow" in ran.stdout) == (Exit.FAILED, True)
        assert said in ran.stderr


def test_the_comparison_has_the_provider_announce_nothing_since_its_role_may_only_read(tmp_path: Path) -> None:
    assert (
        piped(tmp_path, f"""echo $STRATA_READ_ONLY > {tmp_path}/seen; echo '{{"steps": []}}'""", "drift").exit_code == 0
    )
    assert (tmp_path / "seen").read_text() == "true\n"


def test_a_long_value_is_cut() -> None:
    (line,) = drifted([step("update", {"policy": "a"}, {"policy": "x" * 500})])
    assert line.endswith('..., and the state says "a"')
    assert len(line) < 200


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("""echo '{"steps": []}'""", 0, "stack dev is as its state says\n"),
        (
            "echo 'error: no credentials' >&2; exit 255",
            Exit.UNKNOWN,
            "the refresh of stack dev failed: error: no",
        ),
        ("""echo '{"steps": []}'; echo 'error: half' >&2; exit 1""", Exit.UNKNOWN, "failed: error: half"),
    ],
)
def test_a_refresh_that_fails_is_never_taken_for_no_drift(tmp_path: Path, script: str, code: int, said: str) -> None:
    ran = piped(tmp_path, script, "drift")
    assert ran.exit_code == code
    assert said in ran.stdout + ran.stderr
