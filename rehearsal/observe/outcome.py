"""Determines how a release ended, from the alias and CodeDeploy's records and from Pulumi's output. Pure."""

import re
from dataclasses import dataclass

from rehearsal.observe.aws_records import FunctionState, newest


@dataclass(frozen=True)
class Ending:
    """The ending of a release as Pulumi's output states it; empty if it states none."""

    reason: str = ""
    detail: str = ""
    refused: bool = False


NOTHING = Ending()


def outcome(before: FunctionState, after: FunctionState, ending: Ending = NOTHING) -> str:
    """Return an outcome of the design, or the anomaly instead. AWS has no record of a refusal: only `ending` has it."""
    deployment = newest(before.deployments, after.deployments)
    if ending.refused and deployment is None and after.live == before.live:
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


def ending_of(text: str, function: str) -> Ending:
    """Read the line with which a failed `pulumi up` ends: `FUNCTION 2 -> 3 rolled back (verdict): ...`; if it has none,
    the detail is its last error."""
    pattern = re.compile(rf"{re.escape(function)} (?:\d+ -> )?\d+ (rolled back|refused) \((\w+)\): .*")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        if function and (found := pattern.search(line)):
            return Ending(found[2], found[0], refused=found[1] == "refused")
    errors = [line for line in lines if line.startswith("error:")]
    return Ending("", (errors or lines or [""])[-1])
