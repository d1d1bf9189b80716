"""Decides if an AWS service may assume a role, by the role's trust policy alone.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-service.html
"""

from local.cloud.identity import callers
from local.cloud.identity.policies import Policy, Question, decide


def exists(arn: str, account: str) -> bool:
    """Return True if an ARN is that of a role of the account."""
    return arn.split(":")[4:5] == [account] and callers.role_of(account, arn.rsplit("/", 1)[-1]).get("Arn") == arn


def assumable(arn: str, service: str, source: str) -> bool:
    """Return True if a service such as lambda.amazonaws.com may assume the role with this ARN, for the resource
    `source`."""
    account = arn.split(":")[4]
    document = callers.role_of(account, arn.rsplit("/", 1)[-1]).get("AssumeRolePolicyDocument") or {}
    question = Question("sts:AssumeRole", arn, policy=Policy("trust policy", callers.text(document)), owner=account)
    return decide(callers.service(service, account, source), question).allowed
