"""Prepare one account for its stacks: the roles that deploy and preview, their boundaries, and the state's bucket."""

import os
import sys
from pathlib import Path

import pulumi

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a program of its own, on the repository's code

from infra import account, legacy, program
from infra.identity import config as identity
from infra.layers.deployments import Deployments
from infra.layers.events import Promotion, UpstreamEvents
from infra.layers.identity import Identity
from infra.source import Source

program.begin(os.environ)
config = identity.load()
provider = account.provider(config)
place = account.place(config, provider)
opts = pulumi.ResourceOptions(providers=[provider])

found = None
if config.identity.source is Source.LEGACY and config.identity.legacy is not None:
    (served,) = config.identity.stacks  # the configuration has made sure
    found = legacy.identity(config.identity.legacy, served.names(config.identity.project), place)
made = Identity("identity", place=place, config=config.identity, legacy=found, opts=opts)
if (cloud := config.identity.pulumi) is not None:
    Deployments("deployments", place=place, config=config.identity, cloud=cloud)

for stack in config.identity.stacks:
    names = stack.names(config.identity.project)
    if stack.follows is not None and stack.follows.by_event:
        Promotion(
            f"promotion-{stack.name}",
            names=names,
            place=place,
            upstream=stack.follows.of(names.project),
            artifact_account=config.identity.artifacts.account_id or "",
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[made])),
        )
    if stack.proves_to is not None and stack.proves_to.by_event:
        after = stack.proves_to.of(names.project)
        UpstreamEvents(f"events-{stack.name}", names=names, place=place, after=after, opts=opts)

pulumi.export("roles", made.roles)
pulumi.export("state", made.state)
pulumi.export("secrets_providers", made.secrets_providers)
