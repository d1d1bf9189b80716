"""CodeDeploy as a service of ministack."""

import sys
from typing import Any

from local.cloud.codedeploy import applications, aws, configurations, deployments, groups, lookup, revisions
from local.cloud.codedeploy.driver import DRIVER
from local.cloud.codedeploy.records import LOCK, REGIONS
from local.cloud.ministack import install, ministack
from local.cloud.wire import Service

NAME = "codedeploy"
CODEDEPLOY = Service(NAME, lookup.refuse)


def register() -> None:
    """Register CodeDeploy as one of ministack's services, and drive deployments."""
    install([], [*aws.NEEDS, *revisions.NEEDS])
    for module in (applications, configurations, groups, revisions, deployments):
        CODEDEPLOY.operations |= module.OPERATIONS
    app: Any = ministack("app")
    app.SERVICE_REGISTRY[NAME] = {"module": NAME}
    app.SERVICE_HANDLERS[NAME] = CODEDEPLOY.handle_request
    app._loaded_modules[NAME] = sys.modules[__name__]
    router: Any = ministack("core.router")
    router.SERVICE_PATTERNS[NAME] = {
        "target_prefixes": ["CodeDeploy_20141006"],
        "host_patterns": [r"codedeploy\."],
    }
    actions: Any = ministack("core.iam_actions")
    actions.SERVICE_TO_IAM_NAMESPACE[NAME] = NAME
    DRIVER.start()


def reset() -> None:
    """Delete all records; ministack calls it for every service."""
    with LOCK:
        REGIONS.clear()
