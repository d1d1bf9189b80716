"""`python -m infra.artifacts build|put|get` builds bundles, publishes them to the artifact bucket, and fetches them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pulumi
import typer

from infra.artifacts import sources, stacks
from infra.artifacts.manifest import FILE, Manifest, ManifestError, parse, read
from infra.artifacts.selection import INPUTS, digest_mismatches
from infra.artifacts.store import Artifacts, Stored
from infra.bundle import BundleError
from infra.bundle.zips import write
from infra.console import Exit, Json, answer, answering
from infra.git import DIRTY, CommitError, checkout, why_none
from infra.release.engine.cloud import AwsError

REPOSITORY = Path(__file__).resolve().parents[2]
ERRORS: Mapping[type[Exception], Exit] = dict.fromkeys((pulumi.RunError, AwsError, CommitError), Exit.FAILED)

Stack = Annotated[str, typer.Option(help="A stack that deploys bundles from the bucket.")]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done; 1 something is wrong, or there is no such bundle; 2 wrong usage.",
)


@app.callback()
def _commands() -> None:
    """Build a commit's bundles once, publish them by their digest, and fetch them for every stack."""


@app.command()
def build(*, as_json: Json = False) -> None:
    """Build the checked out commit's bundles for Lambda's platform into dist/."""
    from infra.artifacts.build import build  # noqa: PLC0415 - put and get run without the build's tools

    with answering(ERRORS, as_json=as_json):
        _answer(build(REPOSITORY, lambda line: typer.echo(f"note: {line}", err=True)), as_json=as_json)


@app.command()
def put(
    *,
    stack: Stack,
    manifest: Annotated[Path, typer.Option(help="The manifest; its zips lie beside it.")] = Path("dist", FILE),
    as_json: Json = False,
) -> None:
    """Publish a manifest's bundles by their digest, and the manifest by its commit. An existing object stays.

    Where an event starts the release of a stack, publish the commit's source archive too.
    """
    with answering(ERRORS, as_json=as_json):
        file = REPOSITORY / manifest
        found = read(file)
        if found.commit.endswith(DIRTY):
            raise ManifestError(
                file, [f"it is of {found.commit}, with uncommitted changes; commit them and run `make bundle` again"]
            )
        if mismatches := list(digest_mismatches(found, file.parent)):
            raise ManifestError(file, mismatches)
        artifacts, published = _artifacts(stack), {}
        for name in found.functions:
            zipped = file.with_name(f"{name}.zip")
            if not zipped.exists():
                raise ManifestError(file, [f"{name} is to be published, but there is no {zipped}; run `make bundle`"])
            published[name] = artifacts.put(zipped.read_bytes())
        if any(each.promoted_by_event for each in stacks.all_of(REPOSITORY).values()):
            artifacts.publish_source(found.commit, sources.pack(REPOSITORY, found.commit))
        artifacts.publish(found.commit, found.text())  # last: a published manifest's bundles are published too
        _answer(found, published, as_json=as_json)


@app.command()
def get(
    *,
    stack: Stack,
    commit: Annotated[
        str, typer.Option(help="The commit, forty hexadecimal digits; by default the one that is checked out.")
    ] = "",
    zips: Annotated[bool, typer.Option("--zips", help="Fetch the bundles too; a deploy does not need them.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch a commit's manifest into dist/. The exit code is 1 where the bucket has no bundle of that commit."""
    with answering(ERRORS, as_json=as_json):
        wanted = commit or getattr(checkout(REPOSITORY, INPUTS), "commit", "")
        if not wanted:
            raise BundleError(f"git knows no commit here: {why_none(REPOSITORY)}; or give the commit by --commit")
        artifacts, folder = _artifacts(stack), REPOSITORY / "dist"
        if (text := artifacts.built(wanted)) is None:
            raise BundleError(
                f"commit {wanted or 'unknown'} has no bundle in {artifacts.bucket}; run `make bundle` and "
                "`make publish-bundle STACK=...`"
            )
        found = parse(text, folder / FILE)
        if found.commit != wanted:
            raise ManifestError(
                folder / FILE, [f"it is of commit {found.commit}, but was published as that of {wanted}"]
            )
        for name, entry in found.functions.items() if zips else ():
            if (zipped := artifacts.get(entry.digest)) is None:
                raise BundleError(f"{name} of commit {wanted} is {entry.digest}, which is not in {artifacts.bucket}")
            write(folder / f"{name}.zip", zipped)
        write(folder / FILE, text.encode())
        _answer(found, as_json=as_json)


def _artifacts(stack: str) -> Artifacts:
    found = stacks.one(REPOSITORY, stack)
    return Artifacts(stacks.bucket(found), found.account.region)


def _answer(manifest: Manifest, published: Mapping[str, Stored] | None = None, *, as_json: bool) -> None:
    functions, lines = {}, [f"commit {manifest.commit}, for {manifest.platform}"]
    for name, entry in manifest.functions.items():
        stored = {"stored": vars(published[name])} if published else {}
        functions[name] = {"digest": entry.digest, "zipped": entry.zipped, **stored}
        where = f"  s3://{published[name].bucket}/{published[name].key}" if published else ""
        lines.append(f"  {name:<8} {entry.digest}  {entry.zipped:>12,} bytes{where}")
    answer({"commit": manifest.commit, "functions": functions}, *lines, as_json=as_json)


if __name__ == "__main__":
    app()
