"""The identity layer: the roles by which jobs reach an account from outside, and the bucket of the stacks' state.

An administrator brings it up once per account, by `bootstrap/`. It holds what the stacks must not be able to change.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import ComponentResource, Input, InvokeOptions, Output, Resource, ResourceOptions

from infra import permissions, source
from infra.contracts import LegacyIdentity
from infra.identity.access import Access, Builder, accesses
from infra.identity.config import IdentityConfig, ServedStack
from infra.naming import AwsLocation, Names, Shared
from infra.permissions import PeerStack, PolicyError, Statement
from infra.permissions.artifacts import SOURCES
from infra.permissions.trust import GITHUB, GITHUB_AUDIENCE, PULUMI
from infra.source import Source

LAYOUT = "version: 1\n"  # Pulumi's layout of state in a bucket: stacks below their projects
DEPLOY, PREVIEW = 4 * 3600, 3600  # the longest sessions, in seconds; a canary and its bake fit into the first
HELD = 30  # days until KMS deletes a key, or S3 an expired source archive, for good
SOURCE_DAYS = 730
"""How long a commit's source archive is kept: twice the longest strata:release.proofDays. A proof that still counts is
that old at most, and may be of a build a year older. Bundles and manifests are kept for good, since they are what is
live, and what a rollback goes back to."""
UNREAD = ("deletionWindowInDays", "bypassPolicyLockoutSafetyCheck")
"""Settings of a key that KMS does not answer, so an import finds neither.

internal/service/kms/key.go of github.com/hashicorp/terraform-provider-aws ignores them in its tests of an import.
"""


class IdentityError(pulumi.RunError):
    """IAM would refuse a policy. Pulumi shows the error without a traceback."""


class Identity(ComponentResource):
    """Issuers of tokens, the roles that their tokens open, the stacks' boundaries, their keys and their state's bucket.

    What Terraform's identity layer has comes from `config.source`: where that is legacy, `legacy` is its contract, and
    a role of Terraform's only gets this program's policies beside its own.

    `roles` are ARNs by name; `state` is the URL for `pulumi login`; `secrets_providers` are, by stack, the URLs for
    `pulumi stack init --secrets-provider`.
    """

    roles: dict[str, Output[str]]
    state: Output[str]
    secrets_providers: dict[str, str]

    def __init__(
        self,
        name: str,
        *,
        place: AwsLocation,
        config: IdentityConfig,
        legacy: LegacyIdentity | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("strata:layers:Identity", name, None, opts)
        self._name, self._place, self._config = name, place, config
        self._legacy = legacy
        self.roles, self.secrets_providers = {}, {}
        shared = Shared(config.project)
        self._issuers = self._trusted()
        state, versions = self._bucket("state", shared.state_bucket(place))
        self._layout(state, versions)
        self.state = state.bucket.apply(lambda _: permissions.backend(config.project, place))
        if config.artifacts.account_id is None:
            self._expire_sources(*self._bucket("artifacts", shared.artifact_bucket(place), config.artifacts.readers))
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
        """Declare the issuers' providers, except those that the account has already: it has at most one for a URL.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
        """
        github, cloud = self._config.github, self._config.pulumi
        owner = self._config.source
        wanted = [("github", GITHUB, GITHUB_AUDIENCE, owner, github.existing_provider or owner is Source.LEGACY)]
        if cloud is not None:
            wanted.append(("pulumi", PULUMI, cloud.organization, Source.MANAGED, cloud.existing_provider))
        return [
            aws.iam.OpenIdConnectProvider(
                f"{self._name}-{name}",
                url=issuer.url,
                client_id_lists=[audience],
                opts=source.options(owner, self, issuer.arn(self._place), protect=False),
            )
            for name, issuer, audience, owner, existing in wanted
            if not existing
        ]

    def _bucket(self, kind: str, bucket_name: str, readers: Sequence[str] = ()) -> tuple[aws.s3.Bucket, Resource]:
        """Declare a private, encrypted bucket that is reached by TLS alone; return it and its versioning.

        `readers`: accounts that may let their roles read it.
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
        shared = permissions.cross_account_read(arn, self._place.partition, readers)
        aws.s3.BucketPolicy(
            f"{self._name}-{kind}-tls",
            bucket=bucket.bucket,
            policy=permissions.document((*permissions.encrypted_in_transit(arn), *shared)),
            opts=ResourceOptions(parent=self, depends_on=[private]),
        )
        return bucket, versions

    def _expire_sources(self, bucket: aws.s3.Bucket, versions: Resource) -> None:
        """Delete source archives of which no promotion can have need any more, and nothing else.

        A project reads the newest one, which holds the history of all before it. In a bucket with versions S3 first
        hides an object, and deletes it when that version has expired too.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
        """
        aws.s3.BucketLifecycleConfiguration(
            f"{self._name}-artifacts-lifecycle",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="sources",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=f"{SOURCES}/"),
                    expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=SOURCE_DAYS),
                    noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=HELD
                    ),
                )
            ],
            opts=ResourceOptions(parent=self, depends_on=[versions]),
        )

    def _layout(self, state: aws.s3.Bucket, versions: Resource) -> None:
        """Write the layout of the stacks' state; without it the first `pulumi login` would have to choose one."""
        aws.s3.BucketObjectv2(
            f"{self._name}-state-layout",
            bucket=state.bucket,
            key=permissions.META,
            content=LAYOUT,
            opts=ResourceOptions(parent=self, depends_on=[versions]),
        )

    def _key(
        self,
        name: str,
        *,
        alias: str,
        use: str,
        policy: Callable[[str, str], tuple[Statement, ...]],
        owner: Source = Source.MANAGED,
    ) -> aws.kms.Key:
        """Declare a key and its alias. Of an adopted key the alias tells the id, which AWS generated."""
        found = ""
        if owner is Source.ADOPTED:
            found = aws.kms.get_alias(name=alias, opts=InvokeOptions(parent=self)).target_key_id
        key = aws.kms.Key(
            f"{self._name}-{name}",
            description=use,
            enable_key_rotation=True,
            deletion_window_in_days=HELD,
            policy=permissions.document(policy(self._place.partition, self._place.account)),
            opts=source.options(owner, self, found, protect=True, ignored=UNREAD),
        )
        aws.kms.Alias(
            f"{self._name}-{name}-alias",
            name=alias,
            target_key_id=key.key_id,
            opts=source.options(owner, self, alias, protect=False),
        )
        return key

    def _serve(self, stack: ServedStack, names: Names) -> None:
        """Declare what one stack needs of its account before it can be brought up."""
        resources, owner = stack.resources(names), self._config.source
        if owner is not Source.LEGACY:
            limits = permissions.boundary(names, self._place, resources.table)
            self._policy(f"{stack.name}-boundary", names.boundary, _document(names.boundary, limits), owner)
            self._key(
                f"{stack.name}-alarms",
                alias=names.topic_key,
                use=f"encrypts what the alarms of {names.prefix} publish",
                policy=permissions.topic_key,
                owner=owner,
            )
        self.secrets_providers[stack.name] = permissions.secrets_provider(names, self._place)
        if stack.proves_to is not None:
            self._prove(names, stack.proves_to.of(names.project), by_event=stack.proves_to.by_event)

    def _prove(self, names: Names, after: PeerStack, *, by_event: bool) -> None:
        """Declare the role by which the stack `after` reads the outcome of this stack's releases."""
        askers = [after.role(self._place, role) for role in self._askers(after.names, by_event=by_event)]
        role = aws.iam.Role(
            f"{self._name}-{names.stack}-proof",
            name=names.proof_role,
            assume_role_policy=permissions.document(permissions.cross_account_trust(after.root(self._place), askers)),
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

    def _askers(self, after: Names, *, by_event: bool) -> list[str]:
        """Return the names of the roles that release or preview that stack."""
        by_pulumi = [after.pulumi_role(operation) for operation in ("preview", "update")]
        promotes = [after.promote_role] if by_event else []
        return [after.deploy_role, after.preview_role, *(by_pulumi if self._config.pulumi else []), *promotes]

    def _role(self, access: Access | Builder) -> None:
        """Declare a role that its tokens open, with a managed policy for each part of its policies.

        Of a legacy role only the policies are declared. Where the stack has reviewers, those of its preview role, which
        decrypt its secrets, wait until that is managed: branches that none has reviewed open Terraform's role.
        """
        name = access.role.removeprefix(f"{self._config.project}-")
        role_name: Input[str] = access.role
        owner = self._owner(access)
        if owner is Source.LEGACY:
            self.roles[access.role] = self._arn(access)
        else:
            role = aws.iam.Role(
                f"{self._name}-{name}",
                name=access.role,
                assume_role_policy=permissions.document(permissions.federated(self._place, *access.tokens)),
                max_session_duration=DEPLOY if access.changes else PREVIEW,
                opts=source.options(owner, self, access.role, protect=False, depends_on=self._issuers),
            )
            role_name, self.roles[access.role] = role.name, role.arn
        if owner is not Source.MANAGED and isinstance(access, Access) and access.stack.reviewers and not access.changes:
            return

        def documents(key_arn: str) -> dict[str, str]:
            policies = access.policies(self._place, key_arn)
            return {part: _document(f"{access.role}-{part}", found) for part, found in policies.items()}

        texts: Output[dict[str, Any]] = self._secrets.arn.apply(documents)
        for part in access.parts:
            policy = self._policy(f"{name}-{part}", f"{access.role}-{part}", texts[part])
            aws.iam.RolePolicyAttachment(
                f"{self._name}-{name}-{part}",
                role=role_name,
                policy_arn=policy.arn,
                opts=ResourceOptions(parent=self),
            )

    def _owner(self, access: Access | Builder) -> Source:
        """Return the owner of a role: Terraform's layer has only those by which GitHub's jobs deploy and preview."""
        named = (access.names.deploy_role, access.names.preview_role) if isinstance(access, Access) else ()
        return self._config.source if access.role in named else Source.MANAGED

    def _arn(self, access: Access | Builder) -> Output[str]:
        """Return the ARN of a legacy role."""
        if self._legacy is None:
            raise ValueError("the source is legacy, so the contract of terraform-legacy/identity is needed")
        return self._legacy.deploy_role if access.changes else self._legacy.preview_role

    def _policy(self, name: str, policy_name: str, text: Input[str], owner: Source = Source.MANAGED) -> aws.iam.Policy:
        arn = self._place.global_arn("iam", f"policy/{policy_name}")
        opts = source.options(owner, self, arn, protect=False)
        return aws.iam.Policy(f"{self._name}-{name}", name=policy_name, policy=text, opts=opts)


def _document(name: str, statements: Sequence[Statement]) -> str:
    """Return the document of a managed policy. Raises IdentityError where it exceeds IAM's limit."""
    try:
        return permissions.managed(name, statements)
    except PolicyError as problem:
        raise IdentityError(str(problem)) from None
