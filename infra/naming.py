"""Names, tags and ARNs of a stack's resources. Pure: a name depends on the project and the stack alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from infra.codedeploy import CANARIES, HOOK
from infra.schema import LONGEST_STACK, STACK

SMOKE, BAKE = "smoke", "bake"  # the hooks of a deployment: before it has traffic, and after it has all
HOOKS = (SMOKE, BAKE)
LIVE = "live"  # the alias that callers reach; CodeDeploy moves it
MOST_LISTED = 2  # functions that a policy lists one by one, so that the longest names fit into IAM's limit
PROJECT = re.compile(r"(?!aws|ssm|xn--|sthree-|amzn-s3-demo-)[a-z][a-z0-9-]{0,24}")


@dataclass(frozen=True)
class AwsLocation:
    """A stack's partition ("aws", "aws-cn" ...), region and account (twelve digits)."""

    partition: str
    region: str
    account: str

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a regional resource, e.g. `arn("logs", "log-group:/aws/lambda/x:*")`.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
        """
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource that has no region, e.g. `global_arn("iam", "role/x")`."""
        return f"arn:{self.partition}:{service}::{self.account}:{resource}"

    def parameter_arn(self, name: str) -> str:
        """Return the ARN of an SSM parameter whose name is a path, e.g. "/strata/prod/x": its slash is the ARN's.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
        """
        return self.arn("ssm", f"parameter{name}")

    def object_arn(self, bucket: str, key: str = "") -> str:
        """Return the ARN of a bucket, or of an object in it."""
        return f"arn:{self.partition}:s3:::{bucket}" + (f"/{key}" if key else "")


@dataclass(frozen=True)
class Names:
    """The names of one stack's resources. `service` is a function's short name, e.g. "orders"; `services` are all.

    Only names that are about all functions together depend on `services`: `patterns` and `name_errors`.

    Raises ValueError for a stack's name that AWS would refuse in one of the names built from it.
    """

    project: str
    stack: str
    services: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(STACK.pattern, self.stack):
            raise ValueError(
                f"the stack is named {self.stack!r}, but AWS names are built from its name; choose one of lower-case "
                f"letters, digits and hyphens that starts with a letter and has at most {LONGEST_STACK} characters"
            )

    @property
    def prefix(self) -> str:
        return f"{self.project}-{self.stack}"

    @property
    def patterns(self) -> tuple[str, ...]:
        """Return the functions as policies name them: a few one by one, more by "*", since IAM bounds a policy's size.

        With "*", no other stack of the account may have a name that begins with this one's and a hyphen.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        """
        return self.services if len(self.services) <= MOST_LISTED else ("*",)

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags that every resource gets by the provider's default tags."""
        return {"Project": self.project, "Stack": self.stack, "ManagedBy": "pulumi"}

    @property
    def table(self) -> str:
        return f"{self.prefix}-orders"

    @property
    def receipt_key(self) -> str:
        """Return the name of the SSM parameter that holds the key of receipts.

        https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-hierarchies.html
        """
        return f"/{self.project}/{self.stack}/receipt-key"

    def function(self, service: str) -> str:
        return f"{self.prefix}-{service}"

    def queue(self, service: str) -> str:
        return f"{self.prefix}-{service}"

    def dead_letters(self, service: str) -> str:
        """Return the name of the queue of what a service could not do, and of the alarm on it."""
        return f"{self.prefix}-{service}-dead"

    @property
    def messages(self) -> str:
        """Return the name of the rule on ended releases, of its role, its dead letters and the alarm on them.

        No service's resource has an underscore in its name.
        """
        return f"{self.prefix}_messages"

    @property
    def promotion(self) -> str:
        """Return the name of the project that releases this stack by an event, and of what brings it the event.

        That is a bus, a rule, its role, its dead letters and the alarm on them.
        """
        return f"{self.prefix}_promotion"

    @property
    def successes(self) -> str:
        """Return the name of the rule that sends this stack's successes on, of its role and of its dead letters."""
        return f"{self.prefix}_successes"

    @property
    def promotion_log_group(self) -> str:
        """Return the log group that CodeBuild writes to by default.

        https://docs.aws.amazon.com/codebuild/latest/userguide/change-project.html
        """
        return f"/aws/codebuild/{self.promotion}"

    def webhook(self, chat: str) -> str:
        """Return the name of the API destination of a chat, "slack" or "teams", and of its connection."""
        return f"{self.prefix}_{chat}"

    @property
    def bus(self) -> str:
        return self.prefix

    def rule(self, service: str, kind: str) -> str:
        """Return the name of an EventBridge rule; `kind` is "events" or "schedule"."""
        return f"{self.prefix}-{service}-{kind}"

    def execution_role(self, service: str) -> str:
        return f"{self.prefix}-{service}-execution"

    def log_group(self, service: str) -> str:
        """Return the log group that Lambda writes to by default."""
        return f"/aws/lambda/{self.function(service)}"

    def hook(self, hook: str) -> str:
        return f"{HOOK}{self.prefix}-{hook}"

    def hook_role(self, hook: str) -> str:
        return f"{self.prefix}-{hook}-hook"

    def hook_log_group(self, hook: str) -> str:
        return f"/aws/lambda/{self.hook(hook)}"

    @property
    def api(self) -> str:
        return self.prefix

    @property
    def api_log_group(self) -> str:
        """Return the access log's group; with this prefix API Gateway's resource policy does not grow by each group.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
        """
        return f"/aws/vendedlogs/{self.prefix}-api"

    def api_alarm(self, kind: str) -> str:
        """Return the name of an alarm on the API as a whole; `kind` is "5xx" or "latency"."""
        return f"{self.prefix}-api-{kind}"

    @property
    def topic(self) -> str:
        return f"{self.prefix}-alarms"

    @property
    def dashboard(self) -> str:
        return self.prefix

    def alias_alarm(self, service: str, kind: str) -> str:
        """Return the name of a long-lived alarm on the whole alias; `kind` is "errors" or "throttles"."""
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
        """Return the name of a deployment configuration: AWS's own where it has one of this percent and minutes.

        The name contains both, since a configuration cannot be changed, only replaced.
        """
        return CANARIES.get((percent, minutes), f"{self.prefix}-canary-{percent}-{minutes}")

    @property
    def topic_key(self) -> str:
        """Return the alias of the key that encrypts the topic."""
        return f"alias/{self.topic}"

    @property
    def boundary(self) -> str:
        """Return the managed policy that limits every role of this stack.

        Each stack has its own: with a shared one, a role of one stack could be given another's resources.
        """
        return f"{self.prefix}-boundary"

    @property
    def deploy_role(self) -> str:
        return f"{self.prefix}-deploy"

    @property
    def promote_role(self) -> str:
        """Return the role of the project that releases this stack by an event."""
        return f"{self.prefix}-promote"

    @property
    def preview_role(self) -> str:
        return f"{self.prefix}-preview"

    @property
    def proof_role(self) -> str:
        """Return the role by which the stack after this one reads the outcome of its releases."""
        return f"{self.prefix}-proof"

    def pulumi_role(self, operation: str) -> str:
        """Return the role of Pulumi Deployments for an operation, "preview" or "update"."""
        return f"{self.prefix}-pulumi-{operation}"

    def name_errors(self) -> Iterator[str]:
        """Yield an error for each kind of name that AWS would refuse; it names the longest part of the longest name.

        Rules (64 characters) and queues (80) have shorter names than the roles of their functions.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
        https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
        """
        if not PROJECT.fullmatch(self.project):
            yield (
                f"the project is named {self.project!r}, but AWS names are built from its name, those of S3 and SSM "
                "too; choose one of lower-case letters, digits and hyphens that starts with a letter, has at most 25 "
                "characters, and begins with none of aws, ssm, xn--, sthree- and amzn-s3-demo- (`name` in Pulumi.yaml)"
            )
        operations = [self.pulumi_role(each) for each in ("preview", "update")]
        own = [self.deploy_role, self.preview_role, self.proof_role, self.codedeploy_role, self.messages, *operations]
        roles = dict.fromkeys((*own, *(self.hook_role(each) for each in HOOKS)), "")
        functions = {self.hook(each): "" for each in HOOKS}
        groups = dict.fromkeys((self.application, f"{self.prefix}-canary-99-9999"), "")
        for service in self.services:
            roles[self.execution_role(service)] = service
            functions[self.function(service)] = service
            groups[self.deployment_group(service)] = service
        for kind, names, most in (
            ("IAM role", roles, 64),
            ("Lambda function", functions, 64),
            ("CodeDeploy group or configuration", groups, 100),
        ):
            longest = max(names, key=len)
            if len(longest) > most:
                remedy = self._remedy(names[longest])
                yield f"the {kind} {longest} has {len(longest)} characters, and AWS takes {most}: {remedy}"

    def _remedy(self, service: str) -> str:
        parts = {"project": self.project, "stack": self.stack, "function": service}
        what, longest = max(parts.items(), key=lambda part: len(part[1]))
        return f"shorten its longest part, the {what}'s name {longest!r} ({len(longest)})"


@dataclass(frozen=True)
class Shared:
    """The names of the resources that the stacks of a project share in an account."""

    project: str

    def state_bucket(self, place: AwsLocation) -> str:
        """Return the state bucket's name, with account and region in it: bucket names are unique across all of S3."""
        return f"{self.project}-state-{place.account}-{place.region}"

    def artifact_bucket(self, place: AwsLocation) -> str:
        """Return the artifact bucket's name; it is per region, since Lambda reads bundles in its own region only."""
        return f"{self.project}-artifacts-{place.account}-{place.region}"

    @property
    def build_role(self) -> str:
        return f"{self.project}-build"

    @property
    def secrets_key(self) -> str:
        """Return the alias of the key that encrypts the secrets of the stacks' configuration and state."""
        return f"alias/{self.project}-secrets"


def deployment_group_arn(place: AwsLocation, names: Names, service: str) -> str:
    """Return the ARN of a service's deployment group."""
    return place.arn("codedeploy", f"deploymentgroup:{names.application}/{names.deployment_group(service)}")
