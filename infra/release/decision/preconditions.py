"""What keeps a release from being started: pure, and asked before anything is touched.

Every refusal has a remedy of its own and one audited way round, `release.override`, which stands in a tag of the group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from infra.release.decision import promotion, proven
from infra.release.decision.context import Case
from infra.release.decision.failure import ended, rejection
from infra.release.model.commands import UNSTICK
from infra.release.model.observation import Deployment
from infra.release.model.tags import Overridden


@dataclass(frozen=True)
class Refusal:
    """One thing that is in the way. `reason`: one word. `detail`: what is wrong, and the remedy.

    `words`: what an override of it notes, where that says more than the reason.
    """

    reason: str
    detail: str
    words: tuple[str, ...] = ()


def refusals(case: Case) -> Iterator[Refusal]:
    """All that is in the way of starting the wanted version, the gravest first."""
    yield from _split(case)
    yield from _untried(case)
    yield from _rejected(case)
    yield from _unproven(case)
    yield from _older(case)
    yield from _alarm(case)
    yield from unlike(case)


def pardonable(case: Case) -> Deployment | None:
    """The rejection that the configuration's `release.retry` forgives with this run, for the first time."""
    wanted = case.seen.wanted.fingerprint
    allowed = case.policy.retry == wanted and not _retried(case)
    return rejection(wanted, case.target, case.seen) if allowed else None


def _retried(case: Case) -> bool:
    """Whether `release.retry` has had its one try of the wanted version."""
    return any(each.configured and each.fingerprint == case.seen.wanted.fingerprint for each in case.seen.tags.pardons)


def _split(case: Case) -> Iterator[Refusal]:
    seen, target = case.seen, case.target
    if seen.alias.shifted is not None:
        yield Refusal(
            "split",
            f"alias {target.alias} is on {seen.alias}, which no deployment of this release explains; "
            f"see what {UNSTICK} finds, or send all traffic to what should be live: "
            f"aws lambda update-alias --function-name {target.function} --name {target.alias} "
            f"--function-version {seen.alias.version} --routing-config AdditionalVersionWeights={{}}",
        )


def _untried(case: Case) -> Iterator[Refusal]:
    """What is live is not proved, and what is proved is gone: `plan` has nowhere to send the traffic."""
    seen, target = case.seen, case.target
    if seen.alias.shifted is not None or seen.good is not None or not proven.astray(target, seen):
        return
    last = proven.last(target, seen)
    if last is not None or not seen.live.fingerprint:
        proved = f"version {last.number}, {last.how}, which is gone from Lambda" if last else "none"
        yield Refusal(
            proven.UNTRIED,
            f"{proven.doubt(target, seen)}; the ledger proves last: {proved}, so there is nothing to go back to; see "
            "whether callers are served",
        )


def _rejected(case: Case) -> Iterator[Refusal]:
    wanted, tags = case.seen.wanted, case.seen.tags
    found = rejection(wanted.fingerprint, case.target, case.seen)
    if found is None or any(each.deployment == found.id for each in tags.pardons):
        return
    why = ": ".join(ended(found, case.target, tags))
    forgive = f"python -m infra.release forgive --stack STACK --function {case.target.function} --reason WHY"
    remedy = f"`{forgive}` allows one more try"
    if not _retried(case):
        remedy += f", and so does `retry: '{wanted.fingerprint}'` in strata:release"  # digits alone would be a number
    yield Refusal(
        "rejected",
        f"fingerprint {wanted.fingerprint} was rejected by {found.id}{_date(found)} ({why}); "
        f"change the code, or, if the fault lay elsewhere, {remedy}",
    )


def _date(deployment: Deployment) -> str:
    """By the wall clock, which a rehearsal's is not."""
    return f" of {deployment.entry.at:%Y-%m-%d %H:%M} UTC" if deployment.entry else ""


def _unproven(case: Case) -> Iterator[Refusal]:
    missing = promotion.missing(case)
    if missing is not None:
        yield Refusal("unproven", missing)


def _older(case: Case) -> Iterator[Refusal]:
    if case.seen.older:
        yield Refusal(
            "older",
            f"commit {case.policy.commit} is older than {case.seen.live_commit}, which is live; release the newer one, "
            "or go back by `python -m infra.release rollback --stack STACK --reason WHY` or by a commit that reverts",
        )


def _alarm(case: Case) -> Iterator[Refusal]:
    red = {word: name for word, name in _alarms(case).items() if name in case.seen.red}
    if red:
        yield Refusal(
            "alarm",
            f"alarm {' and '.join(red.values())} of the whole alias is red before anything has started, so a canary "
            "could not be told from what is wrong already; see to the alarm, and run again when it is green",
            tuple(red),
        )


def _alarms(case: Case) -> dict[str, str]:
    """The long-lived alarms of the alias, by the word that an override of each notes."""
    named = {"alarm": case.target.alarm, "throttles": case.target.throttle_alarm}
    return {word: name for word, name in named.items() if name}


def unlike(case: Case) -> Iterator[Refusal]:
    """One alias cannot hold versions of different roles or dead-letter settings.

    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """
    live, wanted = case.seen.live.published, case.seen.wanted.published
    for what, key in (("execution role", "Role"), ("dead-letter setting", "DeadLetterConfig.TargetArn")):
        if live and wanted and live.get(key, "") != wanted.get(key, ""):
            yield Refusal(
                "unlike",
                f"version {case.seen.live.number} has the {what} {live.get(key) or 'none'} and "
                f"{case.seen.wanted} has {wanted.get(key) or 'none'}, and one alias cannot split traffic between them; "
                "keep it (a role's policies can change instead), or release by a second alias",
            )


def overridden(case: Case) -> bool:
    """Whether `release.override` holds: each text for one fingerprint, or a forgotten one would hold for ever."""
    used = case.seen.tags.override
    text, wanted = case.policy.override, case.seen.wanted.fingerprint
    return bool(text) and (used is None or used.text != text or used.fingerprint == wanted)


def to_note(case: Case, found: Iterable[Refusal]) -> Overridden | None:
    """The mark of an override that sets all of these aside; None where the group's tags have it already.

    An alarm that has turned red since is noted too, since the deployment leaves it out.
    """
    used, found = case.seen.tags.override, list(found)
    new = Overridden(case.seen.wanted.fingerprint, "", case.policy.override)
    noted = used.refusal.split("+") if used and replace(used, refusal="") == new else []
    if noted and all(word in noted for each in found for word in each.words):
        return None
    words = [*noted, *(word for each in found for word in each.words or (each.reason,))]
    return replace(new, refusal="+".join(dict.fromkeys(words)))


def waived(case: Case) -> tuple[str, ...]:
    """The alarms of the alias that must not stop the deployment which now starts: those for which it was refused, and
    which `release.override` has set aside. In an outage they are red already, and would end the fix within seconds.

    A later try under the same text is spared only what is red still.
    """
    used, noted = case.seen.tags.override, case.seen.tags.overridden
    wanted, text = case.seen.wanted.fingerprint, case.policy.override
    if used is None or noted is None or not text or (used.text, used.fingerprint) != (text, wanted):
        return ()
    at = datetime.fromisoformat(noted.at)
    tried = any(each.entry.at >= at for each in case.seen.tries(wanted) if each.entry)
    covered = [name for word, name in _alarms(case).items() if word in used.refusal.split("+")]
    return tuple(name for name in covered if not tried or name in case.seen.red)
