"""One stack: configuration, layers in order, a release of what they hold, and only then the way in from outside."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pulumi

from infra import account, artifacts, bundle, commit, config, legacy, targets
from infra.bundle import smoke
from infra.layers.compute import Compute
from infra.layers.data import Data
from infra.layers.delivery import Delivery
from infra.layers.hooks import Hooks
from infra.layers.observability import Observability
from infra.layers.secrets import Secrets
from infra.naming import SERVICES
from infra.release.provider.resource import Release

REPOSITORY = Path(__file__).resolve().parent

stack = config.load()
names = stack.names
smokes = smoke.read(SERVICES, REPOSITORY)
made_of = commit.current(REPOSITORY, os.environ)
platform = bundle.Platform(stack.compute.runtime, stack.compute.architecture)
selected = artifacts.select(os.environ, REPOSITORY, platform, made_of, preview=pulumi.runtime.is_dry_run())
provider = account.provider(stack)
place = account.place(stack, provider)
opts = pulumi.ResourceOptions(providers=[provider])

bundles: Mapping[str, bundle.Code]
hook_bundles: Mapping[str, bundle.Code]
if selected:
    bundles, hook_bundles = selected.find(SERVICES, artifacts.bucket(stack, place.account), place.region)
else:
    built, hooked = (
        {each: bundle.build(each, REPOSITORY, platform) for each in SERVICES},
        bundle.hooks(SERVICES, REPOSITORY),
    )
    for file in sorted({file for each in (*built.values(), *hooked.values()) for file in each.ignored}):
        pulumi.warn(f"{file} is in no bundle: git ignores it")
    bundles, hook_bundles = built, hooked
if stack.data.legacy:
    data = legacy.data(stack.data.legacy, place)
else:
    data = Data("data", names=names, config=stack.data, opts=opts).outputs
secrets = Secrets("secrets", names=names, config=stack.secrets, opts=opts).outputs
compute = Compute(
    "compute",
    names=names,
    place=place,
    config=stack.compute,
    bundles=bundles,
    data=data,
    secrets=secrets,
    opts=opts,
)
functions = compute.functions
observability = Observability(
    "observability", names=names, place=place, config=stack.observability, functions=functions, opts=opts
)
alarms = observability.outputs
hooks = Hooks(
    "hooks",
    names=names,
    place=place,
    config=stack.delivery,
    compute=stack.compute,
    log_retention_days=stack.observability.log_retention_days,
    bundles=hook_bundles,
    functions=functions,
    opts=opts,
)
called = hooks.outputs
delivery = Delivery(
    "delivery",
    names=names,
    place=place,
    config=stack.delivery,
    functions=functions,
    alarms=alarms,
    hooks=called,
    opts=opts,
)

minutes = stack.delivery.curve.minutes
wanted = targets.build(
    functions,
    alarms=alarms,
    delivery=delivery.outputs,
    hooks=called,
    minutes=minutes,
    smokes=smokes,
    before=stack.before,
    partition=place.partition,
)
policy = replace(stack.release, commit=made_of)
after_layers = pulumi.ResourceOptions(depends_on=[observability, hooks, delivery])
release = Release("release", targets=wanted, policy=policy, region=place.region, opts=after_layers)
compute.open_api(after=[release])

pulumi.export("api_url", compute.api_url)
pulumi.export("live_versions", release.live_versions)
pulumi.export("dashboard", alarms.dashboard)
pulumi.export("table_name", data.table_name)
