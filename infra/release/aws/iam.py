"""Permissions as IAM simulates them, and trust of roles. A simulation makes none of the calls that it judges.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from infra.release.aws.clients import Clients
from infra.release.aws.deployments import application_arn, group_arn
from infra.release.aws.errors import aws_call
from infra.release.engine.cloud import AwsError
from infra.release.model.spec import Target

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import RoleTypeDef

ANSWER = "codedeploy:PutLifecycleEventHookExecutionStatus"


def writes(targets: Sequence[Target]) -> dict[tuple[str, ...], list[str]]:
    """Actions of a release, and the ARNs of their resources.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html
    """
    found: dict[tuple[str, ...], set[str]] = {}
    for target in targets:
        _, partition, _, region, account, _ = target.topic.split(":", 5)
        place = f"{region}:{account}"
        function = f"arn:{partition}:lambda:{place}:function:{target.function}"
        for actions, arn in {
            ("codedeploy:CreateDeployment", "codedeploy:StopDeployment"): group_arn(target),
            ("codedeploy:TagResource", "codedeploy:UntagResource", "codedeploy:UpdateDeploymentGroup"): group_arn(
                target
            ),
            ("codedeploy:GetApplicationRevision", "codedeploy:RegisterApplicationRevision"): application_arn(target),
            ("lambda:InvokeFunction", "lambda:UpdateAlias"): function,
            ("cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"): (
                f"arn:{partition}:cloudwatch:{place}:alarm:{target.verdict_alarms}*"
            ),
        }.items():
            found.setdefault(actions, set()).add(arn)
        curves = {target.curve, *(each.name for each in (target.auto.allowed if target.auto else ()))}
        found.setdefault(("codedeploy:GetDeploymentConfig",), set()).update(
            f"arn:{partition}:codedeploy:{place}:deploymentconfig:{name}" for name in curves
        )
    return {actions: sorted(arns) for actions, arns in found.items()}


def principal(clients: Clients) -> str | None:
    """Return the caller's ARN for IAM's simulation; None for the root user, to whom IAM denies nothing."""
    arn = clients.caller["Arn"]
    kind, _, name = arn.split(":", 5)[5].partition("/")
    match kind:
        case "root":
            return None
        case "user":
            return arn
        case "assumed-role":  # the session's ARN lacks the role's path
            found = role(clients, name.split("/")[0])
            return found["Arn"]
    raise AwsError(f"{arn} is neither a role nor a user, and IAM simulates no other")


def role(clients: Clients, name: str) -> RoleTypeDef:
    """Return a role. `name` may also be its ARN."""
    with aws_call("iam GetRole", name):
        return clients.iam.get_role(RoleName=name.rsplit("/", 1)[-1])["Role"]


def trusts(found: RoleTypeDef, service: str) -> bool:
    """True if an AWS service, such as "codedeploy", may assume the role, in any region."""
    document = cast("Mapping[str, Any]", found["AssumeRolePolicyDocument"])  # botocore has parsed it
    statements = document["Statement"]
    for each in statements if isinstance(statements, list) else [statements]:
        named = each.get("Principal", {}).get("Service", []) if isinstance(each.get("Principal"), dict) else []
        if each["Effect"] == "Allow" and any(
            name.startswith(f"{service}.") for name in ([named] if isinstance(named, str) else named)
        ):
            return True
    return False


def simulated(clients: Clients, principal_arn: str, actions: Sequence[str], arns: Sequence[str]) -> dict[str, bool]:
    """For each action, whether the principal may take it on every one of the resources."""
    allowed: dict[str, bool] = dict.fromkeys(actions, True)
    with aws_call("iam SimulatePrincipalPolicy", principal_arn):
        pages = clients.iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=principal_arn, ActionNames=list(actions), ResourceArns=list(arns)
        )
        for page in pages:
            for each in page["EvaluationResults"]:
                allowed[each["EvalActionName"]] &= each["EvalDecision"] == "allowed"
    return allowed
