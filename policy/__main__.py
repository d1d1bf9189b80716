"""Start the pack and nothing else: `pulumi preview --policy-pack policy` runs this folder, and waits for its port."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pulumi_policy import EnforcementLevel, PolicyPack

from policy.pack import policies

# Mandatory by default: a forgotten --policy-pack-config makes a preview stricter, never laxer.
PolicyPack("strata", policies(), EnforcementLevel.MANDATORY)
