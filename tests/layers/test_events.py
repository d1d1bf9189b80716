"""The events layer: what brings a success of the upstream stack to a project, and what that project may do."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.layers.events import BUILD, CLI, FIELDS, Promotion, UpstreamEvents, buildspec, template
from infra.naming import AwsLocation, Names
from infra.permissions import PARTS, PeerStack
from infra.permissions.promotion import OVERRIDE
from infra.release.decision.by_event import EXPECTED
from infra.release.model import tags
from tests.layers.recorder import ACCOUNT, REGION, Recorder, record
from tests.unit.test_by_event import EVENT

SOURCE, KIND = "aws.codedeploy", "CodeDeploy Deployment State-change Notification"  # as AWS writes them
ROOT = Path(__file__).resolve().parents[2]
PROD, STAGING = Names("strata", "prod", ("orders",)), Names("strata", "staging", ("orders",))
THERE = "222222222222"
HERE, BEFORE = AwsLocation("aws", REGION, ACCOUNT), AwsLocation("aws", REGION, THERE)
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/strata-prod_promotion"
PROJECT = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/strata-prod_promotion"
TARGET = "cloudwatch/eventTarget:EventTarget"


def sent() -> Recorder:
    after = PeerStack(PROD, ACCOUNT)
    return record(lambda: UpstreamEvents("events", names=STAGING, place=BEFORE, after=after) and None)


def taken(artifact_account: str = "") -> Recorder:
    upstream = PeerStack(STAGING, THERE)
    more: Any = {"artifact_account": artifact_account}
    return record(lambda: Promotion("promotion", names=PROD, place=HERE, upstream=upstream, **more) and None)


def statements(recorded: Recorder, name: str) -> dict[str, Any]:
    """Return the statements of a policy by their Sid."""
    return {each["Sid"]: each for each in json.loads(recorded.named(name).inputs["policy"])["Statement"]}


def pattern(recorded: Recorder) -> Any:
    return json.loads(recorded.one("cloudwatch/eventRule:EventRule").inputs["eventPattern"])


def filled(event: Any) -> dict[str, Any]:
    """Return what EventBridge makes of the template for an event: each field in place of its name."""
    text = template()
    for name, path in FIELDS.items():
        found = event
        for part in path.removeprefix("$.").split("."):
            found = found[part]
        text = text.replace(f"<{name}>", found)
    assert "<" not in text
    made: dict[str, Any] = json.loads(text)
    return made


def test_both_rules_take_the_successes_of_the_upstream_stacks_deployments_alone() -> None:
    for recorded in (sent(), taken()):
        assert pattern(recorded) == {
            "source": ["aws.codedeploy"],
            "account": [THERE],
            "detail-type": ["CodeDeploy Deployment State-change Notification"],
            "detail": {"application": ["strata-staging"], "state": ["SUCCESS"]},
        }
    assert tuple(EXPECTED.values()) == (SOURCE, KIND, "SUCCESS"), "as the decision expects them"


def test_the_upstream_rule_sends_to_the_other_accounts_bus_by_a_role_that_can_do_nothing_else() -> None:
    recorded = sent()
    assert recorded.one(TARGET).inputs["arn"] == BUS
    assert statements(recorded, "events-rights") == {
        "Downstream": {"Sid": "Downstream", "Effect": "Allow", "Action": ["events:PutEvents"], "Resource": [BUS]}
    }
    assert "eventBusName" not in recorded.one("cloudwatch/eventRule:EventRule").inputs


def test_the_bus_takes_events_of_codedeploy_from_that_role_alone() -> None:
    said = statements(taken(), "promotion-bus-policy")["Upstream"]
    assert said["Principal"] == {"AWS": f"arn:aws:iam::{THERE}:root"}
    assert said["Resource"] == [BUS]
    assert said["Condition"]["StringEquals"] == {
        "aws:PrincipalArn": f"arn:aws:iam::{THERE}:role/{sent().named('events-role').inputs['name']}",
        "events:detail-type": KIND,
        "events:source": SOURCE,
    }


@pytest.mark.parametrize("layer", [sent, taken])
def test_what_cannot_be_delivered_is_a_dead_letter_with_an_alarm(layer: Any) -> None:
    recorded = layer()
    queue, alarm = recorded.one("sqs/queue:Queue"), recorded.one("cloudwatch/metricAlarm:MetricAlarm")
    target = recorded.one(TARGET)
    assert target.inputs["deadLetterConfig"] == {"arn": f"arn:aws:test:{REGION}:{ACCOUNT}:{queue.inputs['name']}"}
    assert alarm.inputs["dimensions"] == {"QueueName": queue.inputs["name"]}
    assert alarm.inputs["alarmActions"][0].endswith("-alarms")
    assert "retryPolicy" not in target.inputs, "EventBridge's own: a day"
    policies = {each.name for each in recorded if each.type.endswith(("QueuePolicy", "EventBusPolicy"))}
    assert policies <= target.after


def test_a_stack_between_two_others_has_different_names_for_both_halves() -> None:
    def both() -> None:
        UpstreamEvents("events", names=STAGING, place=BEFORE, after=PeerStack(PROD, ACCOUNT))
        Promotion("promotion", names=STAGING, place=BEFORE, upstream=PeerStack(Names("strata", "dev"), "1" * 12))

    named = [
        (each.type, each.inputs["name"]) for each in record(both) if "name" in each.inputs and "Rule" not in each.type
    ]
    assert len({one for one in named if "Policy" not in one[0]}) == len(
        [one for one in named if "Policy" not in one[0]]
    )


def test_the_rule_starts_the_project_by_a_role_that_can_do_nothing_else() -> None:
    recorded = taken()
    assert statements(recorded, "promotion-rights")["Start"]["Action"] == ["codebuild:StartBuild"]
    assert statements(recorded, "promotion-rights")["Start"]["Resource"] == [PROJECT]


def test_the_project_gets_what_the_decision_reads_of_the_event_and_no_more() -> None:
    [variable] = filled(EVENT)["environmentVariablesOverride"]
    assert (variable["name"], variable["type"]) == ("STRATA_EVENT", "PLAINTEXT")
    known = json.loads(variable["value"])
    assert known == {key: EVENT[key] for key in known}
    assert known.keys() == EVENT.keys() - {"version"}
    assert len(template()) < 8192, "EventBridge's limit of a template"


def test_one_build_runs_at_a_time_as_long_as_a_session_and_without_privileges() -> None:
    project = taken().one("codebuild/project:Project").inputs
    assert (project["concurrentBuildLimit"], project["buildTimeout"]) == (1, 240)
    assert project["environment"]["privilegedMode"] is False
    assert project["source"]["type"] == "NO_SOURCE"
    assert {each["name"]: each["value"] for each in project["environment"]["environmentVariables"]} == {
        "ARTIFACTS": f"strata-artifacts-{ACCOUNT}-{REGION}",
        "PULUMI_BACKEND_URL": f"s3://strata-state-{ACCOUNT}-{REGION}?region={REGION}",
        "STACK": "prod",
    }


def test_the_bundles_may_be_in_another_account() -> None:
    recorded = taken("444444444444")
    variables = recorded.one("codebuild/project:Project").inputs["environment"]["environmentVariables"]
    assert {"name": "ARTIFACTS", "value": f"strata-artifacts-444444444444-{REGION}"} in variables
    sources = f"arn:aws:s3:::strata-artifacts-444444444444-{REGION}/sources/*"
    assert statements(recorded, "promotion-promote-only")["Sources"]["Resource"] == [sources]


def test_its_role_deploys_the_stack_but_sets_no_refusal_aside() -> None:
    recorded = taken()
    [role] = [each for each in recorded.of("iam/role:Role") if each.inputs["name"] == "strata-prod-promote"]
    [trust] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "codebuild.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceArn": PROJECT, "aws:SourceAccount": ACCOUNT}}
    attached = {each.inputs["policyArn"] for each in recorded.of("iam/rolePolicyAttachment:RolePolicyAttachment")}
    assert attached == {f"arn:aws:iam::{ACCOUNT}:policy/strata-prod-deploy-{part}" for part in PARTS}
    denied = statements(recorded, "promotion-promote-only")["NoOverride"]
    assert (denied["Effect"], denied["Action"]) == ("Deny", ["codedeploy:TagResource"])
    assert denied["Condition"] == {"ForAnyValue:StringEquals": {"aws:TagKeys": OVERRIDE}}
    assert OVERRIDE in tags.KEYS


def test_the_newest_archive_is_checked_out_and_decides(tmp_path: Path) -> None:
    """Run the commands of the project with stand-ins for AWS's command and for make."""
    origin, tools = tmp_path / "origin", tmp_path / "tools"
    for folder in (origin, tools):
        folder.mkdir()

    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments], cwd=origin, check=True
        )

    git("init", "-q")
    (origin / "file").write_text("newest")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    git("bundle", "create", "-q", str(tmp_path / "archive"), "HEAD")
    copy = f'cp "{tmp_path}/archive" "$5"; echo "$4" > "{tmp_path}/key"'
    scripts = {
        "aws": f'case "$1" in s3api) echo "\\"sources/new.bundle\\"";; *) {copy};; esac',
        "make": f'pwd > "{tmp_path}/where"; cat file; echo "$@"',
    }
    for name, script in scripts.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    commands = json.loads(buildspec())["phases"]["build"]["commands"]
    assert commands == list(BUILD)
    env = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tmp_path), "ARTIFACTS": "artifacts"}
    done = subprocess.run(
        ["sh", "-e", "-c", "\n".join(commands)], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "newestby-event WAIT=180 ALONE=true\n"
    assert (tmp_path / "key").read_text() == "s3://artifacts/sources/new.bundle\n"
    assert (tmp_path / "where").read_text() == f"{tmp_path}/checkout\n"


def test_the_cli_is_the_pipelines() -> None:
    workflow = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert re.findall(r"pulumi-version: (\S+)", workflow) == [CLI]
