"""Where Terraform keeps a layer's state: as `terraform init` has resolved it, so that no HCL is read here.

`terraform init` writes the backend with all its settings into .terraform/terraform.tfstate, and the selected workspace
into .terraform/environment: internal/command/meta_backend.go and internal/command/workdir of
github.com/hashicorp/terraform.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.migrate.model import MigrationError
from infra.migrate.read import document

DEFAULT = "default"
PREFIX = "env:"
"""The prefix of other workspaces' states, unless workspace_key_prefix names one."""
KNOWN = {
    *("bucket", "key", "region", "encrypt", "kms_key_id", "use_lockfile", "workspace_key_prefix"),
    *("endpoints", "use_path_style"),
}
"""The settings that this tool obeys when it reads the bucket itself. Those that begin with skip_ change no request."""


@dataclass(frozen=True)
class Backend:
    """An S3 backend with the selected workspace. https://developer.hashicorp.com/terraform/language/backend/s3"""

    bucket: str
    key: str
    region: str
    workspace: str = DEFAULT
    prefix: str = PREFIX
    endpoint: str | None = None
    path_style: bool = False
    kms_key: str | None = None

    @property
    def state(self) -> str:
        """Return the key of the state's object."""
        return self.key if self.workspace == DEFAULT else f"{self.prefix}/{self.workspace}/{self.key}"

    @property
    def lock(self) -> str:
        """Return the key of Terraform's lock file."""
        return f"{self.state}.tflock"

    def beside(self, name: str) -> str:
        """Return the key of an object of this tool's; Terraform takes it for no workspace, since it ends otherwise."""
        return f"{self.state}.strata/{name}"

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.state}"


RESOLVED = Path(".terraform/terraform.tfstate")
_BUCKET = re.compile(r'^\s*bucket\s*=\s*"([^"]+)"', re.MULTILINE)


def initialised(folder: Path) -> bool:
    """Whether `terraform init` has resolved the backend of a layer."""
    return (folder / RESOLVED).exists()


def init_command(folders: Sequence[Path], stack: str) -> str:
    """Return the line that initialises layers with a stack's own backend. All are in one folder.

    A layer may have all its settings in HCL; then it has no file of the stack's, and init takes no option.
    """
    file = Path(f"environments/{stack}.s3.tfbackend")
    given = f" -backend-config={file}" if all((each / file).exists() for each in folders) else ""
    names, parent = sorted(each.name for each in folders), folders[0].parent
    where = parent / (names[0] if len(names) == 1 else "$layer")
    line = f"terraform -chdir={where} init -input=false -reconfigure{given}"
    return line if len(names) == 1 else f"for layer in {' '.join(names)}; do {line}; done"


def require_init(folders: Sequence[Path], stack: str, why: str) -> None:
    """Raise MigrationError, with the line to type, if Terraform is not initialised in one of these folders."""
    if missing := [each for each in folders if not initialised(each)]:
        raise MigrationError(
            f"Terraform is not initialised for {', '.join(sorted(each.name for each in missing))}, {why}; type "
            f"`{init_command(missing, stack)}` (a provider that it misses is not needed), and run this again"
        )


def require_own_bucket(folder: Path, stack: str, found: Backend) -> None:
    """Raise MigrationError if a layer was initialised for another environment than the stack's.

    The file that `init -backend-config` takes says which bucket is the stack's.
    https://developer.hashicorp.com/terraform/language/backend#file
    """
    file = folder / f"environments/{stack}.s3.tfbackend"
    named = _BUCKET.search(file.read_text()) if file.exists() else None
    if named and named[1] != found.bucket:
        raise MigrationError(
            f"Terraform is initialised for {found}, but the bucket of {stack} is {named[1]} ({file}); type "
            f"`{init_command([folder], stack)}`, and run this again"
        )


def of(folder: Path, workspace: str = "") -> Backend:
    """Read the backend for which `terraform init` ran in `folder`. `workspace`: of TF_WORKSPACE, which wins.

    Raises MigrationError.
    """
    file = folder / RESOLVED
    try:
        found = document(file.read_bytes(), str(file))
    except FileNotFoundError:
        raise MigrationError(f"{folder} is not initialised: it has no {RESOLVED}; run `terraform init` in it") from None
    selected = folder / ".terraform/environment"
    chosen = workspace or (selected.read_text().strip() if selected.exists() else "") or DEFAULT
    return read(found, chosen, folder)


def read(found: Mapping[str, Any], workspace: str, folder: Path) -> Backend:
    """Read the document that `terraform init` wrote. Raises MigrationError with every mistake."""
    backend = found.get("backend") or {}
    if backend.get("type") != "s3":
        raise MigrationError(
            f"{folder} keeps its state in the backend {backend.get('type')!r}, and this tool knows s3; move the state "
            "by `terraform init -migrate-state`"
        )
    given = {name: value for name, value in backend["config"].items() if value not in (None, "", [], {}, False)}
    if mistakes := list(_mistakes(given, folder)):
        raise MigrationError("; ".join(mistakes))
    return Backend(
        bucket=given["bucket"],
        key=given["key"],
        region=given["region"],
        workspace=workspace,
        prefix=given.get("workspace_key_prefix", PREFIX),
        endpoint=(given.get("endpoints") or {}).get("s3"),
        path_style=bool(given.get("use_path_style")),
        kms_key=given.get("kms_key_id"),
    )


def _mistakes(given: Mapping[str, Any], folder: Path) -> Iterator[str]:
    for name in ("bucket", "key", "region"):
        if name not in given:
            yield f"the backend of {folder} has no {name}; give it to `terraform init` by -backend-config"
    if "use_lockfile" not in given:
        yield (
            f"the backend of {folder} has no use_lockfile, so Terraform would not see that a move holds its state; set "
            "`use_lockfile = true` in the backend's block, and run `terraform init -reconfigure`"
        )
    for name in sorted(set(given) - KNOWN):
        if not name.startswith("skip_"):
            yield (
                f"the backend of {folder} sets {name}, which this tool does not obey; take it out, and give "
                "credentials by the environment, e.g. by AWS_PROFILE"
            )
