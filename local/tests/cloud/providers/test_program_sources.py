"""What invokes functions, declared by a program under the real Pulumi CLI."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.conftest import until
from local.tests.cloud.providers.program import pulumi, resources, tools, up

__all__ = ["pulumi", "tools"]  # fixtures

PROGRAM = """
import json
import os
import pulumi
import pulumi_aws as aws

aws_ = aws.Provider("aws", region="eu-central-1", default_tags=aws.ProviderDefaultTagsArgs(tags={"stack": "prod"}))
ours = pulumi.ResourceOptions(provider=aws_)
table = aws.dynamodb.Table(
    "table",
    name="orders",
    billing_mode="PAY_PER_REQUEST",
    hash_key="id",
    attributes=[{"name": "id", "type": "S"}],
    stream_enabled=True,
    stream_view_type=os.environ.get("VIEW", "NEW_IMAGE"),
    opts=ours,
)
role = aws.iam.Role("role", assume_role_policy=json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}), opts=ours)
function = aws.lambda_.Function(
    "jobs",
    name="jobs",
    role=role.arn,
    runtime="python3.11",
    handler="main.handler",
    code=pulumi.AssetArchive({"main.py": pulumi.StringAsset(os.environ["SOURCE"])}),
    publish=True,
    reserved_concurrent_executions=5,
    tracing_config={"mode": "Active"},
    opts=ours,
)
alias = aws.lambda_.Alias("live", name="live", function_name=function.name, function_version="1", opts=ours)
dead = aws.sqs.Queue("dead", name="jobs-dead", message_retention_seconds=1209600, opts=ours)
queue = aws.sqs.Queue(
    "queue",
    name="jobs",
    visibility_timeout_seconds=int(os.environ.get("VISIBLE", "60")),
    redrive_policy=dead.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})),
    opts=ours,
)
aws.lambda_.EventSourceMapping(
    "from-queue",
    event_source_arn=queue.arn,
    function_name=alias.arn,
    batch_size=int(os.environ.get("BATCH", "10")),
    function_response_types=["ReportBatchItemFailures"],
    opts=ours,
)
stream = aws.lambda_.EventSourceMapping(
    "from-stream",
    event_source_arn=table.stream_arn,
    function_name=alias.arn,
    starting_position="TRIM_HORIZON",
    bisect_batch_on_function_error=True,
    maximum_retry_attempts=5,
    function_response_types=["ReportBatchItemFailures"],
    destination_config={"on_failure": {"destination_arn": dead.arn}},
    filter_criteria={"filters": [{"pattern": json.dumps({"eventName": ["INSERT"]})}]},
    opts=ours,
)
bus = aws.cloudwatch.EventBus("bus", name="shop", opts=ours)
rule = aws.cloudwatch.EventRule(
    "rule", name="jobs-events", event_bus_name=bus.name, event_pattern=json.dumps({"source": ["shop"]}), opts=ours
)
aws.cloudwatch.EventTarget("target", rule=rule.name, event_bus_name=bus.name, arn=alias.arn, opts=ours)
schedule = aws.cloudwatch.EventRule("schedule", name="jobs-schedule", schedule_expression="rate(1 day)", opts=ours)
aws.cloudwatch.EventTarget("scheduled", rule=schedule.name, arn=alias.arn, opts=ours)
aws.lambda_.Permission(
    "rules",
    action="lambda:InvokeFunction",
    function=function.name,
    qualifier=alias.name,
    principal="events.amazonaws.com",
    source_arn=rule.arn,
    opts=ours,
)
aws.apigatewayv2.Api(
    "api",
    name="shop",
    protocol_type="HTTP",
    cors_configuration={"allow_origins": ["https://shop.example"], "allow_methods": ["GET"], "max_age": 300},
    opts=ours,
)
pulumi.export("stream", table.stream_arn)
pulumi.export("queue", queue.url)
pulumi.export("state", stream.state)
"""
ALL = 17  # with the provider and the stack


@pytest.fixture
def program() -> str:
    return PROGRAM


@pytest.mark.faults
def test_sources_of_events_live_from_their_creation_to_their_end(
    pulumi: Callable[..., str], client: Callable[[str], Any]
) -> None:
    assert up(pulumi) == {f"+ {ALL} created"}
    assert up(pulumi) == {f"{ALL} unchanged"}, "a creation left something to change"
    outputs = json.loads(pulumi("stack", "output", "--json"))
    assert outputs["state"] == "Enabled"
    messages = client("sqs")
    messages.send_message(QueueUrl=outputs["queue"], MessageBody="1")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def left() -> set[str]:
        return set(
            messages.get_queue_attributes(QueueUrl=outputs["queue"], AttributeNames=names)["Attributes"].values()
        )

    assert until(lambda: left() == {"0"}), "the function takes what is sent"

    changed = {"BATCH": "5", "VISIBLE": "90", "VIEW": "NEW_AND_OLD_IMAGES"}
    message = up(pulumi, **changed)
    assert message == {"~ 3 updated", "+-1 replaced", f"4 changes. {ALL - 4} unchanged"}
    outputs, before = json.loads(pulumi("stack", "output", "--json")), outputs
    assert outputs["stream"] != before["stream"], "another view is another stream, which the mapping must follow"
    pulumi("refresh", "--yes", "--skip-preview", **changed)
    assert up(pulumi, **changed) == {f"{ALL} unchanged"}, "an update did not reach AWS"

    assert resources(pulumi("destroy", "--yes", "--skip-preview")) == {f"- {ALL} deleted"}
    assert client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    assert messages.list_queues().get("QueueUrls", []) == []


def test_a_property_that_the_stand_in_does_not_know_is_refused(pulumi: Callable[..., str], tmp_path: Any) -> None:
    program = tmp_path / "project" / "__main__.py"
    program.write_text(PROGRAM.replace("batch_size=", 'metrics_config={"metrics": ["EventCount"]}, batch_size='))
    message = pulumi("preview", code=1)
    assert "has no such property: add it in local/providers/aws/lambda_sources.py" in message
    assert "Traceback" not in message
