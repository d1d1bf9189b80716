"""The messages layer: the rule on ended releases, its targets, and where what they hold stands."""

import json
from typing import Any

from pulumi import Output

from infra.config import Secret
from infra.layers.messages import ENDED, Messages
from infra.naming import AwsLocation, Names
from infra.release.model.outcome import Ending, Outcome
from infra.release.reports import event
from tests.layers.recorder import ACCOUNT, REGION, Recorder, record
from tests.layers.test_secrets import plain
from tests.unit.test_config_secrets import SLACK, TEAMS

NAMES, PLACE = Names("strata", "prod", ("orders",)), AwsLocation("aws", REGION, ACCOUNT)
TOPIC = PLACE.arn("sns", NAMES.topic)
TARGET, CONNECTION, DESTINATION = (
    f"cloudwatch/{kind[0].lower()}{kind[1:]}:{kind}"
    for kind in ("EventTarget", "EventConnection", "EventApiDestination")
)


def declare(**addresses: str) -> Recorder:
    webhooks = {chat: Secret(address) for chat, address in addresses.items()}
    topic = Output.from_input(TOPIC)
    return record(lambda: Messages("messages", names=NAMES, place=PLACE, webhooks=webhooks, topic=topic) and None)


def target(recorded: Recorder, name: str) -> dict[str, Any]:
    return recorded.named(f"messages-to-{name}").inputs


def test_the_rule_takes_the_ended_releases_of_its_own_stack_alone() -> None:
    rule = declare().one("cloudwatch/eventRule:EventRule").inputs
    assert json.loads(rule["eventPattern"]) == {
        "source": ["strata.release"],
        "detail": {"application": ["strata-prod"], "stack": ["prod"], "state": list(ENDED)},
    }
    assert "eventBusName" not in rule


def test_people_are_told_of_every_end_that_changed_something_and_of_drift_and_of_no_state_before() -> None:
    ends = {each.value for each in Ending} - {Ending.UNCHANGED, Ending.STARTED}
    assert set(ENDED) == ends | {event.DRIFTED}
    assert ends | {Ending.STARTED, event.SHIFTING} == set(event.HEADLINES)


def test_without_a_chat_the_topic_alone_gets_messages() -> None:
    recorded = declare()
    assert [each.inputs["arn"] for each in recorded.of(TARGET)] == [TOPIC]
    lines = target(recorded, "topic")["inputTransformer"]["inputTemplate"].splitlines()
    assert [json.loads(each) for each in lines] == [
        "<what>",
        "Commit: <commit>",
        "Traffic: <traffic>",
        "Why: <why>",
        "See: <link>",
        "Next: <command>",
    ]
    assert recorded.of(CONNECTION) == []


def test_the_lines_are_fields_that_the_event_has() -> None:
    paths = target(declare(), "topic")["inputTransformer"]["inputPaths"]
    outcome = Outcome(Ending.PROMOTED, "orders", "verdict", "as good", "7", "8", "d-1", "all traffic is on 8")
    release = event.Release("prod", "strata-prod", "aws", REGION, "abc", "", "ann")
    detail: Any = event.detail(release, "promoted", [outcome])
    for path in paths.values():
        found: Any = {"detail": detail}
        for part in path.removeprefix("$.").split("."):
            found = found[part]
        assert isinstance(found, str)


def test_each_chat_gets_its_own_part_of_the_event() -> None:
    recorded = declare(slack=SLACK, teams=TEAMS)
    for chat in ("slack", "teams"):
        assert target(recorded, chat)["inputPath"] == f"$.detail.message.{chat}"
    assert len(recorded.of(TARGET)) == 3


def test_what_no_target_takes_is_a_dead_letter_with_an_alarm() -> None:
    recorded = declare(slack=SLACK)
    queue = recorded.one("sqs/queue:Queue")
    assert (queue.inputs["name"], queue.protect) == ("strata-prod_messages", True)
    assert all("deadLetterConfig" in each.inputs for each in recorded.of(TARGET))
    assert all("retryPolicy" not in each.inputs for each in recorded.of(TARGET))  # a day, and 185 times
    alarm = recorded.one("cloudwatch/metricAlarm:MetricAlarm").inputs
    assert (alarm["dimensions"], alarm["alarmActions"]) == ({"QueueName": "strata-prod_messages"}, [TOPIC])
    policy = json.loads(recorded.one("sqs/queuePolicy:QueuePolicy").inputs["policy"])
    [allowed] = policy["Statement"]
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": [PLACE.arn("events", "rule/strata-prod_messages")]}}


def test_the_parameters_of_an_address_are_the_connections_secret_and_its_endpoint_has_none() -> None:
    recorded = declare(teams=TEAMS)
    connection = recorded.one(CONNECTION)
    sent = plain(connection.inputs["authParameters"])["invocationHttpParameters"]["queryStrings"]
    assert {each["key"]: each["isValueSecret"] for each in sent} == {"api-version": True, "sig": True}
    endpoint = plain(recorded.one(DESTINATION).inputs["invocationEndpoint"])
    assert "?" not in endpoint
    assert TEAMS.startswith(endpoint)


def test_the_addresses_are_secrets_of_the_state() -> None:
    recorded = declare(slack=SLACK, teams=TEAMS)
    for chat in ("slack", "teams"):
        assert "invocationEndpoint" in recorded.named(f"messages-{chat}").secret_outputs
    assert "authParameters" in recorded.named("messages-teams-connection").secret_outputs


def test_the_targets_wait_for_the_rights_and_the_queues_policy() -> None:
    recorded = declare(slack=SLACK)
    for each in recorded.of(TARGET):
        assert {"messages-rights", "messages-dead-policy"} <= set(each.after)
    role = recorded.one("iam/role:Role").inputs
    assert role["permissionsBoundary"].endswith(":policy/strata-prod-boundary")
    assert "events.amazonaws.com" in role["assumeRolePolicy"]
