"""Patches of the targets of ministack's EventBridge: permissions, retries in simulated time, and dead letters.

Other accounts' buses and projects of CodeBuild are targets too.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.identity import guard
from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.patches import codebuild
from local.cloud.sources.runner import on_the_loop
from local.cloud.timeline import TIMELINE
from local.cloud.webhooks import NEVER, WEBHOOKS

_EVENTS, _LAMBDA, _SQS = "services.eventbridge", "services.lambda_svc", "services.sqs"
_PRINCIPAL = "events.amazonaws.com"
_RETRIED = frozenset({401, 407, 409, 429})
_TRIES, _OLDEST_SECONDS = 185, 86_400
_LONGEST_PAUSE = 600
_ACTIONS = {
    "api-destination": "events:InvokeApiDestination",
    "codebuild": "codebuild:StartBuild",
    "events": "events:PutEvents",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
}
_NO_PERMISSIONS = "NO_PERMISSIONS"
Original = Callable[..., Any]


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    events = {
        "_apply_input_transformer": "transformer rule view",
        "_build_api_destination_request": "dest conn target_http_params payload",
        "_dispatch_event": "event view",
        "_connection_auth_headers": "conn token_key force_refresh",
        "_pattern_event_view": "event",
    }
    lambdas = {"_execution_record_for_config": "func config", "_get_func_record_for_ref": "function_ref"}
    return [
        *(Seam(_EVENTS, name, parameters) for name, parameters in events.items()),
        *(Seam(_LAMBDA, name, parameters) for name, parameters in lambdas.items()),
        Seam(_SQS, "_act_send_message", "data qurl"),
        Seam(_SQS, "_queue_by_arn", "arn"),
    ]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    once = "a delivery was tried once, over the network"
    bare = "an ARN had no unique id"
    return [
        Patch(Seam(_EVENTS, "_invoke_target", "target event rule view"), "no policy was asked", _permitted),
        Patch(Seam(_EVENTS, "_dispatch_to_api_destination", "spec payload target"), once, lambda _: _deliver),
        Patch(
            Seam(_EVENTS, "_dispatch_to_lambda", "arn payload"),
            "a function was invoked once, without the retries of an asynchronous call",
            lambda _: _invoke,
        ),
        Patch(Seam(_EVENTS, "_create_connection", "data"), bare, partial(_unique, "_connections", "Connection")),
        Patch(
            Seam(_EVENTS, "_create_api_destination", "data"),
            bare,
            partial(_unique, "_api_destinations", "ApiDestination"),
        ),
        Patch(Seam(_EVENTS, "_describe_connection", "data"), "it showed the secrets", _sealed),
    ]


@dataclass(frozen=True)
class Delivery:
    """An event for a target. `number`: the tries that have failed; `began`: when the event came."""

    target: Mapping[str, Any]
    rule: Mapping[str, Any]
    event: Any
    scope: tuple[str, str]
    request: Mapping[str, Any]
    began: float
    number: int = 0

    def attempt(self) -> None:
        """Call the address; try again after a while, or give up."""
        status = WEBHOOKS.call(self.request)
        if 200 <= status < 300:
            return
        what = f"HTTP {status}" if status != NEVER else "no answer within 5 seconds"
        if status != NEVER and status < 500 and status not in _RETRIED:
            self.give_up("SDK_CLIENT_ERROR", what)
            return
        self.later(what)

    def build(self) -> None:
        """Start a project of CodeBuild; try again after a while where it has builds enough, or give up.

        AWS does not say which errors of CodeBuild EventBridge tries again; missing ones it never does.
        """
        with ministack("core.responses").request_scope(*self.scope):
            error = codebuild.started_by_event(self.target["Arn"].rpartition("/")[2], self.request["payload"])
        if error == "AccountLimitExceededException":
            self.later(error)
        elif error:
            self.give_up("RESOURCE_NOT_FOUND" if error == "ResourceNotFoundException" else "SDK_CLIENT_ERROR", error)

    def later(self, what: str) -> None:
        """Try again after a while, or give up where the target's policy allows no more."""
        policy = self.target.get("RetryPolicy") or {}
        pause = min(2**self.number, _LONGEST_PAUSE)
        age = (CLOCK.now() - self.began) * CLOCK.factor + pause
        if self.number >= policy.get("MaximumRetryAttempts", _TRIES):
            self.give_up("SDK_CLIENT_ERROR", what, "MaximumRetryAttempts")
        elif age > policy.get("MaximumEventAgeInSeconds", _OLDEST_SECONDS):
            self.give_up("SDK_CLIENT_ERROR", what, "MaximumEventAgeInSeconds")
        else:
            again = replace(self, number=self.number + 1)
            step = again.build if "payload" in self.request else again.attempt
            TIMELINE.at(CLOCK.now() + CLOCK.real(pause), partial(on_the_loop, step))

    def give_up(self, code: str, what: str, exhausted: str = "") -> None:
        """Send the event to the target's dead-letter queue, if there is one and its policy permits the rule."""
        queue = (self.target.get("DeadLetterConfig") or {}).get("Arn", "")
        if not queue or not guard.serves(_PRINCIPAL, self.rule["Arn"], "sqs:SendMessage", queue):
            return
        said = {
            "RULE_ARN": self.rule["Arn"],
            "TARGET_ARN": self.target["Arn"],
            "ERROR_CODE": code,
            "ERROR_MESSAGE": what,
            **({"RETRY_ATTEMPTS": str(self.number)} if code != _NO_PERMISSIONS else {}),
            **({"EXHAUSTED_RETRY_CONDITION": exhausted} if exhausted else {}),
        }
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in said.items()}
        service: Any = ministack(_SQS)
        with ministack("core.responses").request_scope(*self.scope):
            if (found := service._queue_by_arn(queue)) is not None:
                message = {"MessageBody": json.dumps(self.event), "MessageAttributes": attributes}
                service._act_send_message({"QueueUrl": found["url"], **message}, found["url"])


def _permitted(original: Original) -> Original:
    """Call a target only if it is permitted: a function by its policy, anything with a role by the role's.

    Missing permissions are not retried.
    """

    def invoke(target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None) -> None:
        service: Any = ministack(_EVENTS)
        view = view or service._pattern_event_view(event)
        arn, role = str(target.get("Arn", "")), target.get("RoleArn")
        scope = (service.get_account_id(), service.get_region())
        delivery = Delivery(target, rule, view.event_with_detail(), scope, {}, CLOCK.now())
        kind = "api-destination" if ":api-destination/" in arn else arn.split(":")[2]
        action = _ACTIONS.get(kind, "")
        allowed = partial(guard.acts, role, "events") if role else partial(guard.serves, _PRINCIPAL, rule["Arn"])
        abroad = kind == "events" and arn.split(":")[4] != scope[0]
        if abroad and role:
            known = {"events:source": event.get("Source", ""), "events:detail-type": event.get("DetailType", "")}
            allowed = partial(guard.acts, role, "events", context=known)
        if action and (role or abroad or kind in {"codebuild", "lambda"}) and not allowed(action, arn):
            delivery.give_up(_NO_PERMISSIONS, f"{_PRINCIPAL} is not authorized to perform {action} on {arn}")
            return
        if abroad:
            _send_abroad(delivery, arn, event)
            return
        if kind == "codebuild":
            given = target.get("InputTransformer")
            payload = service._apply_input_transformer(given, rule, view) if given else target.get("Input", "{}")
            TIMELINE.soon(partial(on_the_loop, replace(delivery, request={"payload": payload}).build))
            return
        original({**target, "_delivery": delivery}, event, rule, view)

    return invoke


def _send_abroad(delivery: Delivery, bus: str, event: Mapping[str, Any]) -> None:
    """Put an event on a bus of another account. Its rules see the account and the source that the event came with."""
    service: Any = ministack(_EVENTS)
    region, account = bus.split(":")[3:5]
    name = bus.rpartition("event-bus/")[2]
    with ministack("core.responses").request_scope(account, region):
        if name not in service._event_buses:
            delivery.give_up("RESOURCE_NOT_FOUND", f"there is no {bus}")
            return
        service._dispatch_event({**event, "EventBusName": name})


def _deliver(spec: Any, payload: str, target: dict[str, Any]) -> None:
    """Call an API destination, when the event's turn comes on the timeline."""
    service: Any = ministack(_EVENTS)
    delivery: Delivery = target["_delivery"]
    destination = service._api_destinations.get(spec.resource.split("/")[1])
    connection = destination and service._connections.get(destination["ConnectionArn"].split("/")[1])
    if not connection:
        delivery.give_up("RESOURCE_NOT_FOUND", f"there is no {target['Arn']}, or no connection of it")
        return
    request = service._build_api_destination_request(
        destination, connection, target.get("HttpParameters") or {}, payload
    )
    headers = {**request["headers"], **service._connection_auth_headers(connection, None)}
    ready = replace(delivery, request={**request, "headers": headers})
    TIMELINE.soon(partial(on_the_loop, ready.attempt))


def _invoke(arn: str, payload: str) -> None:
    """Invoke a function as any asynchronous call, which Lambda tries three times."""
    service: Any = ministack(_LAMBDA)
    function, config, _ = service._get_func_record_for_ref(arn)
    if function and config:
        service.invoke_async_with_retry(service._execution_record_for_config(function, config), json.loads(payload))


# API destinations and connections


def _unique(kept: str, kind: str, original: Original) -> Original:
    """Let the ARN of what is created end in a unique id.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """

    def create(data: dict[str, Any]) -> Any:
        response = original(data)
        if response[0] >= 300:
            return response
        made = getattr(ministack(_EVENTS), kept)[data["Name"]]
        made[f"{kind}Arn"] += f"/{uuid.uuid4()}"
        return ministack(_EVENTS).json_response({**json.loads(response[2]), f"{kind}Arn": made[f"{kind}Arn"]})

    return create


def _sealed(original: Original) -> Original:
    """Leave the secrets out of a connection's description.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeConnection.html
    """

    def describe(data: dict[str, Any]) -> Any:
        response = original(data)
        if response[0] >= 300:
            return response
        found = json.loads(response[2])
        parameters = found["AuthParameters"]
        parameters.get("ApiKeyAuthParameters", {}).pop("ApiKeyValue", None)
        for listed in parameters.get("InvocationHttpParameters", {}).values():
            for each in listed:
                if each.get("IsValueSecret"):
                    each.pop("Value", None)
        return ministack(_EVENTS).json_response(found)

    return describe
