"""EventBridge's buses, rules and targets: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html

The SDK has them in its module `cloudwatch`.
"""

import uuid

from local.providers.resource import (
    Aws,
    Field,
    Live,
    ProviderError,
    Resource,
    from_api,
    json_text,
    pairs,
    pascal,
    policy_text,
    props,
    sorted_text,
    to_api,
    unpaired,
    unset,
)
from local.providers.wire import Bag

_DEFAULT = "default"


def bus_name(value: str) -> str:
    """Return the name of a bus, from itself or from its ARN."""
    return value.rpartition("event-bus/")[2]


def _tags(aws: Aws, arn: str) -> dict[str, str]:
    return unpaired(aws("events").list_tags_for_resource(ResourceARN=arn)["Tags"])


class EventBus(Resource):
    """A bus. Its id is its name."""

    kind = "aws:cloudwatch/eventBus:EventBus"
    service = "events"
    label = "EventBridge Event Bus"
    tagged = True
    fields = props(name=Field(replaces=True), description=Field(zero=""))
    outputs = ("arn",)
    also = unset(deadLetterConfig=None, eventSourceName=None, kmsKeyIdentifier="", logConfig=None)

    def create(self, aws: Aws, new: Bag) -> str:
        aws("events").create_event_bus(**to_api(self.own, new, pascal), Tags=pairs(new["tagsAll"]))
        return str(new["name"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        answer = aws("events").describe_event_bus(Name=identity)
        bag = {**from_api(self.own, answer, pascal), "arn": answer["Arn"], "tags": _tags(aws, answer["Arn"])}
        return Live(identity, bag)

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        aws("events").update_event_bus(Name=identity, Description=new.get("description", ""))

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("events").delete_event_bus(Name=identity)


class EventBusPolicy(Resource):
    """Who may put events on a bus. Its id is the bus's name."""

    kind = "aws:cloudwatch/eventBusPolicy:EventBusPolicy"
    service = "events"
    label = "EventBridge Event Bus Policy"
    name = None
    fields = props(
        eventBusName=Field(default=_DEFAULT, replaces=True, form=bus_name),
        policy=Field(required=True, form=policy_text, kept=sorted_text),
    )

    def locate(self, identity: str) -> Bag:
        return {"eventBusName": identity}

    def create(self, aws: Aws, new: Bag) -> str:
        bus = bus_name(new.get("eventBusName", _DEFAULT))
        aws("events").put_permission(EventBusName=bus, Policy=new["policy"])
        return bus

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        policy = aws("events").describe_event_bus(Name=identity).get("Policy")
        return Live(identity, {"eventBusName": identity, "policy": policy}) if policy else None

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("events").remove_permission(EventBusName=identity, RemoveAllPermissions=True)


class EventRule(Resource):
    """A rule. Its id is its name, with its bus before it unless that is the default one: BUS/RULE."""

    kind = "aws:cloudwatch/eventRule:EventRule"
    service = "events"
    label = "EventBridge Rule"
    tagged = True
    settings = props(
        description=Field(zero=""),
        eventPattern=Field(form=json_text, kept=sorted_text, zero=""),
        roleArn=Field(zero=""),
        scheduleExpression=Field(zero=""),
        state=Field(default="ENABLED", implied=True),
    )
    fields = props(
        name=Field(replaces=True),
        eventBusName=Field(default=_DEFAULT, replaces=True, form=bus_name),
        forceDestroy=Field(default=False, unread=True),
        **settings,
    )
    outputs = ("arn",)
    also = unset(isEnabled=None, namePrefix="")

    def locate(self, identity: str) -> Bag:
        bus, _, name = identity.rpartition("/")
        return {"name": name, "eventBusName": bus or _DEFAULT}

    def create(self, aws: Aws, new: Bag) -> str:
        self._put(aws, new, Tags=pairs(new["tagsAll"]))
        bus = bus_name(new.get("eventBusName", _DEFAULT))
        return str(new["name"]) if bus == _DEFAULT else f"{bus}/{new['name']}"

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        where = {"Name": state["name"], "EventBusName": state["eventBusName"]}
        answer = aws("events").describe_rule(**where)
        bag = {**from_api(self.own, answer, pascal), "arn": answer["Arn"], "tags": _tags(aws, answer["Arn"])}
        return Live(identity, {name: value for name, value in bag.items() if value != ""})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        if changed - {"forceDestroy"}:
            self._put(aws, new)

    def _put(self, aws: Aws, new: Bag, **more: object) -> None:
        """Put all of the rule, as EventBridge asks: what a request leaves out is removed."""
        given = to_api({name: spec for name, spec in self.own.items() if name != "forceDestroy"}, new, pascal)
        aws("events").put_rule(**{"State": "ENABLED", "Description": "", **given, **more})

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("events").delete_rule(Name=state["name"], EventBusName=state["eventBusName"])


class EventTarget(Resource):
    """A target of a rule. Its id is BUS-RULE-TARGET, without the default bus; an import gives BUS/RULE/TARGET."""

    kind = "aws:cloudwatch/eventTarget:EventTarget"
    service = "events"
    label = "EventBridge Target"
    name = None
    settings = props(
        arn=Field(required=True),
        deadLetterConfig=Field(of=props(arn=Field())),
        input=Field(form=json_text, zero=""),
        inputPath=Field(zero=""),
        inputTransformer=Field(of=props(inputPaths=Field(api="InputPathsMap"), inputTemplate=Field(required=True))),
        retryPolicy=Field(
            of=props(
                maximumEventAgeInSeconds=Field(computed=True),
                maximumRetryAttempts=Field(computed=True),
            )
        ),
        roleArn=Field(zero=""),
    )
    fields = props(
        eventBusName=Field(default=_DEFAULT, replaces=True, form=bus_name),
        forceDestroy=Field(default=False, unread=True),
        rule=Field(required=True, replaces=True),
        targetId=Field(computed=True, replaces=True),
        **settings,
    )
    also = unset(
        appsyncTarget=None,
        batchTarget=None,
        ecsTarget=None,
        httpTarget=None,
        kinesisTarget=None,
        redshiftTarget=None,
        runCommandTargets=[],
        sagemakerPipelineTarget=None,
        sqsTarget=None,
    )

    def locate(self, identity: str) -> Bag:
        bus, rule, target = ["", *identity.split("/")][-3:] if "/" in identity else ["", "", identity]
        return {"eventBusName": bus or _DEFAULT, "rule": rule, "targetId": target}

    def create(self, aws: Aws, new: Bag) -> str:
        target = new.get("targetId") or f"terraform-{uuid.uuid4().hex[:26]}"
        self._put(aws, {**new, "targetId": target})
        return _target_id({**new, "targetId": target})

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        bus, rule = bus_name(state.get("eventBusName", _DEFAULT)), state["rule"]
        pages = aws("events").list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
        where = {"eventBusName": bus, "rule": rule}
        found = [one for one in pages if _target_id({**where, "targetId": one["Id"]}) == identity]
        found = found or [one for one in pages if one["Id"] == state.get("targetId")]
        if not found:
            return None
        bag = {**from_api(self.settings, found[0], pascal), **where, "targetId": found[0]["Id"]}
        return Live(_target_id(bag), bag)

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        self._put(aws, {**new, "targetId": old["targetId"]})

    def _put(self, aws: Aws, new: Bag) -> None:
        target = {**to_api(self.settings, new, pascal), "Id": new["targetId"]}
        where = {"Rule": new["rule"], "EventBusName": new.get("eventBusName", _DEFAULT)}
        answer = aws("events").put_targets(**where, Targets=[target])
        if failed := answer.get("FailedEntries"):
            raise ProviderError(f"creating EventBridge Target ({new['targetId']}): {failed[0]}")

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        where = {"Rule": state["rule"], "EventBusName": state["eventBusName"]}
        aws("events").remove_targets(**where, Ids=[state["targetId"]])


def _target_id(bag: Bag) -> str:
    bus = bus_name(bag.get("eventBusName", _DEFAULT))
    name = f"{bag['rule']}-{bag['targetId']}"
    return name if bus == _DEFAULT else f"{bus}-{name}"
