"""`story` writes the summary of a job, and a page: where traffic is, and how the stack's last releases ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.console import CommandError
from infra.pipeline.markdown import fenced, inline
from infra.pipeline.output import Stack, summarize

Json = dict[str, Any]
PAGE = Path(".rehearsal/report.html")
SIGNS = {"rolled_back": "**rolled back**", "in_flight": "**in flight**"}


def story(
    *,
    stack: Stack,
    limit: Annotated[int, typer.Option(help="The number of past releases, newest first.")] = 5,
    file: Annotated[Path, typer.Option("--page", help="The HTML file with the traffic of each release.")] = PAGE,
) -> None:
    """Show where traffic is, what is in flight, and how the last releases ended; in a job, as its summary.

    It writes the same releases with their traffic as one HTML file. The exit code is 0 whatever it finds, and also
    where it finds nothing: the deploy step alone fails the job.
    """
    file.unlink(missing_ok=True)
    try:
        status = _asked("status", stack)
        history = _asked("history", stack, "--limit", str(limit), "--page", str(file))
    except CommandError as problem:
        summarize(f"### {stack}\n\nNo status of the releases: {problem}\n\n")
        return
    summarize(page(stack, status["functions"], history["releases"]) + _link(stack, file))


def _link(stack: str, file: Path) -> str:
    """Return the line that leads to the page: in a job to the run's artifacts, where a later step puts it.

    https://docs.github.com/en/actions/reference/workflows-and-actions/variables
    """
    if not os.environ.get("GITHUB_STEP_SUMMARY"):
        return f"Traffic, errors and marks of each release: {file}\n\n"
    server, repository, run = (os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    link = f"{server}/{repository}/actions/runs/{run}#artifacts"
    return f"Traffic, errors and marks of each release: [the artifact story-{stack}]({link})\n\n"


def page(stack: str, functions: Mapping[str, Json], releases: Sequence[Json]) -> str:
    """Return the summary in Markdown.

    functions: those of `status --json`. releases: those of `history --json`, newest first.
    """
    lines = [f"### {stack}", ""]
    for name, each in functions.items():
        live = each["live"]
        lines.append(f"- **{name}** is on {live['alias']}, digest `{live['digest']}`, commit `{live['commit'] or '?'}`")
        if flying := each["in_flight"]:
            weight = f"{flying['weight']:.0%}" if flying["weight"] is not None else "no"
            lines.append(
                f"  - in flight: {flying['deployment']}, {flying['from']} to {flying['to']}, which has {weight} of the "
                "traffic. CloudWatch judges it even if no job waits; the next run adopts it"
            )
        lines += [f"  - stuck: {one['what']}; {one['act'] or one['remedy']}" for one in each["stuck"]]
        lines += [f"  - would be refused ({one['reason']}): {inline(one['detail'])}" for one in each["refusals"]]
    if releases:
        lines += [
            "",
            "| when | function | versions | commit | by | outcome | minutes |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [_row(each) for each in releases]
        last = releases[0]
        lines += ["", f"The last release, {last['deployment'] or 'a first version'}:", "", fenced(last["why"])]
    return "\n".join(lines) + "\n\n"


def _row(each: Json) -> str:
    versions = f"{each['stable']} to {each['version'] or '?'}" if each["stable"] else each["version"]
    outcome = f"{SIGNS.get(each['ending'], each['ending'])} ({each['reason']})"
    minutes = "" if each["minutes"] is None else f"{each['minutes']:.1f}"
    cells = [each["started"], each["function"], versions, each["commit"][:12], each["by"]]
    return f"| {' | '.join([*(inline(str(cell)) for cell in cells), outcome, minutes])} |"


def _asked(command: str, stack: str, *options: str) -> Json:
    """Return the JSON answer of an operator's command. Raises CommandError with its words where it has none."""
    ran = subprocess.run(
        [sys.executable, "-m", "infra.release", command, "--stack", stack, "--json", *options],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    try:
        answer: Json = json.loads(ran.stdout)
    except ValueError:
        raise CommandError(ran.stderr.strip() or f"`infra.release {command}` printed nothing") from None
    if "error" in answer:
        raise CommandError(str(answer["error"]))
    return answer
