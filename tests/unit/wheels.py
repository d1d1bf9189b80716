"""Wheels made by hand, and an index of them alone, from which uv installs without a network."""

import base64
import hashlib
import zipfile
from pathlib import Path


def wheel(folder: Path, name: str, version: str = "1.0", tag: str = "py3-none-any", text: str = "") -> str:
    """Write a wheel of one module; return its line in a lock."""
    info = f"{name}-{version}.dist-info"
    pure = "true" if tag.endswith("any") else "false"
    files = {
        f"{name}/__init__.py": text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: {pure}\nTag: {tag}\n",
    }
    record = "".join(f"{file},sha256={hashed(content)},{len(content)}\n" for file, content in files.items())
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for file, content in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(file, content)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(made.read_bytes()).hexdigest()}\n"


def only(folder: Path) -> dict[str, str]:
    """Return the environment in which uv finds only the wheels in `folder`, and those in its cache."""
    return {"UV_FIND_LINKS": str(folder), "UV_NO_INDEX": "1"}


def hashed(content: str) -> str:
    """Return the hash in the form of a RECORD."""
    return base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).decode().rstrip("=")
