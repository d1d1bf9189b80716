"""A function is called through the alias that releases move, and has its own role and no secret in its environment."""

import re
from collections.abc import Iterator

from policy.rule import Rule, must, shown
from policy.tokens import ALIAS, FUNCTION, FUNCTION_URL, PERMISSION
from policy.view import UNKNOWN, Resource, Stack

# The property of each type of resource that names the function it calls.
CALLERS = {
    "aws:apigateway/integration:Integration": "uri",
    "aws:apigatewayv2/integration:Integration": "integrationUri",
    "aws:cloudwatch/eventTarget:EventTarget": "arn",
    "aws:lambda/eventSourceMapping:EventSourceMapping": "functionName",
    "aws:s3/bucketNotification:BucketNotification": "lambdaFunctions",
    "aws:scheduler/schedule:Schedule": "target",
    "aws:sns/topicSubscription:TopicSubscription": "endpoint",
}
QUALIFIED = frozenset({PERMISSION, FUNCTION_URL})  # name the function, and the alias in `qualifier`
FUNCTION_ARN = re.compile(r":function:[\w-]+(?::(?P<qualifier>[\w$-]+))?")
NO_ALIAS = re.compile(r"\d+|\$LATEST")

# Every input of an alias that can change: Pulumi sends one again when another one changes, and would undo a shift.
MOVED = ("description", "functionVersion", "routingConfig")

SECRET_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|(API|ACCESS|PRIVATE|SIGNING)_?KEY", re.IGNORECASE)
REFERENCE_NAME = re.compile(r"_(ARN|ID|NAME|PARAMETER|PATH)$", re.IGNORECASE)
REFERENCE = re.compile(r"arn:|/[\w.-]+(/|$)")  # of Secrets Manager or SSM
SECRET_VALUE = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_\w{20,}|\bxox[abprs]-\w+|\bpul-[0-9a-f]{40}"
    r"|\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]+|://[^/\s:@]+:[^/\s@]+@"
)


def reached(caller: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html"""
    path = "qualifier" if caller.type in QUALIFIED else CALLERS[caller.type]
    value = caller.get(path)
    if _bypasses(caller, path, value, stack):
        functions = [other.name for other in stack.used(caller, path) if other.type == FUNCTION]
        found = f"an output of {functions[0]}" if functions else shown(value)
        yield (
            f"{caller.name} must reach the function through its alias: {path} is {found}; take {_remedy(path)} of the "
            "alias, so that a canary sees the traffic"
        )


def _bypasses(caller: Resource, path: str, value: object, stack: Stack) -> bool:
    """Return True if the value names no alias; an unknown value is judged by the resource whose output it is."""
    if path == "qualifier" and value is None:
        return True
    if path == "qualifier" and isinstance(value, str):
        return NO_ALIAS.fullmatch(value) is not None
    if (found := FUNCTION_ARN.search(str(value))) is not None:
        return found["qualifier"] is None or NO_ALIAS.fullmatch(found["qualifier"]) is not None
    if path == "functionName" and isinstance(value, str):
        return NO_ALIAS.fullmatch(value.partition(":")[2] or "$LATEST") is not None
    types = {other.type for other in stack.used(caller, path)}
    return FUNCTION in types and ALIAS not in types


def _remedy(path: str) -> str:
    return {"qualifier": "the name", "integrationUri": "invoke_arn", "uri": "invoke_arn"}.get(path, "the arn")


def moved(alias: Resource, stack: Stack) -> Iterator[str]:
    """https://www.pulumi.com/docs/iac/concepts/options/ignorechanges/"""
    if missing := [name for name in MOVED if name not in alias.ignore_changes]:
        yield must(
            alias,
            "leave its version to CodeDeploy",
            "ignoreChanges",
            sorted(alias.ignore_changes),
            f"add {', '.join(missing)}, or `pulumi up` undoes a shift of traffic",
        )


def own_role(function: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html"""
    role = function.get("role")
    for other in stack.of(FUNCTION):
        known = isinstance(role, str) and other.get("role") == role
        made = set(function.uses.get("role", ())) & set(other.uses.get("role", ()))
        if other != function and (known or made):
            duty = f"have a role that {other.name} does not have"
            remedy = "declare a role for each function, with only the actions that it calls"
            value = role if known else ", ".join(sorted(urn.rpartition("::")[2] for urn in made))
            yield must(function, duty, "role", value, remedy)


def secrets(function: Resource, stack: Stack) -> Iterator[str]:
    """Environment variables are in clear in the state, the console and GetFunctionConfiguration.

    The message does not repeat the value. https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    variables = function.get("environment.variables")
    for name, value in sorted(variables.items()) if isinstance(variables, dict) else ():
        if value is UNKNOWN or not isinstance(value, str):
            continue
        named = SECRET_NAME.search(name) and not REFERENCE_NAME.search(name) and not REFERENCE.match(value)
        if named or SECRET_VALUE.search(value):
            yield (
                f"{function.name} must read its secrets at run time: environment.variables.{name} is a literal of "
                f"{len(value)} characters; keep it in SSM or Secrets Manager, and give the name of the parameter"
            )


RULES = (
    Rule(
        "lambda-alias-only",
        "A function is called through its alias",
        frozenset(CALLERS) | QUALIFIED,
        reached,
        whole=True,
    ),
    Rule("lambda-alias-moved", "Pulumi ignores what CodeDeploy moves", frozenset({ALIAS}), moved),
    Rule("lambda-own-role", "Each function has a role of its own", frozenset({FUNCTION}), own_role, whole=True),
    Rule("lambda-secrets", "No secret is in a function's environment", frozenset({FUNCTION}), secrets),
)
