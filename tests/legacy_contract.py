"""Whether the HCL of the legacy layers still gives what the program takes from their states. Pure but for reading HCL.

An output has no type of its own in HCL. It is a text if its value is a template, or refers to something of which
Pulumi's SDK, made of the same provider's schema, says that it is a text.
https://developer.hashicorp.com/terraform/language/values/outputs
"""

import importlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi

from infra.legacy import OUTPUTS, SECRET
from tests.hcl import Module, text

TEXTUAL = {
    "base64encode",
    "file",
    "format",
    "join",
    "jsonencode",
    "lower",
    "replace",
    "templatefile",
    "tostring",
    "upper",
}
"""Functions of Terraform that return a text: https://developer.hashicorp.com/terraform/language/functions"""
CLASSES = {
    "aws_apigatewayv2_api": "apigatewayv2.Api",
    "aws_apigatewayv2_stage": "apigatewayv2.Stage",
    "aws_cloudwatch_dashboard": "cloudwatch.Dashboard",
    "aws_cloudwatch_log_group": "cloudwatch.LogGroup",
    "aws_cloudwatch_metric_alarm": "cloudwatch.MetricAlarm",
    "aws_codedeploy_app": "codedeploy.Application",
    "aws_codedeploy_deployment_config": "codedeploy.DeploymentConfig",
    "aws_codedeploy_deployment_group": "codedeploy.DeploymentGroup",
    "aws_dynamodb_table": "dynamodb.Table",
    "aws_iam_policy": "iam.Policy",
    "aws_iam_role": "iam.Role",
    "aws_kms_alias": "kms.Alias",
    "aws_lambda_alias": "lambda_.Alias",
    "aws_lambda_function": "lambda_.Function",
    "aws_sns_topic": "sns.Topic",
}
RENAMED = {"alarm_name": "name", "function_name": "name"}  # arguments that the SDK calls otherwise in these classes


def broken(layers: Mapping[str, Module], readers: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield what is wrong with the outputs of layers that stacks read; `readers`: the stacks, by layer."""
    for layer, stacks in readers.items():
        who = f"which {', '.join(stacks)} {'reads' if len(stacks) == 1 else 'read'}"
        yield from _wrong_backend(layer, layers[layer])
        outputs = layers[layer].named("output")
        for name in OUTPUTS[layer]:
            problem = _problem(layers[layer], name, outputs.get(name), secret=name in SECRET.get(layer, ()))
            if problem:
                yield f"layer {layer}: output {name}, {who}, {problem}"


def _wrong_backend(layer: str, module: Module) -> Iterator[str]:
    """Yield why Pulumi's provider would look elsewhere for the state."""
    found = [each for block in module.blocks("terraform") for each in block.get("backend", [])]
    if len(found) != 1 or "s3" not in found[0]:
        kinds = ", ".join(kind for each in found for kind in each) or "none"
        yield f"layer {layer} has the backends {kinds}, and the program reads one of kind s3; leave that one alone"
    elif "workspace_key_prefix" in found[0]["s3"]:
        prefix = text(found[0]["s3"]["workspace_key_prefix"])
        yield f"layer {layer} has workspace_key_prefix {prefix!r}, and the program looks below env:; take it out"


def _problem(module: Module, name: str, output: Mapping[str, Any] | None, *, secret: bool) -> str:
    if output is None:
        return "is not there; give it back, or change the program first (OUTPUTS in infra/legacy.py)"
    if kind := _other_type(module, output["value"]):
        return f"is {kind}, not a text; give it another name, and leave this one a text"
    if bool(output.get("sensitive")) != secret:
        now = "is sensitive now" if not secret else "is not sensitive any more"
        return f"{now}; name it in SECRET of infra/legacy.py, or not, in the same change"
    return ""


def _other_type(module: Module, value: Any) -> str:  # noqa: PLR0911 - one for each kind of value
    """Return what a value is if it is no text; "" for a text."""
    if isinstance(value, dict | list | bool | int | float):
        return {dict: "an object", list: "a list", bool: "a bool"}.get(type(value), "a number")
    if value.startswith('"'):
        return ""
    expression = value.removeprefix("${").removesuffix("}")
    if function := re.match(r"(\w+)\(", expression):
        return "" if function[1] in TEXTUAL else f"what {function[1]} returns"
    scope, *path = expression.split(".")
    if scope == "module" and len(path) == 2:
        inner = Module(module.source(path[0]))
        return _other_type(inner, inner.named("output")[path[1]]["value"])
    if scope == "var":
        declared = text(module.named("variable")[path[0]].get("type", ""))
        return "" if declared in ("string", "${string}") else f"a variable of type {declared}"
    if scope == "local":
        return _other_type(module, next(block[path[0]] for block in module.blocks("locals") if path[0] in block))
    return _other_attribute(scope, path[1]) if len(path) == 2 else f"the expression {expression}"


def _other_attribute(kind: str, attribute: str) -> str:
    if attribute == "id":
        return ""
    place, _, name = CLASSES.get(kind, ".").rpartition(".")
    with warnings.catch_warnings():  # pulumi_aws warns of deprecated classes of its own while it loads
        warnings.simplefilter("ignore", DeprecationWarning)
        cls = getattr(importlib.import_module(f"pulumi_aws.{place}"), name) if name else None
    found = getattr(cls, attribute, None) or getattr(cls, RENAMED.get(attribute, attribute), None)
    returned = getattr(getattr(found, "fget", None), "__annotations__", {}).get("return")
    return "" if returned == pulumi.Output[str] else f"{kind}.{attribute}, which is no text that this check knows"
