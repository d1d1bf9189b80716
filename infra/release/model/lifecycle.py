"""The lifecycle events of a deployment to Lambda, as CodeDeploy reports them. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

SHIFT = "AllowTraffic"
"""The event in which traffic moves."""
HOOKS = ("BeforeAllowTraffic", "AfterAllowTraffic")
"""The events in which a hook is called."""


@dataclass(frozen=True)
class LifecycleEvent:
    """One event: its name, its status (Pending, InProgress, Succeeded, Failed, Skipped or Unknown), when it began and
    ended, in the clock's time, and what CodeDeploy says of a failure.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_LifecycleEvent.html
    """

    name: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    message: str = ""
