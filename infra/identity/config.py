"""The configuration of `bootstrap/`: the repository whose jobs reach an account, and the stacks that they reach."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pulumi

from infra import services
from infra.config.cross_checks import missing, no_effect
from infra.config.sections import ConfigError, from_file, from_pulumi, read_sections, secret_keys
from infra.config.settings import (
    ACCOUNT_ID,
    DOMAIN_NAME,
    SERVICE,
    ZONE_ID,
    AccountConfig,
    LegacyState,
    SourceOf,
    with_region,
)
from infra.naming import MOST_LISTED, Names
from infra.permissions import PeerStack, Repository, StackResources
from infra.schema import STACK, Flag, ListOf, OneOf, Reading, Section, Text, shown
from infra.source import Source

ENVIRONMENT = Text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", 'the name of a GitHub environment, e.g. "prod"')
# https://git-scm.com/docs/git-check-ref-format, without the characters that IAM or GitHub takes for a wildcard
BRANCH = Text(
    r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)))[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,253}[A-Za-z0-9_-])?", 'a branch, e.g. "main"'
)
NUMBER = Text(r"[1-9]\d{0,18}", 'the number by which GitHub knows it, in quotes, e.g. "1234567"')
# https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication
OWNER, REPOSITORY = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}", r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}"
# https://docs.github.com/en/rest/deployments/environments#create-or-update-an-environment
MOST_REVIEWERS = 6
REVIEWER = Text(f"{OWNER}(?:/{OWNER})?", 'a person, or a team as ORGANISATION/TEAM, e.g. "acme/oncall"')
IMAGE = Text(r"[a-z0-9][a-z0-9._/:@-]{0,254}", 'an image, e.g. "pulumi/pulumi-python-3.11:3.259.0"')
REPOSITORY_ROOT = Path(__file__).resolve().parents[2]
PROJECT = "strata-bootstrap"  # as bootstrap/Pulumi.yaml names it


@dataclass(frozen=True)
class GitHubConfig:
    """identity.github: the repository whose jobs may assume roles, and the form of its tokens' subjects.

    `branch` is the only one from which stacks are deployed and bundles are built.
    """

    repository: Annotated[str, Text(f"{OWNER}/{REPOSITORY}", 'a repository as OWNER/NAME, e.g. "acme/strata"')]
    subject: Annotated[
        str, OneOf("names", "ids", why="GitHub's subjects name a repository, or its immutable numbers too")
    ] = "names"
    owner_id: Annotated[str, NUMBER] = ""
    repository_id: Annotated[str, NUMBER] = ""
    branch: Annotated[str, BRANCH] = "main"
    existing_provider: Annotated[bool, Flag()] = False

    @property
    def ref(self) -> str:
        """Return the branch as a token names it."""
        return f"refs/heads/{self.branch}"

    @property
    def found(self) -> Repository:
        owner, _, name = self.repository.partition("/")
        return Repository(owner, name, self.owner_id, self.repository_id)


@dataclass(frozen=True)
class PulumiConfig:
    """identity.pulumi: the organisation of Pulumi Cloud that runs Pulumi Deployments."""

    organization: Annotated[str, Text(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", 'an organisation\'s name, e.g. "acme"')]
    existing_provider: Annotated[bool, Flag()] = False
    image: Annotated[str, IMAGE] = "pulumi/pulumi-python-3.11:3.259.0"


@dataclass(frozen=True)
class LegacyObject:
    """identity.stacks[].legacy: the location of the Terraform state that the stack reads."""

    bucket: Annotated[str, Text(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", 'a bucket\'s name, e.g. "acme-terraform-state"')]
    key: Annotated[
        str, Text(r"[^/*?][^*?]*[^/*?]", 'the key of the state in the bucket, e.g. "data/terraform.tfstate"')
    ]
    workspace: Annotated[str, Text(r"[A-Za-z0-9._~-]{1,90}", 'a Terraform workspace, e.g. "default"')] = "default"

    @property
    def object_key(self) -> str:
        """Return the key in the bucket, with the workspace's prefix.

        https://developer.hashicorp.com/terraform/language/backend/s3#workspace_key_prefix
        """
        return self.key if self.workspace == "default" else f"env:/{self.workspace}/{self.key}"


@dataclass(frozen=True)
class LegacyFunctions:
    """identity.stacks[].legacyFunctions: the Terraform states of the layers that share `strata:compute.source`.

    A stack reads all three while that source is legacy, and again when the layers are taken back to Terraform. The
    stack's rights on its own functions stay beside these, so that the layers can change their owner under one role.
    """

    compute: Annotated[LegacyObject, Section(LegacyObject)]
    observability: Annotated[LegacyObject, Section(LegacyObject)]
    delivery: Annotated[LegacyObject, Section(LegacyObject)]

    @property
    def objects(self) -> tuple[tuple[str, str], ...]:
        """Return the bucket and the key of each state, once."""
        states = (self.compute, self.observability, self.delivery)
        return tuple(dict.fromkeys((each.bucket, each.object_key) for each in states))


@dataclass(frozen=True)
class PeerSettings:
    """identity.stacks[].follows and .provesTo: another stack of the project, and its account.

    `by_event`: the earlier one's successes start releases of the later one. Both are in one region then.
    """

    stack: Annotated[str, Text(STACK.pattern, 'a stack\'s name, e.g. "staging"')]
    account: Annotated[str, Text(r"\d{12}", 'an account id, twelve digits in quotes, e.g. "222222222222"')]
    by_event: Annotated[bool, Flag()] = False

    def of(self, project: str) -> PeerStack:
        return PeerStack(Names(project, self.stack), self.account)


@dataclass(frozen=True)
class ServedDomain:
    """identity.stacks[].domain: the own name of the stack's API, and the hosted zone in which the stack keeps it."""

    name: Annotated[str, DOMAIN_NAME]
    zone_id: Annotated[str, ZONE_ID] = ""


@dataclass(frozen=True)
class ServedStack:
    """identity.stacks[]: a stack of this account, and the environment from which it is deployed.

    `services` are the folders `app/SERVICE` of this repository where the configuration names none.
    The stack that it follows proves its releases; it proves those of the stack in `proves_to`.
    """

    name: Annotated[str, Text(STACK.pattern, 'a stack\'s name, e.g. "prod"')]
    environment: Annotated[str, ENVIRONMENT]
    table_name: Annotated[str | None, Text(r"[A-Za-z0-9_.-]{3,255}", 'a table\'s name, e.g. "orders-prod"')] = None
    legacy: Annotated[LegacyObject | None, Section(LegacyObject)] = None
    legacy_functions: Annotated[LegacyFunctions | None, Section(LegacyFunctions)] = None
    follows: Annotated[PeerSettings | None, Section(PeerSettings)] = None
    proves_to: Annotated[PeerSettings | None, Section(PeerSettings)] = None
    services: Annotated[tuple[str, ...], ListOf(SERVICE, least=1)] = ()
    reviewers: Annotated[tuple[str, ...], ListOf(REVIEWER, least=1)] = ()
    api_id: Annotated[str, Text(r"[a-z0-9]{10}", "the id of its API, as the address of the API begins")] = ""
    domain: Annotated[ServedDomain | None, Section(ServedDomain)] = None

    def preview_environment(self, shared: str) -> str:
        """Return the environment from which a branch previews the stack: its own if it has reviewers, else `shared`."""
        return f"{shared}-{self.name}" if self.reviewers else shared

    def names(self, project: str) -> Names:
        return Names(project, self.name, self.services)

    def resources(self, names: Names) -> StackResources:
        return StackResources(
            table=self.table_name or names.table,
            legacy_bucket=self.legacy.bucket if self.legacy else "",
            legacy_key=self.legacy.object_key if self.legacy else "",
            legacy_functions=self.legacy_functions.objects if self.legacy_functions else (),
            before=self.follows.of(names.project) if self.follows else None,
            domain=self.domain.name if self.domain else "",
            zone_id=self.domain.zone_id if self.domain else "",
        )


@dataclass(frozen=True)
class KeptArtifacts:
    """identity.artifacts: the account that holds the bundles, None for this one.

    Where it is this one, `readers` are the other accounts that read them, and `environment` is the build job's.
    """

    account_id: Annotated[str | None, ACCOUNT_ID] = None
    readers: Annotated[tuple[str, ...], ListOf(ACCOUNT_ID, least=0)] = ()
    environment: Annotated[str, ENVIRONMENT] = "build"


@dataclass(frozen=True)
class IdentityConfig:
    """The object `identity`. `project` is the stacks' project, from whose name all AWS names are built.

    `source`: who owns what `terraform-legacy/identity` has: GitHub's provider, and of the account's one stack the roles
    that deploy and preview, the boundary and the alarms' key. `legacy`: its state, while that is Terraform.
    """

    github: Annotated[GitHubConfig, Section(GitHubConfig)]
    stacks: Annotated[tuple[ServedStack, ...], ListOf(Section(ServedStack), least=1)]
    source: Annotated[Source, SourceOf(*Source, why="the roles of jobs are read, adopted or owned")] = Source.MANAGED
    legacy: Annotated[LegacyState | None, Section(LegacyState)] = None
    project: Annotated[str, Text(r"[a-z][a-z0-9-]{0,15}", 'a project\'s name, e.g. "strata"')] = "strata"
    preview_environment: Annotated[str, ENVIRONMENT] = "preview"
    pulumi: Annotated[PulumiConfig | None, Section(PulumiConfig)] = None
    artifacts: Annotated[KeptArtifacts, Section(KeptArtifacts)] = KeptArtifacts()


SECTIONS: Mapping[str, type] = {"account": AccountConfig, "identity": IdentityConfig}


@dataclass(frozen=True)
class BootstrapConfig:
    """The configuration of one account. `names` are those of bootstrap's own stack."""

    names: Names
    account: AccountConfig
    identity: IdentityConfig


def load() -> BootstrapConfig:
    """Return the configuration of the stack that Pulumi runs.

    Raises ConfigError, which Pulumi shows without a traceback.
    """
    return parse(from_pulumi(), pulumi.get_stack(), pulumi.get_project(), secret=secret_keys())


def of(folder: Path, stack: str) -> BootstrapConfig:
    """Return the configuration of a stack of `bootstrap/`, the folder, from its files. Raises ConfigError."""
    found = from_file(folder, stack, PROJECT)
    return parse(found.raw, found.stack, found.project, secret=found.secret)


def parse(
    raw: Mapping[str, str],
    stack: str,
    project: str = PROJECT,
    *,
    secret: frozenset[str] = frozenset(),
    repository: Path = REPOSITORY_ROOT,
) -> BootstrapConfig:
    """Return the configuration in Pulumi's raw mapping, `{"strata-bootstrap:identity": "<JSON>", ...}`.

    `secret`: its keys that hold secrets. `repository`: whose services a stack has that names none.

    Raises ConfigError with every mistake.
    """
    mistakes: list[str] = []
    try:
        names = Names(project, stack)
    except ValueError as error:
        mistakes.append(str(error))
    readings = read_sections(SECTIONS, raw, project, mistakes, secret)
    readings["identity"] = _with_services(readings["identity"], services.names(repository))
    mistakes += _rules(readings["identity"])
    if mistakes:
        raise ConfigError(stack, mistakes)
    sections: dict[str, Any] = {section: cls(**readings[section].values) for section, cls in SECTIONS.items()}
    sections["identity"] = with_region(sections["identity"], sections["account"].region)
    return BootstrapConfig(names, **sections)


def _with_services(section: Reading, found: tuple[str, ...]) -> Reading:
    """Return the section with the services of the repository in each stack that names none."""
    stacks = tuple(
        each if each.services else replace(each, services=found) for each in section.values.get("stacks", ())
    )
    return replace(section, values={**section.values, **({"stacks": stacks} if stacks else {})})


def _rules(section: Reading) -> Iterator[str]:
    """Yield the mistakes in how the keys of identity go together."""
    if (github := section.values.get("github")) is not None:
        yield from _subject(f"{section.path}.github", github)
    stacks: tuple[ServedStack, ...] = section.values.get("stacks", ())
    environments = _previews(section.values.get("preview_environment", ""), stacks)
    if (kept := section.values.get("artifacts")) is not None:
        yield from _artifacts(f"{section.path}.artifacts", kept, environments)
    yield from _names(section.path, section.values.get("project"), stacks)
    yield from _source(section, stacks)
    for number, each in enumerate(stacks):
        path = f"{section.path}.stacks[{number}]"
        if each.name in [other.name for other in stacks[:number]]:
            yield f"{path}.name is {shown(each.name)}, which the list already has; a stack is listed once"
        if (taken := environments.setdefault(each.environment, f"stack {each.name}")) != f"stack {each.name}":
            yield (
                f"{path}.environment is {shown(each.environment)}, which is that of {taken}: its jobs could take "
                "either role; give each its own environment"
            )
        for key, other in (("follows", each.follows), ("provesTo", each.proves_to)):
            if other is not None and other.stack == each.name:
                yield f"{path}.{key}.stack is {shown(each.name)}, the stack itself; name the one before or after it"
        if len(each.reviewers) > MOST_REVIEWERS:
            yield (
                f"{path}.reviewers has {len(each.reviewers)}, and GitHub takes {MOST_REVIEWERS} for an environment; "
                "name a team"
            )
        if each.legacy is not None and each.table_name is None:
            yield f"{path}.tableName is missing, but Terraform has the table; give its name"


def _source(section: Reading, stacks: tuple[ServedStack, ...]) -> Iterator[str]:
    """Yield the mistakes in how the keys fit identity.source."""
    source = section.values.get("source")
    if source is Source.LEGACY and "legacy" not in section.given:
        yield missing(section, "legacy", "the bucket and the key of its state")
    if source in (Source.ADOPTED, Source.MANAGED):
        yield from no_effect(section, "legacy", f"{section.path}.source is {source}")
    if source in (Source.LEGACY, Source.ADOPTED) and len(stacks) > 1:
        yield (
            f"{section.path}.stacks has {', '.join(each.name for each in stacks)}, but {section.path}.source is "
            f"{source}, and Terraform's layer has the roles of one stack; leave the others out until it is managed"
        )


def _previews(shared: str, stacks: tuple[ServedStack, ...]) -> dict[str, str]:
    """Return the preview environments by name, each with a description of its owner."""
    own = {each.preview_environment(shared): f"previews of stack {each.name}" for each in stacks if each.reviewers}
    return {**own, shared: "previews"}


def _names(path: str, project: str | None, stacks: tuple[ServedStack, ...]) -> Iterator[str]:
    """Yield a mistake for each name that AWS would refuse, or that policies would confuse with another stack's."""
    if project is None:  # a mistake of its own
        return
    for number, each in enumerate(stacks):
        yield from (f"{path}.stacks[{number}]: {wrong}" for wrong in each.names(project).name_errors())
        alike = [other.name for other in stacks if other.name.startswith(f"{each.name}-")]
        if len(each.services) > MOST_LISTED and alike:
            yield (
                f"{path}.stacks[{number}].name is {shown(each.name)}, with which {shown(alike[0])} begins too: the "
                f"stack has more than {MOST_LISTED} functions, so its policies say {project}-{each.name}-* and would "
                "be about both; rename one, or put them in two accounts"
            )


def _artifacts(path: str, kept: KeptArtifacts, environments: dict[str, str]) -> Iterator[str]:
    """Yield the mistakes of `identity.artifacts`, and add the build job's environment to `environments`.

    Readers and the build job's environment belong to the account that holds the bundles.
    """
    if kept.account_id is None:
        if (taken := environments.setdefault(kept.environment, "the build job")) != "the build job":
            yield (
                f"{path}.environment is {shown(kept.environment)}, which is that of {taken}: its jobs could take "
                "either role; give the build job its own"
            )
    elif kept != KeptArtifacts(kept.account_id):
        yield (
            f"{path}.accountId is {shown(kept.account_id)}, so readers and environment beside it are without effect; "
            "leave them out, or leave out accountId where this account holds the bundles"
        )


def _subject(path: str, github: GitHubConfig) -> Iterator[str]:
    """Yield the mistakes of the subject's form: with names there is no owner's number, with ids both are needed."""
    if github.subject == "names" and github.owner_id:
        yield (
            f"{path}.ownerId is {shown(github.owner_id)}, without effect: {path}.subject is names; leave it out, or "
            "set subject to ids"
        )
    for key, number in (("ownerId", github.owner_id), ("repositoryId", github.repository_id)):
        if github.subject == "ids" and not number:
            yield (
                f"{path}.{key} is missing, but {path}.subject is ids; give it (gh api repos/{github.repository} shows "
                "it), or set subject to names"
            )
