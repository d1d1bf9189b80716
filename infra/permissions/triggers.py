"""Grants for what calls a function beside the API: queues, event source mappings, a bus and its rules.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

from collections.abc import Iterator

from infra.naming import LIVE, AwsLocation, Names
from infra.permissions.declared import Resources
from infra.permissions.grants import Grant

TAGGING = ("TagResource", "UntagResource")


def triggers(names: Names, place: AwsLocation) -> Iterator[Grant]:
    """Yield the grants. Queues may not be deleted, since messages would go with them: only an administrator may.

    A mapping has a random id, so it is identified by the alias that it calls; its tags give no right to anything. It is
    read without that condition, since the provider asks until a deleted one is gone, and then it calls no alias.
    """
    own = Resources(names, place)
    yield Grant(
        "Queues",
        "sqs",
        (*own.queues, place.arn("sqs", names.messages)),
        ("GetQueueAttributes", "ListQueueTags"),
        ("CreateQueue", "SetQueueAttributes", "TagQueue", "UntagQueue"),
    )
    yield Grant(
        "Bus",
        "events",
        (own.bus,),
        ("DescribeEventBus", "ListTagsForResource"),
        ("CreateEventBus", "DeleteEventBus", *TAGGING),
    )
    yield Grant(
        "Rules",
        "events",
        (*own.rules, place.arn("events", f"rule/{names.messages}")),
        ("DescribeRule", "ListTagsForResource", "ListTargetsByRule"),
        ("DeleteRule", "PutRule", "PutTargets", "RemoveTargets", *TAGGING),
    )
    ours = {"ArnLike": {"lambda:FunctionArn": [f"{function}:{LIVE}" for function in own.services]}}
    yield Grant(
        "Mappings",
        "lambda",
        ("*",),
        writes=("CreateEventSourceMapping", "DeleteEventSourceMapping", "UpdateEventSourceMapping"),
        condition=ours,
    )
    mappings = place.arn("lambda", "event-source-mapping:*")
    yield Grant("AnyMapping", "lambda", (mappings,), ("GetEventSourceMapping", "ListTags"), TAGGING)
