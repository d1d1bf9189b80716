"""The metrics of every way to call a function, by function, by resource and by executed version."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Cloud, Functions, until

FAILS_ON_BOOM = (
    "def handler(event, context):\n"
    "    if 'boom' in str(event): raise RuntimeError('boom')\n"
    "    return context.invoked_function_arn\n"
)
NAMES = ("Invocations", "Errors", "Throttles")


class Metrics:
    """Reads metrics of AWS/Lambda in one account."""

    def __init__(self, client: Any, minute: float) -> None:
        self._client = client
        self._minute = minute
        self._since = time.time() - minute

    def total(self, name: str, statistic: str = "Sum", **dimensions: str) -> float | None:
        """Return a statistic since the test began; None if there is no such metric."""
        query = {
            "Id": "m",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": name,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                },
                "Period": 60,
                "Stat": statistic,
            },
        }
        (result,) = self._client.get_metric_data(
            MetricDataQueries=[query],
            StartTime=datetime.fromtimestamp(self._since, UTC),
            EndTime=datetime.fromtimestamp(time.time() + 2 * self._minute, UTC),
        )["MetricDataResults"]
        return sum(result["Values"]) if result["Values"] else None

    def counts(self, resource: str | None = None, version: str | None = None) -> tuple[float | None, ...]:
        """Invocations, errors and throttles of the function `orders`."""
        dimensions = {"FunctionName": "orders"}
        if resource is not None:
            dimensions["Resource"] = resource
        if version is not None:
            dimensions["ExecutedVersion"] = version
        return tuple(self.total(name, **dimensions) for name in NAMES)


@pytest.fixture
def metrics(client: Callable[[str], Any], cloud: Cloud) -> Metrics:
    """The account's metrics."""
    return Metrics(client("cloudwatch"), cloud.minute)


@pytest.fixture
def two(functions: Functions) -> Functions:
    """A function with the versions 1 and 2."""
    functions.create(FAILS_ON_BOOM)
    functions.publish(FAILS_ON_BOOM + "# 2\n")
    return functions


NONE = (None, None, None)


def test_calls_of_a_weighted_alias_are_counted_by_function_resource_and_version(
    two: Functions, metrics: Metrics
) -> None:
    two.alias("1", {"2": 0.5})
    seen = [two.invoke("boom" if index % 3 == 0 else "fine") for index in range(60)]
    assert metrics.counts() == metrics.counts("orders:live") == (60, 20, 0)
    for version in ("1", "2"):
        mine = [answer for answer in seen if answer["ExecutedVersion"] == version]
        errors = sum("FunctionError" in answer for answer in mine)
        assert metrics.counts("orders:live", version) == (len(mine), errors, 0)
        assert metrics.counts(f"orders:{version}") == NONE


def test_an_alias_without_weights_has_no_executed_version(two: Functions, metrics: Metrics) -> None:
    two.alias("1")
    two.invoke("fine")
    assert metrics.counts("orders:live") == (1, 0, 0)
    assert metrics.counts("orders:live", "1") == NONE


@pytest.fixture
def always(cloud: Cloud) -> Iterator[None]:
    """The switch for what AWS does not document, turned on."""
    assert cloud.control("POST", "settings", {"executed_version_always": True})[0] == 200
    yield
    cloud.control("POST", "settings", {"executed_version_always": False})


@pytest.mark.usefixtures("always")
def test_a_switch_reports_the_executed_version_of_an_alias_without_weights_too(
    two: Functions, metrics: Metrics
) -> None:
    two.alias("1")
    two.invoke("fine")
    assert metrics.counts("orders:live", "1") == (1, 0, 0)
    two.invoke("fine", qualifier="2")
    assert metrics.counts("orders:2", "2") == NONE


def test_calls_by_version_and_without_qualifier_are_counted_under_their_own_resource(
    two: Functions, metrics: Metrics
) -> None:
    two.invoke("fine", qualifier="2")
    two.invoke("boom", qualifier="")
    assert metrics.counts() == (2, 1, 0)
    assert metrics.counts("orders:2") == (1, 0, 0)
    assert metrics.counts("orders") == (1, 1, 0)
    assert metrics.counts("orders:2", "2") == NONE


def test_a_throttled_call_is_neither_an_invocation_nor_an_error(two: Functions, metrics: Metrics) -> None:
    two.alias("1", {"2": 0.5})
    two.client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        two.invoke("fine")
    assert metrics.counts() == metrics.counts("orders:live") == (None, None, 1)


def test_the_duration_is_the_handlers_own_time_in_milliseconds(functions: Functions, metrics: Metrics) -> None:
    functions.create("import time\ntime.sleep(0.5)\ndef handler(event, context):\n    time.sleep(0.1)\n")
    functions.invoke(qualifier="")
    longest = metrics.total("Duration", "Maximum", FunctionName="orders")
    assert longest is not None
    assert 100 <= longest < 450


def test_a_timeout_and_a_failed_import_are_errors(functions: Functions, metrics: Metrics) -> None:
    functions.create("import time\ndef handler(event, context):\n    time.sleep(9)\n", Timeout=1)
    functions.invoke(qualifier="")
    functions.publish("import nowhere\n")
    functions.invoke(qualifier="")
    assert metrics.counts() == (2, 2, 0)


def test_a_datum_carries_the_time_at_which_its_invocation_began(
    functions: Functions, client: Callable[[str], Any], cloud: Cloud
) -> None:
    functions.create("import time\ndef handler(event, context):\n    time.sleep(2.5)\n")
    began = time.time()
    functions.invoke(qualifier="")
    points = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": "FunctionName", "Value": "orders"}],
        StartTime=datetime.fromtimestamp(began - 5, UTC),
        EndTime=datetime.fromtimestamp(began + 10, UTC),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    assert [point["Sum"] for point in points] == [1]
    assert began - cloud.minute <= points[0]["Timestamp"].timestamp() < began + 2


def test_an_asynchronous_call_is_tried_three_times_a_minute_and_two_apart(two: Functions, metrics: Metrics) -> None:
    two.alias("1", {"2": 1.0})
    began = time.monotonic()
    assert two.invoke("boom", InvocationType="Event")["StatusCode"] == 202
    assert until(lambda: metrics.counts("orders:live", "2") == (3, 3, 0))
    assert time.monotonic() - began >= 3  # simulated minutes


def test_calls_from_an_http_api_are_counted(
    two: Functions, metrics: Metrics, cloud: Cloud, client: Callable[[str], Any]
) -> None:
    arn = two.alias("1", {"2": 1.0})
    gateway = client("apigatewayv2")
    api = gateway.create_api(Name="shop", ProtocolType="HTTP")["ApiId"]
    integration = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    gateway.create_route(ApiId=api, RouteKey="POST /", Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    for body in ("fine", "boom"):
        cloud.http("POST", "/", body, f"{api}.execute-api.localhost")
    assert metrics.counts("orders:live", "2") == metrics.counts() == (2, 1, 0)


def test_calls_from_sns_are_counted(two: Functions, metrics: Metrics, client: Callable[[str], Any]) -> None:
    arn = two.alias("1", {"2": 1.0})
    topic = client("sns").create_topic(Name="events")["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    for message in ("fine", "boom"):
        client("sns").publish(TopicArn=topic, Message=message)
    assert until(lambda: metrics.counts("orders:live", "2") == (2, 1, 0))
    assert metrics.counts() == (2, 1, 0)


def test_calls_from_sqs_are_counted(two: Functions, metrics: Metrics, client: Callable[[str], Any]) -> None:
    arn = two.alias("1", {"2": 1.0})
    queue = client("sqs").create_queue(QueueName="events")["QueueUrl"]
    source = f"arn:aws:sqs:{REGION}:{arn.split(':')[4]}:events"
    two.client.create_event_source_mapping(FunctionName=arn, EventSourceArn=source, BatchSize=1)
    client("sqs").send_message(QueueUrl=queue, MessageBody="fine")
    assert until(lambda: metrics.counts("orders:live", "2") == (1, 0, 0))


def test_calls_from_eventbridge_are_counted(two: Functions, metrics: Metrics, client: Callable[[str], Any]) -> None:
    arn = two.alias("1", {"2": 1.0})
    events = client("events")
    events.put_rule(Name="orders", EventPattern=json.dumps({"source": ["shop"]}))
    events.put_targets(Rule="orders", Targets=[{"Id": "1", "Arn": arn}])
    events.put_events(Entries=[{"Source": "shop", "DetailType": "order", "Detail": "{}"}])
    assert until(lambda: metrics.counts("orders:live", "2") == (1, 0, 0))


def test_accounts_do_not_see_one_anothers_metrics(two: Functions, cloud: Cloud, metrics: Metrics) -> None:
    two.invoke("fine", qualifier="")
    other = Metrics(cloud.client("cloudwatch", "999999999999"), cloud.minute)
    assert metrics.counts("orders") == (1, 0, 0)
    assert other.counts("orders") == NONE
