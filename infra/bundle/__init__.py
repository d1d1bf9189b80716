"""Lambda zips have a stable digest: the same sources and lock give the same bytes on every machine."""

from infra.bundle.model import Bundle, BundleError, Code, Platform
from infra.bundle.together import build_all, tree
from infra.bundle.zips import EPOCH, build, hook_handler, hooks, pack

__all__ = [
    "EPOCH",
    "Bundle",
    "BundleError",
    "Code",
    "Platform",
    "build",
    "build_all",
    "hook_handler",
    "hooks",
    "pack",
    "tree",
]
