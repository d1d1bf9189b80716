"""What the triggers of a group publish, as messages that were captured from AWS have it."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.codedeploy import ALL_AT_ONCE, Deployer
from local.tests.cloud.conftest import REGION, Functions, until

TIME = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d{2} \d{2}:\d{2}:\d{2} UTC \d{4}")
EVERY = ["DeploymentStart", "DeploymentSuccess", "DeploymentFailure", "DeploymentStop", "DeploymentRollback"]


class Topic:
    """A topic, and what arrived there."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._sqs, sns = client("sqs"), client("sns")
        self._queue = self._sqs.create_queue(QueueName="notices")["QueueUrl"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        self.arn = sns.create_topic(Name="notices")["TopicArn"]
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=found["Attributes"]["QueueArn"])
        self._received: list[tuple[str, dict[str, Any]]] = []

    def messages(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """The first `count`: subject and message."""

        def enough() -> bool:
            for each in self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", ()):
                body = json.loads(each["Body"])
                self._received.append((body["Subject"], json.loads(body["Message"])))
            return len(self._received) >= count

        assert until(enough, seconds=20), self._received
        return self._received


@pytest.fixture
def deployer(client: Callable[[str], Any], functions: Functions) -> Deployer:
    return Deployer(client, functions)


@pytest.fixture
def topic(client: Callable[[str], Any], deployer: Deployer) -> Topic:
    made = Topic(client)
    trigger = {"triggerName": "mail", "triggerTargetArn": made.arn, "triggerEvents": EVERY}
    deployer.group("notices", triggerConfigurations=[trigger])
    return made


def test_a_deployment_tells_of_its_start_and_its_success(deployer: Deployer, topic: Topic, account: str) -> None:
    made = deployer.deploy(deploymentGroupName="notices", deploymentConfigName=ALL_AT_ONCE)
    (begun, start), (ended, end) = topic.messages(2)
    assert begun == f"CREATED: AWS CodeDeploy {made} in {REGION} to shop"
    assert ended == f"SUCCEEDED: AWS CodeDeploy {made} in {REGION} to shop"
    assert TIME.fullmatch(start["createTime"])
    assert TIME.fullmatch(end["completeTime"])
    common = {
        "region": REGION,
        "accountId": account,
        "eventTriggerName": "mail",
        "applicationName": "shop",
        "deploymentId": made,
        "deploymentGroupName": "notices",
        "createTime": start["createTime"],
    }
    assert start == {**common, "completeTime": None, "status": "CREATED"}
    assert end == {
        **common,
        "completeTime": end["completeTime"],
        "deploymentOverview": '{"Succeeded":1,"Failed":0,"Skipped":0,"InProgress":0,"Pending":0}',
        "status": "SUCCEEDED",
    }
    assert list(end)[-2:] == ["deploymentOverview", "status"]


def test_a_rollback_names_what_it_takes_back(deployer: Deployer, topic: Topic) -> None:
    made = deployer.deploy(deploymentGroupName="notices", deploymentConfigName="hours")
    deployer.split()
    deployer.codedeploy.stop_deployment(deploymentId=made, autoRollbackEnabled=True)
    back = deployer.rolled_back(made)["deploymentId"]
    received = {(message["deploymentId"], message["status"]): message for _, message in topic.messages(5)}
    stopped = received[made, "STOPPED"]
    assert json.loads(stopped["errorInformation"])["ErrorCode"] == "MANUAL_STOP"
    assert set(json.loads(stopped["errorInformation"])) == {"ErrorCode", "ErrorMessage"}
    assert stopped["rollbackInformation"] == "{}"
    assert {status for identifier, status in received if identifier == back} == {"CREATED", "IN_PROGRESS", "SUCCEEDED"}
    for status in ("CREATED", "IN_PROGRESS", "SUCCEEDED"):
        assert json.loads(received[back, status]["rollbackInformation"]) == {
            "RollbackMessage": f"Deployment {back} is triggered to roll back deployment {made}.",
            "RollbackTriggeringDeploymentId": made,
        }


def test_event_bridge_and_triggers_get_a_notice_of_each_change(deployer: Deployer) -> None:
    sqs, events, sns = (deployer.client(service) for service in ("sqs", "events", "sns"))
    url = sqs.create_queue(QueueName="notices")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="deployments", EventPattern=json.dumps({"source": ["aws.codedeploy"]}))
    events.put_targets(Rule="deployments", Targets=[{"Id": "queue", "Arn": arn}])
    topic = sns.create_topic(Name="notices")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    trigger = {"triggerName": "notices", "triggerTargetArn": topic, "triggerEvents": ["DeploymentSuccess"]}
    deployer.group("notices", triggerConfigurations=[trigger])
    deployment = deployer.deploy(deploymentGroupName="notices", deploymentConfigName=ALL_AT_ONCE)
    received: list[dict[str, Any]] = []

    def all_received() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            received.append(json.loads(message["Body"]))
        return len(received) >= 3

    assert until(all_received)
    states = [message["detail"]["state"] for message in received if "detail" in message]
    assert states == ["START", "SUCCESS"]
    assert {message["detail"]["deploymentId"] for message in received if "detail" in message} == {deployment}
    (notice,) = [message for message in received if "eventTriggerName" in message]
    assert (notice["status"], notice["deploymentId"], notice["deploymentGroupName"]) == (
        "SUCCEEDED",
        deployment,
        "notices",
    )
