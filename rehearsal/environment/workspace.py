"""Makes a scratch copy of the project for a rehearsal, and the environment in which commands run in it.

The copy is a small git repository of its own: each edit is a commit, as it would be in the real one. Edits replace
exact text of the app and leave the Pulumi program as it is. Nothing of the user's own AWS or Pulumi set-up is read.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

# Prefixes of the variables that a rehearsal sets itself or must not inherit: credentials, profiles, endpoints, tokens.
FOREIGN = ("AWS_", "PULUMI_", "STRATA_", "GIT_")
AUTHOR = {"user.name": "rehearsal", "user.email": "rehearsal@strata.invalid"}
VENVS = (".venv", "local/.venv", "policy/.venv")


class ScratchError(Exception):
    """A rehearsal cannot run here; the message names the reason and the remedy."""


@dataclass(frozen=True)
class Edit:
    """One commit to the copy: in `file`, `before`, which must occur exactly once, becomes `after`."""

    title: str
    file: str
    before: str
    after: str

    def going_back(self) -> "Edit":
        """Return the edit that reverts this one."""
        return Edit(f'Revert "{self.title}"', self.file, self.after, self.before)


@dataclass(frozen=True)
class Scratch:
    """The folders of one rehearsal below `root`: the copy, Pulumi's state and Pulumi's home. `passphrase` encrypts the
    secrets in that state."""

    root: Path
    passphrase: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def project(self) -> Path:
        """Return the folder of the copy, where `pulumi up --stack prod` is typed."""
        return self.root / "strata"

    @property
    def state(self) -> Path:
        """Return the folder of Pulumi's file backend."""
        return self.root / "state"

    @property
    def home(self) -> Path:
        """Return the folder for PULUMI_HOME, without credentials, plugins or update checks."""
        return self.root / "home"

    @classmethod
    def of(cls, repository: Path) -> Self:
        """Copy what git would take of `repository`: tracked files, and untracked ones that are not ignored.

        Raises ScratchError if `repository` is not a git work tree.
        """
        scratch = cls(Path(tempfile.mkdtemp(prefix="strata-")))
        try:
            for folder in (scratch.project, scratch.state, scratch.home):
                folder.mkdir()
            for name in files_of(repository):
                target = scratch.project / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(repository / name, target, follow_symlinks=False)
            share_installed(repository, scratch.project)
            git(scratch.project, "init", "--quiet", "--initial-branch", "main")
            _name_author(scratch.project)
            (scratch.project / ".git/info/exclude").write_text(".venv\nnode_modules\n")
            scratch.commit("The project as it is")
        except BaseException:
            scratch.remove()
            raise
        return scratch

    def commit(self, title: str) -> str:
        """Commit everything; return the new commit's short id."""
        git(self.project, "add", "--all")
        git(self.project, "commit", "--quiet", "--allow-empty", "--no-verify", "--message", title)
        return git(self.project, "rev-parse", "--short", "HEAD")

    def apply(self, edit: Edit) -> str:
        """Commit `edit`; return the commit's id. Raises ScratchError unless the text occurs exactly once."""
        file = self.project / edit.file
        text = file.read_text(encoding="utf-8")
        if (times := text.count(edit.before)) != 1:
            raise ScratchError(
                f"cannot edit {edit.file} ({edit.title}): the text to replace occurs {times} times, not once; "
                f"bring rehearsal/commits.py up to date with the app:\n{edit.before}"
            )
        file.write_text(text.replace(edit.before, edit.after), encoding="utf-8")
        return self.commit(edit.title)

    @property
    def said(self) -> Path:
        """Return the file of the CLI's output, command after command."""
        return self.root / "said.txt"

    def note(self, lines: Iterable[str]) -> None:
        """Append the CLI's output to the file, in which `secrets.scan` searches."""
        with self.said.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    def remove(self) -> None:
        """Delete the copy, the state and the home."""
        shutil.rmtree(self.root, ignore_errors=True)

    def environment(self, base: Mapping[str, str], *, rate: float) -> dict[str, str]:
        """Return `base` without the user's own set-up and with this copy's Pulumi. `rate`: simulated seconds per real
        second."""
        return scrubbed(base) | {
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_CONFIG_PASSPHRASE": self.passphrase,
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(self.home),
            "PULUMI_SKIP_CONFIRMATIONS": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "STRATA_CLOCK_RATE": f"{rate:g}",
        }


def share_installed(repository: Path, copy: Path) -> None:
    """Link what `make venvs` has installed in `repository` into `copy`, where the same locks would fill it again."""
    for name in VENVS:
        if (repository / name).exists():
            (copy / name).parent.mkdir(exist_ok=True)
            (copy / name).symlink_to(repository / name, target_is_directory=True)
    places = ("app/node_modules", "app/*/node_modules", "infra/release/viewer/page/node_modules")
    for modules in (found for place in places for found in sorted(repository.glob(place))):
        if modules.exists() and (there := copy / modules.relative_to(repository)).parent.exists():
            there.symlink_to(modules.resolve(), target_is_directory=True)


def state_at(url: str, endpoint: str) -> dict[str, str]:
    """Return the variable that puts Pulumi's state in the bucket that `url` names, with S3 at that endpoint."""
    return {"PULUMI_BACKEND_URL": f"{url}&endpoint={endpoint}&s3ForcePathStyle=true"}


def for_go(endpoint: str) -> dict[str, str]:
    """Return the variables that AWS's SDK for Go needs beside the endpoint of all services."""
    return {
        "AWS_ENDPOINT_URL_STS": endpoint,  # it asks STS for credentials before it has read AWS_ENDPOINT_URL
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",  # else it warns of each object without a checksum
    }


def aws_environment(endpoint: str, account: str, region: str) -> dict[str, str]:
    """Return the variables by which AWS's clients reach the local cloud, whose access key is the account's number.

    Raises ScratchError if the endpoint is not on loopback.
    """
    require_loopback(endpoint)
    return {
        "AWS_ACCESS_KEY_ID": account,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": region,  # boto3's name for it; the others read AWS_REGION
        "AWS_REGION": region,
        "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30),
    }


def scrubbed(base: Mapping[str, str]) -> dict[str, str]:
    """Return `base` without anything by which an AWS or Pulumi client would find the user's own accounts."""
    kept = {name: value for name, value in base.items() if not name.upper().startswith(FOREIGN)}
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1,localhost,.localhost",
        "no_proxy": "127.0.0.1,localhost,.localhost",
    }


def require_loopback(endpoint: str) -> None:
    """Raise ScratchError unless the host of `endpoint` is a loopback address."""
    host = urlsplit(endpoint).hostname or ""
    try:
        local = ip_address(host).is_loopback
    except ValueError:
        local = False  # also for a name such as localhost, which a resolver may map to another machine
    if not local:
        raise ScratchError(
            f"the AWS endpoint {endpoint} is not on loopback (127.0.0.1 or ::1): a rehearsal never leaves this "
            "machine; to release for real, run `pulumi up` in the project itself"
        )


def files_of(repository: Path) -> list[str]:
    """Return what git would take of `repository`, as paths relative to it, without deleted files.

    Raises ScratchError if it is not a git work tree.
    """
    try:
        listed = git(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    except (OSError, subprocess.CalledProcessError) as problem:
        raise ScratchError(
            f"{repository} is not a git work tree, or there is no git: a rehearsal copies what git would take; "
            "clone the repository, or run `git init` in it"
        ) from problem
    return [name for name in sorted(set(listed.split("\0"))) if name and os.path.lexists(repository / name)]


def _name_author(project: Path) -> None:
    """Let a `git commit` that is typed in the copy work, also where git does not know who types."""
    known = subprocess.run(["git", "config", "user.email"], cwd=project, check=False, capture_output=True)
    if known.returncode != 0:
        for key, value in AUTHOR.items():
            git(project, "config", key, value)


def git(folder: Path, *arguments: str) -> str:
    """Run git in `folder` without the user's own settings; return its output. Raises CalledProcessError if it fails."""
    person = [part for key, value in AUTHOR.items() for part in ("-c", f"{key}={value}")] + [
        "-c",
        "commit.gpgsign=false",
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    command = ["git", *person, *arguments]
    done = subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()
