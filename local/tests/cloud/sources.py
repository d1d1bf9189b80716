"""Sources of events for tests: a table with a stream, queues, and functions that print what they get."""

import json
from collections.abc import Callable
from typing import Any

from local.tests.cloud.conftest import Functions, until

Json = dict[str, Any]
SEEN = "SEEN "
PRINT = (
    "import json\n\ndef seen(event, context):\n    print('SEEN ' + json.dumps([context.function_version, event]))\n\n"
)


def source(body: str) -> str:
    """Return a module whose handler prints each event and then does `body`, in which `numbers` are the records' `n`."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return (
        f"{PRINT}def n(record):\n"
        "    body = record.get('body')\n"
        "    return int(body) if body else int(record['dynamodb']['Keys']['n']['N'])\n\n"
        "def name(record):\n"
        "    return record.get('messageId') or record['dynamodb']['SequenceNumber']\n\n"
        "def failing(event, *poison):\n"
        "    found = [r for r in event['Records'] if n(r) in poison]\n"
        "    return {'batchItemFailures': [{'itemIdentifier': name(r)} for r in found]}\n\n"
        "def handler(event, context):\n"
        "    seen(event, context)\n"
        f"    numbers = [n(record) for record in event['Records']]\n{lines}"
    )


class Sources:
    """Makes sources and mappings in the fresh account."""

    def __init__(self, client: Callable[[str], Any], functions: Functions) -> None:
        self.client = client
        self.functions = functions
        self.dynamodb = client("dynamodb")
        self.sqs = client("sqs")
        self._logs = client("logs")

    # Tables

    def table(self, name: str = "numbers", view: str = "NEW_AND_OLD_IMAGES") -> str:
        """Create a table whose key is the number `n`; return its stream's ARN."""
        made = self.dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "n", "AttributeType": "N"}],
            KeySchema=[{"AttributeName": "n", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )
        assert until(lambda: self.dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
        return str(made["TableDescription"]["LatestStreamArn"])

    def put(self, *numbers: int, table: str = "numbers", **attributes: Any) -> None:
        """Put an item of each number."""
        for number in numbers:
            self.dynamodb.put_item(TableName=table, Item={"n": {"N": str(number)}, **attributes})

    # Queues

    def queue(self, name: str = "jobs", **attributes: str) -> str:
        """Create a queue; return its ARN."""
        self.sqs.create_queue(QueueName=name, Attributes=attributes)
        return self.attribute(name, "QueueArn")

    def attribute(self, queue: str, name: str) -> str:
        """Return an attribute of a queue."""
        found = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=[name])
        return str(found["Attributes"][name])

    def url(self, queue: str) -> str:
        """Return a queue's URL."""
        return str(self.sqs.get_queue_url(QueueName=queue)["QueueUrl"])

    def send(self, *numbers: int, queue: str = "jobs", **options: Any) -> None:
        """Send a message of each number."""
        for number in numbers:
            self.sqs.send_message(QueueUrl=self.url(queue), MessageBody=str(number), **options)

    def messages(self, queue: str) -> list[Json]:
        """Return and delete what a queue holds."""
        url = self.url(queue)
        found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])
        for message in found.get("Messages", ()):
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return list(found.get("Messages", ()))

    def dead(self, count: int, queue: str = "dead") -> list[Any]:
        """Wait for `count` messages in a dead-letter queue; return their bodies, parsed."""
        found: list[Json] = []

        def enough() -> bool:
            found.extend(self.messages(queue))
            return len(found) >= count

        assert until(enough)
        return [json.loads(message["Body"]) for message in found]

    # Mappings

    def consumer(self, body: str, name: str = "orders", **config: Any) -> str:
        """Create a function with an alias `live` that prints and then does `body`; return the alias's ARN."""
        return self.functions.alias(self.functions.create(source(body), name, **config), name=name)

    def map(self, arn: str, function: str, **settings: Any) -> str:
        """Create a mapping and wait until it is enabled; return its UUID."""
        if ":dynamodb:" in arn:
            settings = {"StartingPosition": "TRIM_HORIZON", **settings}
        made = self.functions.client.create_event_source_mapping(EventSourceArn=arn, FunctionName=function, **settings)
        self.wait(made["UUID"], "Enabled")
        return str(made["UUID"])

    def wait(self, mapping: str, state: str) -> None:
        """Wait for a mapping's state."""
        get = self.functions.client.get_event_source_mapping
        assert until(lambda: get(UUID=mapping)["State"] == state)

    # What functions have seen

    def invocations(self, name: str = "orders") -> list[tuple[str, Json]]:
        """Return version and event of each invocation, in the order in which they ended."""
        found = self._logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="SEEN", limit=10_000)
        said = [event["message"].strip() for event in found["events"]]
        return [tuple(json.loads(line.removeprefix(SEEN))) for line in said if line.startswith(SEEN)]

    def batches(self, name: str = "orders") -> list[list[int]]:
        """Return the numbers of each invocation's records."""
        try:
            return [[_number(record) for record in event["Records"]] for _, event in self.invocations(name)]
        except self._logs.exceptions.ResourceNotFoundException:
            return []

    def numbers(self, name: str = "orders") -> list[int]:
        """Return the numbers of all records that the function has got, in order."""
        return [number for batch in self.batches(name) for number in batch]

    def come(self, *expected: list[int], name: str = "orders") -> list[list[int]]:
        """Wait for as many invocations as are expected; return all that there are."""
        until(lambda: len(self.batches(name)) >= len(expected))
        return self.batches(name)


def _number(record: Json) -> int:
    return int(record["body"]) if "body" in record else int(record["dynamodb"]["Keys"]["n"]["N"])
