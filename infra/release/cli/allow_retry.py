"""`allow-retry`: allow one more try of a rejected version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from infra.console import Json, RefusedError, UsageError, answer
from infra.release.cli.output import Stack, answering
from infra.release.cli.reason import Reason, checked
from infra.release.cli.session import open_session
from infra.release.decision.operator import Rejection, rejections
from infra.release.model.tags import RetryGrant

One = Annotated[str, typer.Option("--function", help="The function whose version was rejected.")]
Which = Annotated[str, typer.Option("--fingerprint", help="The rejected fingerprint. Default: the one rejected last.")]


def allow_retry(*, stack: Stack, function: One, reason: Reason, fingerprint: Which = "", as_json: Json = False) -> None:
    """Allow one more try of a fingerprint that a verdict or a hook rejected, or that was rolled back.

    A tag of the deployment group keeps it, with the reason and the operator. A newer grant replaces an older one.
    """
    with answering(as_json=as_json):
        why, release = checked(reason), open_session(stack, function)
        [target] = release.targets
        seen = release.observe()[function]
        found = rejections(target, seen)
        chosen = selected(function, found, fingerprint)
        if not chosen.retry_granted:
            release.aws.note(target, RetryGrant(chosen.fingerprint, chosen.deployment.id, why=why))
    created = release.clock.real(chosen.deployment.created)
    document = {
        "function": function,
        "fingerprint": chosen.fingerprint,
        "rejected": {
            "deployment": chosen.deployment.id,
            "at": created.isoformat(timespec="seconds"),
            "reason": chosen.reason,
            "detail": chosen.detail,
        },
        "forgiven": {"by": release.aws.clients.by, "why": why} if not chosen.retry_granted else "already",
    }
    rejected = (
        f"{function}: fingerprint {chosen.fingerprint} was rejected by {chosen.deployment.id} of "
        f"{created:%Y-%m-%d %H:%M} ({chosen.reason}: {chosen.detail})"
    )
    now = (
        "One more try is allowed already and not used yet: run `pulumi up`."
        if chosen.retry_granted
        else "The next `pulumi up` of this code and configuration may try it once more."
    )
    others = [each.fingerprint for each in found if each is not chosen]
    more = [f"Also rejected: {', '.join(others)} (--fingerprint)."] if others and not fingerprint else []
    answer(document, rejected, now, *more, as_json=as_json)


def selected(function: str, found: Sequence[Rejection], fingerprint: str) -> Rejection:
    """Return the rejection of `fingerprint`, or the newest if it is empty. Raises RefusedError or UsageError."""
    if not found:
        raise RefusedError(f"no version of {function} is rejected, so it needs no retry grant; run `pulumi up`")
    if not fingerprint:
        return found[0]
    for each in found:
        if each.fingerprint == fingerprint:
            return each
    names = ", ".join(each.fingerprint for each in found)
    raise UsageError(
        f"fingerprint {fingerprint} of {function} is not rejected; the rejected ones are {names}; give one of them"
    )
