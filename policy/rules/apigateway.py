"""An API limits its requests, and in production logs them."""

from collections.abc import Iterator

from policy.rule import Rule, must
from policy.tokens import STAGE
from policy.view import UNKNOWN, Resource, Stack


def throttle(stage: Resource, stack: Stack) -> Iterator[str]:
    """A stage without limits of its own can use up the account's quota, which all APIs share.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
    """
    for name in ("throttlingRateLimit", "throttlingBurstLimit"):
        path = f"defaultRouteSettings.{name}"
        if stage.get(path) is not UNKNOWN and not stage.get(path):
            remedy = "give a rate and a burst that the service can serve"
            yield must(stage, "bound the requests that it lets through", path, stage.get(path), remedy)


def access_log(stage: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/apigateway-controls.html#apigateway-9"""
    path = "accessLogSettings.destinationArn"
    if stack.settings.production and stage.get(path) is not UNKNOWN and not stage.get(path):
        remedy = "name a log group with a retention"
        yield must(stage, "log its requests in production", path, stage.get(path), remedy)


RULES = (
    Rule("apigateway-throttle", "An API bounds its requests", frozenset({STAGE}), throttle),
    Rule("apigateway-access-log", "A production API has an access log", frozenset({STAGE}), access_log),
)
