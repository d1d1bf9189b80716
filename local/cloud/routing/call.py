"""Resolves one call of a function: the function, the called name, and the version that answers."""

import contextvars
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.cloud.routing import aliases
from local.cloud.timeline import Hold


@dataclass(frozen=True)
class Call:
    """A resolved call. `arn` is the called one: with the alias or version as qualifier, or with none."""

    arn: str
    account: str
    region: str
    function: str
    qualifier: str
    version: str
    by_alias: bool
    weighted: bool
    started: float
    """Real seconds since the epoch: of its arrival, then of the moment when a worker took it."""


@dataclass
class Outcome:
    """The outcome of a call; the invoker fills it in, and the code that answers the request reads it."""

    version: str | None = None
    error: bool = False
    throttled: bool = False
    request_id: str = ""
    """The answer's request id, so that the function and its log have it too; empty if it is not known."""
    iterator_age: float | None = None
    """Of the last record of a stream's batch, in simulated milliseconds."""
    hold: Hold | None = None
    """Of the batch of an event source: what holds the timeline at the moment of the invocation."""


REQUEST_ID: contextvars.ContextVar[str] = contextvars.ContextVar("strata_request_id", default="")
"""The request id of the current API call."""
OUTCOME: contextvars.ContextVar[Outcome | None] = contextvars.ContextVar("strata_outcome", default=None)
"""The outcome of the current invocation, set by a caller that needs it; the executing thread shares the object."""


def resolve(arn: str, function: Mapping[str, Any] | None, configured_version: str, started: float) -> Call:
    """Resolve a call of `arn`. `function` is ministack's record of the function, None if it was deleted meanwhile."""
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
