"""Checks weighted aliases as Lambda does, and picks the version for a call. Standard library only.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
https://docs.aws.amazon.com/lambda/latest/api/API_AliasRoutingConfiguration.html
"""

import random
import re
from collections.abc import Mapping
from typing import Any

_LATEST = "$LATEST"
_NAME = re.compile(r"(?!^[0-9]+$)[a-zA-Z0-9-_]{1,128}")


class RefusedError(Exception):
    """Lambda refuses a request; the error has its answer."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def weights(alias: Mapping[str, Any]) -> dict[str, float]:
    """Return the additional versions of an alias (as the API shows it) and their share of the calls; empty without
    any."""
    return dict((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {})


def pick(alias: Mapping[str, Any], chance: float | None = None) -> str:
    """Return the version for one call. `chance` in [0, 1) is drawn if it is not given."""
    drawn = random.random() if chance is None else chance  # noqa: S311 - a share of traffic, no secret
    for version, weight in weights(alias).items():
        if drawn < weight:
            return version
        drawn -= weight
    return str(alias["FunctionVersion"])


def check_name(name: str) -> None:
    """Raise RefusedError if `name` is not valid for an alias."""
    if not _NAME.fullmatch(name):
        raise RefusedError(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy "
            "regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
        )


def check_versions(function: Mapping[str, Any], function_arn: str, version: str, additional: Mapping[str, Any]) -> None:
    """Raise RefusedError if an alias of `function` cannot point to `version` and the weighted `additional` ones.

    `function` is ministack's record: `versions` holds the published ones by number, each with its `config`.
    """
    versions = function["versions"]
    if version != _LATEST and version not in versions:
        raise RefusedError("ResourceNotFoundException", f"Function not found: {function_arn}:{version}", 404)
    if not additional:
        return
    if len(additional) > 1:
        raise _invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    ((other, weight),) = additional.items()
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
        raise RefusedError(
            "ValidationException",
            f"1 validation error detected: Value '{{{other}={weight}}}' at 'routingConfig.additionalVersionWeights' "
            "failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or "
            "equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]",
        )
    if _LATEST in (version, other):
        raise _invalid("$LATEST is not supported for an alias pointing to more than 1 version")
    if other == version:
        raise _invalid(
            f"Invalid function version {version}. Function version {version} is already included in routing "
            "configuration."
        )
    if other not in versions:
        raise RefusedError("ResourceNotFoundException", f"Function not found: {function_arn}:{other}", 404)
    one, two = versions[version]["config"], versions[other]["config"]
    if one.get("Role") != two.get("Role"):
        raise _invalid("Specified versions must be associated with the same execution role")
    if _dead_letters(one) != _dead_letters(two):
        raise _invalid("Specified versions must be associated with the same dead letter configuration")


def _dead_letters(config: Mapping[str, Any]) -> str:
    return str((config.get("DeadLetterConfig") or {}).get("TargetArn") or "")


def _invalid(message: str) -> RefusedError:
    return RefusedError("InvalidParameterValueException", message)
