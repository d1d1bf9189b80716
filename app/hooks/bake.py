"""The bake hook (AfterAllowTraffic) keeps the deployment open for some minutes, so that alarms can still stop it.

The environment has BAKE_MINUTES, and in a rehearsal STRATA_CLOCK_RATE, the simulated seconds in a real one.
https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html
"""

import os
import time

from app.hooks.hook import hook


@hook("bake")
def handler(_: str) -> tuple[()]:
    """Wait, and find nothing wrong: CodeDeploy itself stops the deployment where an alarm fires."""
    rate = float(os.environ.get("STRATA_CLOCK_RATE") or 1)
    time.sleep(float(os.environ["BAKE_MINUTES"]) * 60 / rate)
    return ()
