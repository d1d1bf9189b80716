"""Writes the files that a rehearsal leaves on disk, each whole or not at all."""

import json
import uuid
from pathlib import Path
from typing import Any


def put(document: Any, file: Path, indent: int = 2) -> None:
    """Write a document as JSON, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write(json.dumps(document, indent=indent) + "\n", file)


def write(text: str, file: Path) -> None:
    """Write a file whole or not at all, even if several threads write it: each writes a temporary file of its own."""
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
