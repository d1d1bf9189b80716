"""A parameter is encrypted, and no environment contains its value. No message shows a value."""

from collections.abc import Iterator

from policy.rule import Rule, must
from policy.tokens import FUNCTION, PARAMETER
from policy.view import UNKNOWN, Resource, Stack


def encryption(parameter: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html"""
    kind = parameter.get("type")
    if kind is not UNKNOWN and kind != "SecureString":
        remedy = "set it to SecureString, and give the value by a Pulumi secret"
        yield must(parameter, "be encrypted", "type", kind, remedy)


def apart(function: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
    variables = function.get("environment.variables")
    given = variables if isinstance(variables, dict) else {}
    for parameter in stack.of(PARAMETER):
        value = parameter.get("value")
        if not isinstance(value, str) or not value:
            continue
        for name in sorted(name for name, text in given.items() if isinstance(text, str) and value in text):
            yield (
                f"{function.name} must read {parameter.name} at run time: environment.variables.{name} holds its value;"
                " give the parameter's name instead, and the right to read it"
            )


RULES = (
    Rule("ssm-encryption", "A parameter is encrypted", frozenset({PARAMETER}), encryption),
    Rule("ssm-apart", "No environment contains a parameter's value", frozenset({FUNCTION}), apart, whole=True),
)
