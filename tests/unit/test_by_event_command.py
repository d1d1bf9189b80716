"""The command that an event starts: what it reads, refuses and deploys, and from which checkout."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from infra.artifacts import sources
from infra.artifacts.manifest import Manifest
from infra.bundle import BundleError
from infra.config import Freeze, Switch
from infra.console import Exit, FailedError, RefusedError
from infra.naming import Names
from infra.pipeline import by_event
from infra.pipeline.__main__ import app
from infra.release.cli import stack_state
from infra.release.decision.by_event import Promote
from infra.release.model.attempt import UpstreamReleases
from infra.release.model.outcome import Ending
from tests.unit import test_by_event as events
from tests.unit.fake_cloud import target
from tests.unit.seen import POLICY, seen
from tests.unit.states import stack
from tests.unit.test_config_upstream import follows, staging
from tests.unit.test_manifest import COMMIT, OTHER, git, made, of

NAMES = Names("strata", "prod")
PROVED = Promote("d-2", COMMIT[:12], {"strata-prod-orders": made("orders").digest})
ARN = "arn:aws:codedeploy:eu-central-1:222222222222:deploymentgroup:strata-staging/strata-staging-{}"


@dataclass
class Records:
    """A session over records in memory. `observed`: how often AWS was asked."""

    ending: Ending | None = Ending.PROMOTED
    problem: str = ""
    observed: int = 0
    stack: str = "prod"
    settings: Any = None
    policy: Any = field(default_factory=lambda: replace(POLICY, proof_days=14))
    clock: Any = field(default_factory=lambda: SimpleNamespace(now=lambda: events.NOW))
    targets: Any = (replace(target(function="strata-prod-orders"), proof_group=ARN.format("orders"), proof_role="r"),)

    @property
    def aws(self) -> Any:
        attempt = events.attempt("d-2", digest=PROVED.digests["strata-prod-orders"], commit=PROVED.commit)
        found = UpstreamReleases((replace(attempt, ending=self.ending),), self.problem)
        return SimpleNamespace(upstream=lambda _: found)

    def observe(self) -> dict[str, Any]:
        self.observed += 1
        return {"strata-prod-orders": seen()}


@dataclass
class Store:
    """The artifact bucket in memory."""

    manifests: Mapping[str, str] = field(default_factory=lambda: {COMMIT: of().text()})
    archives: Mapping[str, bytes] = field(default_factory=dict)
    bucket: str = "artifacts"

    def commits(self, beginning: str) -> list[str]:
        return [each for each in self.manifests if each.startswith(beginning)]

    def built(self, commit: str) -> str | None:
        return self.manifests.get(commit)

    def source(self, commit: str) -> bytes | None:
        return self.archives.get(commit)


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    """The records that the command reads, for a stack that an event may start a release of."""
    staging(tmp_path, {"region": "eu-central-1", "allowedAccountIds": ["222222222222"]})
    made = Records()
    made.settings = follows(tmp_path, promoteBy="event")
    monkeypatch.setattr(by_event, "config_of", lambda *_: made.settings)
    monkeypatch.setattr(by_event, "open_session", lambda *_, **__: made)
    monkeypatch.setattr(stack_state, "exported", lambda _: stack())
    return made


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was deployed."""
    found: list[Any] = []
    monkeypatch.setattr(by_event, "release", lambda *given, **more: found.append((*given[:2], more)))
    return found


def ran(event: object = events.EVENT, *arguments: str) -> Result:
    environment = {"STRATA_EVENT": event if isinstance(event, str) else json.dumps(event)}
    return CliRunner().invoke(app, ["by-event", "--stack", "prod", *arguments], env=environment)


# What it decides


def test_a_success_of_the_upstream_stack_deploys_what_it_proved(records: Records, deployed: list[Any]) -> None:
    found = ran(events.EVENT, "--alone")
    assert found.exit_code == 0, found.output
    assert found.output == f"promote: d-2 proved commit {COMMIT[:12]}: strata-prod-orders {made('orders').digest}\n"
    assert deployed == [(PROVED, "prod", {"alone": True})]


def test_the_event_may_be_in_a_file(records: Records, deployed: list[Any], tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(json.dumps(events.EVENT))
    assert ran("", "--event", str(tmp_path / "event.json")).exit_code == 0
    assert deployed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "STRATA_EVENT holds no event (Expecting value"),
        ("{", "STRATA_EVENT holds no event ("),
        ("[" * 100_000, "STRATA_EVENT holds no event ("),
        ("[]", "STRATA_EVENT holds list, not a JSON object"),
    ],
)
def test_what_is_no_event_is_wrong_usage(records: Records, deployed: list[Any], text: str, said: str) -> None:
    found = ran(text)
    assert (found.exit_code, deployed) == (Exit.USAGE, [])
    assert said in found.output


def test_a_foreign_event_is_refused_before_aws_is_asked(records: Records, deployed: list[Any]) -> None:
    found = ran({**events.EVENT, "account": "999999999999"})
    assert (found.exit_code, records.observed, deployed) == (Exit.REFUSED, 0, [])
    assert found.output.startswith("error: foreign: this is no event of the upstream stack's releases: account is")


def test_a_release_that_is_not_finished_is_left_to_its_last_event(records: Records, deployed: list[Any]) -> None:
    records.ending = None
    found = ran()
    assert (found.exit_code, deployed) == (0, [])
    assert found.output.startswith("incomplete: d-2 of the same release is still in flight")


def test_it_waits_for_the_rest_of_a_release_as_long_as_it_may(records: Records, deployed: list[Any]) -> None:
    records.ending = None
    now = [events.NOW]

    def sleep(duration: Any) -> None:
        now[0] += duration
        if now[0] - events.NOW >= timedelta(minutes=3):
            records.ending = Ending.PROMOTED

    records.clock = SimpleNamespace(now=lambda: now[0], sleep=sleep)
    assert (ran(events.EVENT, "--wait", "2").exit_code, deployed) == (0, [])
    assert now[0] - events.NOW == timedelta(minutes=2)
    assert ran(events.EVENT, "--wait", "2").exit_code == 0
    assert [each[0] for each in deployed] == [PROVED]


def test_a_release_that_went_back_is_refused(records: Records, deployed: list[Any]) -> None:
    records.ending = Ending.ROLLED_BACK
    found = ran()
    assert (found.exit_code, deployed) == (Exit.REFUSED, [])
    assert found.output.startswith("error: unproven: ")


def test_records_that_cannot_be_read_leave_it_unknown(records: Records, deployed: list[Any]) -> None:
    records.problem = "denied"
    found = ran()
    assert (found.exit_code, deployed) == (Exit.UNKNOWN, [])


def test_no_event_starts_a_release_of_a_stack_that_a_pipeline_releases(records: Records, deployed: list[Any]) -> None:
    records.settings = replace(records.settings, promoted_by_event=False)
    found = ran()
    assert (found.exit_code, deployed) == (Exit.REFUSED, [])
    assert "no event starts a release of stack prod" in found.output


def test_a_stack_that_was_deployed_without_an_upstream_stack_says_what_to_do(records: Records) -> None:
    records.targets = (target(),)
    found = ran()
    assert found.exit_code == Exit.USAGE
    assert "run `make deploy STACK=prod` once" in found.output


# The switch


@pytest.mark.parametrize("where", ["in force", "in the checkout"])
def test_a_freeze_counts_in_the_stack_as_it_stands_and_in_the_commit(
    records: Records, deployed: list[Any], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    freeze = Freeze("ann", "inventory until Monday")
    if where == "in force":
        state = stack(outputs={by_event.FROZEN: asdict(freeze)})
        monkeypatch.setattr(stack_state, "exported", lambda _: state)
    else:
        records.settings = replace(records.settings, promotion=Switch(freeze))
    found = ran()
    assert (found.exit_code, records.observed, deployed) == (Exit.REFUSED, 0, [])
    assert "error: frozen: promotion is frozen (ann: inventory until Monday)" in found.output


# What it deploys


def test_the_proved_commit_is_found_by_the_digits_that_the_ledger_has() -> None:
    assert by_event.proved(PROVED, NAMES, Store()) == of()  # type: ignore[arg-type]


def other(**changed: Any) -> Manifest:
    return replace(of(), **changed)


@pytest.mark.parametrize(
    ("proved", "store", "said"),
    [
        (replace(PROVED, commit="unknown"), Store(), "is of commit unknown, of which s3://artifacts has 0 manifests"),
        (replace(PROVED, commit=f"{COMMIT[:12]}-dirty"), Store(), "has 0 manifests"),
        (PROVED, Store({}), "has 0 manifests"),
        (PROVED, Store({COMMIT: "", COMMIT[:39] + "f": ""}), "has 2 manifests"),
        (replace(PROVED, digests={"strata-prod-orders": "x"}), Store(), "and x is proved; release it there again"),
        (replace(PROVED, digests={"strata-prod-payments": "x"}), Store(), "payments is not in its manifest, and x is"),
        (PROVED, Store({COMMIT: other(commit=OTHER).text()}), f"its manifest is of commit {OTHER}"),
    ],
)
def test_a_commit_whose_bundles_are_not_those_that_were_proved_is_refused(
    proved: Promote, store: Store, said: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        by_event.proved(proved, NAMES, store)  # type: ignore[arg-type]
    assert said in str(caught.value)


@pytest.fixture
def deploys(records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was run, in a checkout of the proved commit."""

    @contextmanager
    def checked_out(commit: str, *_: object) -> Iterator[Path]:
        assert commit == COMMIT
        yield tmp_path

    monkeypatch.setattr(by_event, "checked_out", checked_out)
    monkeypatch.setattr(by_event, "proved", lambda *_: of())
    return []


@pytest.mark.parametrize("alone", [False, True])
def test_it_deploys_as_make_deploy_does_with_the_manifest_that_was_proved(
    records: Records, deploys: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, alone: bool
) -> None:
    for name in by_event.NOT_HANDED_ON:
        monkeypatch.setenv(name, "of the outer process")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://state")

    def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
        deploys.append((" ".join(command), environment.get("ALONE")))
        assert not by_event.NOT_HANDED_ON & environment.keys() - {"ALONE"}
        assert (environment["STACK"], environment["PULUMI_BACKEND_URL"]) == ("prod", "s3://state")
        assert (folder / environment["STRATA_MANIFEST"]).read_text() == of().text()
        return 0

    by_event.release(PROVED, "prod", records.settings, alone=alone, run=run)
    assert deploys == [*([("make unlock", "true")] if alone else []), ("make deploy", None)]


def test_a_deploy_that_fails_fails_the_command(records: Records, deploys: list[Any]) -> None:
    with pytest.raises(FailedError, match=rf"`make unlock` of commit {COMMIT} ended with exit code 3"):
        by_event.release(PROVED, "prod", records.settings, alone=True, run=lambda *_: 3)


# The checkout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits."""
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "-q")
    for text in ("first", "second"):
        (folder / "file").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", text)
    return folder


def test_an_archive_holds_the_commit_and_its_history(repository: Path, tmp_path: Path) -> None:
    commit, before = (git(repository, "rev-parse", each) for each in ("HEAD", "HEAD~1"))
    sources.unpack(sources.pack(repository, commit), commit, tmp_path / "there")
    assert (tmp_path / "there/file").read_text() == "second"
    assert git(tmp_path / "there", "rev-list", "HEAD").split() == [commit, before]


def test_an_older_commit_is_checked_out_of_the_repository_itself(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_event, "REPOSITORY", repository)
    with by_event.checked_out(git(repository, "rev-parse", "HEAD~1"), Store(), "prod") as folder:  # type: ignore[arg-type]
        assert (folder / "file").read_text() == "first"
    assert not folder.exists()


def test_a_commit_that_the_repository_lacks_is_checked_out_of_its_archive(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    store = Store(archives={commit: sources.pack(repository, commit)})
    monkeypatch.setattr(by_event, "REPOSITORY", tmp_path)
    with by_event.checked_out(commit, store, "prod") as folder:  # type: ignore[arg-type]
        assert (folder / "file").read_text() == "second"
    with (
        pytest.raises(BundleError, match=r"neither in this repository nor has it a source archive in s3://artifacts"),
        by_event.checked_out(OTHER, store, "prod"),  # type: ignore[arg-type]
    ):
        pass


def test_an_archive_that_was_altered_or_is_of_another_commit_is_not_used(repository: Path, tmp_path: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    packed = sources.pack(repository, commit)
    altered = packed[:-30] + bytes(each ^ 1 for each in packed[-30:-25]) + packed[-25:]
    for number, (archive, wanted) in enumerate([(altered, commit), (b"", commit), (packed, OTHER)]):
        with pytest.raises(BundleError, match=f"commit {wanted} cannot be checked out of source.bundle"):
            sources.unpack(archive, wanted, tmp_path / str(number))
    with pytest.raises(BundleError, match="give all forty digits"):
        sources.unpack(packed, commit[:12], tmp_path / "short")


def test_only_the_whole_history_of_the_commit_that_is_checked_out_is_archived(repository: Path, tmp_path: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    with pytest.raises(BundleError, match=f"is to be of commit {OTHER}, but {commit} is checked out"):
        sources.pack(repository, OTHER)
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{repository}", tmp_path / "shallow"], check=True)
    with pytest.raises(BundleError, match=r"lacks older commits.*git fetch --unshallow"):
        sources.pack(tmp_path / "shallow", commit)
