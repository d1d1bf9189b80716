"""Reads the control plane of the local cloud, which is not part of AWS: docs/simulated.md."""

import json
import urllib.request
from typing import Any

from rehearsal.environment.workspace import require_loopback


def read(endpoint: str, path: str) -> Any:
    """Return what the local cloud answers at `/_strata/PATH`."""
    require_loopback(endpoint)
    with urllib.request.urlopen(f"{endpoint}/_strata/{path}", timeout=120) as answer:  # noqa: S310  loopback
        return json.load(answer)
