"""A function URL authenticates its callers."""

from collections.abc import Iterator

from policy.rule import Rule, must
from policy.tokens import FUNCTION_URL, PERMISSION
from policy.view import Resource, Stack


def url(resource: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"""
    path = "authorizationType" if resource.type == FUNCTION_URL else "functionUrlAuthType"
    if resource.get(path) == "NONE":
        remedy = "set it to AWS_IAM, or put an API with an authorizer in front of the function"
        yield must(resource, "authenticate its callers", path, "NONE", remedy)


RULES = (Rule("network-url", "A function URL authenticates its callers", frozenset({FUNCTION_URL, PERMISSION}), url),)
