"""Find why a deployment ended badly: a reason of one word and a detail, from CodeDeploy's record and our tags. Pure.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ErrorInformation.html
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from infra.release.model.observation import Deployment, Observation, Status
from infra.release.model.spec import Target
from infra.release.model.tags import Tags

REJECTING = frozenset({"verdict", "hook"})
"""The reasons that reject the version itself. Throttling, rights and configuration say nothing of it."""
UNREADABLE = "could not be retrieved"
"""CodeDeploy's words for an alarm that it cannot read, for which it stops a deployment by the same code.

https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html
"""

OF_A_HOOK = frozenset({"HOOK_EXECUTION_FAILURE", "TIMEOUT"})
"""CodeDeploy's codes for a hook that failed the version, or never answered. Which of them it gives to silence is not
documented: of a Lambda deployment nothing else has a time limit.
"""

REMEDIES = {
    "evidence": "; send it traffic, lengthen the curve, lower minimumRequests, or let the release send requests of its "
    "own (topUp)",
    "fault": "; see CodeDeploy's quotas and events",
}
"""Remedies by reason. They are added here, since a tag's value is too short for them."""
GONE = (
    "unknown",
    "it was stopped or reverted, and the tags of the deployment group, which keep only the last ones, no longer say by "
    "whom and why; CloudTrail's StopDeployment and CreateDeployment say by whom",
)
REVERTED = ("operator", "it was reverted")
"""Where no tag says more."""
ALARM = "alarm "
"""First word of a detail that names an alarm; a stop that came at the same moment begins otherwise."""


def failure_reason(
    deployment: Deployment, target: Target, tags: Tags, red: AbstractSet[str] = frozenset()
) -> tuple[str, str]:
    """Return the reason and the detail of a deployment that failed or was stopped. `red`: alarms still in ALARM."""
    said = f"{deployment.error}: {deployment.message}".strip(": ")
    if deployment.error == "ALARM_ACTIVE":
        return _alarmed(deployment, target, tags, red)
    if deployment.error in OF_A_HOOK:
        return "hook", said
    if deployment.error not in {"", "MANUAL_STOP"}:
        return "fault", said
    if (stop := tags.stop(deployment.id)) is not None:
        by = f"stopped by {who(deployment, tags)}: " if stop.kind == "operator" else ""
        return stop.kind, f"{by}{stop.why}{REMEDIES.get(stop.kind, '')}"
    return GONE if reason_was_dropped(deployment, tags) else _untagged(deployment)


def _untagged(deployment: Deployment) -> tuple[str, str]:
    if deployment.started is None:
        return "fault", "it had not begun when it was stopped; see CodeDeploy's quotas and events"
    return "operator", "it was stopped by hand, and CloudTrail's StopDeployment says by whom"


def _alarmed(deployment: Deployment, target: Target, tags: Tags, red: AbstractSet[str]) -> tuple[str, str]:
    if UNREADABLE in deployment.message:
        return "fault", deployment.message
    # Since it was stopped, an alarm may have turned green with its errors out of the window, and another red.
    said = [name for name in deployment.alarms if _named(name, deployment.message)]
    # Where CodeDeploy names none, a tag does, which was written before the alarm was deleted.
    if not said and (stop := tags.stop(deployment.id)) is not None and stop.why.startswith(ALARM):
        return stop.kind, stop.why
    fired = said or [name for name in deployment.alarms if name in red]
    verdict = [name for name in fired or deployment.alarms if name.startswith(target.verdict_alarms)]
    named = " and ".join(verdict or fired or deployment.alarms)
    slow = ": it answers too slowly" if verdict and all(target.is_slow_alarm(name) for name in verdict) else ""
    own = not verdict and any(name in target.alarms for name in fired)
    return "verdict" if verdict else "alarm" if own else "fault", f"{ALARM}{named} fired{slow}"


def _named(alarm: str, message: str) -> bool:
    """True if the message names the alarm, and not only one whose name begins with it."""
    return re.search(rf"(?<![\w-]){re.escape(alarm)}(?![\w-])", message) is not None


def reason_was_dropped(deployment: Deployment, tags: Tags) -> bool:
    """True if a tag may have said why the deployment was stopped or reverted, and was dropped for newer ones."""
    return deployment.entry is not None and tags.may_have_dropped(deployment.entry.at)


def who(deployment: Deployment, tags: Tags) -> str:
    """Return who stopped or reverted a deployment, from its tag."""
    noted = tags.stopped[deployment.id]
    stop = tags.stop(deployment.id)
    return noted.by or ("an operator" if stop and stop.kind == "operator" else "a release")


def ended(deployment: Deployment, target: Target, tags: Tags) -> tuple[str, str]:
    """Return the reason, in one word, and the detail of a deployment's end; a later revert counts as its end."""
    if deployment.failed:
        return failure_reason(deployment, target, tags)
    if (mark := tags.stop(deployment.id)) is not None:
        return mark.kind, f"{who(deployment, tags)} reverted it: {mark.why}"
    return "verdict", "no alarm fired"


def rejection(fingerprint: str, target: Target, seen: Observation) -> Deployment | None:
    """Return the newest try of a fingerprint if a verdict or hook rejected it, or a verdict or operator reverted it."""
    for each in seen.tries(fingerprint):
        stop = seen.tags.stop(each.id)
        if each.status is Status.SUCCEEDED:
            # A stop that came too late left its tag, and took nothing back.
            back = seen.revert_of(each) is not None
            return each if back and stop and stop.kind in {*REJECTING, "operator"} else None
        if each.failed and failure_reason(each, target, seen.tags)[0] in REJECTING:
            return each
    return None
