"""`comment` writes the plans of a pull request into one comment, which each push replaces."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infra.console import UsageError
from infra.pipeline.github import GitHub, connected
from infra.pipeline.markdown import fitted, shares
from infra.pipeline.output import answering

MARK = "<!-- strata: plan -->"
"""Marks the comment, so that the next push finds it."""
LONGEST = 65_536  # characters of a comment that GitHub accepts
SEPARATOR = "\n\n"
LOST = "{count} more plans have no room here: they are in the job's log."


def comment(
    *,
    repository: Annotated[str, typer.Option(envvar="GITHUB_REPOSITORY", help="OWNER/NAME on GitHub.")],
    pull_request: Annotated[int, typer.Option(help="The pull request's number.")],
    folder: Annotated[Path, typer.Option(help="The folder with the STACK.md of `make plan STACK=...`.")] = Path(
        "dist/plans"
    ),
) -> None:
    """Write the plans below a pull request, in place of those of the push before."""
    with answering():
        written = write(
            connected(repository), pull_request, body([file.read_text(encoding="utf-8") for file in plans(folder)])
        )
    typer.echo(written)


def plans(folder: Path) -> list[Path]:
    """Return the plans' files, sorted by name. Raises CommandError where there are none."""
    if not (found := sorted(folder.glob("*.md"))):
        raise UsageError(f"there is no plan in {folder}; run `make plan STACK=...` first")
    return found


def body(texts: Sequence[str]) -> str:
    """Return one comment of all plans, each cut so that all fit; plans without room are counted at its end."""
    pages = [text.strip() for text in texts]
    rooms = shares(
        [len(page) for page in pages], LONGEST - len(MARK) - len(SEPARATOR) * (len(pages) + 1) - len(LOST) - 9
    )
    shown = [found for page, room in zip(pages, rooms, strict=True) if (found := fitted(page, room))]
    lost = [LOST.format(count=len(pages) - len(shown))] if len(shown) < len(pages) else []
    return SEPARATOR.join([MARK, *shown, *lost])


def write(github: GitHub, pull_request: int, text: str) -> str:
    """Update this user's own comment, or create it; return its URL. Another user's comment may have the mark too."""
    we = ourselves(github)
    ours = (
        each
        for each in github.every(f"issues/{pull_request}/comments")
        if each["body"].startswith(MARK) and (each.get("user") or {}).get("login") == we
    )
    if (found := next(ours, None)) is not None:
        answer = github.send("PATCH", f"issues/comments/{found['id']}", {"body": text})
    else:
        answer = github.send("POST", f"issues/{pull_request}/comments", {"body": text})
    return str(answer["html_url"])


def ourselves(github: GitHub) -> str:
    """Return the login of the token's user. A job's own token may not ask for it: its login is GitHub Actions'.

    https://docs.github.com/en/rest/users/users#get-the-authenticated-user
    """
    if os.environ.get("GITHUB_ACTIONS") == "true":
        return "github-actions[bot]"
    return str((github.get("/user") or {}).get("login", ""))
