"""What AWS answers in pages is read to the end, with botocore's own client and answers that its model allows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from botocore.session import Session
from botocore.stub import ANY, Stubber

from infra.release.aws import deployments, log_errors, metrics
from infra.release.aws.clients import Clients
from infra.release.aws.cloud import Aws
from infra.release.engine.clock import ScaledClock
from tests.unit.fake_cloud import target

GROUP = "arn:aws:codedeploy:eu-west-1:111111111111:deploymentgroup:app/orders-group"


class Stubbed:
    """One client of each service, whose answers are given beforehand."""

    def __init__(self) -> None:
        session = Session()
        session.set_credentials("key", "secret")
        self.stubs: dict[str, Stubber] = {}
        for service in ("cloudwatch", "codedeploy", "logs"):
            client = session.create_client(service, region_name="eu-west-1")
            setattr(self, service, client)
            self.stubs[service] = Stubber(client)
            self.stubs[service].activate()

    def answer(self, service: str, operation: str, answer: dict[str, Any], **asked: Any) -> None:
        self.stubs[service].add_response(operation, answer, asked)


@pytest.fixture
def clients() -> Iterator[Stubbed]:
    stubbed = Stubbed()
    yield stubbed
    for each in stubbed.stubs.values():
        each.assert_no_pending_responses()


def as_clients(stubbed: Stubbed) -> Clients:
    return cast("Clients", stubbed)


def test_of_a_hundred_named_alarms_those_after_the_fiftieth_are_seen_too(clients: Stubbed) -> None:
    names = [f"alarm-{number:03}" for number in range(100)]
    asked = {"AlarmNames": names, "StateValue": "ALARM"}
    pages = [{"MetricAlarms": [{"AlarmName": name} for name in some]} for some in (names[:50], names[50:])]
    clients.answer("cloudwatch", "describe_alarms", {**pages[0], "NextToken": "more"}, **asked)
    clients.answer("cloudwatch", "describe_alarms", pages[1], **asked, NextToken="more")
    assert set(metrics.red(as_clients(clients), names)) == set(names)


def test_tags_of_a_group_are_read_to_the_last_page(clients: Stubbed) -> None:
    tags = [{"Tags": [{"Key": key, "Value": "x"}]} for key in "ab"]
    clients.answer("codedeploy", "list_tags_for_resource", {**tags[0], "NextToken": "more"}, ResourceArn=GROUP)
    clients.answer("codedeploy", "list_tags_for_resource", tags[1], ResourceArn=GROUP, NextToken="more")
    assert deployments.tags_of(as_clients(clients), GROUP) == {"a": "x", "b": "x"}


def test_targets_of_a_deployment_are_read_to_the_last_page(clients: Stubbed) -> None:
    clients.answer("codedeploy", "list_deployment_targets", {"targetIds": [], "nextToken": "more"}, deploymentId="d-1")
    clients.answer(
        "codedeploy", "list_deployment_targets", {"targetIds": ["orders"]}, deploymentId="d-1", nextToken="more"
    )
    found = {"deploymentTarget": {"lambdaTarget": {"targetId": "orders"}}}
    clients.answer("codedeploy", "get_deployment_target", found, deploymentId="d-1", targetId="orders")
    assert list(deployments.lambda_targets(as_clients(clients), "d-1")) == [{"targetId": "orders"}]


def test_errors_are_found_behind_an_empty_page_of_the_log_and_in_its_later_streams(clients: Stubbed) -> None:
    aws = Aws("eu-west-1", ScaledClock())
    aws.clients = as_clients(clients)
    now = datetime.now(UTC)
    for day in range(2):
        streams = [{"logStreams": [{"logStreamName": f"{day}-{page}"}]} for page in range(2)]
        asked = {"logGroupName": "/aws/lambda/orders", "logStreamNamePrefix": ANY}
        clients.answer("logs", "describe_log_streams", {**streams[0], "nextToken": "more"}, **asked)
        clients.answer("logs", "describe_log_streams", streams[1], **asked, nextToken="more")
    names = aws._streams(target(), "2", now - timedelta(days=1))
    assert names == ["0-0", "0-1", "1-0", "1-1"]
    asked = {"logGroupName": "/aws/lambda/orders", "startTime": ANY, "filterPattern": ANY, "logStreamNames": names}
    for _ in log_errors.PATTERNS:
        clients.answer("logs", "filter_log_events", {"events": [], "nextToken": "more"}, **asked)
        clients.answer("logs", "filter_log_events", {"events": [{"message": "no"}]}, **asked, nextToken="more")
    assert aws._errors("/aws/lambda/orders", now, logStreamNames=names) == ["no"] * len(log_errors.PATTERNS)
