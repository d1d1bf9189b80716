"""Patches of the buses and rules of ministack's EventBridge: schedules run in simulated time.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

import itertools
import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.sources.runner import on_the_loop
from local.cloud.timeline import TIMELINE

_EVENTS = "services.eventbridge"
_RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)")
_DEFAULT = "default"
_STAMP = "strata_stamp"
"""In ministack's record of a rule: which of its schedules counts; an older one no longer fires."""
_stamps = itertools.count(1)
Original = Callable[..., Any]


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    events = {
        "_cron_next_fire": "fields after_dt",
        "_parse_cron_fields": "expr",
        "_parse_rate_seconds": "expr",
        "_pattern_event_view": "event",
        "_rule_key": "rule_name bus_name",
    }
    return [
        *(Seam(_EVENTS, name, parameters) for name, parameters in events.items()),
        Seam("core.responses", "request_scope", "account_id region"),
    ]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    by_arn = "a bus could not be named by its ARN"
    named = ("_describe_rule", "_disable_rule", "_list_targets_by_rule", "_put_targets", "_remove_targets")
    scheduled = "schedules ran in real time, and nothing about them was validated"
    return [
        *(Patch(Seam(_EVENTS, name, "data"), by_arn, _of_the_bus) for name in named),
        Patch(Seam(_EVENTS, "_put_rule", "data"), scheduled, lambda f: _of_the_bus(_scheduled(_checked(f)))),
        Patch(Seam(_EVENTS, "_enable_rule", "data"), scheduled, lambda f: _of_the_bus(_scheduled(f))),
        Patch(
            Seam(_EVENTS, "_delete_rule", "data"),
            "a rule with targets could be deleted",
            lambda f: _of_the_bus(_without_targets(f)),
        ),
        Patch(Seam(_EVENTS, "_delete_event_bus", "data"), "a bus with rules could be deleted", _without_rules),
        Patch(Seam(_EVENTS, "_put_permission", "data"), "a whole policy of a bus was ignored", _whole),
    ]


def _refused(message: str) -> Any:
    return ministack(_EVENTS).error_response_json("ValidationException", message, 400)


def _bus(data: dict[str, Any]) -> str:
    return str(data.get("EventBusName") or _DEFAULT).rpartition("event-bus/")[2]


def _of_the_bus(original: Original) -> Original:
    return lambda data: original({**data, "EventBusName": _bus(data)})


# Rules


def _checked(original: Original) -> Original:
    def put(data: dict[str, Any]) -> Any:
        schedule = data.get("ScheduleExpression")
        if not schedule and not data.get("EventPattern"):
            return _refused("Parameter(s) EventPattern or ScheduleExpression must be specified.")
        if schedule and _bus(data) != _DEFAULT:
            return _refused("ScheduleExpression is supported only on the default event bus.")
        if schedule and schedule.startswith("rate(") and not _RATE.fullmatch(schedule):
            return _refused("Parameter ScheduleExpression is not valid.")
        return original(data)

    return put


def _without_targets(original: Original) -> Original:
    def delete(data: dict[str, Any]) -> Any:
        service: Any = ministack(_EVENTS)
        if service._targets.get(service._rule_key(data.get("Name"), _bus(data))):
            return _refused("Rule can't be deleted since it has targets.")
        return original(data)

    return delete


def _whole(original: Original) -> Original:
    """Let a bus have a policy that is given as a whole.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
    """

    def put(data: dict[str, Any]) -> Any:
        service: Any = ministack(_EVENTS)
        if not data.get("Policy"):
            return original(data)
        if _bus(data) not in service._event_buses:
            return service.error_response_json(
                "ResourceNotFoundException", f"Event bus {_bus(data)} does not exist.", 400
            )
        service._event_bus_policies[_bus(data)] = json.loads(data["Policy"])
        return service.json_response({})

    return put


def _without_rules(original: Original) -> Original:
    def delete(data: dict[str, Any]) -> Any:
        rules = ministack(_EVENTS)._rules.values()
        if any(rule["EventBusName"] == data.get("Name") for rule in rules):
            return _refused("EventBus can't be deleted since it has rules.")
        return original(data)

    return delete


# Schedules


def _scheduled(original: Original) -> Original:
    """Begin a rule's schedule anew when it is put, or enabled."""

    def put(data: dict[str, Any]) -> Any:
        response = original(data)
        service: Any = ministack(_EVENTS)
        rule = service._rules.get(service._rule_key(data.get("Name"), _bus(data)))
        if response[0] < 300 and rule and rule.get("ScheduleExpression"):
            rule[_STAMP] = next(_stamps)
            where = (service.get_account_id(), service.get_region(), rule["Name"], rule[_STAMP])
            _plan(rule, CLOCK.now(), where)
        return response

    return put


Where = tuple[str, str, str, int]
"""A scheduled rule: account, region, name and stamp."""


def _plan(rule: dict[str, Any], after: float, where: Where) -> None:
    """Put the next event of a schedule on the timeline. A rate is simulated time, a cron expression real time."""
    service: Any = ministack(_EVENTS)
    expression = rule["ScheduleExpression"]
    seconds = service._parse_rate_seconds(expression)
    if seconds is not None:
        due = after + CLOCK.real(seconds)
    else:
        found = service._cron_next_fire(service._parse_cron_fields(expression), datetime.fromtimestamp(after, UTC))
        if found is None:
            return
        due = found.timestamp()
    TIMELINE.at(due, partial(on_the_loop, partial(_fire, due, where)))


def _fire(due: float, where: Where) -> None:
    account, region, name, stamp = where
    service: Any = ministack(_EVENTS)
    with ministack("core.responses").request_scope(account, region):
        key = service._rule_key(name, _DEFAULT)
        rule = service._rules.get(key)
        if rule is None or rule.get(_STAMP) != stamp or rule["State"] != "ENABLED":
            return
        event = {
            "EventId": str(uuid.uuid4()),
            "Source": "aws.events",
            "DetailType": "Scheduled Event",
            "Detail": "{}",
            "EventBusName": _DEFAULT,
            "Time": int(due),
            "Resources": [rule["Arn"]],
            "Account": account,
            "Region": region,
        }
        view = service._pattern_event_view(event)
        for target in list(service._targets.get(key) or ()):
            service._invoke_target(target, event, rule, view)
        _plan(rule, due, where)
