"""`by-event` releases what an event of the upstream stack's CodeDeploy proves: docs/adr/0013-promotion-by-event.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pulumi
import typer

from infra import artifacts, console, git
from infra.artifacts import sources
from infra.artifacts.manifest import FILE, HOOKS, Manifest, parse
from infra.artifacts.selection import VARIABLE as BUNDLES
from infra.bundle import BundleError
from infra.bundle.zips import write
from infra.config import ConfigError, Freeze, StackConfig, Switch
from infra.config import of as config_of
from infra.config.promotion import EVENT, VARIABLE
from infra.console import CommandError, Exit, FailedError, RefusedError, UsageError
from infra.naming import Names
from infra.pipeline.output import REPOSITORY, Stack
from infra.release.cli import stack_state
from infra.release.cli.session import Session, open_session
from infra.release.decision.by_event import Leave, Promote, Upstream, decide, stopped
from infra.release.model.spec import ReleaseError

if TYPE_CHECKING:
    from infra.artifacts.store import Artifacts

FROZEN = "promotion_frozen"  # the stack's output
DONE = frozenset({"unchanged", "incomplete"})  # nothing is to be done: this event needed no release
UNREAD = "unreadable"
MANIFEST = Path("dist", FILE)
NOT_HANDED_ON = frozenset(
    {VARIABLE, "STRATA_COMMIT", "STRATA_PLAN", "VIRTUAL_ENV"}
    | {"ALONE", "EVENT", "WAIT", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"}
)
"""Variables of this process that the deploy must not have: it is another commit's, and a make of its own."""
ERRORS: Mapping[type[Exception], Exit] = {
    ConfigError: Exit.USAGE,
    ReleaseError: Exit.UNKNOWN,
    pulumi.RunError: Exit.FAILED,  # a manifest or an archive is not fit to be deployed
    git.CommitError: Exit.FAILED,
}
EVERY = timedelta(minutes=1)  # between two looks at a release that has not ended
Run = Callable[[Sequence[str], Path, Mapping[str, str]], int]
"""Runs a command in a folder with an environment; returns its exit code."""


def by_event(
    *,
    stack: Stack,
    event: Annotated[
        Path | None, typer.Option(help=f"A file with the event, JSON; by default {VARIABLE} holds it.")
    ] = None,
    wait: Annotated[
        int, typer.Option(min=0, max=1440, help="Minutes to wait for the rest of a release that has not ended.")
    ] = 0,
    alone: Annotated[
        bool, typer.Option("--alone", help="No other job works on the stack now, as for `unlock`.")
    ] = False,
) -> None:
    """Release what the upstream stack has proved, if this event of its CodeDeploy says that it is time to look.

    It says in one line what it decided, then does what `make deploy` does, on the release's own commit and digests.
    Exit code 0: released, or nothing to release (live already, or a later event of the same release follows). 1: the
    deploy failed. 3: refused, and nothing was done. 4: the upstream stack's records cannot be read.
    """
    with console.answering(ERRORS):
        settings = config_of(REPOSITORY, stack)
        if not settings.promoted_by_event:
            raise RefusedError(
                f"no event starts a release of stack {stack}; run `make deploy STACK={stack}`, or set promoteBy: "
                f"{EVENT} in its strata:release"
            )
        given = read(event, os.environ)
        session, standing = open_session(stack, following=True), frozen(stack)
        until = session.clock.now() + timedelta(minutes=wait)
        while (
            unfinished(found := decided(given, session, settings.promotion, standing)) and session.clock.now() < until
        ):
            session.clock.sleep(EVERY)
        if isinstance(found, Promote):
            typer.echo(line(found))
            release(found, stack, settings, alone=alone)
        elif found.reason in DONE:
            typer.echo(line(found))
        elif found.reason == UNREAD:
            raise CommandError(line(found))
        else:
            raise RefusedError(line(found))


def unfinished(found: Promote | Leave) -> bool:
    """Return True if another function of the event's release is still in flight."""
    return isinstance(found, Leave) and found.reason == "incomplete"


def read(file: Path | None, environment: Mapping[str, str]) -> Mapping[str, object]:
    """Return the event. Raises UsageError if it is no JSON object."""
    where = str(file) if file else VARIABLE
    try:
        found = json.loads(file.read_text() if file else environment.get(VARIABLE, ""))
    except (OSError, ValueError, RecursionError) as problem:
        raise UsageError(
            f"{where} holds no event ({problem}); give the JSON of the event that EventBridge delivered"
        ) from None
    if not isinstance(found, dict):
        raise UsageError(f"{where} holds {type(found).__name__}, not a JSON object; give the event that was delivered")
    return found


def frozen(stack: str) -> Freeze | None:
    """Return the freeze that the last `pulumi up` of the stack has put in force."""
    found = stack_state.outputs(stack_state.exported(stack)).get(FROZEN)
    return Freeze(str(found.get("by")), str(found.get("why"))) if isinstance(found, Mapping) else None


def decided(event: Mapping[str, object], session: Session, switch: Switch, standing: Freeze | None) -> Promote | Leave:
    """Return what the event starts. `standing`: the freeze in force, beside the one of this checkout.

    Raises UsageError if the stack was never deployed with an upstream stack.
    """
    if missing := [each.function for each in session.targets if not each.proof_group]:
        raise UsageError(
            f"{', '.join(missing)} of stack {session.stack} must be proved by no upstream stack, as the last `pulumi "
            f"up` left it; run `make deploy STACK={session.stack}` once"
        )
    switch = replace(switch, frozen=standing or switch.frozen)
    upstream = Upstream.of({each.function: each.proof_group for each in session.targets}, session.stack)
    if doubt := stopped(event, upstream, switch, session.clock.now()):
        return doubt
    live = {name: each.live.digest for name, each in session.observe().items()}
    records = {each.function: session.aws.upstream(each) for each in session.targets}
    return decide(event, upstream, switch, records, live, session.policy.proof_days, session.clock.now())


def line(found: Promote | Leave) -> str:
    """Return the decision in one line."""
    if isinstance(found, Leave):
        return f"{found.reason}: {found.why}"
    digests = ", ".join(f"{name} {digest}" for name, digest in sorted(found.digests.items()))
    return f"promote: {found.deployment} proved commit {found.commit}: {digests}"


def release(found: Promote, stack: str, settings: StackConfig, *, alone: bool, run: Run | None = None) -> None:
    """Deploy the proved commit to the stack, from a checkout of its own. Raises FailedError if that fails.

    Raises RefusedError, before anything is changed, if the commit's bundles are not those that were proved.
    """
    from infra.artifacts.store import Artifacts  # noqa: PLC0415 - the other commands of the pipeline need no boto3

    store = Artifacts(artifacts.bucket(settings), settings.account.region)
    manifest = proved(found, settings.names, store)
    with checked_out(manifest.commit, store, stack) as folder:
        write(folder / MANIFEST, manifest.text().encode())
        environment = {name: value for name, value in os.environ.items() if name not in NOT_HANDED_ON}
        environment |= {BUNDLES: str(MANIFEST), "STACK": stack}
        unlock = [(["make", "unlock"], {"ALONE": "true"})] if alone else []
        for command, more in (*unlock, (["make", "deploy"], {})):
            if code := (run or _run)(command, folder, environment | more):
                raise FailedError(f"`{' '.join(command)}` of commit {manifest.commit} ended with exit code {code}")


def proved(found: Promote, names: Names, store: Artifacts) -> Manifest:
    """Return the manifest of the proved commit. Raises RefusedError if it has none, or names other digests."""
    commits = store.commits(found.commit) if re.fullmatch("[0-9a-f]{7,40}", found.commit) else []
    if len(commits) != 1:
        raise RefusedError(
            f"{found.deployment} is of commit {found.commit}, of which s3://{store.bucket} has {len(commits)} "
            "manifests, so its source is unknown; release a commit of main, by main.yml, to the upstream stack"
        )
    [commit] = commits
    manifest = parse(store.built(commit) or "", Path(f"s3:/{store.bucket}/manifests/{commit}.json"))
    digests = {names.function(each): entry.digest for each, entry in manifest.functions.items() if each != HOOKS}
    wrong = [
        f"{function} is {digests.get(function, 'not in its manifest')}, and {digest} is proved"
        for function, digest in sorted(found.digests.items())
        if digests.get(function) != digest
    ]
    if manifest.commit != commit or wrong:
        what = "; ".join(wrong) or f"its manifest is of commit {manifest.commit}"
        raise RefusedError(f"commit {commit} is not what {found.deployment} proved: {what}; release it there again")
    return manifest


@contextmanager
def checked_out(commit: str, store: Artifacts, stack: str) -> Iterator[Path]:
    """Check the commit out into a folder that lasts as long as the context: out of this repository, or its archive."""
    with tempfile.TemporaryDirectory(prefix="strata-") as scratch:
        folder = Path(scratch) / "checkout"
        if git.committed(commit, REPOSITORY):
            sources.clone(REPOSITORY, commit, folder)
        elif archive := store.source(commit):
            sources.unpack(archive, commit, folder)
        else:
            raise BundleError(
                f"commit {commit} is neither in this repository nor has it a source archive in s3://{store.bucket}; "
                f"fetch it, or publish its bundles again by `make publish-bundle STACK={stack}`"
            )
        yield folder


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode
