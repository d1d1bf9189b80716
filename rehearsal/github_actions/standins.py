"""What stands in for the actions of others: the little of each that a job here depends on."""

import itertools
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.environment.oidc import Job
from rehearsal.environment.workspace import git, share_venvs
from rehearsal.github_actions.machine import Machine, Outputs, StandIn, StepFailed

# By which AWS's clients find the plugins of Pulumi that are there already, with the job's own credentials.
Plugins = Callable[[Mapping[str, str]], AbstractContextManager[Mapping[str, str]]]


@dataclass(frozen=True)
class Actions:
    """The stand-ins of one rehearsal. `origin`: the repository that jobs check out; `filled`: a work tree whose virtual
    environments they share; `artifacts`: where these are kept; `slug`: OWNER/NAME on GitHub; `plugins`: starts Pulumi's
    plugins in an environment."""

    origin: Path
    filled: Path
    artifacts: Path
    slug: str
    endpoint: str
    factor: float
    plugins: Plugins
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def all(self) -> dict[str, StandIn]:
        """By the action that each stands in for."""
        return {
            "actions/checkout": _standin(self._check_out, "fetch-depth persist-credentials"),
            "actions/setup-python": _standin(_nothing, "python-version"),
            "pulumi/actions": _standin(_install_pulumi, "pulumi-version"),
            "actions/upload-artifact": _standin(self._upload, "name path if-no-files-found retention-days"),
            "actions/download-artifact": _standin(self._download, "artifact-ids path digest-mismatch"),
            "aws-actions/configure-aws-credentials": _standin(
                self._take_role, "role-to-assume aws-region role-session-name role-duration-seconds"
            ),
        }

    def _check_out(self, machine: Machine, given: Mapping[str, str]) -> Outputs:
        """A clone of its own, at the commit; without history where none is asked for."""
        depth = given.get("fetch-depth", "1")
        if depth == "0":
            git(machine.root, "clone", "--quiet", "--no-checkout", f"file://{self.origin}", str(machine.folder))
        else:
            git(machine.folder, "init", "--quiet")
            git(machine.folder, "fetch", "--quiet", "--depth", depth, f"file://{self.origin}", machine.sha)
        git(machine.folder, "checkout", "--quiet", "--detach", machine.sha)
        share_venvs(self.filled, machine.folder)
        return {}

    def _upload(self, machine: Machine, given: Mapping[str, str]) -> Outputs:
        path = machine.folder / given["path"]
        if not path.exists():
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
        """Exchange a token of the job's for credentials, which the steps after it find in their environment.

        https://github.com/aws-actions/configure-aws-credentials#oidc
        """
        if machine.permissions.get("id-token") != "write":
            raise StepFailed("the job lacks the permission id-token: write, so GitHub gives it no token")
        about = f"repo:{self.slug}:environment:{machine.environment}"
        job = Job(self.endpoint, about, given["role-to-assume"], machine.root / "token", self.factor)
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


def _standin(act: Callable[[Machine, Mapping[str, str]], Outputs], heeds: str) -> StandIn:
    return StandIn(frozenset(heeds.split()), act)


def _nothing(_machine: Machine, _given: Mapping[str, str]) -> Outputs:
    return {}


def _install_pulumi(machine: Machine, _given: Mapping[str, str]) -> Outputs:
    """The CLI is on PATH; its plugins start once there are credentials."""
    machine.with_pulumi = True
    return {}


def _copy(source: Path, target: Path) -> None:
    """A file into a folder, or a folder's files into it."""
    target.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target / source.name)
