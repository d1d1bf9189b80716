"""The triggers layer: what calls a function's alias beside the API, and the dead letters of what it could not do."""

import json
from typing import Any

import pulumi
from pulumi import Output

from infra.contracts import DataOutputs, FunctionOutputs
from infra.layers.triggers import Triggers
from infra.naming import AwsLocation, Names
from infra.services import Service
from infra.services.model import Queue, Stream
from tests.layers.recorder import ACCOUNT, REGION, Declared, Recorder, known, record

NAMES = Names("strata", "prod", ("worker",))
PLACE = AwsLocation("aws", REGION, ACCOUNT)
ALIAS = PLACE.arn("lambda", "function:strata-prod-worker:live")
STREAM = PLACE.arn("dynamodb", "table/orders/stream/2026-01-01T00:00:00.000")
MAPPING, RULE, TARGET = (
    "lambda/eventSourceMapping:EventSourceMapping",
    "cloudwatch/eventRule:EventRule",
    "cloudwatch/eventTarget:EventTarget",
)
POLICY, ASKED = "sqs/queuePolicy:QueuePolicy", "lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
SCHEDULE = "strata-prod-worker-schedule"
made: list[Triggers] = []


def declare(*, connected: bool = True, **service: Any) -> Recorder:
    """Record the triggers of one service, `worker`."""
    worker = Service(name="worker", **{"timeout": 20, **service})

    def program() -> None:
        triggers = Triggers("triggers", names=NAMES, place=PLACE, services=[worker])
        made[:] = [triggers]
        if connected:
            release = pulumi.CustomResource("strata:release:Release", "release", {})
            function = FunctionOutputs(
                name=Output.from_input("strata-prod-worker"),
                arn=Output.from_input(ALIAS.removesuffix(":live")),
                alias=Output.from_input("live"),
                alias_arn=Output.from_input(ALIAS),
                invoke_arn=Output.from_input("invoke"),
                version=Output.from_input("7"),
                log_group="/aws/lambda/strata-prod-worker",
                configuration=Output.from_input("{}"),
            )
            data = DataOutputs(*map(Output.from_input, ("orders", "table", STREAM)))
            topic = Output.from_input("topic")
            triggers.connect(functions={"worker": function}, data=data, topic=topic, after=[release])

    return record(program)


def waiting(recorded: Recorder) -> set[str]:
    return {each.name for each in recorded if "release" in each.after}


def queues(recorded: Recorder) -> dict[str, Declared]:
    return {each.inputs["name"]: each for each in recorded.of("sqs/queue:Queue")}


def test_a_queue_has_dead_letters_and_hides_a_message_for_six_timeouts() -> None:
    found = queues(declare(queue=Queue(batch=7, attempts=3)))
    assert found.keys() == {"strata-prod-worker", "strata-prod-worker-dead"}
    own = found["strata-prod-worker"].inputs
    dead = f"arn:aws:test:{REGION}:{ACCOUNT}:strata-prod-worker-dead"
    assert json.loads(own["redrivePolicy"]) == {"deadLetterTargetArn": dead, "maxReceiveCount": 3}
    assert own["visibilityTimeoutSeconds"] == 120
    assert all(each.inputs["sqsManagedSseEnabled"] is True for each in found.values())


def test_a_queue_is_protected_until_its_service_goes_away() -> None:
    assert all(each.protect for each in queues(declare(queue=Queue())).values())
    assert not any(each.protect for each in queues(declare(queue=Queue(), removed=True)).values())


def test_a_message_that_fails_comes_back_alone() -> None:
    mapping = declare(queue=Queue(batch=7)).one(MAPPING).inputs
    assert (mapping["functionName"], mapping["batchSize"]) == (ALIAS, 7)
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["eventSourceArn"].endswith(":strata-prod-worker")


def test_a_stream_is_read_from_its_oldest_record_by_its_filter() -> None:
    pattern = {"eventName": ["INSERT"]}
    recorded = declare(stream=Stream(filter=pattern, batch=50, attempts=2, bisect=False))
    mapping = recorded.one(MAPPING).inputs
    assert (mapping["eventSourceArn"], mapping["functionName"]) == (STREAM, ALIAS)
    assert (mapping["startingPosition"], mapping["batchSize"]) == ("TRIM_HORIZON", 50)
    assert (mapping["maximumRetryAttempts"], mapping["bisectBatchOnFunctionError"]) == (2, False)
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert json.loads(mapping["filterCriteria"]["filters"][0]["pattern"]) == pattern
    assert mapping["destinationConfig"]["onFailure"]["destinationArn"].endswith(":strata-prod-worker-dead")
    assert queues(recorded).keys() == {"strata-prod-worker-dead"}


def test_a_dead_letter_alarms() -> None:
    alarm = declare(queue=Queue()).one("cloudwatch/metricAlarm:MetricAlarm").inputs
    assert (alarm["name"], alarm["dimensions"]) == ("strata-prod-worker-dead", {"QueueName": "strata-prod-worker-dead"})
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    assert (alarm["comparisonOperator"], alarm["threshold"], alarm["statistic"]) == (
        "GreaterThanThreshold",
        0,
        "Maximum",
    )
    assert alarm["alarmActions"] == ["topic"]


def test_events_of_the_stacks_bus_call_the_alias() -> None:
    recorded = declare(events={"source": ["shop"]})
    assert recorded.one("cloudwatch/eventBus:EventBus").inputs == {"name": "strata-prod"}
    rule, target = recorded.one(RULE).inputs, recorded.one(TARGET).inputs
    assert (rule["name"], rule["eventBusName"]) == ("strata-prod-worker-events", "strata-prod")
    assert json.loads(rule["eventPattern"]) == {"source": ["shop"]}
    assert (target["arn"], target["eventBusName"], target["rule"]) == (ALIAS, "strata-prod", rule["name"])
    permission = recorded.one("lambda/permission:Permission").inputs
    assert (permission["principal"], permission["qualifier"]) == ("events.amazonaws.com", "live")
    assert permission["sourceArn"].endswith(":strata-prod-worker-events")


def test_an_event_that_cannot_be_delivered_or_fails_is_a_dead_letter() -> None:
    recorded = declare(events={"source": ["shop"]}, schedule="rate(1 day)")
    (dead,) = queues(recorded)
    assert dead == "strata-prod-worker-dead"
    targets = [each.inputs for each in recorded.of(TARGET)]
    assert [each["deadLetterConfig"]["arn"].rpartition(":")[2] for each in targets] == [dead, dead]
    assert {each["retryPolicy"]["maximumEventAgeInSeconds"] for each in targets} == {86_400}
    asked = recorded.one(ASKED).inputs
    assert (asked["functionName"], asked["qualifier"]) == ("strata-prod-worker", "live")
    assert asked["destinationConfig"]["onFailure"]["destination"].endswith(f":{dead}")
    assert recorded.one("cloudwatch/metricAlarm:MetricAlarm").inputs["dimensions"] == {"QueueName": dead}


def test_eventbridge_alone_may_send_dead_letters_and_for_the_services_own_rules_alone() -> None:
    policy = declare(events={"source": ["shop"]}, schedule="rate(1 day)").one(POLICY).inputs["policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert (statement["Action"], statement["Principal"]) == (["sqs:SendMessage"], {"Service": "events.amazonaws.com"})
    rules = [PLACE.arn("events", f"rule/{name}") for name in ("strata-prod/strata-prod-worker-events", SCHEDULE)]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": rules}}
    assert declare(queue=Queue(), stream=Stream()).of(POLICY) == []


def test_nothing_is_delivered_before_its_dead_letters_have_a_place() -> None:
    recorded = declare(schedule="rate(1 day)")
    before = {recorded.one(POLICY).name, recorded.one(ASKED).name}
    assert before <= set(recorded.one(TARGET).after)


def test_a_schedule_is_on_the_accounts_own_bus() -> None:
    recorded = declare(schedule="rate(5 minutes)")
    rule = recorded.one(RULE).inputs
    assert (rule["name"], rule["scheduleExpression"]) == ("strata-prod-worker-schedule", "rate(5 minutes)")
    assert "eventBusName" not in rule
    assert recorded.of("cloudwatch/eventBus:EventBus") == []


def test_all_that_calls_the_function_waits_for_its_release_and_nothing_else_does() -> None:
    recorded = declare(queue=Queue(), stream=Stream(), events={"source": ["shop"]}, schedule="rate(1 day)")
    calling = (MAPPING, RULE, TARGET, "lambda/permission:Permission", POLICY, ASKED)
    assert waiting(recorded) == {each.name for kind in calling for each in recorded.of(kind)}
    assert len(waiting(recorded)) == 10
    assert {each.parent for each in recorded if each.name not in {"triggers", "release"}} == {"triggers"}


def test_nothing_calls_a_service_that_goes_away_and_its_dead_letters_are_watched_to_the_end() -> None:
    every: dict[str, Any] = {
        "queue": Queue(),
        "stream": Stream(),
        "events": {"source": ["shop"]},
        "schedule": "rate(1 day)",
    }
    recorded = declare(removed=True, **every)
    assert waiting(recorded) == set()
    assert len(recorded.of("cloudwatch/metricAlarm:MetricAlarm")) == 1


def test_nothing_calls_the_function_before_it_is_connected() -> None:
    recorded = declare(connected=False, queue=Queue(), stream=Stream(), events={"source": ["shop"]})
    assert [each.type for each in recorded if "lambda" in each.type.lower()] == []


def test_other_services_get_the_address_of_the_queue() -> None:
    declare(connected=False, queue=Queue())
    assert made[0].outputs.queue_urls.keys() == {"worker"}
    assert made[0].outputs.bus is None


def test_other_services_get_the_name_of_the_bus() -> None:
    declare(connected=False, events={"source": ["shop"]})
    assert (bus := made[0].outputs.bus) is not None
    assert known(bus) == "strata-prod"


def test_a_consumer_of_the_stream_gets_the_address_of_its_dead_letters_and_one_of_a_queue_does_not() -> None:
    declare(connected=False, stream=Stream())
    assert made[0].outputs.dead_letter_urls.keys() == {"worker"}
    declare(connected=False, queue=Queue())
    assert made[0].outputs.dead_letter_urls == {}
