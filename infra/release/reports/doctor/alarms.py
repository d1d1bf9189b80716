"""Findings of alarms: there, enabled, able to fire; and verdict alarms that nothing needs any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from infra.answered import METRIC, NAMESPACE
from infra.release.model.observation import Deployment
from infra.release.reports.doctor.facts import UP, Alarm, Examined, Finding, Grade, Metric

LAST = 10
"""Releases that `doctor` examines."""
ANSWERED_FAULTS = (NAMESPACE, METRIC)
ALARMED = "ALARM_ACTIVE"
"""CodeDeploy's code where an alarm did stop a deployment: the runner's stop came at the same moment."""
REMEMBERED = timedelta(days=13)
"""ListMetrics leaves out what had no data for two weeks.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html
"""


def findings(facts: Examined) -> Iterator[Finding]:
    """Findings of the long-lived alarms, of the last attempt's verdict alarms, and of obsolete ones."""
    if facts.knows("alarms"):
        for name in filter(None, (facts.target.alarm, facts.target.throttle_alarm)):
            yield _long_lived(facts, name, facts.alarms.get(name))
        for name in facts.target.alarms if facts.knows("unfit") else ():
            yield _own(facts, name, facts.alarms.get(name))
        last = last_attempt(facts.ledger)
        yield from _verdict(facts, last) if last else ()
    yield from _uncounted(facts)
    yield from _silent(facts)
    if facts.knows("leftover", "verdicts", "ledger"):
        yield _left_over(facts)


def last_attempt(ledger: Iterable[Deployment]) -> Deployment | None:
    """Return Strata's newest deployment that was judged. ledger: newest first."""
    return next((each for each in ledger if each.entry and each.alarms), None)


def _long_lived(facts: Examined, name: str, alarm: Alarm | None) -> Finding:
    about = f"alarm {name}"
    if alarm is None:
        return Finding(Grade.BAD, about, "does not exist, and CodeDeploy stops what names it", UP)
    if not alarm.acts or facts.target.topic not in alarm.actions:
        what = "its actions are disabled" if not alarm.acts else f"it does not notify {facts.target.topic}"
        return Finding(Grade.BAD, about, f"{what}, so it notifies no one when it fires", UP)
    if alarm.state == "ALARM":
        said = "is in ALARM: a release is refused, since canary errors cannot be distinguished from others"
        return Finding(Grade.BAD, about, said, "fix what it reports, and release when it is green")
    return _able(facts, alarm) or Finding(Grade.OK, about, f"is {alarm.state}, acts, and its metrics have data")


def _own(facts: Examined, name: str, alarm: Alarm | None) -> Finding:
    """Return the finding on an alarm of the user's own that stops canaries too. CodeDeploy reads its state, so whether
    it notifies matters not."""
    about, remedy = f"alarm {name}", "correct canary.alarms, or the alarm"
    if alarm is None or name in facts.unfit:
        said = f"{facts.unfit.get(name, 'does not exist')}, so no release starts"
        return Finding(Grade.BAD, about, said, remedy)
    if alarm.state == "ALARM":
        return Finding(Grade.BAD, about, "is in ALARM, so no release starts", "fix what it reports")
    if not facts.knows("reported"):
        return Finding(Grade.WARNING, about, f"is {alarm.state}; whether it can fire is not known")
    if silent := sorted(str(metric) for metric in alarm.metrics - facts.reported):
        said = f"is {alarm.state}, and can stop no canary: {', '.join(silent)} had no data within two weeks"
        return Finding(Grade.WARNING, about, said, remedy)
    return Finding(Grade.OK, about, f"is {alarm.state}, can stop a canary, and its metrics have data")


def _uncounted(facts: Examined) -> Iterator[Finding]:
    """Yield a finding where the function counts the faults that it answers, and no canary does."""
    function = facts.target.function
    written = [each for each in facts.reported if (each.namespace, each.name) == ANSWERED_FAULTS]
    if not facts.target.answered and any(("FunctionName", function) in each.dimensions for each in written):
        said = f"it writes {' '.join(ANSWERED_FAULTS)}, which no canary of it counts"
        yield Finding(
            Grade.WARNING, f"answered faults of {function}", said, "`errors: answered` in its service.yaml counts them"
        )


def _able(facts: Examined, alarm: Alarm) -> Finding | None:
    """Return the finding on an alarm one of whose metrics had no data; None if each had some.

    The metric of answered faults is no such sign: it has no data as long as there are none.
    """
    about = f"alarm {alarm.name}"
    if not facts.knows("reported"):
        return Finding(Grade.WARNING, about, f"is {alarm.state} and acts; whether it can fire is not known")
    silent = sorted(
        str(metric) for metric in alarm.metrics - facts.reported if (metric.namespace, metric.name) != ANSWERED_FAULTS
    )
    if not silent:
        return None
    if not _called(facts):
        said = f"cannot have fired yet: alias {facts.target.alias} had no request within two weeks"
        return Finding(Grade.WARNING, about, said, "send it a request, and run doctor again")
    said = f"cannot fire: {', '.join(silent)} had no data within two weeks, though the alias was called"
    return Finding(Grade.BAD, about, said, "name the metric and its dimensions as Lambda reports them")


def _called(facts: Examined) -> bool:
    """True if the alias had requests, by the metric that Lambda reports for it."""
    function, resource = facts.target.function, f"{facts.target.function}:{facts.target.alias}"
    of_alias = frozenset({("FunctionName", function), ("Resource", resource)})
    return Metric("AWS/Lambda", "Invocations", of_alias) in facts.reported


def _verdict(facts: Examined, last: Deployment) -> Iterator[Finding]:
    """Findings on whether the verdict alarms can judge, or could have judged, the last attempt."""
    named = [name for name in last.alarms if name.startswith(facts.target.verdict_alarms)]
    for name in named:
        about, alarm = f"alarm {name}", facts.alarms.get(name)
        if alarm is None and last.running:
            said = f"does not exist, and {last.id} is in flight: CodeDeploy stops what it cannot judge"
            yield Finding(Grade.BAD, about, said, "abort, and release again")
        if alarm is None or last.running or not facts.knows("reported") or facts.now - last.created > REMEMBERED:
            continue
        if alarm.metrics & facts.reported:
            yield Finding(Grade.OK, about, f"had data to judge {last.id} by")
        else:
            said = f"could not fire in {last.id}: none of its metrics had data"
            remedy = "send requests through the alias, or see minimumRequests, evidence and topUp"
            yield Finding(Grade.WARNING, about, said, remedy)


def _silent(facts: Examined) -> Iterator[Finding]:
    """Yield the finding on the last releases that the runner had to stop or revert by its own counts."""
    ours = [each for each in facts.ledger if each.entry and each.alarms][:LAST]
    stops = [(each, facts.tags.stop(each.id)) for each in ours if each.error != ALARMED]
    found = [(each, stop.why) for each, stop in stops if stop is not None and stop.kind == "verdict"]
    if not found:
        return
    (newest, why), about = found[0], f"verdict alarms of {facts.target.function}"
    named = next((name for name in newest.alarms if name.startswith(facts.target.verdict_alarms)), "NAME")
    said = f"did not stop {len(found)} of the last {len(ours)} releases, which the runner did; {newest.id}: {why}"
    remedy = f"see what it did: aws cloudwatch describe-alarm-history --alarm-name {named}"
    yield Finding(Grade.WARNING, about, said, remedy)


def _left_over(facts: Examined) -> Finding:
    about = f"verdict alarms of {facts.target.function}"
    remedy = "`python -m infra.release sweep --stack STACK` deletes them"
    if facts.leftover:
        shown = ", ".join(facts.leftover[:3]) + (" ..." if len(facts.leftover) > 3 else "")
        said = (
            f"{len(facts.leftover)} of {facts.verdicts} are of attempts that have ended, or never began, and each is "
            f"paid for: {shown}; a runner that was killed left them"
        )
        return Finding(Grade.WARNING, about, said, remedy)
    return Finding(Grade.OK, about, f"{facts.verdicts}, each of what is in flight" if facts.verdicts else "none")
