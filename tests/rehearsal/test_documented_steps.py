"""Types the commands of docs/access.md, secrets.md, pipeline.md and operating.md one after the other, as documented.

They run in a sandbox, on a stack with a secret, whose state is in the bucket and under the key of `bootstrap/`. A new
command of a page is typed here too, or is listed in ELSEWHERE with the test that runs it.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rehearsal import commits as edits
from rehearsal.environment.workspace import Edit
from rehearsal.observe.traffic import Api, Traffic
from tests.rehearsal.documents import commands, operators_commands
from tests.rehearsal.shell import PATIENCE, Shell, opened
from tests.unit.hub import Hub, serving

ELSEWHERE = {
    "make rehearsal-promotion": "tests/rehearsal/test_promotion.py",
    "make rehearsal-promotion ENFORCE=1": "tests/rehearsal/test_promotion.py",
}
FUNCTION = "strata-prod-orders"
FACTOR, RATE = 30.0, 20.0  # requests per second: twice what a canary's evidence needs, and little for a busy machine
HUB = "strata-example/strata"
# What differs from a person's own: S3 and KMS are at the sandbox's address.
ELSEWHERE_S3 = "&endpoint=$AWS_ENDPOINT_URL&s3ForcePathStyle=true"
GO = 'export AWS_ENDPOINT_URL_STS="$AWS_ENDPOINT_URL" AWS_RESPONSE_CHECKSUM_VALIDATION=when_required\n'


@dataclass
class Reader:
    """A reader of the pages, who types the documented commands."""

    shell: Shell
    left: list[str]
    said: list[str] = field(default_factory=list)

    def types(self, documented: str, typed: str = "", *, code: int = 0, prepared: str = "") -> str:
        """Type a documented line, or `typed` in its place, after `prepared`; it must exit with `code`. Return its
        output."""
        self.left.remove(documented)
        ran = self.shell.types(f"{prepared}\n{typed or documented}")
        text = ran.stdout + ran.stderr
        self.said.append(f"$ {typed or documented}\n{text}")
        assert ran.returncode == code, f"{documented}: exit code {ran.returncode}\n{text}"
        return text

    def commits(self, edit: Edit) -> None:
        """Change the copy's app as a developer does."""
        file = Path(self.shell.types("pwd").stdout.strip()) / edit.file
        text = file.read_text()
        assert text.count(edit.before) == 1
        file.write_text(text.replace(edit.before, edit.after))
        person = "-c user.name=ann -c user.email=ann@strata.invalid"
        assert self.shell.types(f"git {person} commit --quiet --all --message {edit.title!r}").returncode == 0

    def api(self) -> Api:
        """Return the stack's API."""
        return Api.at(json.loads(self.shell.types("pulumi stack output --json --stack prod").stdout)["api_url"])

    @contextmanager
    def callers(self) -> Iterator[None]:
        """Send orders while the block runs, since prod's canary needs requests."""
        live = Traffic(self.api(), RATE)
        live.start()
        try:
            yield
        finally:
            live.stop()

    def split(self) -> bool:
        """Return True if a canary has traffic."""
        asked = f"aws_alias() {{ python - <<'END'\n{_ALIAS}\nEND\n}}; aws_alias"
        return bool(json.loads(self.shell.types(asked).stdout))


_ALIAS = f"""
import json, boto3
found = boto3.client("lambda").get_alias(FunctionName="{FUNCTION}", Name="live")
print(json.dumps(found.get("RoutingConfig", {{}}).get("AdditionalVersionWeights", {{}})))
"""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    pages = ("access.md", "secrets.md", "pipeline.md")
    documented = [line for page in pages for line in commands(page)] + operators_commands()
    with opened(tmp_path, FACTOR) as shell:
        yield Reader(shell, [line for line in documented if line not in ELSEWHERE])


@pytest.mark.faults
def test_every_documented_command_works_as_it_is_typed(reader: Reader, tmp_path: Path) -> None:
    an_account_is_made_ready(reader)
    a_stack_has_a_secret(reader)
    environments_are_set_on_github(reader, tmp_path)
    a_release_is_deployed_and_aborted(reader)
    an_operator_types_each_command(reader)
    assert reader.left == [], "a page names commands that no test types"


def an_account_is_made_ready(reader: Reader) -> None:
    reader.types("pulumi --cwd bootstrap stack init prod")
    reader.types("pulumi --cwd bootstrap up --stack prod")
    login = 'pulumi login "$(pulumi --cwd bootstrap stack output state --stack prod)"'
    reader.types(login, login.replace('prod)"', f'prod){ELSEWHERE_S3}"'))
    # From here on the state is in the bucket; the sandbox's own stack file belongs to its own backend.
    reader.shell.printed += f"unset PULUMI_BACKEND_URL PULUMI_CONFIG_PASSPHRASE\n{GO}"
    assert reader.shell.types("sed -i /^encryptionsalt:/d Pulumi.prod.yaml").returncode == 0
    (init,) = (line for line in reader.left if line.startswith("pulumi stack init prod --secrets-provider"))
    reader.types(init)
    (explain,) = (line for line in reader.left if line.startswith("python -m infra.identity explain"))
    assert "repo:strata-example/strata:environment:prod" in reader.types(explain)


def a_stack_has_a_secret(reader: Reader) -> None:
    (set_,) = (line for line in reader.left if "pulumi config set --secret" in line)
    key = "k" * 64
    reader.types(set_, set_.replace("openssl rand -base64 48", f"printf %s {key}"))
    file = reader.shell.types("cat Pulumi.prod.yaml").stdout
    assert key not in file
    assert "secure:" in file
    reader.types("pulumi up --stack prod")
    api, smoke = reader.api(), Path(reader.shell.types("pwd").stdout.strip()) / "app/orders/smoke/create-order.json"
    order = json.loads(smoke.read_text())["event"]["body"]
    headers = {"Host": api.headers["Host"], "Content-Type": "application/json", "Idempotency-Key": "documented"}
    given = " ".join(f"-H '{name}: {value}'" for name, value in headers.items())
    placed = f"curl -sS -D headers.txt {api.url}/orders {given} -d '{order}'"
    (verify,) = (line for line in reader.left if line.startswith("printf %s") and "openssl dgst" in line)
    digest = reader.types(verify, prepared=f'body="$({placed})"; key={key}').split()[-1]
    assert f"sha256={digest}" in reader.shell.types("cat headers.txt; rm headers.txt").stdout


def environments_are_set_on_github(reader: Reader, folder: Path) -> None:
    (folder / "bin").mkdir()
    (folder / "bin/gh").write_text("#!/bin/sh\necho gh-token-of-ann\n")
    (folder / "bin/gh").chmod(0o755)
    (asked, applied) = (line for line in reader.left if "make environments" in line)
    with serving(Hub(people={"/orgs/strata-example/teams/oncall": 7}, repository=HUB)) as hub:
        prepared = f'export PATH="{folder}/bin:$PATH" GITHUB_API_URL={hub.root} GITHUB_REPOSITORY={HUB}'
        assert "restrict its branches" in reader.types(asked, code=2, prepared=prepared)  # make's word for exit code 1
        assert hub.written == []
        reader.types(applied, prepared=prepared)
        assert hub.written != []


def a_release_is_deployed_and_aborted(reader: Reader) -> None:
    reader.commits(edits.GOOD)
    assert "would" in reader.types("make plan STACK=prod")
    with reader.callers():
        assert "promoted" in reader.types("make deploy STACK=prod")
        assert "is as its state says" in reader.types("make drift STACK=prod")
        reader.types("make doctor STACK=prod")
        reader.commits(edits.HARMLESS)
        a_canary_is_aborted(reader)
    (rollback,) = (line for line in reader.left if line.startswith("make rollback"))
    assert "rolled back" in reader.types(rollback)
    reader.types("make unlock STACK=prod")


def a_canary_is_aborted(reader: Reader) -> None:
    released = reader.shell.starts("make deploy STACK=prod")
    deadline = time.monotonic() + PATIENCE
    while not reader.split():
        assert released.poll() is None, released.communicate()[0]
        assert time.monotonic() < deadline
    (abort,) = (line for line in reader.left if line.startswith("make abort"))
    reader.types(abort)
    text, _ = released.communicate(timeout=PATIENCE)
    assert "rolled back (operator)" in text
    assert released.returncode != 0


def an_operator_types_each_command(reader: Reader) -> None:
    """Run each command of the table, in its order, on a stack that an operator has just rolled back."""
    codes = {}
    for documented in [line for line in reader.left if line in operators_commands()]:
        typed = documented.replace("STACK", "prod").replace("--function F", f"--function {FUNCTION}")
        served = "timeout --preserve-status --signal=INT 60 " if " view " in typed else ""  # it ends by Ctrl-C alone
        ran = reader.shell.types(served + typed.replace("WHY", "as documented"))
        assert "Traceback" not in ran.stderr, ran.stderr
        reader.left.remove(documented)
        codes[documented.split()[3]] = (ran.returncode, (ran.stdout + ran.stderr).strip())
    assert {name: code for name, (code, _) in codes.items()} == EXITS, codes


EXITS = {
    "status": 1,  # the version that the program declares was rolled back
    "plan": 0,  # an aborted canary is no rejected version
    "watch": 0,
    "view": 0,
    "abort": 0,  # nothing is in flight
    "rollback": 3,  # nothing was live before
    "allow-retry": 0,
    "unstick": 0,
    "history": 0,
    "doctor": 0,
    "prune": 0,
    "sweep": 0,
    "power": 0,
    "promote": 2,  # this prod has no upstream stack
}
"""The exit codes, as each command's --help has them."""
