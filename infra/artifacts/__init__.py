"""Bundles that are built once for a commit, kept by their digest, and taken by every stack."""

from infra.artifacts.manifest import Manifest, ManifestError
from infra.artifacts.selection import PLAN, Artifact, Taken, chosen
from infra.artifacts.stacks import bucket

__all__ = ["PLAN", "Artifact", "Manifest", "ManifestError", "Taken", "bucket", "chosen"]
