"""The ids that AWS generated for an API that Terraform created, by the names of the resources in Pulumi. Pure.

A stack that adopts functions names them in strata:compute.adopted.ids: no name of the program's leads to them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from infra.migrate.model import Resource, TerraformState

SECTION = "strata:compute.adopted.ids"
_FUNCTION = re.compile(r":function:([\w-]+)")


def ids(state: TerraformState, functions: str) -> dict[str, str]:
    """Return the import ids by the name in Pulumi. `functions`: how the names of the stack's functions begin."""
    return {name: each.thing.import_id for each in state.resources if each.thing for name in _names(each, functions)}


def _names(each: Resource, functions: str) -> Iterator[str]:
    """Yield the name that infra/layers/http.py gives to a resource; none for one whose id follows from its name."""
    match each.type:
        case "aws_apigatewayv2_api":
            yield "http-api"
        case "aws_apigatewayv2_route":
            method, _, path = str(each.attributes["route_key"]).partition(" ")
            yield f"http-{method.lower()}{path}"
        case "aws_apigatewayv2_integration":
            if found := _FUNCTION.search(str(each.attributes["integration_uri"])):
                yield f"http-{found[1].removeprefix(functions)}-integration"
        case "aws_lambda_permission":
            yield f"http-{str(each.attributes['function_name']).removeprefix(functions)}-invoke"


def commands(found: Mapping[str, str], stack: str) -> list[str]:
    """Return the lines that put the ids into the stack's file, for a shell.

    A key that is no identifier is quoted: https://www.pulumi.com/docs/iac/concepts/config/#structured-configuration
    """
    paths = {f'{SECTION}["{name}"]': import_id for name, import_id in sorted(found.items())}
    return [
        f"pulumi config set --stack {stack} --path {shlex.quote(path)} {shlex.quote(import_id)}"
        for path, import_id in paths.items()
    ]
