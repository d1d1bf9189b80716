"""Names that CodeDeploy fixes and that both the program and the release use."""

from typing import Final

HOOK = "CodeDeployHook_"
"""The prefix of a hook's name: CodeDeploy's managed role invokes no other function.

https://docs.aws.amazon.com/codedeploy/latest/userguide/managed-policies.html
"""
ROLLBACK_EVENTS: Final = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")
"""A group needs all three: without the last, stopping a deployment leaves the alias split."""

SOURCE: Final = "aws.codedeploy"
STATE_CHANGED: Final = "CodeDeploy Deployment State-change Notification"
SUCCESS: Final = "SUCCESS"
"""Of the events of its deployments: the source, the detail type, and the state of one that has succeeded.

https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events-using-events.html
"""
MOST_ALARMS: Final = 10
"""Alarms of a deployment group or a deployment. The quota can be raised, but not seen from here.

https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html
"""
ALL_AT_ONCE: Final = "CodeDeployDefault.LambdaAllAtOnce"
CANARIES: Final = {
    (10, minutes): f"CodeDeployDefault.LambdaCanary10Percent{minutes}Minutes" for minutes in (5, 10, 15, 30)
}
"""CodeDeploy's own deployment configurations of a canary, by percent and minutes.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
"""
LINEAR: Final = {
    (10, minutes): f"CodeDeployDefault.LambdaLinear10PercentEvery{minutes}Minute{'s' if minutes > 1 else ''}"
    for minutes in (1, 2, 3, 10)
}
"""CodeDeploy's own linear ones, by percent and the minutes of each step; the same page."""

CONSOLES: Final = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""The host of the console, by partition."""


def console(partition: str, region: str) -> str:
    """Return the address of the console of a region, without a path."""
    return f"https://{region}.{CONSOLES.get(partition, CONSOLES['aws'])}"
