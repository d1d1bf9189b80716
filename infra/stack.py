"""The composition root: declare a stack's layers in order, then their release, and only then the API's routes."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pulumi

from infra import account, artifacts, bundle, dashboard, git, legacy, services, targets
from infra.answered import ANSWERED
from infra.bundle import Bundle, Code, Platform, smoke
from infra.config import StackConfig
from infra.contracts import DataOutputs, FunctionOutputs, TriggerOutputs
from infra.layers.compute import Compute
from infra.layers.data import Data
from infra.layers.delivery import Delivery
from infra.layers.hooks import Hooks
from infra.layers.http import Http
from infra.layers.messages import Messages
from infra.layers.observability import Observability
from infra.layers.secrets import Secrets
from infra.layers.triggers import Triggers
from infra.naming import LIVE, AwsLocation, Names, deployment_group_arn
from infra.release.provider.resource import Release, read_ahead
from infra.services import Service
from infra.source import Ownership, Source

_Built = tuple[Mapping[str, Bundle], Mapping[str, Bundle]]


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
    if config.compute.source is Source.LEGACY:
        return _legacy(config)
    declared = services.settle(_kept(services.read(repository), config), config)
    for warning in services.warnings(declared, repository):
        pulumi.warn(warning)
    api = any(each.http for each in declared)
    dashboard.require_room(config.names, declared, api=api)
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
    code = _code(selected, config, declared, repository, platform)
    provider = account.provider(config)
    place = account.place(config, provider)
    read_ahead([_released(names, place, each.name) for each in declared], place.region)
    opts = pulumi.ResourceOptions(providers=[provider])

    bundles, hook_bundles = code(place)
    owner = Ownership(config.compute.source, (config.compute.adopted and config.compute.adopted.ids) or {})
    data = _data(config, names, place, opts)
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
        owner=owner,
        opts=opts,
    )
    functions = compute.functions
    http = None
    if api:
        http = Http(
            "http",
            names=names,
            config=config.compute.api,
            services=declared,
            functions=functions,
            owner=owner,
            opts=opts,
        )
    observability = Observability(
        "observability",
        names=names,
        place=place,
        config=config.observability,
        functions=functions,
        dashboard_body=_dashboard(config, names, place, declared, functions, api=api),
        answered=[each.name for each in declared if each.errors == ANSWERED],
        api=http.outputs if http else None,
        owner=owner,
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
        owner=owner,
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
        adopted=owner.adopts,
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


def _released(names: Names, place: AwsLocation, service: str) -> dict[str, str]:
    """Return the names by which a preview reads a service's function ahead."""
    return {
        "function": names.function(service),
        "alias": LIVE,
        "application": names.application,
        "group": names.deployment_group(service),
        "group_arn": deployment_group_arn(place, names, service),
    }


def _dashboard(
    config: StackConfig,
    names: Names,
    place: AwsLocation,
    declared: Sequence[Service],
    functions: Mapping[str, FunctionOutputs],
    *,
    api: bool,
) -> pulumi.Output[str]:
    """Return the dashboard's body, which follows the versions that are wanted live."""
    rules = {each.name: config.release.rule.overridden(each.canary.rule or {}) for each in declared}
    versions = pulumi.Output.all(**{each.name: functions[each.name].version for each in declared})
    return versions.apply(
        lambda known: json.dumps(dashboard.body(names, place, declared, rules=rules, versions=known, api=api))
    )


def _legacy(config: StackConfig) -> Outputs:
    """Declare a stack whose functions Terraform owns: its data at most. It releases nothing."""
    states = (config.compute.legacy, config.observability.legacy, config.delivery.legacy)
    compute, observability, delivery = (each for each in states if each is not None)
    provider = account.provider(config)
    place = account.place(config, provider)
    invoked = pulumi.InvokeOptions(provider=provider)
    found = legacy.functions(compute, observability, delivery, place, invoked)
    data = _data(config, config.names, place, pulumi.ResourceOptions(providers=[provider]))
    return Outputs(
        api_url=found.api_url,
        live_versions=found.live_versions,
        dashboard=found.dashboard,
        table_name=data.table_name,
    )


def _data(config: StackConfig, names: Names, place: AwsLocation, opts: pulumi.ResourceOptions) -> DataOutputs:
    if config.data.legacy:
        return legacy.data(config.data.legacy, place)
    return Data("data", names=names, config=config.data, opts=opts).outputs


def _kept(found: Sequence[Service], config: StackConfig) -> Sequence[Service]:
    """Return the services of the stack: all, or those that Terraform had while its functions are adopted."""
    if config.compute.adopted is None:
        return found
    return [each for each in found if each.name in config.compute.adopted.services]


def _code(
    selected: artifacts.SelectedManifest | None,
    config: StackConfig,
    declared: Sequence[Service],
    repository: Path,
    platform: Platform,
) -> Callable[[AwsLocation], tuple[Mapping[str, Code], Mapping[str, Code]]]:
    """Return what finds the bundles of the services and of the hooks, each by name.

    Unless a manifest names them, they are built from now on, while Pulumi starts the providers.
    """
    if selected:
        return lambda place: selected.find(declared, artifacts.bucket(config, place.account), place.region)
    building = ThreadPoolExecutor().submit(_built, config, declared, repository, platform)
    return lambda _: _finished(building)


def _built(config: StackConfig, declared: Sequence[Service], repository: Path, platform: Platform) -> _Built:
    """Build the bundles of the services, and of the hooks if the stack has any. Returns both by name."""
    files = bundle.tree(declared, repository)
    built = bundle.build_all(declared, repository, platform, files)
    hooked = dict[str, Bundle]()
    if config.delivery.smoke or config.delivery.bake_minutes:
        hooked = bundle.hooks([each.name for each in declared], repository, files)
    return built, hooked


def _finished(building: Future[_Built]) -> _Built:
    """Wait for the bundles, and warn of each file that is in none."""
    built, hooked = building.result()
    for file in sorted({file for each in (*built.values(), *hooked.values()) for file in each.ignored}):
        pulumi.warn(f"{file} is in no bundle: git ignores it")
    return built, hooked
