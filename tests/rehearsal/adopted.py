"""A program that is not Strata's, with a copy of Strata beside it, and its page's files and commands in order."""

import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.environment.sandbox import REPOSITORY, start
from rehearsal.environment.workspace import Scratch, aws_environment, files_of, git
from rehearsal.observe.aws_records import AwsRecords
from rehearsal.observe.traffic import Api

ACCOUNT, REGION = "555555555555", "eu-central-1"
PATIENCE = 900  # seconds until a command is given up, however slow the machine
STEP = re.compile(
    r"^`(?P<path>[\w./]+)`:\n\n```\w+\n(?P<text>.*?)^```$|^```sh\n(?P<command>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Step:
    """A step of a page: a file to write, or a command to type where `path` is empty."""

    path: str
    text: str


def steps(page: str) -> list[Step]:
    """Return the steps of a page of docs/, in its order."""
    text = (REPOSITORY / "docs" / page).read_text()
    return [Step(found["path"] or "", found["text"] or found["command"]) for found in STEP.finditer(text)]


@dataclass
class Callers:
    """Two callers of a URL, who send the next request when they have the answer. `answers` counts HTTP statuses."""

    url: str
    answers: Counter[int] = field(default_factory=Counter)
    _over: threading.Event = field(default_factory=threading.Event)

    def call(self) -> str:
        """Send one request and return the answer's body. Raises HTTPError for a status that is not good."""
        api = Api.at(self.url)
        request = urllib.request.Request(f"{api.url}?name=Ann", headers=dict(api.headers))  # noqa: S310  loopback
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return str(answer.read().decode())

    def _send(self) -> None:
        while not self._over.wait(0.05):
            try:
                self.call()
                self.answers[200] += 1
            except urllib.error.HTTPError as error:
                self.answers[error.code] += 1
                error.close()

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Let two callers send requests while the block runs."""
        threads = [threading.Thread(target=self._send) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()


@dataclass(frozen=True)
class Shop:
    """The other program's folder, with a local cloud, stand-in providers and an empty stack `prod`."""

    folder: Path
    env: Mapping[str, str]

    @property
    def aws(self) -> AwsRecords:
        return AwsRecords(self.env["AWS_ENDPOINT_URL"], ACCOUNT, REGION)

    def write(self, step: Step) -> None:
        """Write a step's file, and commit it."""
        file = self.folder / step.path
        file.parent.mkdir(exist_ok=True)
        file.write_text(step.text)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", "--message", f"Change {step.path}")

    def types(self, command: str, *, fails: bool = False) -> str:
        """Type a command, which must succeed, or fail; return its output."""
        done = subprocess.run(
            ["bash", "-ec", command],
            cwd=self.folder,
            env=dict(self.env),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        text = done.stdout + done.stderr
        assert bool(done.returncode) == fails, f"{command}: exit code {done.returncode}\n{text}"
        return text


@contextmanager
def shop(root: Path, base: Mapping[str, str], factor: float) -> Iterator[Shop]:
    """Start a local cloud for a program in an empty folder, beside which `strata` is a copy of this repository's."""
    scratch, folder = Scratch(root), root / "shop"
    for made in (folder, scratch.state, scratch.home):
        made.mkdir()
    for name in files_of(REPOSITORY):
        if name.startswith("infra/"):
            (folder / "strata" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / "strata" / name)
    (folder / "strata" / ".venv").symlink_to(REPOSITORY / ".venv", target_is_directory=True)
    (folder / ".venv").symlink_to(REPOSITORY / ".venv", target_is_directory=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / ".git/info/exclude").write_text(".venv\nstrata\n__pycache__\n")
    with ExitStack() as stack:
        cloud = stack.enter_context(start("cloud", scratch, base, "--port", "0", "--factor", f"{factor:g}"))
        local = scratch.environment(base, rate=factor)
        env = local | aws_environment(cloud.ready(root / "cloud.json")["endpoint"], ACCOUNT, REGION)
        providers = stack.enter_context(start("providers", scratch, env, "--project", str(folder)))
        env["PULUMI_DEBUG_PROVIDERS"] = providers.ready(root / "providers.json")["PULUMI_DEBUG_PROVIDERS"]
        yield Shop(folder, env)
