"""An API limits its requests and whose pages may call it, answers at one address, and in production logs requests."""

from collections.abc import Iterator

from policy.rule import Rule, must
from policy.tokens import API, API_MAPPING, STAGE
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


ANY_ORIGIN = ("*", "https://*", "http://*")


def credentials(api: Resource, stack: Stack) -> Iterator[str]:
    """API Gateway refuses "*" beside credentials, and takes every origin of a scheme.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    """
    path = "corsConfiguration.allowOrigins"
    origins = api.get(path)
    wide = [each for each in origins if each in ANY_ORIGIN] if isinstance(origins, list | tuple) else []
    if wide and api.get("corsConfiguration.allowCredentials") is True:
        remedy = "name the origins, or leave allowCredentials out"
        yield must(api, "name the origins that may send credentials", path, wide, remedy)


def endpoint(api: Resource, stack: Stack) -> Iterator[str]:
    """Callers of the execute-api address pass by what stands in front of the API's own name.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-disable-default-endpoint.html
    """
    path = "disableExecuteApiEndpoint"
    named = any(api in stack.used(mapping, "apiId") for mapping in stack.of(API_MAPPING))
    if named and api.get(path) is not UNKNOWN and not api.get(path):
        yield must(api, "answer by its own name alone", path, api.get(path), "set it to true")


RULES = (
    Rule("apigateway-throttle", "An API bounds its requests", frozenset({STAGE}), throttle),
    Rule("apigateway-credentials", "An API takes credentials of named origins alone", frozenset({API}), credentials),
    Rule("apigateway-endpoint", "An API answers by its own name alone", frozenset({API}), endpoint),
    Rule("apigateway-access-log", "A production API has an access log", frozenset({STAGE}), access_log),
)
