"""What each kind of a stack's resources takes to be read, and to be changed: by the release, and by Pulumi's provider.

One grant for each set of resources, so that a call is allowed by one statement and by no other.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from infra.naming import HOOKS, Names, Place
from infra.permissions.limits import boundary_arn
from infra.permissions.statement import Statement
from infra.permissions.wide import WIDE

Condition = Mapping[str, Mapping[str, str | Sequence[str]]]
ALARMS = ("errors", "throttles")  # kinds of the long-lived ones


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


@dataclass(frozen=True)
class Resources:
    """The ARNs of what a stack declares."""

    names: Names
    place: Place

    @property
    def services(self) -> list[str]:
        return [self.place.arn("lambda", f"function:{self.names.function(each)}") for each in self.names.services]

    @property
    def hooks(self) -> list[str]:
        return [self.place.arn("lambda", f"function:{self.names.hook(each)}") for each in HOOKS]

    def roles(self, *found: str) -> tuple[str, ...]:
        return tuple(self.place.global_arn("iam", f"role/{name}") for name in found)

    @property
    def function_roles(self) -> tuple[str, ...]:
        execution = [self.names.execution_role(each) for each in self.names.services]
        return self.roles(*execution, *(self.names.hook_role(each) for each in HOOKS))

    @property
    def curves(self) -> Iterator[str]:
        """A curve's name ends in its percent and its minutes, which the stack may change: any of as many digits."""
        for percent in ("?", "??"):
            for minutes in ("?", "??", "???", "????"):
                name = f"{self.names.prefix}-canary-{percent}-{minutes}"
                yield self.place.arn("codedeploy", f"deploymentconfig:{name}")

    @property
    def alarms(self) -> Iterator[str]:
        """The long-lived ones, and the verdict's: those of the release's attempts."""
        for service in self.names.services:
            for kind in ALARMS:
                yield self.place.arn("cloudwatch", f"alarm:{self.names.alias_alarm(service, kind)}")
            yield self.place.arn("cloudwatch", f"alarm:{self.names.function(service)}-verdict-*")


def functions(names: Names, place: Place) -> tuple[Grant, ...]:
    """Functions and who may call them, their logs and secrets, and the API in front.

    A hook that the stack no longer wants is removed, and so are old versions; a function, its role and its log are not.
    """
    own = Resources(names, place)
    logs = [place.arn("logs", f"log-group:{names.log_group(each)}") for each in names.services]
    hook_logs = [place.arn("logs", f"log-group:{names.hook_log_group(each)}") for each in HOOKS]
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
                *_qualified(hook_logs),
            ),
            writes=("DeleteFunction", "iam:DeleteRole", "iam:ListInstanceProfilesForRole", "logs:DeleteLogGroup"),
        ),
        Grant(
            "Logs",
            "logs",
            _qualified([*logs, *hook_logs]),
            ("DescribeLogStreams", "FilterLogEvents", "ListTagsForResource"),
            ("CreateLogGroup", "PutRetentionPolicy", "TagResource", "UntagResource"),
        ),
        *_api(names, place),
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


def roles(names: Names, place: Place) -> tuple[Grant, ...]:
    """The roles of functions, hooks and CodeDeploy: made with the boundary only, and given to their services only."""
    own = Resources(names, place)
    codedeploy_role = own.roles(names.codedeploy_role)
    every = (*own.function_roles, *codedeploy_role)
    return (
        Grant(
            "Roles",
            "iam",
            every,
            ("GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies", "SimulatePrincipalPolicy"),
            ("TagRole", "UntagRole", "UpdateAssumeRolePolicy"),
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


def delivery(names: Names, place: Place) -> tuple[Grant, ...]:
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
            tuple(groups(names, place)),
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
            "AllAtOnce",
            "codedeploy",
            (place.arn("codedeploy", "deploymentconfig:CodeDeployDefault.LambdaAllAtOnce"),),
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


def groups(names: Names, place: Place) -> Iterator[str]:
    """The ARNs of the deployment groups."""
    for each in names.services:
        yield place.arn("codedeploy", f"deploymentgroup:{names.application}/{names.deployment_group(each)}")


def table(place: Place, name: str) -> Grant:
    """The table of orders, where Pulumi has it. Nobody who deploys deletes it."""
    return Grant(
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


def _passes(service: str, roles: tuple[str, ...]) -> Iterator[Grant]:
    """The service may be given these roles, and no other service may."""
    to = {"StringEquals": {"iam:PassedToService": f"{service.lower()}.amazonaws.com"}}
    yield Grant(f"PassTo{service}", "iam", roles, writes=("PassRole",), condition=to)


def _api(names: Names, place: Place) -> Iterator[Grant]:
    """An API's id is known only when it is there, so its tags say whose it is; its parts have those of the API.

    A tag is set by two calls, PUT or POST on the tag and PATCH on the API itself, and the second is bound to our own.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-iam-policy.html
    """
    root = f"arn:{place.partition}:apigateway:{place.region}::"
    tags = {"Project": names.project, "Stack": names.stack}
    ours = {"StringEquals": {f"aws:ResourceTag/{key}": value for key, value in tags.items()}}
    new = {"StringEquals": {f"aws:RequestTag/{key}": value for key, value in tags.items()}}
    encoded = f"arn%3A{place.partition}%3Aapigateway%3A{place.region}%3A%3A%2Fapis%2F*"
    yield Grant("NewApi", "apigateway", (f"{root}/apis",), writes=("POST",), condition=new)
    yield Grant("Api", "apigateway", (f"{root}/apis/*",), ("GET",), ("PATCH",), condition=ours)
    yield Grant("ApiParts", "apigateway", (f"{root}/apis/*/*",), writes=("DELETE", "POST"), condition=ours)
    yield Grant("ApiTags", "apigateway", (f"{root}/tags/{encoded}",), ("GET",), ("DELETE", "POST", "PUT"))


def _qualified(arns: list[str]) -> tuple[str, ...]:
    """A function and its versions and aliases, or a log group and its streams."""
    return tuple(each for arn in arns for each in (arn, f"{arn}:*"))
