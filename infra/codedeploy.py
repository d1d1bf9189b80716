"""Names that CodeDeploy fixes and that both the program and the release use."""

from typing import Final

HOOK = "CodeDeployHook_"
"""The prefix of a hook's name: CodeDeploy's managed role invokes no other function.

https://docs.aws.amazon.com/codedeploy/latest/userguide/managed-policies.html
"""
ROLLBACK_EVENTS: Final = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")
"""A group needs all three: without the last, stopping a deployment leaves the alias split."""
