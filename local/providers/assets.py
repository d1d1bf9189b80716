"""Turns archives, as Pulumi sends them, into the zip that Lambda accepts."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.providers.resource import ProviderError
from local.providers.wire import ASSET, signature


@dataclass(frozen=True)
class Assets:
    """Reads archives. `project`: the folder in which relative paths start; the engine does not send its own."""

    project: Path

    def zipped(self, archive: Any) -> bytes:
        """Return the zip of an archive: a zip file's own bytes, or a new zip whose bytes depend only on the
        contents."""
        path = self._path(archive) if "path" in archive else None
        if path and path.is_file():
            return self._read(path)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, content in sorted(self._entries(archive, "")):
                entry = zipfile.ZipInfo(name)  # its time is 1980 always
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                bundle.writestr(entry, content)
        return packed.getvalue()

    def _entries(self, part: Any, name: str) -> Iterator[tuple[str, bytes]]:
        prefix = f"{name}/" if name else ""
        if signature(part) == ASSET and "text" in part:
            yield name, part["text"].encode()
        elif "assets" in part:
            for key, inner in part["assets"].items():
                yield from self._entries(inner, prefix + key)
        elif "path" not in part:
            raise ProviderError(
                f"the archive's entry {name or '(all)'!r} is neither text nor a path: the stand-in reads no URIs"
            )
        elif signature(part) == ASSET:
            yield name, self._read(self._path(part))
        else:
            yield from self._folder(self._path(part), prefix)

    def _folder(self, path: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
        if path.is_dir():
            files = (file for file in path.rglob("*") if file.is_file())
            yield from ((prefix + file.relative_to(path).as_posix(), file.read_bytes()) for file in files)
        else:
            with zipfile.ZipFile(io.BytesIO(self._read(path))) as bundle:
                yield from ((prefix + name, bundle.read(name)) for name in bundle.namelist() if not name.endswith("/"))

    def _path(self, part: Any) -> Path:
        return self.project / str(part["path"])

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise ProviderError(
                f"cannot read {str(path)!r}: {error.strerror} (relative paths start in {self.project})"
            ) from error
