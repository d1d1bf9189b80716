"""Preconditions of a release, evaluated before anything is changed. Pure.

Every refusal names its remedy. The one audited way round is `release.override`, which a tag of the group records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from infra.release.decision import promotion, proven
from infra.release.decision.context import ReleaseContext
from infra.release.decision.failure import ended, rejection
from infra.release.model.commands import UNSTICK
from infra.release.model.observation import Deployment
from infra.release.model.tags import Overridden

OWN = "own"
"""What an override records that covers the alarms of the user's own."""

GREEN_AGAIN = "fix what it reports, and run again when it is green"
NAME_ANOTHER = "name a metric alarm of this region in canary.alarms"


@dataclass(frozen=True)
class PreconditionFailure:
    """One precondition that does not hold. `reason`: one word. `detail`: what is wrong, and the remedy.

    `words`: what an override of it records, where that says more than the reason.
    """

    reason: str
    detail: str
    words: tuple[str, ...] = ()


def refusals(context: ReleaseContext) -> Iterator[PreconditionFailure]:
    """Yield every precondition of starting the wanted version that does not hold, the gravest first."""
    yield from _split(context)
    yield from _untried(context)
    yield from _rejected(context)
    yield from _unproven(context)
    yield from _older(context)
    yield from _alarm(context)
    yield from incompatible_versions(context)


def retry_allowed_by_configuration(context: ReleaseContext) -> Deployment | None:
    """Return the rejected deployment whose code the configuration's `release.retry` allows to be tried once more."""
    wanted = context.seen.wanted.fingerprint
    allowed = context.policy.retry == wanted and not _retried(context)
    return rejection(wanted, context.target, context.seen) if allowed else None


def _retried(context: ReleaseContext) -> bool:
    """True if `release.retry` has had its one try of the wanted version."""
    return any(
        each.configured and each.fingerprint == context.seen.wanted.fingerprint
        for each in context.seen.tags.retry_grants
    )


def _split(context: ReleaseContext) -> Iterator[PreconditionFailure]:
    seen, target = context.seen, context.target
    if seen.alias.shifted is not None:
        yield PreconditionFailure(
            "split",
            f"alias {target.alias} is on {seen.alias}, which no deployment of this release explains; "
            f"see what {UNSTICK} finds, or send all traffic to what should be live: "
            f"aws lambda update-alias --function-name {target.function} --name {target.alias} "
            f"--function-version {seen.alias.version} --routing-config AdditionalVersionWeights={{}}",
        )


def _untried(context: ReleaseContext) -> Iterator[PreconditionFailure]:
    """Refuse if the live version is not proved and the proved one is deleted: no version may get the traffic."""
    seen, target = context.seen, context.target
    if seen.alias.shifted is not None or seen.good is not None or not proven.astray(target, seen):
        return
    last = proven.last(target, seen)
    if last is not None or not seen.live.fingerprint:
        proved = f"version {last.number}, {last.how}, which is gone from Lambda" if last else "none"
        yield PreconditionFailure(
            proven.UNTRIED,
            f"{proven.doubt(target, seen)}; the ledger proves last: {proved}, so no version may replace it; check "
            "whether callers are served",
        )


def _rejected(context: ReleaseContext) -> Iterator[PreconditionFailure]:
    wanted, tags = context.seen.wanted, context.seen.tags
    found = rejection(wanted.fingerprint, context.target, context.seen)
    if found is None or any(each.deployment == found.id for each in tags.retry_grants):
        return
    why = ": ".join(ended(found, context.target, tags))
    allow = f"python -m infra.release allow-retry --stack STACK --function {context.target.function} --reason WHY"
    remedy = f"`{allow}` allows one more try"
    if not _retried(context):
        remedy += f", and so does `retry: '{wanted.fingerprint}'` in strata:release"  # digits alone would be a number
    yield PreconditionFailure(
        "rejected",
        f"fingerprint {wanted.fingerprint} was rejected by {found.id}{_date(found)} ({why}); "
        f"change the code, or, if the fault lay elsewhere, {remedy}",
    )


def _date(deployment: Deployment) -> str:
    """Return the start of a deployment by the wall clock, which a rehearsal's clock is not."""
    return f" of {deployment.entry.at:%Y-%m-%d %H:%M} UTC" if deployment.entry else ""


def _unproven(context: ReleaseContext) -> Iterator[PreconditionFailure]:
    missing = promotion.missing(context)
    if missing is not None:
        yield PreconditionFailure("unproven", missing)


def _older(context: ReleaseContext) -> Iterator[PreconditionFailure]:
    if context.seen.older:
        yield PreconditionFailure(
            "older",
            f"commit {context.policy.commit} is older than {context.seen.live_commit}, which is live; release the "
            "newer one, or revert by `python -m infra.release rollback --stack STACK --reason WHY` or by a commit that "
            "reverts the change",
        )


def _alarm(context: ReleaseContext) -> Iterator[PreconditionFailure]:
    ours = {word: name for name, word in _alarms(context).items() if word != OWN}
    red = {word: name for word, name in ours.items() if name in context.seen.red}
    if red:
        yield PreconditionFailure(
            "alarm",
            f"alarm {' and '.join(red.values())} of the whole alias is already in ALARM, so canary errors cannot be "
            f"distinguished from others; {GREEN_AGAIN}",
            tuple(red),
        )
    own, seen = context.target.alarms, context.seen
    wrong = [(name, seen.unfit[name], NAME_ANOTHER) for name in own if name in seen.unfit]
    wrong += [(name, "is already in ALARM", GREEN_AGAIN) for name in own if name in seen.red]
    if wrong:
        said = "; ".join(f"alarm {name} {why}, so it would stop the canary at once: {do}" for name, why, do in wrong)
        yield PreconditionFailure("alarm", said, (OWN,))


def _alarms(context: ReleaseContext) -> dict[str, str]:
    """Return the word that an override of each records, by the name of the alarm."""
    target = context.target
    named = {target.alarm: "alarm", target.throttle_alarm: "throttles", **dict.fromkeys(target.alarms, OWN)}
    return {name: word for name, word in named.items() if name}


def incompatible_versions(context: ReleaseContext) -> Iterator[PreconditionFailure]:
    """Refuse if the versions differ in role or dead-letter setting: one alias cannot hold both.

    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """
    live, wanted = context.seen.live.published, context.seen.wanted.published
    for what, key in (("execution role", "Role"), ("dead-letter setting", "DeadLetterConfig.TargetArn")):
        if live and wanted and live.get(key, "") != wanted.get(key, ""):
            yield PreconditionFailure(
                "unlike",
                f"version {context.seen.live.number} has the {what} {live.get(key) or 'none'} and "
                f"{context.seen.wanted} has {wanted.get(key) or 'none'}, and one alias cannot split traffic between "
                "them; keep it (a role's policies can change instead), or release by a second alias",
            )


def overridden(context: ReleaseContext) -> bool:
    """True if `release.override` applies. Each text serves one fingerprint, so one left in place ends by itself."""
    used = context.seen.tags.override
    text, wanted = context.policy.override, context.seen.wanted.fingerprint
    return bool(text) and (used is None or used.text != text or used.fingerprint == wanted)


def to_note(context: ReleaseContext, found: Iterable[PreconditionFailure]) -> Overridden | None:
    """Return the tag of an override that covers all of these; None if the group has it already.

    An alarm that has turned red since is recorded too, since the deployment leaves it out.
    """
    used, found = context.seen.tags.override, list(found)
    new = Overridden(context.seen.wanted.fingerprint, "", context.policy.override)
    noted = used.refusal.split("+") if used and replace(used, refusal="") == new else []
    if noted and all(word in noted for each in found for word in each.words):
        return None
    words = [*noted, *(word for each in found for word in each.words or (each.reason,))]
    return replace(new, refusal="+".join(dict.fromkeys(words)))


def waived(context: ReleaseContext) -> tuple[str, ...]:
    """Names of the alias's alarms that the next deployment leaves out: those for which it was refused and which
    `release.override` covers. In an outage they are red already, and would end the fix within seconds.

    A later try under the same text leaves out only those that are still red.
    """
    used, noted = context.seen.tags.override, context.seen.tags.overridden
    wanted, text = context.seen.wanted.fingerprint, context.policy.override
    if used is None or noted is None or not text or (used.text, used.fingerprint) != (text, wanted):
        return ()
    at = datetime.fromisoformat(noted.at)
    tried = any(each.entry.at >= at for each in context.seen.tries(wanted) if each.entry)
    covered = [name for name, word in _alarms(context).items() if word in used.refusal.split("+")]
    return tuple(name for name in covered if not tried or name in context.seen.red or name in context.seen.unfit)
