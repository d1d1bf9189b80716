"""What the API's access log takes: its log group, and the delivery that API Gateway makes in the caller's name.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html#http-api-logging.permissions
"""

from collections.abc import Iterator

from infra.naming import AwsLocation, Names
from infra.permissions.grants import Grant
from infra.permissions.unscoped import DELIVERS


def access_log(names: Names, place: AwsLocation) -> Iterator[Grant]:
    """A stack may turn its access log off, and its group then goes."""
    arn = place.arn("logs", f"log-group:{names.api_log_group}")
    yield Grant(
        "AccessLog",
        "logs",
        (arn, f"{arn}:*"),
        ("ListTagsForResource",),
        ("CreateLogGroup", "DeleteLogGroup", "PutRetentionPolicy", "TagResource", "UntagResource"),
    )
    yield Grant("LogDelivery", "logs", ("*",), writes=tuple(DELIVERS))
