"""Unpacks function code and layers, and provides the packages of Lambda's Python runtime."""

import hashlib
import importlib.metadata
import io
import tempfile
import zipfile
from pathlib import Path

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html: boto3, and what boto3 needs
_RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "urllib3", "six")


def unpack(archive: bytes, root: Path) -> Path:
    """Return the folder below `root` that holds what the zip `archive` holds; unpacked once for equal bytes."""
    folder = root / hashlib.sha256(archive).hexdigest()[:32]
    if not folder.exists():
        fresh = Path(tempfile.mkdtemp(dir=root))
        with zipfile.ZipFile(io.BytesIO(archive)) as contents:
            for entry in contents.infolist():
                path = Path(contents.extract(entry, fresh))
                mode = entry.external_attr >> 16 & 0o777
                if mode and not entry.is_dir():
                    path.chmod(mode | 0o400)
        fresh.chmod(0o755)
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.exists():  # else another thread was faster, with equal contents
                raise
    return folder


def runtime_packages(root: Path) -> Path:
    """Return a folder below `root` with links to boto3 and its needs, and no other package of this virtual
    environment."""
    folder = root / "runtime"
    folder.mkdir()
    for name in _RUNTIME_PACKAGES:
        distribution = importlib.metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder
