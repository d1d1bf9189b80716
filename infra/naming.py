"""Names, tags and ARNs of everything a stack declares. Pure: a name depends on the project and the stack alone."""

import re
from dataclasses import dataclass

SMOKE, BAKE = "smoke", "bake"  # the hooks of a deployment: before it has traffic, and after it has all
HOOKS = (SMOKE, BAKE)
SERVICES = ("orders",)  # the functions of every stack
LIVE = "live"  # the alias that callers reach; CodeDeploy moves it
LONGEST_STACK = 32  # keeps the longest name, an execution role's, within IAM's 64 characters
STACK = re.compile(rf"[a-z][a-z0-9-]{{0,{LONGEST_STACK - 1}}}")


@dataclass(frozen=True)
class Place:
    """Where a stack lives: `partition` is "aws", "aws-cn" ..., `account` twelve digits."""

    partition: str
    region: str
    account: str

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a regional resource, e.g. `arn("logs", "log-group:/aws/lambda/x:*")`.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
        """
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """The ARN of a resource that has no region, e.g. `global_arn("iam", "role/x")`."""
        return f"arn:{self.partition}:{service}::{self.account}:{resource}"

    def object_arn(self, bucket: str, key: str = "") -> str:
        """The ARN of a bucket, or of an object in it."""
        return f"arn:{self.partition}:s3:::{bucket}" + (f"/{key}" if key else "")


@dataclass(frozen=True)
class Names:
    """The names of one stack's resources. `service` is a function's short name, e.g. "orders".

    Raises ValueError for a stack whose name AWS would not take in every place where it goes.
    """

    project: str
    stack: str

    def __post_init__(self) -> None:
        if not STACK.fullmatch(self.stack):
            raise ValueError(
                f"the stack is named {self.stack!r}, but AWS names are built from its name; choose one of lower-case "
                f"letters, digits and hyphens that starts with a letter and has at most {LONGEST_STACK} characters"
            )

    @property
    def prefix(self) -> str:
        return f"{self.project}-{self.stack}"

    @property
    def tags(self) -> dict[str, str]:
        """On every resource, by the provider's default tags."""
        return {"Project": self.project, "Stack": self.stack, "ManagedBy": "pulumi"}

    @property
    def table(self) -> str:
        return f"{self.prefix}-orders"

    def function(self, service: str) -> str:
        return f"{self.prefix}-{service}"

    def execution_role(self, service: str) -> str:
        return f"{self.prefix}-{service}-execution"

    def log_group(self, service: str) -> str:
        """The group that Lambda writes to unless told otherwise."""
        return f"/aws/lambda/{self.function(service)}"

    def hook(self, hook: str) -> str:
        """CodeDeploy's managed role invokes functions of this prefix only; ours keeps to it.

        https://docs.aws.amazon.com/codedeploy/latest/userguide/managed-policies.html
        """
        return f"CodeDeployHook_{self.prefix}-{hook}"

    def hook_role(self, hook: str) -> str:
        return f"{self.prefix}-{hook}-hook"

    def hook_log_group(self, hook: str) -> str:
        return f"/aws/lambda/{self.hook(hook)}"

    @property
    def api(self) -> str:
        return self.prefix

    @property
    def topic(self) -> str:
        return f"{self.prefix}-alarms"

    @property
    def dashboard(self) -> str:
        return self.prefix

    def alias_alarm(self, service: str, kind: str) -> str:
        """A long-lived alarm on the whole alias; `kind` says on what: "errors", "throttles"."""
        return f"{self.function(service)}-{LIVE}-{kind}"

    @property
    def application(self) -> str:
        return self.prefix

    def deployment_group(self, service: str) -> str:
        return f"{self.prefix}-{service}"

    @property
    def codedeploy_role(self) -> str:
        return f"{self.prefix}-codedeploy"

    def curve(self, percent: int, minutes: int) -> str:
        """A deployment configuration cannot be changed, only replaced: its name carries what it says."""
        return f"{self.prefix}-canary-{percent}-{minutes}"

    @property
    def topic_key(self) -> str:
        """The alias of the key that encrypts the topic."""
        return f"alias/{self.topic}"

    @property
    def boundary(self) -> str:
        """The managed policy beyond which no role of this stack goes; each stack has its own, or a role of one could
        be given what belongs to another."""
        return f"{self.prefix}-boundary"

    @property
    def deploy_role(self) -> str:
        return f"{self.prefix}-deploy"

    @property
    def preview_role(self) -> str:
        return f"{self.prefix}-preview"

    def pulumi_role(self, operation: str) -> str:
        """The role of Pulumi Deployments for an operation, "preview" or "update"."""
        return f"{self.prefix}-pulumi-{operation}"


@dataclass(frozen=True)
class Shared:
    """The names of what the stacks of a project share in an account."""

    project: str

    def state_bucket(self, place: Place) -> str:
        """S3 has one namespace for everybody, so the name says whose the bucket is."""
        return f"{self.project}-state-{place.account}-{place.region}"

    def artifact_bucket(self, place: Place) -> str:
        """Where bundles are kept; Lambda reads them in its own region only."""
        return f"{self.project}-artifacts-{place.account}-{place.region}"

    @property
    def build_role(self) -> str:
        return f"{self.project}-build"

    @property
    def secrets_key(self) -> str:
        """The alias of the key that encrypts the secrets of the stacks' configuration and state."""
        return f"alias/{self.project}-secrets"
