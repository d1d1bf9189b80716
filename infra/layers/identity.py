"""The identity layer: who may reach an account from outside, what each may do, and where the stacks keep their state.

An administrator brings it up once per account, by `bootstrap/`. It holds what the stacks must not be able to change.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import ComponentResource, Input, Output, Resource, ResourceOptions

from infra import permissions
from infra.identity.access import Access, Builder, accesses
from infra.identity.config import IdentityConfig, ServedStack
from infra.naming import AwsLocation, Names, Shared
from infra.permissions import PeerStack, PolicyError, Statement
from infra.permissions.trust import GITHUB, GITHUB_AUDIENCE, PULUMI

LAYOUT = "version: 1\n"  # of Pulumi's state in a bucket: stacks below their projects
DEPLOY, PREVIEW = 4 * 3600, 3600  # seconds that a session lasts at most; a canary and its bake fit into the first
HELD = 30  # days until a deleted key is gone for good


class IdentityError(pulumi.RunError):
    """What IAM would not take. Pulumi shows it without a traceback."""


class Identity(ComponentResource):
    """Issuers of tokens, the roles that their tokens open, the stacks' boundaries, their keys and their state's bucket.

    `roles`: ARNs by name. `state`: what to give `pulumi login`. `secrets_providers`: by stack, what to give
    `pulumi stack init --secrets-provider`.
    """

    roles: dict[str, Output[str]]
    state: Output[str]
    secrets_providers: dict[str, str]

    def __init__(
        self, name: str, *, place: AwsLocation, config: IdentityConfig, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("strata:layers:Identity", name, None, opts)
        self._name, self._place, self._config = name, place, config
        self.roles, self.secrets_providers = {}, {}
        shared = Shared(config.project)
        self._issuers = self._trusted()
        state, versions = self._bucket("state", shared.state_bucket(place))
        self._layout(state, versions)
        self.state = state.bucket.apply(lambda _: permissions.backend(config.project, place))
        if config.artifacts.account_id is None:
            self._bucket("artifacts", shared.artifact_bucket(place), config.artifacts.readers)
        self._secrets = self._key(
            "secrets",
            alias=shared.secrets_key,
            use=f"encrypts the secrets of the stacks of {config.project}",
            policy=permissions.secrets_key,
        )
        for stack in config.stacks:
            self._serve(stack, stack.names(config.project))
        for access in accesses(config):
            self._role(access)
        self.register_outputs({"state": self.state})

    def _trusted(self) -> list[aws.iam.OpenIdConnectProvider]:
        """The issuers whose providers are ours to declare: an account has one for an URL, and may have it already.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
        """
        github, cloud = self._config.github, self._config.pulumi
        wanted = [("github", GITHUB, GITHUB_AUDIENCE, github.existing_provider)]
        if cloud is not None:
            wanted.append(("pulumi", PULUMI, cloud.organization, cloud.existing_provider))
        return [
            aws.iam.OpenIdConnectProvider(
                f"{self._name}-{name}",
                url=issuer.url,
                client_id_lists=[audience],
                opts=ResourceOptions(parent=self),
            )
            for name, issuer, audience, existing in wanted
            if not existing
        ]

    def _bucket(self, kind: str, bucket_name: str, readers: Sequence[str] = ()) -> tuple[aws.s3.Bucket, Resource]:
        """A bucket that is encrypted, reached by TLS and public in no way, and what makes it keep every version.

        `readers`: accounts whose roles may be let read it.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
        """
        opts = ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            f"{self._name}-{kind}", bucket=bucket_name, opts=ResourceOptions(parent=self, protect=True)
        )
        versions = aws.s3.BucketVersioning(
            f"{self._name}-{kind}-versions",
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=opts,
        )
        encryption = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="AES256"
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{self._name}-{kind}-encryption",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=encryption
                )
            ],
            opts=opts,
        )
        private = aws.s3.BucketPublicAccessBlock(
            f"{self._name}-{kind}-private",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=opts,
        )
        arn = self._place.object_arn(bucket_name)
        aws.s3.BucketPolicy(
            f"{self._name}-{kind}-tls",
            bucket=bucket.bucket,
            policy=permissions.document(
                (*permissions.encrypted_in_transit(arn), *permissions.lent(arn, self._place.partition, readers))
            ),
            opts=ResourceOptions(parent=self, depends_on=[private]),
        )
        return bucket, versions

    def _layout(self, state: aws.s3.Bucket, versions: Resource) -> None:
        """The layout of the stacks' state, without which the first to log in would have to choose one."""
        aws.s3.BucketObjectv2(
            f"{self._name}-state-layout",
            bucket=state.bucket,
            key=permissions.META,
            content=LAYOUT,
            opts=ResourceOptions(parent=self, depends_on=[versions]),
        )

    def _key(
        self, name: str, *, alias: str, use: str, policy: Callable[[str, str], tuple[Statement, ...]]
    ) -> aws.kms.Key:
        key = aws.kms.Key(
            f"{self._name}-{name}",
            description=use,
            enable_key_rotation=True,
            deletion_window_in_days=HELD,
            policy=permissions.document(policy(self._place.partition, self._place.account)),
            opts=ResourceOptions(parent=self, protect=True),
        )
        aws.kms.Alias(
            f"{self._name}-{name}-alias", name=alias, target_key_id=key.key_id, opts=ResourceOptions(parent=self)
        )
        return key

    def _serve(self, stack: ServedStack, names: Names) -> None:
        """What one stack needs of its account before it can be brought up."""
        belongings = stack.belongings(names)
        limits = permissions.boundary(names, self._place, belongings.table)
        self._policy(f"{stack.name}-boundary", names.boundary, _taken(names.boundary, limits))
        self._key(
            f"{stack.name}-alarms",
            alias=names.topic_key,
            use=f"encrypts what the alarms of {names.prefix} publish",
            policy=permissions.topic_key,
        )
        self.secrets_providers[stack.name] = permissions.secrets_provider(names, self._place)
        if stack.proves_to is not None:
            self._prove(names, stack.proves_to.of(names.project))

    def _prove(self, names: Names, after: PeerStack) -> None:
        """A role by which the stack after this one reads what became of its releases, and does nothing else."""
        askers = [after.role(self._place, role) for role in self._askers(after.names)]
        role = aws.iam.Role(
            f"{self._name}-{names.stack}-proof",
            name=names.proof_role,
            assume_role_policy=permissions.document(permissions.neighbours(after.root(self._place), askers)),
            opts=ResourceOptions(parent=self),
        )
        aws.iam.RolePolicy(
            f"{self._name}-{names.stack}-proof",
            name="records",
            role=role.name,
            policy=permissions.document(permissions.proof(names, self._place)),
            opts=ResourceOptions(parent=self),
        )
        self.roles[names.proof_role] = role.arn

    def _askers(self, after: Names) -> list[str]:
        """Who releases or previews that stack."""
        by_pulumi = [after.pulumi_role(operation) for operation in ("preview", "update")]
        return [after.deploy_role, after.preview_role, *(by_pulumi if self._config.pulumi else [])]

    def _role(self, access: Access | Builder) -> None:
        """A role that its tokens open, with a managed policy for each part of what it may do."""
        name = access.role.removeprefix(f"{self._config.project}-")
        role = aws.iam.Role(
            f"{self._name}-{name}",
            name=access.role,
            assume_role_policy=permissions.document(permissions.federated(self._place, *access.tokens)),
            max_session_duration=DEPLOY if access.changes else PREVIEW,
            opts=ResourceOptions(parent=self, depends_on=self._issuers),
        )

        def documents(key_arn: str) -> dict[str, str]:
            policies = access.policies(self._place, key_arn)
            return {part: _taken(f"{access.role}-{part}", found) for part, found in policies.items()}

        texts: Output[dict[str, Any]] = self._secrets.arn.apply(documents)
        for part in access.parts:
            policy = self._policy(f"{name}-{part}", f"{access.role}-{part}", texts[part])
            aws.iam.RolePolicyAttachment(
                f"{self._name}-{name}-{part}",
                role=role.name,
                policy_arn=policy.arn,
                opts=ResourceOptions(parent=self),
            )
        self.roles[access.role] = role.arn

    def _policy(self, name: str, policy_name: str, text: Input[str]) -> aws.iam.Policy:
        return aws.iam.Policy(f"{self._name}-{name}", name=policy_name, policy=text, opts=ResourceOptions(parent=self))


def _taken(name: str, statements: Sequence[Statement]) -> str:
    """The document of a managed policy. Raises IdentityError where IAM would not take it."""
    try:
        return permissions.managed(name, statements)
    except PolicyError as problem:
        raise IdentityError(str(problem)) from None
