"""A commit's bundles are built once, stored by their digest, and deployed from there to every stack."""

from infra.artifacts.manifest import Manifest, ManifestError
from infra.artifacts.selection import PLAN, Artifact, SelectedManifest, select
from infra.artifacts.stacks import bucket

__all__ = ["PLAN", "Artifact", "Manifest", "ManifestError", "SelectedManifest", "bucket", "select"]
