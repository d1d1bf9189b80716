"""CodeBuild's builds as processes, and the events that start them, from another account too."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Cloud, start_cloud, stop_cloud, until
from local.tests.cloud.enforced import Account, allow, document

STAGING, PROD, OTHER = "222222222222", "333333333333", "444444444444"
BUS, PROJECT = "promotion", "releases"
LIMIT = "AccountLimitExceededException"
TRUST = document({"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"})


def spec(*commands: str) -> str:
    return json.dumps({"version": 0.2, "phases": {"build": {"commands": list(commands)}}})


class Project:
    """A project of CodeBuild in an account, with its log."""

    def __init__(self, client: Callable[[str], Any], *commands: str, **more: Any) -> None:
        self.codebuild, self.logs = client("codebuild"), client("logs")
        iam = client("iam")
        role = iam.create_role(RoleName="builds", AssumeRolePolicyDocument=more.pop("trust", TRUST))["Role"]["Arn"]
        made = self.codebuild.create_project(
            name=PROJECT,
            source={"type": "NO_SOURCE", "buildspec": spec(*commands)},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={
                "type": "LINUX_CONTAINER",
                "computeType": "BUILD_GENERAL1_SMALL",
                "image": "aws/codebuild/standard:7.0",
                "environmentVariables": [{"name": "STACK", "value": "prod"}, {"name": "OTHER", "value": "1"}],
            },
            serviceRole=role,
            **more,
        )
        self.arn: str = made["project"]["arn"]

    def start(self, **variables: str) -> str:
        given = [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()]
        return str(self.codebuild.start_build(projectName=PROJECT, environmentVariablesOverride=given)["build"]["id"])

    def build(self, id_: str) -> Any:
        [found] = self.codebuild.batch_get_builds(ids=[id_])["builds"]
        return found

    def ended(self, id_: str) -> str:
        """Return the status of the build once it has ended."""
        assert until(lambda: self.build(id_)["buildStatus"] != "IN_PROGRESS")
        return str(self.build(id_)["buildStatus"])

    def builds(self) -> list[Any]:
        ids = self.codebuild.list_builds_for_project(projectName=PROJECT)["ids"]
        return list(self.codebuild.batch_get_builds(ids=ids)["builds"]) if ids else []

    def said(self, id_: str) -> list[str]:
        log = self.build(id_)["logs"]
        found = self.logs.get_log_events(logGroupName=log["groupName"], logStreamName=log["streamName"])
        return [each["message"] for each in found["events"]]


def test_a_build_runs_the_commands_with_its_variables_and_the_credentials_of_its_role(
    client: Callable[[str], Any], cloud: Cloud
) -> None:
    project = Project(client, 'echo "$STACK $OTHER"', "env | cut -d= -f1 | sort")
    id_ = project.start(OTHER="2")
    assert project.ended(id_) == "SUCCEEDED"
    first, *names = project.said(id_)
    assert first == "prod 2"
    assert {"AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "CODEBUILD_BUILD_ID"} <= set(names)
    assert not {name for name in names if name.startswith(("MINISTACK", "GATEWAY", "PULUMI", "PYTEST"))}


def test_a_command_that_fails_ends_the_build(client: Callable[[str], Any]) -> None:
    project = Project(client, "echo one", "exit 3", "echo two")
    id_ = project.start()
    assert (project.ended(id_), project.said(id_)) == ("FAILED", ["one"])
    assert project.build(id_)["currentPhase"] == "COMPLETED"


def test_a_stopped_build_ends_with_all_its_processes(client: Callable[[str], Any], tmp_path: Path) -> None:
    late = tmp_path / "late"
    project = Project(client, f"(sleep 2; touch {late}) & echo begun; sleep 600")
    id_ = project.start()
    assert until(lambda: project.said(id_) == ["begun"])
    assert project.codebuild.stop_build(id=id_)["build"]["buildStatus"] == "STOPPED"
    assert project.ended(id_) == "STOPPED"
    again = project.start()
    project.codebuild.stop_build(id=again)
    assert not late.exists()


def test_a_project_runs_no_more_builds_than_its_limit(client: Callable[[str], Any]) -> None:
    project = Project(client, "sleep 600", concurrentBuildLimit=1)
    [shown] = project.codebuild.batch_get_projects(names=[PROJECT])["projects"]
    assert shown["concurrentBuildLimit"] == 1
    id_ = project.start()
    with pytest.raises(ClientError, match=LIMIT):
        project.start()
    project.codebuild.stop_build(id=id_)
    other = project.start()
    project.codebuild.stop_build(id=other)


@pytest.mark.parametrize("buildspec", ["", "[", "version: 0.2", "phases: {build: {commands: [1]}}"])
def test_a_buildspec_without_commands_fails_the_build(client: Callable[[str], Any], buildspec: str) -> None:
    project = Project(client, "true")
    project.codebuild.update_project(name=PROJECT, source={"type": "NO_SOURCE", "buildspec": buildspec})
    id_ = project.start()
    assert project.ended(id_) == "FAILED"
    assert project.said(id_)[0].startswith("YAML_FILE_ERROR: ")


# Events


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud of its own that enforces IAM's policies."""
    process, found = start_cloud(tmp_path_factory.mktemp("strict"), "--enforce")
    yield found
    stop_cloud(process)


class Pair:
    """A rule in one account, whose target is a bus of another, whose rule starts a project."""

    def __init__(self, cloud: Cloud, *commands: str) -> None:
        self.cloud = cloud
        self.staging, self.prod = Account(cloud, STAGING), Account(cloud, PROD)
        self.bus = f"arn:aws:events:{REGION}:{PROD}:event-bus/{BUS}"
        here = self.prod.admin("events")
        here.create_event_bus(Name=BUS)
        only = {"aws:PrincipalArn": f"arn:aws:iam::{STAGING}:role/sends", "events:source": "shop"}
        policy = {
            **allow("events:PutEvents", self.bus, Condition={"StringEquals": only}),
            "Principal": {"AWS": f"arn:aws:iam::{STAGING}:root"},
        }
        here.put_permission(EventBusName=BUS, Policy=document(policy))
        self.project = Project(self.prod.admin, *commands, concurrentBuildLimit=1)
        start = self.prod.service_role("starts", "events", allow("codebuild:StartBuild", self.project.arn))
        pattern = json.dumps({"source": ["shop"], "account": [STAGING]})
        here.put_rule(Name="begin", EventBusName=BUS, EventPattern=pattern)
        template = json.dumps({"environmentVariablesOverride": [{"name": "EVENT", "value": '{"of": "<account>"}'}]})
        target = {
            "Id": "project",
            "Arn": self.project.arn,
            "RoleArn": start,
            "InputTransformer": {"InputPathsMap": {"account": "$.account"}, "InputTemplate": template},
        }
        here.put_targets(Rule="begin", EventBusName=BUS, Targets=[target])

    def sends(self, account: Account, role: str, *statements: Any) -> Any:
        """Let a rule of an account send its events to the bus by a new role; return the account's EventBridge."""
        events = account.admin("events")
        arn = account.service_role(role, "events", *(statements or (allow("events:PutEvents", self.bus),)))
        events.put_rule(Name="send", EventPattern=json.dumps({"source": ["shop"]}))
        events.put_targets(Rule="send", Targets=[{"Id": "bus", "Arn": self.bus, "RoleArn": arn}])
        return events


def put(events: Any) -> None:
    events.put_events(Entries=[{"Source": "shop", "DetailType": "Notice", "Detail": "{}"}])


@pytest.fixture
def pair(strict: Cloud) -> Iterator[Pair]:
    yield Pair(strict, 'echo "$EVENT"')
    strict.control("POST", "reset")


def test_an_event_of_another_account_starts_a_build_with_what_the_rule_takes_of_it(pair: Pair) -> None:
    put(pair.sends(pair.staging, "sends"))
    assert until(pair.project.builds)
    [build] = pair.project.builds()
    assert pair.project.ended(build["id"]) == "SUCCEEDED"
    assert pair.project.said(build["id"]) == [f'{{"of": "{STAGING}"}}']


def test_events_that_come_while_a_build_runs_wait_for_it(strict: Cloud) -> None:
    pair = Pair(strict, "sleep 1")
    events = pair.sends(pair.staging, "sends")
    for _ in range(2):
        put(events)
    assert until(lambda: len(pair.project.builds()) == 2)
    assert [pair.project.ended(each["id"]) for each in pair.project.builds()] == ["SUCCEEDED"] * 2
    strict.control("POST", "reset")


@pytest.mark.parametrize(
    ("account", "role", "statements"),
    [
        (STAGING, "other", ()),
        (STAGING, "sends", (allow("events:PutEvents", "arn:aws:events:eu-central-1:333333333333:event-bus/x"),)),
        (OTHER, "sends", ()),
    ],
)
def test_a_bus_takes_nothing_from_whom_its_policy_or_the_senders_own_does_not_allow(
    pair: Pair, account: str, role: str, statements: Any
) -> None:
    sender = pair.staging if account == STAGING else Account(pair.cloud, account)
    queue = sender.admin("sqs")
    events = pair.sends(sender, role, *statements)
    url = queue.create_queue(QueueName="dead")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{account}:dead"
    allowed = {**allow("sqs:SendMessage", arn), "Principal": {"Service": "events.amazonaws.com"}}
    queue.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(allowed)})
    [target] = events.list_targets_by_rule(Rule="send")["Targets"]
    events.put_targets(Rule="send", Targets=[{**target, "DeadLetterConfig": {"Arn": arn}}])
    put(events)
    [letter] = until(lambda: queue.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages", []))
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert pair.project.builds() == []


def test_a_role_that_does_not_trust_codebuild_runs_no_build(strict: Cloud) -> None:
    account = Account(strict, "555555555555")
    other = document({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    project = Project(account.admin, "echo never", trust=other)
    id_ = project.start()
    assert project.ended(id_) == "FAILED"
    assert project.said(id_)[0].startswith("ACCESS_DENIED: ")
