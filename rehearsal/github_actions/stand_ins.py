"""Stand-ins for published actions: each does only what a job of this repository depends on."""

import itertools
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.environment.oidc import OidcJob
from rehearsal.environment.workspace import git, share_installed
from rehearsal.github_actions.machine import Machine, Outputs, StandIn, StepFailed

# Starts Pulumi's plugins with the job's credentials, and gives the variables by which the CLI finds them.
Plugins = Callable[[Mapping[str, str]], AbstractContextManager[Mapping[str, str]]]


@dataclass(frozen=True)
class Actions:
    """The stand-ins of one rehearsal. `origin`: the repository that jobs check out; `filled`: a work tree whose virtual
    environments they share; `artifacts`: the folder of uploaded artifacts; `slug`: OWNER/NAME on GitHub; `plugins`
    starts Pulumi's plugins in an environment."""

    origin: Path
    filled: Path
    artifacts: Path
    slug: str
    endpoint: str
    factor: float
    plugins: Plugins
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def all(self) -> dict[str, StandIn]:
        """Return the stand-ins by the action that each replaces."""
        return {
            "actions/checkout": _stand_in(self._check_out, "fetch-depth persist-credentials"),
            "actions/setup-node": _stand_in(_nothing, "node-version"),
            "actions/setup-python": _stand_in(_nothing, "python-version"),
            "pulumi/actions": _stand_in(_install_pulumi, "pulumi-version"),
            "actions/upload-artifact": _stand_in(
                self._upload, "name path if-no-files-found retention-days include-hidden-files"
            ),
            "actions/download-artifact": _stand_in(self._download, "artifact-ids path digest-mismatch"),
            "aws-actions/configure-aws-credentials": _stand_in(
                self._take_role, "role-to-assume aws-region role-session-name role-duration-seconds"
            ),
        }

    def _check_out(self, machine: Machine, given: Mapping[str, str]) -> Outputs:
        """Check out the commit into a clone of its own, without history unless `fetch-depth` is 0."""
        depth = given.get("fetch-depth", "1")
        if depth == "0":
            git(machine.root, "clone", "--quiet", "--no-checkout", f"file://{self.origin}", str(machine.folder))
        else:
            git(machine.folder, "init", "--quiet")
            git(machine.folder, "fetch", "--quiet", "--depth", depth, f"file://{self.origin}", machine.sha)
        git(machine.folder, "checkout", "--quiet", "--detach", machine.sha)
        share_installed(self.filled, machine.folder)
        return {}

    def _upload(self, machine: Machine, given: Mapping[str, str]) -> Outputs:
        path = machine.folder / given["path"]
        if not path.exists():
            if given.get("if-no-files-found") == "ignore":
                return {}
            raise StepFailed(f"there is no {given['path']} to upload")
        number = str(next(self._numbers))
        _copy(path, self.artifacts / number)
        return {"artifact-id": number}

    def _download(self, machine: Machine, given: Mapping[str, str]) -> Outputs:
        kept = self.artifacts / given["artifact-ids"]
        if not given["artifact-ids"] or not kept.exists():
            raise StepFailed(f"there is no artifact {given['artifact-ids']!r}")
        _copy(kept, machine.folder / given["path"])
        return {}

    def _take_role(self, machine: Machine, given: Mapping[str, str]) -> Outputs:
        """Exchange a token of the job's for credentials, and put them into the environment of later steps.

        https://github.com/aws-actions/configure-aws-credentials#oidc
        """
        if machine.permissions.get("id-token") != "write":
            raise StepFailed("the job lacks the permission id-token: write, without which GitHub issues no token")
        about = f"repo:{self.slug}:environment:{machine.environment}"
        job = OidcJob(self.endpoint, about, given["role-to-assume"], machine.root / "token", self.factor)
        region, seconds = given["aws-region"], int(given.get("role-duration-seconds", "3600"))
        try:
            session = job.session(region, given["role-session-name"], seconds)
        except ClientError as problem:
            raise StepFailed(str(problem)) from problem
        credentials: Any = session.get_credentials()
        machine.env |= {
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_SESSION_TOKEN": credentials.token,
        }
        if machine.with_pulumi:
            machine.env |= machine.running.enter_context(self.plugins(machine.env))
        return {}


def _stand_in(act: Callable[[Machine, Mapping[str, str]], Outputs], accepts: str) -> StandIn:
    return StandIn(frozenset(accepts.split()), act)


def _nothing(_machine: Machine, _given: Mapping[str, str]) -> Outputs:
    return {}


def _install_pulumi(machine: Machine, _given: Mapping[str, str]) -> Outputs:
    """Note that the job uses Pulumi: the CLI is on PATH, and its plugins start once there are credentials."""
    machine.with_pulumi = True
    return {}


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or the files of a folder, into the folder `target`."""
    target.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target / source.name)
