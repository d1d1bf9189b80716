"""The settings of Pulumi Deployments for the stacks that it runs: source, roles, image, and triggers.

They are in `bootstrap/` because Pulumi Cloud advises to keep a stack's settings in another stack's program.
https://www.pulumi.com/docs/deployments/concepts/settings/
"""

from collections.abc import Iterable
from itertools import groupby

import pulumi_pulumiservice as pulumiservice
from pulumi import ComponentResource, ResourceOptions

from infra.identity.access import Access, accesses
from infra.identity.config import IdentityConfig, PulumiConfig, ServedStack
from infra.naming import AwsLocation, Names
from infra.permissions.trust import PULUMI

TOKEN = "/mnt/pulumi/pulumi.oidc"  # noqa: S105 - the path of the token, not a token
KEPT = "/PULUMI_ENV"
"""The file to which pre-run commands write environment variables for Pulumi.
https://www.pulumi.com/docs/deployments/concepts/settings/environment-variables/"""
PROGRAM = ("__main__.py", "Pulumi.yaml", "app/**", "infra/**", "policy/**", "requirements.txt")
"""The files of a stack beside its own Pulumi.STACK.yaml: only a push that changes one of them changes a stack."""


class Deployments(ComponentResource):
    """The settings of each stack that `config` serves. They need Pulumi Cloud as the stacks' backend."""

    def __init__(
        self,
        name: str,
        *,
        place: AwsLocation,
        config: IdentityConfig,
        cloud: PulumiConfig,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("strata:layers:Deployments", name, None, opts)
        self._name, self._place, self._config, self._cloud = name, place, config, cloud
        ours = (each for each in accesses(config) if isinstance(each, Access) and each.tokens[0].issuer == PULUMI)
        for names, found in groupby(ours, key=lambda each: each.names):
            roles = list(found)
            self._settings(names, roles[0].stack, roles)
        self.register_outputs({})

    def _settings(self, names: Names, stack: ServedStack, roles: Iterable[Access]) -> None:
        """Let a push to main deploy, and a pull request preview; a stack with reviewers is deployed by hand only."""
        pulumiservice.DeploymentSettings(
            f"{self._name}-{names.stack}",
            organization=self._cloud.organization,
            project=names.project,
            stack=names.stack,
            executor_context=pulumiservice.DeploymentSettingsExecutorContextArgs(executor_image=self._cloud.image),
            source_context=pulumiservice.DeploymentSettingsSourceContextArgs(
                git=pulumiservice.DeploymentSettingsGitSourceArgs(branch="refs/heads/main")
            ),
            vcs=pulumiservice.DeploymentSettingsVcsArgs(
                provider="github",
                repository=self._config.github.repository,
                deploy_commits=not stack.reviewers,
                preview_pull_requests=True,
                paths=[*PROGRAM, f"Pulumi.{names.stack}.yaml"],
            ),
            operation_context=pulumiservice.DeploymentSettingsOperationContextArgs(
                environment_variables={"AWS_REGION": self._place.region, "AWS_WEB_IDENTITY_TOKEN_FILE": TOKEN},
                pre_run_commands=[
                    assume({each.operation: self._place.global_arn("iam", f"role/{each.role}") for each in roles})
                ],
            ),
            opts=ResourceOptions(parent=self),
        )


def assume(roles: dict[str, str]) -> str:
    """Return the shell command that selects the operation's role from `roles`, ARNs by operation, or else fails.

    The settings themselves take one role for all operations: either previews could deploy, or updates could not. AWS's
    clients exchange the token for the role's credentials by themselves.
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
    """
    cases = " ".join(f"{operation}) role={arn};;" for operation, arn in roles.items())
    refused = (
        f"no role for $PULUMI_CI_OPERATION: a stack has roles for {' and '.join(roles)}; an administrator runs the rest"
    )
    return (
        f'case "$PULUMI_CI_OPERATION" in {cases} *) echo "{refused}" >&2; exit 1;; esac; '
        f'echo "AWS_ROLE_ARN=$role" >> {KEPT}; echo "AWS_ROLE_SESSION_NAME=pulumi-$PULUMI_CI_BUILD_NUMBER" >> {KEPT}'
    )
