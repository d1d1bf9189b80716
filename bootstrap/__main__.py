"""Prepare one account for its stacks: the roles that deploy and preview, their boundaries, and the state's bucket."""

import sys
from pathlib import Path

import pulumi

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a program of its own, on the repository's code

from infra import account
from infra.identity import config as identity
from infra.layers.deployments import Deployments
from infra.layers.identity import Identity

config = identity.load()
provider = account.provider(config)
place = account.place(config, provider)
opts = pulumi.ResourceOptions(providers=[provider])

made = Identity("identity", place=place, config=config.identity, opts=opts)
if (cloud := config.identity.pulumi) is not None:
    Deployments("deployments", place=place, config=config.identity, cloud=cloud)

pulumi.export("roles", made.roles)
pulumi.export("state", made.state)
pulumi.export("secrets_providers", made.secrets_providers)
