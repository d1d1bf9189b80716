"""Whether an AWS service may assume a role, by the role's trust policy alone.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-service.html
"""

from local.cloud.identity import callers
from local.cloud.identity.policies import Policy, Question, decide


def exists(arn: str, account: str) -> bool:
    """Whether an ARN is that of a role of the account."""
    return arn.split(":")[4:5] == [account] and callers.role_of(account, arn.rsplit("/", 1)[-1]).get("Arn") == arn


def assumable(arn: str, service: str, source: str) -> bool:
    """Whether a service such as lambda.amazonaws.com, for the resource `source`, may assume the role with this ARN."""
    account = arn.split(":")[4]
    document = callers.role_of(account, arn.rsplit("/", 1)[-1]).get("AssumeRolePolicyDocument") or {}
    question = Question("sts:AssumeRole", arn, policy=Policy("trust policy", callers.text(document)), owner=account)
    return decide(callers.service(service, account, source), question).allowed
