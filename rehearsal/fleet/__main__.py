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

from infra import account, bundle, commit, config, smoke, targets
from infra.contracts import HookOutputs
from infra.layers.compute import Compute
from infra.layers.data import Data
from infra.layers.delivery import Delivery
from infra.layers.observability import Observability
from infra.release.resource import Release

HERE = Path(__file__).resolve().parent

stack = config.load()
names = stack.names
bundles = {main.parent.name: bundle.build(main.parent.name, HERE) for main in sorted(HERE.glob("app/*/main.py"))}
provider = account.provider(stack)
place = account.place(stack, provider)
opts = pulumi.ResourceOptions(providers=[provider])

data = Data("data", names=names, config=stack.data, opts=opts).outputs
compute = Compute("compute", names=names, place=place, config=stack.compute, bundles=bundles, data=data, opts=opts)
functions = compute.functions
observability = Observability(
    "observability", names=names, place=place, config=stack.observability, functions=functions, opts=opts
)
alarms = observability.outputs
hooks = HookOutputs((), "", "")
delivery = Delivery(
    "delivery", names=names, config=stack.delivery, functions=functions, alarms=alarms, hooks=hooks, opts=opts
)

minutes, smokes = stack.delivery.curve.minutes, smoke.read(tuple(bundles), HERE)
wanted = targets.build(functions, alarms=alarms, delivery=delivery.outputs, hooks=hooks, minutes=minutes, smokes=smokes)
policy = replace(stack.release, commit=commit.current(HERE, os.environ))
after_layers = pulumi.ResourceOptions(depends_on=[observability, delivery])
Release("release", targets=wanted, policy=policy, region=place.region, opts=after_layers)

pulumi.export("release", {"targets": targets.exported(wanted)})
