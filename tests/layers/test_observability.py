"""The observability layer: alarms on whole aliases, and their topic."""

import json
import re

import pytest
from pulumi import Output

from infra.config import ObservabilityConfig
from infra.contracts import FunctionOutputs
from infra.layers.observability import Observability, share
from infra.naming import AwsLocation, Names
from tests.layers.recorder import ACCOUNT, REGION, Declared, Recorder, known, record

NAMES = Names("strata", "prod")
PLACE = AwsLocation("aws", REGION, ACCOUNT)
FUNCTION = "strata-prod-orders"
BODY = '{"widgets": []}'
made: list[Observability] = []


def orders() -> FunctionOutputs:
    name, alias, version = (Output.from_input(value) for value in (FUNCTION, "live", "7"))
    arn = Output.from_input(PLACE.arn("lambda", f"function:{FUNCTION}"))
    return FunctionOutputs(
        name=name,
        arn=arn,
        alias=alias,
        alias_arn=arn.apply(lambda arn: f"{arn}:live"),
        invoke_arn=Output.from_input("invoke"),
        version=version,
        log_group=f"/aws/lambda/{FUNCTION}",
        configuration=Output.from_input("{}"),
    )


def declare(config: ObservabilityConfig | None = None, answered: tuple[str, ...] = ()) -> Recorder:
    def program() -> None:
        made[:] = [
            Observability(
                "observability",
                names=NAMES,
                place=PLACE,
                config=config or ObservabilityConfig(),
                functions={"orders": orders()},
                dashboard_body=BODY,
                answered=answered,
            )
        ]

    return record(program)


def alarm(kind: str, config: ObservabilityConfig | None = None) -> Declared:
    return declare(config).named(f"observability-orders-{kind}")


def test_logs_end_after_the_days_that_the_stack_says() -> None:
    group = declare(ObservabilityConfig(log_retention_days=7)).one("cloudwatch/logGroup:LogGroup").inputs
    assert group == {"name": f"/aws/lambda/{FUNCTION}", "retentionInDays": 7}


@pytest.mark.parametrize(("kind", "metric"), [("errors", "Errors"), ("throttles", "Throttles")])
def test_an_alarm_watches_the_alias_as_a_whole(kind: str, metric: str) -> None:
    queries = alarm(kind).inputs["metricQueries"]
    metrics = {query["metric"]["metricName"]: query["metric"] for query in queries if "metric" in query}
    assert metrics.keys() == {"Invocations", metric}
    for found in metrics.values():
        assert found["dimensions"] == {"FunctionName": FUNCTION, "Resource": f"{FUNCTION}:live"}
        assert (found["namespace"], found["period"], found["stat"]) == ("AWS/Lambda", 60, "Sum")


@pytest.mark.parametrize("kind", ["errors", "throttles"])
def test_an_alarm_returns_its_expression_alone_and_names_only_what_it_defines(kind: str) -> None:
    queries = alarm(kind).inputs["metricQueries"]
    (returned,) = [query for query in queries if query.get("returnData")]
    defined = {query["id"] for query in queries if "metric" in query}
    assert set(re.findall(r"\b[a-z]\w*", returned["expression"])) == defined


@pytest.mark.parametrize("kind", ["errors", "throttles"])
def test_an_alarm_needs_three_bad_minutes_and_is_quiet_without_traffic(kind: str) -> None:
    inputs = alarm(kind).inputs
    assert (inputs["evaluationPeriods"], inputs["datapointsToAlarm"]) == (3, 3)
    assert inputs["treatMissingData"] == "notBreaching"
    assert (inputs["comparisonOperator"], inputs["threshold"]) == ("GreaterThanOrEqualToThreshold", 1)


def value(expression: str, **metrics: float) -> float:
    """Return the value of the expression, translated to Python word for word."""
    text = re.sub(r"FILL\((\w+), 0\)", r"\1", expression)
    found = re.fullmatch(r"IF\((.*), 1, 0\)", text)
    assert found
    return float(bool(eval(found[1].replace("AND", "and"), {}, metrics)))  # noqa: S307 - our own expression


@pytest.mark.parametrize(
    ("errors", "invocations", "fires"), [(26, 100, 1), (25, 100, 0), (3, 3, 0), (4, 4, 1), (0, 0, 0), (4, 16, 0)]
)
def test_the_error_alarm_fires_above_its_share_and_not_for_a_handful(errors: int, invocations: int, fires: int) -> None:
    assert value(share("Errors", 0.25), errors=errors, invocations=invocations) == fires


def test_answered_faults_are_added_to_the_errors_of_the_alarm_and_of_no_other() -> None:
    before, recorded = declare(), declare(answered=("orders",))
    queries = recorded.named("observability-orders-errors").inputs["metricQueries"]
    (found,) = (query["metric"] for query in queries if query["id"] == "answered")
    assert (found["namespace"], found["metricName"], found["stat"]) == ("Strata", "AnsweredFaults", "Sum")
    assert found["dimensions"] == {"FunctionName": FUNCTION, "Resource": f"{FUNCTION}:live"}
    assert queries[-1]["expression"] == share("Errors", 0.25, answered=True)
    changed = {each.name for each in before if each.inputs != recorded.named(each.name).inputs}
    assert changed == {"observability-orders-errors"}
    assert {each.name for each in before} == {each.name for each in recorded}


@pytest.mark.parametrize(
    ("errors", "answered", "fires"), [(13, 13, 1), (0, 26, 1), (26, 0, 1), (13, 12, 0), (2, 2, 0), (0, 0, 0)]
)
def test_errors_and_answered_faults_fire_together(errors: int, answered: int, fires: int) -> None:
    counted = share("Errors", 0.25, answered=True)
    assert value(counted, errors=errors, answered=answered, invocations=100) == fires


@pytest.mark.parametrize(("throttles", "invocations", "fires"), [(5, 95, 0), (6, 94, 1), (4, 0, 1), (3, 0, 0)])
def test_the_throttle_alarm_counts_throttled_requests_among_all(throttles: int, invocations: int, fires: int) -> None:
    assert value(share("Throttles", 0.05), throttles=throttles, invocations=invocations) == fires


def test_the_shares_are_the_stacks() -> None:
    config = ObservabilityConfig(error_share=0.5, throttle_share=0.125)
    assert "> 0.5 *" in alarm("errors", config).inputs["metricQueries"][-1]["expression"]
    assert "> 0.125 *" in alarm("throttles", config).inputs["metricQueries"][-1]["expression"]


@pytest.mark.parametrize("kind", ["errors", "throttles"])
def test_an_alarm_notifies_the_topic_when_it_fires_and_when_it_recovers(kind: str) -> None:
    inputs = alarm(kind).inputs
    topic = [f"arn:aws:test:{REGION}:{ACCOUNT}:strata-prod-alarms"]
    assert (inputs["alarmActions"], inputs["okActions"]) == (topic, topic)


def test_the_topic_is_encrypted_by_the_key_that_bootstrap_makes_for_the_stack() -> None:
    recorded = declare()
    assert recorded.one("sns/topic:Topic").inputs["kmsMasterKeyId"] == "alias/strata-prod-alarms"
    assert recorded.of("kms/key:Key") == []


def test_the_topic_takes_alarms_of_this_account_alone() -> None:
    (statement,) = json.loads(declare().one("sns/topic:Topic").inputs["policy"])["Statement"]
    assert statement["Resource"] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:strata-prod-alarms"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_only_the_configured_addresses_are_subscribed() -> None:
    assert declare().of("sns/topicSubscription:TopicSubscription") == []
    notifying = declare(ObservabilityConfig(notify=("a@example.com", "b@example.com")))
    subscriptions = notifying.of("sns/topicSubscription:TopicSubscription")
    assert [made.inputs["endpoint"] for made in subscriptions] == ["a@example.com", "b@example.com"]
    assert {made.inputs["protocol"] for made in subscriptions} == {"email"}


def test_the_contract_names_both_alarms_of_an_alias() -> None:
    declare()
    (observability,) = made
    assert known(observability.outputs.error_alarms["orders"]) == "strata-prod-orders-live-errors"
    assert known(observability.outputs.throttle_alarms["orders"]) == "strata-prod-orders-live-throttles"


def test_no_verdict_alarm_is_declared_since_each_release_brings_its_own() -> None:
    assert {made.inputs["name"] for made in declare().of("cloudwatch/metricAlarm:MetricAlarm")} == {
        "strata-prod-orders-live-errors",
        "strata-prod-orders-live-throttles",
    }


def test_the_dashboard_is_declared_with_its_body() -> None:
    dashboard = declare().one("cloudwatch/dashboard:Dashboard").inputs
    assert (dashboard["dashboardName"], dashboard["dashboardBody"]) == ("strata-prod", BODY)
