"""SQS queues: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""

from typing import Any

from local.providers.resource import Aws, Field, Live, Resource, json_text, policy_text, props, sorted_text, unset
from local.providers.wire import Bag

_NUMBERS = props(
    delaySeconds=Field(default=0, api="DelaySeconds"),
    kmsDataKeyReusePeriodSeconds=Field(computed=True, api="KmsDataKeyReusePeriodSeconds", zero=300),
    maxMessageSize=Field(default=262_144, api="MaximumMessageSize"),
    messageRetentionSeconds=Field(default=345_600, api="MessageRetentionPeriod"),
    receiveWaitTimeSeconds=Field(default=0, api="ReceiveMessageWaitTimeSeconds"),
    visibilityTimeoutSeconds=Field(default=30, api="VisibilityTimeout"),
)
_SWITCHES = props(
    contentBasedDeduplication=Field(default=False, api="ContentBasedDeduplication"),
    fifoQueue=Field(default=False, replaces=True, api="FifoQueue"),
    sqsManagedSseEnabled=Field(computed=True, api="SqsManagedSseEnabled", zero=False),
)
_TEXTS = props(
    deduplicationScope=Field(computed=True, api="DeduplicationScope", zero=""),
    fifoThroughputLimit=Field(computed=True, api="FifoThroughputLimit", zero=""),
    kmsMasterKeyId=Field(api="KmsMasterKeyId", zero=""),
    policy=Field(computed=True, form=policy_text, kept=sorted_text, api="Policy", zero=""),
    redriveAllowPolicy=Field(computed=True, form=json_text, kept=sorted_text, api="RedriveAllowPolicy", zero=""),
    redrivePolicy=Field(computed=True, form=json_text, kept=sorted_text, api="RedrivePolicy", zero=""),
)
_ATTRIBUTES = {**_NUMBERS, **_SWITCHES, **_TEXTS}
_OF_FIFO = frozenset({"contentBasedDeduplication", "deduplicationScope", "fifoQueue", "fifoThroughputLimit"})


def _written(bag: Bag, names: Any) -> dict[str, str]:
    """Return attributes as SQS accepts them: every value is a text, and an empty one removes what there was."""
    return {_ATTRIBUTES[name].api: _text(bag.get(name)) for name in names}


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _read(attributes: dict[str, str]) -> Bag:
    def held(fields: Any) -> dict[str, str]:
        return {name: attributes[spec.api] for name, spec in fields.items() if spec.api in attributes}

    return {
        **{name: int(value) for name, value in held(_NUMBERS).items()},
        **{name: value == "true" for name, value in held(_SWITCHES).items()},
        **held(_TEXTS),
    }


class Queue(Resource):
    """A queue. Its id is its URL."""

    kind = "aws:sqs/queue:Queue"
    service = "sqs"
    label = "SQS Queue"
    tagged = True
    fields = props(name=Field(replaces=True), **_ATTRIBUTES)
    outputs = ("arn", "url")
    also = unset(namePrefix="")

    def locate(self, identity: str) -> Bag:
        return {"name": identity.rsplit("/", 1)[-1]}

    def create(self, aws: Aws, new: Bag) -> str:
        fifo = frozenset() if new.get("fifoQueue") else _OF_FIFO  # SQS refuses even `false` of a standard queue
        given = [name for name in _ATTRIBUTES if new.get(name) not in (None, "") and name not in fifo]
        answer = aws("sqs").create_queue(QueueName=new["name"], Attributes=_written(new, given), tags=new["tagsAll"])
        return str(answer["QueueUrl"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        client = aws("sqs")
        attributes = client.get_queue_attributes(QueueUrl=identity, AttributeNames=["All"])["Attributes"]
        name = attributes["QueueArn"].rsplit(":", 1)[1]
        outputs = {"name": name, "arn": attributes["QueueArn"], "url": identity}
        tags = client.list_queue_tags(QueueUrl=identity).get("Tags", {})
        return Live(identity, {**_read(attributes), **outputs, "tags": tags})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        written = _written(new, [name for name in _ATTRIBUTES if name in changed])
        aws("sqs").set_queue_attributes(QueueUrl=identity, Attributes=written)

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        if gone:
            aws("sqs").untag_queue(QueueUrl=state["url"], TagKeys=gone)
        if tags:
            aws("sqs").tag_queue(QueueUrl=state["url"], Tags=tags)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("sqs").delete_queue(QueueUrl=identity)


class QueuePolicy(Resource):
    """Who may use a queue. Its id is the queue's URL."""

    kind = "aws:sqs/queuePolicy:QueuePolicy"
    service = "sqs"
    label = "SQS Queue Policy"
    name = None
    fields = props(
        policy=Field(required=True, form=policy_text, kept=sorted_text),
        queueUrl=Field(required=True, replaces=True),
    )

    def create(self, aws: Aws, new: Bag) -> str:
        aws("sqs").set_queue_attributes(QueueUrl=new["queueUrl"], Attributes={"Policy": new["policy"]})
        return str(new["queueUrl"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        found = aws("sqs").get_queue_attributes(QueueUrl=identity, AttributeNames=["Policy"]).get("Attributes", {})
        return Live(identity, {"policy": found["Policy"], "queueUrl": identity}) if found.get("Policy") else None

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("sqs").set_queue_attributes(QueueUrl=identity, Attributes={"Policy": ""})
