"""How a release ended: by the alias and CodeDeploy's records, beside what Pulumi said of it. Pure."""

import re
from dataclasses import dataclass

from rehearsal.observe.aws_records import Seen, newest


@dataclass(frozen=True)
class Told:
    """How Pulumi itself says that a release ended; empty where it says nothing."""

    reason: str = ""
    detail: str = ""
    refused: bool = False


NOTHING = Told()


def outcome(before: Seen, after: Seen, told: Told = NOTHING) -> str:
    """An outcome of the design, or what is the matter instead. AWS has no record of a refusal: Pulumi tells of it."""
    deployment = newest(before.deployments, after.deployments)
    if told.refused and deployment is None and after.live == before.live:
        return "refused"
    if after.live is None:
        return "split" if after.deployments else "nothing"
    if deployment is None:
        same = "unchanged" if after.live == before.live else f"moved to {after.live} without a deployment"
        return "first" if before.live is None else same
    if deployment.status == "Succeeded" and after.live == deployment.canary:
        return "promoted"
    if deployment.status in {"Failed", "Stopped"} and after.live == deployment.stable:
        return "rolled_back"
    return f"{deployment.status} with {after.live} live"


def told_by(text: str, function: str) -> Told:
    """The one line with which a failed `pulumi up` ends: `FUNCTION 2 -> 3 rolled back (verdict): ...`; where it has
    none, its last error."""
    ending = re.compile(rf"{re.escape(function)} (?:\d+ -> )?\d+ (rolled back|refused) \((\w+)\): .*")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        if function and (found := ending.search(line)):
            return Told(found[2], found[0], refused=found[1] == "refused")
    errors = [line for line in lines if line.startswith("error:")]
    return Told("", (errors or lines or [""])[-1])
