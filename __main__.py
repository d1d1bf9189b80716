"""One stack: its configuration is loaded, its layers and its release are declared, its outputs exported."""

import os
from dataclasses import asdict
from pathlib import Path

import pulumi

from infra import config, program, stack

REPOSITORY = Path(__file__).resolve().parent

program.begin(os.environ)
settings = config.load()
outputs = stack.declare(settings, REPOSITORY, os.environ)

pulumi.export("api_url", outputs.api_url)
pulumi.export("live_versions", outputs.live_versions)
pulumi.export("dashboard", outputs.dashboard)
pulumi.export("table_name", outputs.table_name)
if settings.promotion.frozen:  # `python -m infra.pipeline by-event` reads it, whatever commit it is run from
    pulumi.export("promotion_frozen", asdict(settings.promotion.frozen))
