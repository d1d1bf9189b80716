"""Findings of CodeDeploy's side: the deployment group, its role and curve, and the hooks."""

from __future__ import annotations

from collections.abc import Iterator

from infra.codedeploy import HOOK, ROLLBACK_EVENTS
from infra.release.reports.doctor.facts import UP, Examined, Finding, Grade, Group, Hook

BAKE = "BAKE_MINUTES"  # the bake hook's variable


def findings(facts: Examined) -> Iterator[Finding]:
    """Findings of the group, the curve and each hook."""
    yield from of_group(facts)
    for name, hook in facts.hooks.items():  # without those that AWS does not return
        yield _hook(name, hook)


def of_group(facts: Examined) -> Iterator[Finding]:
    """Findings of the group and the curve."""
    if facts.knows("group"):
        yield _group(facts)
    if facts.knows("curve"):
        yield from _curve(facts)


def _group(facts: Examined) -> Finding:
    group, about = facts.group, f"deployment group {facts.target.group}"
    if group is None:
        return Finding(Grade.BAD, about, "does not exist, and with it the ledger is gone", UP, drift=True)
    wrong = list(_wrong(facts, group))
    if not wrong:
        return Finding(Grade.OK, about, "rolls back on every event, obeys its alarm, and its role trusts CodeDeploy")
    grade = Grade.BAD if any(grade is Grade.BAD for grade, _ in wrong) else Grade.WARNING
    return Finding(grade, about, "; ".join(said for _, said in wrong), UP, drift=True)


def _wrong(facts: Examined, group: Group) -> Iterator[tuple[Grade, str]]:
    if missing := sorted(set(ROLLBACK_EVENTS) - group.events):
        yield Grade.BAD, f"does not roll back on {', '.join(missing)}, so the alias would stay split"
    if facts.target.alarm not in group.alarms:
        yield Grade.WARNING, f"does not obey alarm {facts.target.alarm}, the net for deployments by hand"
    if group.blind:
        yield Grade.WARNING, "goes on where the state of an alarm cannot be read (ignorePollAlarmFailure)"
    if not facts.knows("trusted"):
        return
    if facts.trusted is None:
        yield Grade.BAD, f"its service role {group.role} does not exist"
    elif not facts.trusted:
        yield Grade.BAD, f"its service role {group.role} does not trust codedeploy.amazonaws.com"


def _curve(facts: Examined) -> Iterator[Finding]:
    curve, about, wanted = facts.curve, f"curve {facts.target.curve}", facts.target.minutes
    if curve is None:
        said = f"does not exist, or is no canary, and the verdict's window is {wanted} minutes"
        yield Finding(Grade.BAD, about, said, UP, drift=True)
    elif curve != wanted:
        said = f"shifts after {curve} minutes, and the verdict's window is {wanted}"
        yield Finding(Grade.BAD, about, said, UP, drift=True)


def _hook(name: str, hook: Hook | None) -> Finding:
    about = f"hook {name}"
    if hook is None:
        said = "does not exist: CodeDeploy would wait for its answer for an hour, and fail"
        return Finding(Grade.BAD, about, said, UP)
    if not name.startswith(HOOK):
        said = f"is not named {HOOK}...: CodeDeploy's managed role may not invoke it"
        return Finding(Grade.BAD, about, said, "rename it")
    if hook.answers is False:
        said = "its role may not answer: codedeploy:PutLifecycleEventHookExecutionStatus on the group is denied"
        return Finding(Grade.BAD, about, said, "add that action to its role")
    if (needed := _bake_seconds(hook)) and hook.timeout <= needed:
        said = f"times out after {hook.timeout} s and bakes for {needed:.0f} s: it would never answer"
        return Finding(Grade.BAD, about, said, f"give it a timeout of more than {needed:.0f} s, 900 s at most")
    may = "its role may answer" if hook.answers else "whether its role may answer is not known"
    held = f", and {hook.timeout} s hold its bake of {needed:.0f} s" if needed else ""
    return Finding(Grade.OK, about, f"is there, {may}{held}")


def _bake_seconds(hook: Hook) -> float:
    try:
        return float(hook.variables.get(BAKE, "0")) * 60
    except ValueError:
        return 0.0
