"""The composition root: declare a stack's layers in order, then their release, and only then the API's routes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pulumi

from infra import account, artifacts, bundle, git, legacy, services, targets
from infra.answered import ANSWERED
from infra.bundle import Bundle, Code, Platform, smoke
from infra.config import StackConfig
from infra.contracts import TriggerOutputs
from infra.layers.compute import Compute
from infra.layers.data import Data
from infra.layers.delivery import Delivery
from infra.layers.hooks import Hooks
from infra.layers.http import Http
from infra.layers.messages import Messages
from infra.layers.observability import Observability
from infra.layers.secrets import Secrets
from infra.layers.triggers import Triggers
from infra.release.provider.resource import Release
from infra.services import Service


@dataclass(frozen=True)
class Outputs:
    """The outputs that a program may export."""

    api_url: pulumi.Output[str]
    live_versions: pulumi.Output[Mapping[str, str]]
    dashboard: pulumi.Output[str]
    table_name: pulumi.Output[str]


def declare(config: StackConfig, repository: Path, environment: Mapping[str, str]) -> Outputs:
    """Declare every resource of the stack that `config` describes.

    Its services are the folders `app/SERVICE` of `repository` with a service.yaml. `environment` may name the commit
    (STRATA_COMMIT) and a manifest of bundles (STRATA_MANIFEST).

    Raises ServiceError, SmokeError, ManifestError, or RunError if git refuses to name the commit, before anything is
    declared; AccountError after the provider; then BundleError or LegacyError. Pulumi shows each without a traceback.
    """
    declared = services.settle(services.read(repository), config)
    for warning in services.warnings(declared):
        pulumi.warn(warning)
    listed = tuple(each.name for each in declared)
    names = replace(config.names, services=listed)
    smokes = smoke.read(declared, repository)
    platform = Platform(config.compute.runtime, config.compute.architecture)
    try:
        commit = git.current_commit(repository, environment)
        selected = artifacts.select(
            environment, repository, platform, commit, services=listed, preview=pulumi.runtime.is_dry_run()
        )
    except git.CommitError as problem:
        raise pulumi.RunError(str(problem)) from None
    provider = account.provider(config)
    place = account.place(config, provider)
    opts = pulumi.ResourceOptions(providers=[provider])

    bundles: Mapping[str, Code]
    hook_bundles: Mapping[str, Code]
    if selected:
        bundles, hook_bundles = selected.find(declared, artifacts.bucket(config, place.account), place.region)
    else:
        bundles, hook_bundles = _built(config, declared, repository, platform)
    if config.data.legacy:
        data = legacy.data(config.data.legacy, place)
    else:
        data = Data("data", names=names, config=config.data, opts=opts).outputs
    secrets = Secrets("secrets", names=names, config=config.secrets, opts=opts).outputs
    triggers = None
    if any(each.has_dead_letters or each.uses("bus") for each in declared):
        triggers = Triggers("triggers", names=names, place=place, services=declared, opts=opts)
    compute = Compute(
        "compute",
        names=names,
        place=place,
        config=config.compute,
        services=declared,
        bundles=bundles,
        data=data,
        secrets=secrets,
        triggers=triggers.outputs if triggers else TriggerOutputs({}, {}, None),
        opts=opts,
    )
    functions = compute.functions
    http = None
    if any(each.http for each in declared):
        http = Http("http", names=names, config=config.compute.api, services=declared, functions=functions, opts=opts)
    observability = Observability(
        "observability",
        names=names,
        place=place,
        config=config.observability,
        functions=functions,
        answered=[each.name for each in declared if each.errors == ANSWERED],
        api=http.outputs if http else None,
        opts=opts,
    )
    alarms = observability.outputs
    if config.observability.notify or config.secrets.webhooks:
        Messages(
            "messages",
            names=names,
            place=place,
            webhooks=config.secrets.webhooks,
            topic=alarms.topic_arn,
            opts=opts,
        )
    hooks = Hooks(
        "hooks",
        names=names,
        place=place,
        config=config.delivery,
        compute=config.compute,
        log_retention_days=config.observability.log_retention_days,
        bundles=hook_bundles,
        functions=functions,
        opts=opts,
    )
    delivery = Delivery(
        "delivery",
        names=names,
        place=place,
        config=config.delivery,
        services=declared,
        functions=functions,
        alarms=alarms,
        hooks=hooks.outputs,
        opts=opts,
    )

    wanted = targets.build(
        functions,
        alarms=alarms,
        delivery=delivery.outputs,
        hooks=hooks.outputs,
        services=declared,
        config=config.delivery,
        policy=config.release,
        smokes=smokes,
        upstream=config.upstream,
        partition=place.partition,
    )
    policy = replace(config.release, commit=commit)
    after_layers = pulumi.ResourceOptions(depends_on=[observability, hooks, delivery])
    release = Release("release", targets=wanted, policy=policy, region=place.region, opts=after_layers)
    if http:
        http.open(after=[release])
    if triggers:
        triggers.connect(functions=functions, data=data, topic=alarms.topic_arn, after=[release])
    return Outputs(
        api_url=http.outputs.url if http else pulumi.Output.from_input(""),
        live_versions=release.live_versions,
        dashboard=alarms.dashboard,
        table_name=data.table_name,
    )


def _built(
    config: StackConfig, declared: Sequence[Service], repository: Path, platform: Platform
) -> tuple[Mapping[str, Code], Mapping[str, Code]]:
    """Build the bundles of the services, and of the hooks if the stack has any. Returns both by name."""
    files = bundle.tree(declared, repository)
    built = bundle.build_all(declared, repository, platform, files)
    hooked = dict[str, Bundle]()
    if config.delivery.smoke or config.delivery.bake_minutes:
        hooked = bundle.hooks([each.name for each in declared], repository, files)
    for file in sorted({file for each in (*built.values(), *hooked.values()) for file in each.ignored}):
        pulumi.warn(f"{file} is in no bundle: git ignores it")
    return built, hooked
