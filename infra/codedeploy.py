"""What CodeDeploy fixes, and both the program and the release keep to."""

from typing import Final

HOOK = "CodeDeployHook_"
"""What the name of a hook begins with: CodeDeploy's managed role invokes no other function.

https://docs.aws.amazon.com/codedeploy/latest/userguide/managed-policies.html
"""
ROLLBACK_EVENTS: Final = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")
"""All of them, always: without the last, stopping a deployment leaves the alias split."""
