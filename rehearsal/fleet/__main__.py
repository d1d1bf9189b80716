"""One set of functions, as many as there are folders in `app`, in layers and a release as in the product's own program.

A rehearsal writes `app/NAME/` into its copy of the project (see rehearsal/fleet/members.py); one of them is `orders`,
which the API of the compute layer stands before. Nobody is let in by the API: its routes are left out.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pulumi

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the repository

from infra import account, bundle, commit, config, targets
from infra.bundle import smoke
from infra.contracts import HookOutputs, SecretsOutputs
from infra.layers.compute import Compute
from infra.layers.data import Data
from infra.layers.delivery import Delivery
from infra.layers.observability import Observability
from infra.release.provider.resource import Release

HERE = Path(__file__).resolve().parent
NO_HOOKS = HookOutputs(arns=(), before_allow_traffic="", after_allow_traffic="")

stack = config.load()
names = stack.names
services = sorted(main.parent.name for main in HERE.glob("app/*/main.py"))
smokes = smoke.read(services, HERE)
bundles = {service: bundle.build(service, HERE) for service in services}
provider = account.provider(stack)
place = account.place(stack, provider)
opts = pulumi.ResourceOptions(providers=[provider])

data = Data("data", names=names, config=stack.data, opts=opts).outputs
compute = Compute(
    "compute",
    names=names,
    place=place,
    config=stack.compute,
    bundles=bundles,
    data=data,
    secrets=SecretsOutputs(receipt_key=None),
    opts=opts,
)
functions = compute.functions
observability = Observability(
    "observability", names=names, place=place, config=stack.observability, functions=functions, opts=opts
)
alarms = observability.outputs
delivery = Delivery(
    "delivery",
    names=names,
    place=place,
    config=stack.delivery,
    functions=functions,
    alarms=alarms,
    hooks=NO_HOOKS,
    opts=opts,
)

minutes = stack.delivery.curve.minutes
wanted = targets.build(
    functions, alarms=alarms, delivery=delivery.outputs, hooks=NO_HOOKS, minutes=minutes, smokes=smokes
)
policy = replace(stack.release, commit=commit.current(HERE, os.environ))
after_layers = pulumi.ResourceOptions(depends_on=[observability, delivery])
Release("release", targets=wanted, policy=policy, region=place.region, opts=after_layers)
