"""EventBridge rules that invoke functions: by a pattern on a bus, and by a schedule."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Cloud, Functions, until
from local.tests.cloud.sources import PRINT, Sources

SEE = f"{PRINT}def handler(event, context):\n    seen(event, context)\n"
PATTERN = {"source": ["shop"], "detail": {"total": [{"numeric": [">", 10]}]}}


@pytest.fixture
def sources(client: Callable[[str], Any], functions: Functions) -> Sources:
    return Sources(client, functions)


@pytest.fixture
def events(client: Callable[[str], Any]) -> Any:
    return client("events")


@pytest.fixture
def alias(functions: Functions) -> str:
    return functions.alias(functions.create(SEE))


def seen(sources: Sources) -> list[dict[str, Any]]:
    """Return the events that the function has got."""
    try:
        return [event for _, event in sources.invocations()]
    except sources.client("logs").exceptions.ResourceNotFoundException:
        return []


def refusal(call: Callable[[], Any]) -> str:
    """Return the message of a ValidationException."""
    with pytest.raises(ClientError) as error:
        call()
    assert error.value.response["Error"]["Code"] == "ValidationException"
    return str(error.value.response["Error"]["Message"])


def put(events: Any, *totals: int, source: str = "shop", bus: str = "shop") -> None:
    """Put an event of each total."""
    for total in totals:
        detail = json.dumps({"total": total})
        entry = {"Source": source, "DetailType": "Order placed", "Detail": detail, "EventBusName": bus}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_an_event_that_fits_the_pattern_invokes_the_alias(
    sources: Sources, events: Any, alias: str, account: str
) -> None:
    bus = events.create_event_bus(Name="shop")["EventBusArn"]
    events.put_rule(Name="large", EventBusName=bus, EventPattern=json.dumps(PATTERN))
    events.put_targets(Rule="large", EventBusName=bus, Targets=[{"Id": "live", "Arn": alias}])
    put(events, 5, 20)
    put(events, 30, source="other")
    put(events, 40)
    until(lambda: len(seen(sources)) >= 2)
    found = sorted(seen(sources), key=lambda event: str(event["detail"]))
    assert [event["detail"] for event in found] == [{"total": 20}, {"total": 40}]
    event = found[0]
    assert event.pop("id")
    assert event.pop("time")
    assert event == {
        "version": "0",
        "source": "shop",
        "account": account,
        "region": REGION,
        "resources": [],
        "detail-type": "Order placed",
        "detail": {"total": 20},
    }


def test_a_function_that_fails_is_called_again_as_by_any_asynchronous_call(
    sources: Sources, events: Any, functions: Functions, cloudwatch: Any
) -> None:
    alias = functions.alias(functions.create(f"{SEE}    raise ValueError('broken')\n"))
    dead = sources.queue("dead")
    functions.client.put_function_event_invoke_config(
        FunctionName="orders", Qualifier="live", DestinationConfig={"OnFailure": {"Destination": dead}}
    )
    events.create_event_bus(Name="shop")
    events.put_rule(Name="large", EventBusName="shop", EventPattern=json.dumps(PATTERN))
    events.put_targets(Rule="large", EventBusName="shop", Targets=[{"Id": "live", "Arn": alias}])
    put(events, 20)
    assert len(sources.dead(1)) == 1
    assert len(seen(sources)) == 3


def test_a_rate_is_simulated_time_and_begins_when_the_rule_is_put(
    sources: Sources, events: Any, alias: str, cloud: Cloud, account: str
) -> None:
    began = time.time()
    arn = events.put_rule(Name="often", ScheduleExpression="rate(1 minute)")["RuleArn"]
    events.put_targets(Rule="often", Targets=[{"Id": "live", "Arn": alias}])
    assert until(lambda: len(seen(sources)) >= 3)
    assert time.time() - began >= 3 * cloud.minute
    event = seen(sources)[0]
    assert event.pop("id")
    assert event.pop("time")
    assert event == {
        "version": "0",
        "source": "aws.events",
        "account": account,
        "region": REGION,
        "resources": [arn],
        "detail-type": "Scheduled Event",
        "detail": {},
    }


def test_a_disabled_schedule_does_nothing_until_it_is_enabled(sources: Sources, events: Any, alias: str) -> None:
    rules = {}
    for name in ("often", "witness"):
        rules[name] = events.put_rule(Name=name, ScheduleExpression="rate(1 minute)")["RuleArn"]
        events.put_targets(Rule=name, Targets=[{"Id": "live", "Arn": alias}])

    def times(name: str) -> list[float]:
        found = [event["time"] for event in seen(sources) if event["resources"] == [rules[name]]]
        return [datetime.fromisoformat(each).timestamp() for each in found]

    assert until(lambda: times("often"))
    events.disable_rule(Name="often")
    disabled = time.time()
    assert until(lambda: max(times("witness"), default=0.0) > disabled + 2)
    assert max(times("often")) <= disabled
    events.enable_rule(Name="often")
    assert until(lambda: max(times("often")) > disabled + 2)


@pytest.mark.parametrize(
    "expression", ["rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "rate(5 seconds)", "cron(0 12 * * *)", "x"]
)
def test_a_schedule_that_is_none_is_refused(events: Any, expression: str) -> None:
    said = refusal(lambda: events.put_rule(Name="often", ScheduleExpression=expression))
    assert said == "Parameter ScheduleExpression is not valid."


def test_what_cannot_be_is_refused_in_the_words_of_aws(events: Any, alias: str) -> None:
    events.create_event_bus(Name="shop")
    bus, rule = {"EventBusName": "shop"}, {"Name": "large", "EventBusName": "shop"}
    assert refusal(lambda: events.put_rule(**rule)).startswith("Parameter(s) EventPattern or ScheduleExpression")
    said = refusal(lambda: events.put_rule(**rule, ScheduleExpression="rate(5 minutes)"))
    assert said == "ScheduleExpression is supported only on the default event bus."
    events.put_rule(**rule, EventPattern=json.dumps(PATTERN))
    events.put_targets(Rule="large", **bus, Targets=[{"Id": "live", "Arn": alias}])
    assert refusal(lambda: events.delete_rule(**rule)) == "Rule can't be deleted since it has targets."
    assert refusal(lambda: events.delete_event_bus(Name="shop")) == "EventBus can't be deleted since it has rules."
    events.remove_targets(Rule="large", **bus, Ids=["live"])
    events.delete_rule(**rule)
    events.delete_event_bus(Name="shop")


ORDER = {"source": "shop", "detail-type": "Order placed", "detail": {"c-count": 5, "x-limit": 100, "location": "a.png"}}


@pytest.mark.parametrize(
    ("detail", "fits"),
    [
        ({"location": [{"suffix": ".png"}]}, True),
        ({"location": [{"prefix": "b"}]}, False),
        ({"location": [{"anything-but": "a.png"}]}, False),
        ({"location": [{"equals-ignore-case": "A.PNG"}]}, True),
        ({"location": [{"wildcard": "*.p*g"}]}, True),
        ({"c-count": [{"numeric": [">", 0, "<=", 5]}]}, True),
        ({"c-count": [{"numeric": ["<", 5]}]}, False),
        ({"c-count": ["5"]}, False),
        ({"d-count": [{"exists": False}]}, True),
        ({"d-count": [{"exists": True}]}, False),
        ({"x-limit": [100, 200]}, True),
        ({"$or": [{"c-count": [1]}, {"x-limit": [100]}]}, True),
        ({"$or": [{"c-count": [1]}, {"x-limit": [1]}]}, False),
    ],
)
def test_patterns_compare_as_aws_documents(events: Any, detail: dict[str, Any], fits: bool) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html"""
    whole = {**ORDER, "id": "1", "account": "1", "time": "2026-01-01T00:00:00Z", "region": REGION, "resources": []}
    answer = events.test_event_pattern(EventPattern=json.dumps({"detail": detail}), Event=json.dumps(whole))
    assert answer["Result"] is fits
