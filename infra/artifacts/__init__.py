"""Bundles that are built once for a commit, kept by their digest, and taken by every stack."""

from infra.artifacts.manifest import Manifest, ManifestError
from infra.artifacts.stacks import bucket
from infra.artifacts.taken import PLAN, Artifact, Taken, chosen

__all__ = ["PLAN", "Artifact", "Manifest", "ManifestError", "Taken", "bucket", "chosen"]
