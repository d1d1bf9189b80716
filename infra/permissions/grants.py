"""What each kind of a stack's resources takes to be read, and to be changed: by the release, and by Pulumi's provider.

One grant for each set of resources, so that a call is allowed by one statement and by no other.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from infra.naming import HOOKS, AwsLocation, Names
from infra.permissions.boundary import boundary_arn
from infra.permissions.declared import Resources
from infra.permissions.statement import Statement
from infra.permissions.unscoped import WIDE

Condition = Mapping[str, Mapping[str, str | Sequence[str]]]
TABLE_KEY = "alias/aws/dynamodb"  # AWS's own, which encrypts the table


@dataclass(frozen=True)
class Grant:
    """Calls on some resources. `kind` names the statement; the names of the calls lack the `prefix` of the service."""

    kind: str
    prefix: str
    resources: tuple[str, ...]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    condition: Condition | None = field(default=None, kw_only=True)

    def all(self) -> Iterator[Statement]:
        """Reads and writes."""
        yield self._statement((*self.reads, *self.writes))

    def only_reads(self) -> Iterator[Statement]:
        """Nothing that changes anything."""
        if self.reads:
            yield self._statement(self.reads)

    def _statement(self, calls: tuple[str, ...]) -> Statement:
        actions = tuple(call if ":" in call else f"{self.prefix}:{call}" for call in calls)
        return Statement(self.kind, actions, self.resources, condition=self.condition)


def functions(names: Names, place: AwsLocation) -> tuple[Grant, ...]:
    """Functions and who may call them, their logs and secrets.

    GetFunction leaves the tags out for whoever lacks ListTags, and says nothing of it: each refresh would show them as
    gone. https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html

    A hook that the stack no longer wants is removed, and so are old versions; a function, its role and its log are not.
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
                "GetPolicy",
                "ListAliases",
                "ListTags",
                "ListVersionsByFunction",
            ),
            (
                "CreateAlias",
                "CreateFunction",
                "InvokeFunction",
                "PublishVersion",
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
            condition={"StringEquals": {"lambda:Principal": "apigateway.amazonaws.com"}},
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
        # None of it for who previews: Pulumi's provider reads a parameter decrypted or not at all, IAM cannot tell the
        # two apart, and a preview without a refresh reads nothing.
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
    """The roles of functions, hooks and CodeDeploy: made with the boundary only, and given to their services only.

    Whom a role trusts is said when it is made; changing that is an administrator's.
    """
    own = Resources(names, place)
    codedeploy_role = own.roles(names.codedeploy_role)
    every = (*own.function_roles, *codedeploy_role)
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
    )


def delivery(names: Names, place: AwsLocation) -> tuple[Grant, ...]:
    """CodeDeploy, alarms and whom they tell. Deleting the application or a group would delete the ledger of releases:
    `destroy` is for an administrator."""
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
        Grant("Account", "", ("*",), tuple(WIDE)),
    )


def table(place: AwsLocation, name: str) -> Iterator[Grant]:
    """The table of orders, where Pulumi has it. Nobody who deploys deletes it. Pulumi's provider asks by its alias for
    the key that encrypts it.

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
    """The service may be given these roles, and no other service may."""
    to = {"StringEquals": {"iam:PassedToService": f"{service.lower()}.amazonaws.com"}}
    yield Grant(f"PassTo{service}", "iam", roles, writes=("PassRole",), condition=to)


def _qualified(arns: list[str]) -> tuple[str, ...]:
    """A function and its versions and aliases, or a log group and its streams."""
    return tuple(each for arn in arns for each in (arn, f"{arn}:*"))
