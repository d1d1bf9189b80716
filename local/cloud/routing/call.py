"""One call of a function, resolved: who was called, under which name, and which version answers."""

import contextvars
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.cloud.routing import aliases


@dataclass(frozen=True)
class Call:
    """`arn` is the one that was called: with the alias or version as qualifier, or with none."""

    arn: str
    account: str
    region: str
    function: str
    qualifier: str
    version: str
    by_alias: bool
    weighted: bool
    started: float
    """Real seconds since the epoch: when it came, then when a worker took it."""


@dataclass
class Outcome:
    """What became of a call; filled in on the way, read by whoever has to answer for it."""

    version: str | None = None
    error: bool = False
    throttled: bool = False
    request_id: str = ""
    """What the answer will carry, so that the function and its log have it too; empty where it is not known."""


REQUEST_ID: contextvars.ContextVar[str] = contextvars.ContextVar("strata_request_id", default="")
"""The id with which the API call at hand will be answered."""
OUTCOME: contextvars.ContextVar[Outcome | None] = contextvars.ContextVar("strata_outcome", default=None)
"""Set around an invocation by a caller that wants to know; the object itself is shared with the executing thread."""


def resolve(arn: str, function: Mapping[str, Any] | None, configured_version: str, started: float) -> Call:
    """The call of `arn` now. `function` is ministack's record of the function, None where it was deleted meanwhile."""
    _, _, _, region, account, _, name, *rest = arn.split(":")
    qualifier = rest[0] if rest else ""
    alias = function["aliases"].get(qualifier) if function else None
    return Call(
        arn=arn,
        account=account,
        region=region,
        function=name,
        qualifier=qualifier,
        version=aliases.pick(alias) if alias else configured_version,
        by_alias=alias is not None,
        weighted=bool(alias and aliases.weights(alias)),
        started=started,
    )
