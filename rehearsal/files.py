"""What a rehearsal leaves on disk."""

import json
from pathlib import Path
from typing import Any


def put(document: Any, file: Path, indent: int = 2) -> None:
    """Write a document as JSON, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".tmp")
    part.write_text(json.dumps(document, indent=indent) + "\n")
    part.replace(file)
