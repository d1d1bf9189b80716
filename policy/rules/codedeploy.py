"""A deployment group stops at an alarm, always rolls back, and in production shifts traffic little by little."""

from collections.abc import Iterator

from policy.rule import Rule, must
from policy.tokens import CURVE, GROUP
from policy.view import UNKNOWN, Resource, Stack

EVENTS = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")
ALL_AT_ONCE = "AllAtOnce"


def alarm(group: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html"""
    duty = "stop at an alarm"
    path = "alarmConfiguration"
    if group.get(path) is UNKNOWN:
        return
    if group.get(f"{path}.enabled") is not True:
        yield must(group, duty, f"{path}.enabled", group.get(f"{path}.enabled"), "set it to true")
    if not group.get(f"{path}.alarms"):
        remedy = "name an alarm on the alias's errors"
        yield must(group, duty, f"{path}.alarms", group.get(f"{path}.alarms"), remedy)
    if group.get(f"{path}.ignorePollAlarmFailure") is True:
        yield must(
            group,
            duty,
            f"{path}.ignorePollAlarmFailure",
            True,
            "leave it out: an alarm that cannot be read must stop it",
        )


def rollback(group: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/codedeploy/latest/userguide/deployments-rollback-and-redeploy.html"""
    path = "autoRollbackConfiguration"
    enabled, events = group.get(f"{path}.enabled"), group.get(f"{path}.events")
    if enabled is not UNKNOWN and enabled is not True:
        yield must(group, "roll back by itself", f"{path}.enabled", enabled, "set it to true")
    if events is UNKNOWN:
        return
    if missing := [event for event in EVENTS if event not in (events or ())]:
        yield must(group, "roll back by itself", f"{path}.events", events, f"add {', '.join(missing)}")


def canary(group: Resource, stack: Stack) -> Iterator[str]:
    """Without a configuration CodeDeploy uses an all-at-once one of its own.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
    """
    path, name = "deploymentConfigName", group.get("deploymentConfigName")
    if not stack.settings.production or name is UNKNOWN:
        return
    types = [c.get("trafficRoutingConfig.type") for c in stack.of(CURVE) if c.get(path) == name]
    if name is None or ALL_AT_ONCE in str(name) or ALL_AT_ONCE in types:
        remedy = "name a canary or linear one, so that a bad version meets a share of the requests"
        yield must(group, "shift traffic step by step in production", path, name, remedy)


RULES = (
    Rule("codedeploy-alarm", "A deployment group stops at an alarm", frozenset({GROUP}), alarm),
    Rule("codedeploy-rollback", "A deployment group rolls back on every event", frozenset({GROUP}), rollback),
    Rule("codedeploy-canary", "Production traffic shifts step by step", frozenset({GROUP}), canary, whole=True),
)
