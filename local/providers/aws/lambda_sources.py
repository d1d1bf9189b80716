"""What Lambda does with events: mappings of sources, and the retries of asynchronous calls.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

import time
from typing import Any

from local.providers.resource import (
    Aws,
    Field,
    Live,
    ProviderError,
    Resource,
    from_api,
    json_text,
    pascal,
    props,
    to_api,
    unset,
)
from local.providers.wire import Bag

_CHANGING = frozenset({"Creating", "Deleting", "Disabling", "Enabling", "Updating"})
_SECONDS = 600


def function_reference(value: str) -> str:
    """Return a function's name with its qualifier, from itself or from its ARN."""
    return value.rpartition(":function:")[2]


class EventSourceMapping(Resource):
    """A mapping of a queue or a stream to a function. Its id is its UUID."""

    kind = "aws:lambda/eventSourceMapping:EventSourceMapping"
    service = "lambda"
    label = "Lambda Event Source Mapping"
    name = None
    tagged = True
    settings = props(
        batchSize=Field(computed=True),
        bisectBatchOnFunctionError=Field(zero=False),
        destinationConfig=Field(
            computed=True, of=props(onFailure=Field(of=props(destinationArn=Field(required=True, api="Destination"))))
        ),
        filterCriteria=Field(
            of=props(filters=Field(unordered=True, of=props(pattern=Field(form=json_text)))),
        ),
        functionName=Field(required=True, form=function_reference),
        functionResponseTypes=Field(unordered=True, zero=[]),
        maximumBatchingWindowInSeconds=Field(zero=0),
        maximumRecordAgeInSeconds=Field(computed=True, zero=0),
        maximumRetryAttempts=Field(computed=True, zero=0),
        parallelizationFactor=Field(computed=True, zero=0),
        scalingConfig=Field(of=props(maximumConcurrency=Field())),
        tumblingWindowInSeconds=Field(zero=0),
    )
    fields = props(
        enabled=Field(default=True),
        eventSourceArn=Field(replaces=True),
        startingPosition=Field(replaces=True, zero=""),
        **settings,
    )
    outputs = (
        "arn",
        "functionArn",
        "lastModified",
        "lastProcessingResult",
        "state",
        "stateTransitionReason",
        "uuid",
    )
    also = unset(
        amazonManagedKafkaEventSourceConfig=None,
        documentDbEventSourceConfig=None,
        kmsKeyArn="",
        metricsConfig=None,
        provisionedPollerConfig=None,
        queues=None,
        selfManagedEventSource=None,
        selfManagedKafkaEventSourceConfig=None,
        sourceAccessConfigurations=[],
        startingPositionTimestamp=None,
        topics=[],
        useResourceTimeoutForPropagation=None,
    )

    def create(self, aws: Aws, new: Bag) -> str:
        request = to_api(self.own, new, pascal)
        return str(aws("lambda").create_event_source_mapping(**request, Tags=new["tagsAll"])["UUID"])

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        _settled(aws, identity)

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        client = aws("lambda")
        answer = client.get_event_source_mapping(UUID=identity)
        if not answer.get("DestinationConfig", {}).get("OnFailure"):
            answer.pop("DestinationConfig", None)
        outputs = {
            "arn": answer["EventSourceMappingArn"],
            "enabled": answer["State"] in ("Creating", "Enabled", "Enabling", "Updating"),
            "functionArn": answer["FunctionArn"],
            "functionName": answer["FunctionArn"],
            "lastModified": answer["LastModified"].isoformat(timespec="seconds").replace("+00:00", "Z"),
            "lastProcessingResult": answer.get("LastProcessingResult", ""),
            "state": answer["State"],
            "stateTransitionReason": answer.get("StateTransitionReason", ""),
            "uuid": identity,
        }
        tags = client.list_tags(Resource=answer["EventSourceMappingArn"])["Tags"]
        return Live(identity, {**from_api(self.own, answer, pascal), **outputs, "tags": tags})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        fields = {name: self.fields[name] for name in changed}
        cleared: dict[str, Any] = {"FilterCriteria": {}, "FunctionResponseTypes": [], "ScalingConfig": {}}
        request = {name: cleared[name] for name in cleared if _spelled(name) in changed}
        aws("lambda").update_event_source_mapping(UUID=identity, **{**request, **to_api(fields, new, pascal)})
        _settled(aws, identity)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("lambda").delete_event_source_mapping(UUID=identity)
        _gone(aws, identity)

    def unknown_after(self, new: Bag, changed: frozenset[str]) -> frozenset[str]:
        return frozenset({"functionArn"}) if "functionName" in changed else frozenset()


class FunctionEventInvokeConfig(Resource):
    """How Lambda retries asynchronous calls, and what becomes of those that fail. Its id is FUNCTION[:QUALIFIER].

    https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
    """

    kind = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
    service = "lambda"
    label = "Lambda Function Event Invoke Config"
    name = None
    settings = props(
        destinationConfig=Field(
            of=props(
                onFailure=Field(of=props(destination=Field(required=True))),
                onSuccess=Field(of=props(destination=Field(required=True))),
            )
        ),
        maximumEventAgeInSeconds=Field(zero=0),
        maximumRetryAttempts=Field(default=2),
    )
    fields = props(
        functionName=Field(required=True, replaces=True, form=function_reference),
        qualifier=Field(replaces=True),
        **settings,
    )

    def locate(self, identity: str) -> Bag:
        function, _, qualifier = function_reference(identity).partition(":")
        return {"functionName": function, **({"qualifier": qualifier} if qualifier else {})}

    def create(self, aws: Aws, new: Bag) -> str:
        self._put(aws, new)
        return ":".join(filter(None, (new["functionName"], new.get("qualifier"))))

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        answer = aws("lambda").get_function_event_invoke_config(**self._where(state))
        found = {name: each for name, each in (answer.pop("DestinationConfig", None) or {}).items() if each}
        answer |= {"DestinationConfig": found} if found else {}
        where = {name: state[name] for name in ("functionName", "qualifier") if state.get(name)}
        return Live(identity, {**from_api(self.settings, answer, pascal), **where})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        self._put(aws, new)

    def _put(self, aws: Aws, new: Bag) -> None:
        """Put all of it, as the real provider does: what a request leaves out is removed."""
        request = to_api(self.settings, new, pascal)
        aws("lambda").put_function_event_invoke_config(**self._where(new), **request)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("lambda").delete_function_event_invoke_config(**self._where(state))

    def _where(self, state: Bag) -> dict[str, str]:
        qualifier = {"Qualifier": state["qualifier"]} if state.get("qualifier") else {}
        return {"FunctionName": state["functionName"], **qualifier}


def _spelled(name: str) -> str:
    return name[0].lower() + name[1:]


def _settled(aws: Aws, identity: str) -> None:
    """Wait until Lambda accepts the next change of a mapping. Raises ProviderError after ten minutes."""
    deadline = time.monotonic() + _SECONDS
    while (state := aws("lambda").get_event_source_mapping(UUID=identity)["State"]) in _CHANGING:
        if time.monotonic() > deadline:
            raise ProviderError(f"waiting for Lambda Event Source Mapping ({identity}): still {state}")
        time.sleep(0.05)


def _gone(aws: Aws, identity: str) -> None:
    """Wait until a mapping is deleted, which is when Lambda no longer shows it: the error ends the deletion."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        aws("lambda").get_event_source_mapping(UUID=identity)
        time.sleep(0.05)
    raise ProviderError(f"waiting for Lambda Event Source Mapping ({identity}): still Deleting")
