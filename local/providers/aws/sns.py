"""SNS topics and subscriptions: https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html"""

import json
from collections.abc import Mapping
from typing import Any

from local.providers.resource import (
    Aws,
    Field,
    Live,
    Resource,
    json_text,
    pairs,
    pascal,
    policy_text,
    props,
    sorted_text,
    unpaired,
    unset,
)
from local.providers.wire import Bag


def _written(fields: Mapping[str, Field], bag: Bag, names: Any) -> dict[str, str]:
    """Return attributes as SNS accepts them: every value is a text, and a missing one is empty."""
    given = {fields[name].api or pascal(name): bag.get(name) for name in names}
    return {name: "" if value is None else _text(value) for name, value in given.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(fields: Mapping[str, Field], attributes: Mapping[str, str]) -> Bag:
    bag = {name: attributes.get(spec.api or pascal(name)) for name, spec in fields.items()}
    return {name: _typed(value) for name, value in bag.items() if value is not None}


def _typed(value: str) -> Any:
    return value == "true" if value in ("true", "false") else value


class Topic(Resource):
    """A topic. Its id is its ARN."""

    kind = "aws:sns/topic:Topic"
    service = "sns"
    label = "SNS Topic"
    tagged = True
    attributes = props(
        contentBasedDeduplication=Field(default=False),
        deliveryPolicy=Field(form=json_text, zero=""),
        displayName=Field(zero=""),
        fifoTopic=Field(default=False, replaces=True),
        kmsMasterKeyId=Field(zero=""),
        policy=Field(form=policy_text, kept=sorted_text, computed=True),
        tracingConfig=Field(computed=True, zero=""),
    )
    fields = props(name=Field(replaces=True), **attributes)
    outputs = ("arn", "beginningArchiveTime", "owner")
    also = unset(
        archivePolicy="",
        fifoThroughputScope="",
        namePrefix="",
        signatureVersion=0,
        **{
            f"{way}{end}": "" if end.endswith("Arn") else 0
            for way in ("application", "firehose", "http", "lambda", "sqs")
            for end in ("FailureFeedbackRoleArn", "SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate")
        },
    )

    def locate(self, identity: str) -> Bag:
        return {}

    def create(self, aws: Aws, new: Bag) -> str:
        given = _written(self.attributes, new, [name for name in self.attributes if new.get(name)])
        answer = aws("sns").create_topic(Name=new["name"], Attributes=given, Tags=pairs(new["tagsAll"]))
        return str(answer["TopicArn"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        attributes = aws("sns").get_topic_attributes(TopicArn=identity)["Attributes"]
        tags = unpaired(aws("sns").list_tags_for_resource(ResourceArn=identity)["Tags"])
        outputs = {
            "arn": identity,
            "beginningArchiveTime": attributes.get("BeginningArchiveTime", ""),
            "owner": attributes["Owner"],
        }
        name = identity.rsplit(":", 1)[1]
        return Live(identity, {**_read(self.attributes, attributes), **outputs, "name": name, "tags": tags})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        for name, value in _written(self.attributes, new, changed).items():
            aws("sns").set_topic_attributes(TopicArn=identity, AttributeName=name, AttributeValue=value)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("sns").delete_topic(TopicArn=identity)


class TopicPolicy(Resource):
    """Who may publish to a topic. Its id is the topic's ARN; deleting it leaves SNS's own default policy."""

    kind = "aws:sns/topicPolicy:TopicPolicy"
    service = "sns"
    label = "SNS Topic Policy"
    name = None
    fields = props(
        arn=Field(required=True, replaces=True), policy=Field(required=True, form=policy_text, kept=sorted_text)
    )
    outputs = ("owner",)

    def create(self, aws: Aws, new: Bag) -> str:
        aws("sns").set_topic_attributes(TopicArn=new["arn"], AttributeName="Policy", AttributeValue=new["policy"])
        return str(new["arn"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        attributes = aws("sns").get_topic_attributes(TopicArn=identity)["Attributes"]
        return Live(identity, {"arn": identity, "policy": attributes["Policy"], "owner": attributes["Owner"]})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        owner_only = {
            "Version": "2008-10-17",
            "Id": "__default_policy_ID",
            "Statement": [
                {
                    "Sid": "__default_statement_ID",
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": ["SNS:Publish", "SNS:Subscribe", "SNS:SetTopicAttributes", "SNS:GetTopicAttributes"],
                    "Resource": identity,
                    "Condition": {"StringEquals": {"AWS:SourceOwner": aws.account}},
                }
            ],
        }
        self.create(aws, {"arn": identity, "policy": json.dumps(owner_only)})


class TopicSubscription(Resource):
    """A subscription. Its id is its ARN."""

    kind = "aws:sns/topicSubscription:TopicSubscription"
    service = "sns"
    label = "SNS Topic Subscription"
    name = None
    attributes = props(
        deliveryPolicy=Field(form=json_text, zero=""),
        filterPolicy=Field(form=json_text, zero=""),
        filterPolicyScope=Field(computed=True, zero=""),
        rawMessageDelivery=Field(default=False),
        redrivePolicy=Field(form=json_text, zero=""),
        subscriptionRoleArn=Field(zero=""),
    )
    fields = props(
        topic=Field(required=True, replaces=True, api="TopicArn"),
        protocol=Field(required=True, replaces=True),
        endpoint=Field(required=True, replaces=True),
        confirmationTimeoutInMinutes=Field(default=1, unread=True),
        endpointAutoConfirms=Field(default=False, unread=True),
        **attributes,
    )
    outputs = ("arn", "confirmationWasAuthenticated", "ownerId", "pendingConfirmation")
    also = unset(replayPolicy="")

    def create(self, aws: Aws, new: Bag) -> str:
        answer = aws("sns").subscribe(
            TopicArn=new["topic"],
            Protocol=new["protocol"],
            Endpoint=new["endpoint"],
            Attributes=_written(self.attributes, new, [name for name in self.attributes if new.get(name)]),
            ReturnSubscriptionArn=True,
        )
        return str(answer["SubscriptionArn"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        attributes = aws("sns").get_subscription_attributes(SubscriptionArn=identity)["Attributes"]
        outputs = {
            "arn": identity,
            "ownerId": attributes["Owner"],
            "pendingConfirmation": attributes.get("PendingConfirmation") == "true",
            "confirmationWasAuthenticated": attributes.get("ConfirmationWasAuthenticated") == "true",
        }
        return Live(identity, {**_read(self.own, attributes), **outputs})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        for name, value in _written(self.attributes, new, changed & self.attributes.keys()).items():
            aws("sns").set_subscription_attributes(SubscriptionArn=identity, AttributeName=name, AttributeValue=value)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("sns").unsubscribe(SubscriptionArn=identity)
