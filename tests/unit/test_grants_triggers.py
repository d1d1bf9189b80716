"""The deploy role may change what calls the stack's own functions, and no other function's."""

import pytest

from infra.naming import Names
from tests.unit.grants_kit import PLACE, PROD, allowed, deploying, named, previewing

FIFTY = Names("strata", "prod", tuple(f"service-{number:02}" for number in range(50)))


def test_a_mapping_calls_the_alias_of_one_of_the_stacks_functions_alone() -> None:
    live = [PLACE.arn("lambda", "function:strata-prod-orders:live")]
    assert named("Mappings", deploying()).condition == {"ArnLike": {"lambda:FunctionArn": live}}
    many = named("Mappings", deploying(names=FIFTY)).condition
    assert many == {"ArnLike": {"lambda:FunctionArn": [PLACE.arn("lambda", "function:strata-prod-*:live")]}}


def test_a_mapping_that_is_gone_may_still_be_asked_for() -> None:
    mapping = PLACE.arn("lambda", "event-source-mapping:9895a30b-62e5-4130-a746-e66ebdd42d60")
    for statements in (deploying(), previewing()):
        assert allowed("lambda:GetEventSourceMapping", mapping, statements)


@pytest.mark.parametrize("names", [PROD, FIFTY])
def test_queues_rules_and_the_bus_are_the_stacks(names: Names) -> None:
    service = names.services[-1]
    for action, service_name, resource in [
        ("sqs:CreateQueue", "sqs", names.queue(service)),
        ("sqs:SetQueueAttributes", "sqs", names.dead_letters(service)),
        ("events:CreateEventBus", "events", f"event-bus/{names.bus}"),
        ("events:PutTargets", "events", f"rule/{names.bus}/{names.rule(service, 'events')}"),
        ("events:PutRule", "events", f"rule/{names.rule(service, 'schedule')}"),
        ("cloudwatch:PutMetricAlarm", "cloudwatch", f"alarm:{names.dead_letters(service)}"),
    ]:
        arn = PLACE.arn(service_name, resource)
        assert allowed(action, arn, deploying(names=names)), (action, arn)
        assert not allowed(action, arn.replace("strata-prod", "strata-dev"), deploying(names=names)), (action, arn)


def test_a_queue_is_deleted_by_an_administrator_alone() -> None:
    actions = {action for each in (*deploying(), *previewing()) for action in each.actions}
    assert actions.isdisjoint({"sqs:DeleteQueue", "sqs:PurgeQueue", "sqs:ReceiveMessage", "sqs:DeleteMessage"})


def test_no_role_of_a_job_reads_or_writes_what_customers_sent() -> None:
    actions = {action for each in (*deploying(), *previewing()) for action in each.actions}
    assert actions.isdisjoint({"dynamodb:GetItem", "dynamodb:GetRecords", "sqs:ReceiveMessage", "sqs:SendMessage"})


def test_only_the_api_and_events_may_be_let_in_as_callers() -> None:
    callers = ["apigateway.amazonaws.com", "events.amazonaws.com"]
    assert named("Callers", deploying()).condition == {"StringEquals": {"lambda:Principal": callers}}
