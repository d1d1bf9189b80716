"""Grants for the API's access log: its log group, and the delivery that API Gateway creates in the caller's name.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html#http-api-logging.permissions
"""

from collections.abc import Iterator

from infra.naming import AwsLocation, Names
from infra.permissions.grants import Grant
from infra.permissions.unscoped import LOG_DELIVERY


def access_log(names: Names, place: AwsLocation) -> Iterator[Grant]:
    """Yield the grants; deleting the group is among them, since a stack may turn its access log off."""
    arn = place.arn("logs", f"log-group:{names.api_log_group}")
    yield Grant(
        "AccessLog",
        "logs",
        (arn, f"{arn}:*"),
        ("ListTagsForResource",),
        ("CreateLogGroup", "DeleteLogGroup", "PutRetentionPolicy", "TagResource", "UntagResource"),
    )
    yield Grant("LogDelivery", "logs", ("*",), writes=tuple(LOG_DELIVERY))
