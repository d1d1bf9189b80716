"""Grants to read and to change each kind of a stack's resources, for the release and for Pulumi's provider.

There is one grant for each set of resources, so that exactly one statement allows a call.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from infra.naming import HOOKS, AwsLocation, Names
from infra.permissions.boundary import boundary_arn
from infra.permissions.declared import Resources
from infra.permissions.statement import Statement
from infra.permissions.unscoped import UNSCOPED_READS

Condition = Mapping[str, Mapping[str, str | Sequence[str]]]
TABLE_KEY = "alias/aws/dynamodb"  # AWS's own, which encrypts the table


@dataclass(frozen=True)
class Grant:
    """Calls on some resources. `kind` is the Sid; `prefix` is the service of the calls that do not name one."""

    kind: str
    prefix: str
    resources: tuple[str, ...]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    condition: Condition | None = field(default=None, kw_only=True)

    def all(self) -> Iterator[Statement]:
        """Yield the statement of reads and writes."""
        yield self._statement((*self.reads, *self.writes))

    def only_reads(self) -> Iterator[Statement]:
        """Yield the statement of the reads, if there are any."""
        if self.reads:
            yield self._statement(self.reads)

    def _statement(self, calls: tuple[str, ...]) -> Statement:
        actions = tuple(call if ":" in call else f"{self.prefix}:{call}" for call in calls)
        return Statement(self.kind, actions, self.resources, condition=self.condition)


def functions(names: Names, place: AwsLocation) -> tuple[Grant, ...]:
    """Return the grants on functions, their callers, logs and secrets.

    GetFunction silently omits the tags for a role without ListTags; each refresh would then show them as gone.
    https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html

    Old versions may be deleted, and hooks that the stack no longer wants; functions, their roles and logs may not.
    """
    own = Resources(names, place)
    return (
        Grant(
            "Functions",
            "lambda",
            _qualified([*own.services, *own.hooks]),
            (
                "GetAlias",
                "GetFunction",
                "GetFunctionCodeSigningConfig",
                "GetFunctionConcurrency",
                "GetFunctionConfiguration",
                "GetFunctionEventInvokeConfig",
                "GetPolicy",
                "ListAliases",
                "ListTags",
                "ListVersionsByFunction",
            ),
            (
                "CreateAlias",
                "CreateFunction",
                "DeleteFunctionConcurrency",
                "DeleteFunctionEventInvokeConfig",
                "InvokeFunction",
                "PublishVersion",
                "PutFunctionConcurrency",
                "PutFunctionEventInvokeConfig",
                "RemovePermission",
                "TagResource",
                "UntagResource",
                "UpdateAlias",
                "UpdateFunctionCode",
                "UpdateFunctionConfiguration",
            ),
        ),
        Grant(
            "Callers",
            "lambda",
            _qualified(own.services),
            writes=("AddPermission",),
            condition={"StringEquals": {"lambda:Principal": ["apigateway.amazonaws.com", "events.amazonaws.com"]}},
        ),
        Grant(
            "Removals",
            "lambda",
            (
                *(f"{function}:*" for function in own.services),
                *own.hooks,
                *own.roles(*(names.hook_role(each) for each in HOOKS)),
                *_qualified(own.hook_logs),
            ),
            writes=("DeleteFunction", "iam:DeleteRole", "iam:ListInstanceProfilesForRole", "logs:DeleteLogGroup"),
        ),
        Grant(
            "Logs",
            "logs",
            _qualified([*own.logs, *own.hook_logs]),
            ("DescribeLogStreams", "FilterLogEvents", "ListTagsForResource"),
            ("CreateLogGroup", "PutRetentionPolicy", "TagResource", "UntagResource"),
        ),
        # No reads, so the preview role gets none: Pulumi's provider reads a parameter decrypted or not at all, IAM
        # cannot distinguish the two, and a preview without a refresh reads nothing.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
        Grant(
            "Parameters",
            "ssm",
            (place.parameter_arn(names.receipt_key),),
            writes=(
                "AddTagsToResource",
                "DeleteParameter",
                "GetParameter",
                "ListTagsForResource",
                "PutParameter",
                "RemoveTagsFromResource",
            ),
        ),
    )


def roles(names: Names, place: AwsLocation) -> tuple[Grant, ...]:
    """Return the grants on the roles of functions, hooks, CodeDeploy and messages.

    A role may be created only with the boundary, and passed only to its service. Its trust policy is set when it is
    created; only an administrator may change it.
    """
    own = Resources(names, place)
    codedeploy_role = own.roles(names.codedeploy_role)
    messages_role = own.roles(names.messages)
    every = (*own.function_roles, *codedeploy_role, *messages_role)
    return (
        Grant(
            "Roles",
            "iam",
            every,
            ("GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies", "SimulatePrincipalPolicy"),
            ("TagRole", "UntagRole"),
        ),
        Grant(
            "BoundRoles",
            "iam",
            every,
            writes=("CreateRole", "DeleteRolePolicy", "PutRolePolicy"),
            condition={"StringEquals": {"iam:PermissionsBoundary": boundary_arn(names, place)}},
        ),
        *_passes("Lambda", own.function_roles),
        *_passes("CodeDeploy", codedeploy_role),
        *_passes("Events", messages_role),
    )


def delivery(names: Names, place: AwsLocation) -> tuple[Grant, ...]:
    """Return the grants on CodeDeploy's resources, on alarms, and on the topic and dashboard.

    The application and the groups may not be deleted, since the ledger of releases would go with them: only an
    administrator may run `pulumi destroy`.
    """
    own = Resources(names, place)
    tags = ("TagResource", "UntagResource")
    return (
        Grant(
            "Application",
            "codedeploy",
            (place.arn("codedeploy", f"application:{names.application}"),),
            ("GetApplication", "GetApplicationRevision", "ListTagsForResource"),
            ("CreateApplication", "RegisterApplicationRevision", *tags),
        ),
        Grant(
            "Groups",
            "codedeploy",
            tuple(own.groups),
            ("BatchGetDeployments", "GetDeploymentGroup", "ListDeployments", "ListTagsForResource"),
            ("CreateDeployment", "CreateDeploymentGroup", "StopDeployment", "UpdateDeploymentGroup", *tags),
        ),
        Grant(
            "Curves",
            "codedeploy",
            tuple(own.curves),
            ("GetDeploymentConfig",),
            ("CreateDeploymentConfig", "DeleteDeploymentConfig"),
        ),
        Grant(
            "Predefined",
            "codedeploy",
            (place.arn("codedeploy", "deploymentconfig:CodeDeployDefault.Lambda*"),),
            ("GetDeploymentConfig",),
        ),
        Grant(
            "Alarms",
            "cloudwatch",
            tuple(own.alarms),
            ("ListTagsForResource",),
            ("DeleteAlarms", "PutMetricAlarm", *tags),
        ),
        Grant(
            "Dashboard",
            "cloudwatch",
            (place.global_arn("cloudwatch", f"dashboard/{names.dashboard}"),),
            ("GetDashboard",),
            ("PutDashboard",),
        ),
        Grant(
            "Topic",
            "sns",
            (place.arn("sns", names.topic),),
            ("GetTopicAttributes", "ListTagsForResource"),
            ("CreateTopic", "SetTopicAttributes", "Subscribe", *tags),
        ),
        Grant("Account", "", ("*",), tuple(UNSCOPED_READS)),
    )


def table(place: AwsLocation, name: str) -> Iterator[Grant]:
    """Yield the grants on the table of orders, where Pulumi owns it; the deploy role may not delete it.

    Pulumi's provider reads the key that encrypts the table by the key's alias.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-request-alias
    """
    yield Grant(
        "Table",
        "dynamodb",
        (place.arn("dynamodb", f"table/{name}"),),
        ("DescribeContinuousBackups", "DescribeTable", "DescribeTimeToLive", "ListTagsOfResource"),
        (
            "CreateTable",
            "TagResource",
            "UntagResource",
            "UpdateContinuousBackups",
            "UpdateTable",
            "UpdateTimeToLive",
        ),
    )
    by_alias = {"StringEquals": {"kms:RequestAlias": TABLE_KEY}}
    yield Grant("TableKey", "kms", (place.arn("kms", "key/*"),), ("DescribeKey",), condition=by_alias)


def _passes(service: str, roles: tuple[str, ...]) -> Iterator[Grant]:
    """Yield the grant to pass these roles to the service, and to no other."""
    to = {"StringEquals": {"iam:PassedToService": f"{service.lower()}.amazonaws.com"}}
    yield Grant(f"PassTo{service}", "iam", roles, writes=("PassRole",), condition=to)


def _qualified(arns: list[str]) -> tuple[str, ...]:
    """Return each ARN, and the pattern of its parts: a function's versions and aliases, or a log group's streams."""
    return tuple(each for arn in arns for each in (arn, f"{arn}:*"))
