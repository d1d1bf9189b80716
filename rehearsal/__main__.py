"""`python -m rehearsal` runs the whole rehearsal under live traffic on this machine. `python -m rehearsal sandbox`
starts only the sandbox, for commands typed by hand. `python -m rehearsal captures` draws the pictures of docs/captures.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from rehearsal import files, recording, screenshots
from rehearsal.cli import options, parsed, run_guarded, slowed
from rehearsal.console import Narrator
from rehearsal.environment import sandbox, viewer
from rehearsal.environment.oidc import survives_expiry
from rehearsal.environment.pace import Pace
from rehearsal.environment.processes import ProgramError
from rehearsal.environment.sandbox import STACK
from rehearsal.observe import iam_decisions
from rehearsal.page_file import PageFile
from rehearsal.release import enforced
from rehearsal.release.deploy_role import DeployRoleScenario
from rehearsal.release.page import EMPTY, RUNNING, page
from rehearsal.release.scenario import Rehearsal
from rehearsal.secrets import known, scan

REPORT = Path(".rehearsal/report.json")
DECISIONS = "decisions.json"  # beside the report, if IAM policies are enforced


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = options("python -m rehearsal", __doc__, REPORT)
    parser.add_argument(
        "--releases-only", action="store_true", help="with --enforce: leave out what else the deploy role is for"
    )
    parser.add_argument("what", nargs="?", choices=("story", "sandbox", "captures"), default="story")
    return parser


def rehearse(
    console: Console,
    factor: float,
    rate: float,
    file: Path,
    *,
    enforce: bool,
    releases_only: bool = False,
) -> int:
    """Run the whole rehearsal; return 0 if every step ended as expected, else 1."""
    narrator = Narrator(console)
    begun = time.monotonic()
    asked, factor = factor, slowed(factor, narrator)
    with PageFile(file, EMPTY) as shown, (enforced if enforce else sandbox).running(factor) as stage:
        narrator.show("[bold]A rehearsal of Strata[/bold]")
        narrator.say(
            f"The real Pulumi CLI ({stage.pulumi_version}) deploys to a local AWS ({stage.endpoint}), where time runs "
            f"{factor:g} times faster. The project is a scratch copy in {stage.scratch.project}; the legacy Terraform "
            "layer, with its table and its state, exists already."
        )
        key = known.receipt_key(stage)
        narrator.say(
            "The stack has a receipt key, set by `pulumi config set --secret`: each order must come back with a "
            "receipt, and at the end neither the key nor the credentials in use may be found anywhere."
        )
        early = stage.identities[STACK].job.session(stage.region) if enforce else None
        with scan.Watch() as watch:
            rehearsal = Rehearsal(stage, narrator, Pace(asked, factor, rate, stage.endpoint), key.value)
            rehearsal.keep = lambda report: shown.write(page(report, RUNNING))
            report = rehearsal.run()
            if early is not None:
                others = [] if releases_only else DeployRoleScenario(rehearsal.sandbox, narrator).run()
                others += survives_expiry(early, stage.endpoint)
                made = iam_decisions.made(stage.endpoint)
                others += iam_decisions.denied(made)
                report = replace(report, calls=iam_decisions.calls(made), other_problems=tuple(others))
                iam_decisions.write(made, file.with_name(DECISIONS))
        secrets = [key, *known.in_use(stage.env), *known.shown(stage)]
        left = scan.left_by(stage, watch, console.export_text(clear=False), report.as_json())
        report = replace(report, secrets=scan.search(secrets, left))
        shown.write(page(report))
    report.write(file)
    narrator.gap()
    narrator.show(report.table())
    if enforce:
        narrator.gap()
        narrator.show(report.callers())
    return narrator.verdict(report.problems(), time.monotonic() - begun, file)


def record(factor: float, rate: float, file: Path) -> int:
    """Draw a rehearsal's console into docs/captures; its exit code. One that fails is not drawn."""
    console = Console(highlight=False, record=True, force_terminal=False, width=recording.WIDTH)
    code = rehearse(console, factor, rate, file, enforce=False)
    text = console.export_text(styles=True)
    files.write(text, file.with_name(recording.TEXT))
    if code == 0:
        screenshots.put("rehearsal", recording.rehearsal_svg(text))
    return code


def stay(console: Console, factor: float, *, enforce: bool) -> int:
    """Keep a sandbox running for a person until Ctrl-C. Raises ProgramError if one of its programs ends."""
    with (enforced if enforce else sandbox).running(factor) as stage, viewer.running(stage) as url:
        rc = stage.scratch.root / "rc"
        rc.write_text(stage.exports())
        console.print(stage.exports(), soft_wrap=True, highlight=False, markup=False)
        narrator = Narrator(console)
        narrator.say(f"What a release does is shown live at {url}")
        narrator.say(
            f"Type these lines in another terminal, or `source {rc}`. Then `pulumi up --stack prod` works there, as do "
            f"preview, refresh, destroy and stack output. Time runs {factor:g} times faster: a ten-minute canary takes "
            f"{600 / factor:g} seconds. Press Ctrl-C here to stop and remove the sandbox."
        )
        while stage.cloud.exit_code is None and stage.providers.exit_code is None:
            time.sleep(0.2)
        ended = stage.cloud if stage.cloud.exit_code is not None else stage.providers
        raise ProgramError(f"`{ended.name}` ended:\n{ended.last_words()}")


def act(options: argparse.Namespace) -> int:
    """Run the command that was typed; return its exit code."""
    console = Console(highlight=False, record=True)
    if options.what == "sandbox":
        return stay(console, options.factor, enforce=options.enforce)
    if options.what == "captures":
        factor = slowed(options.factor, Narrator(console))
        with sandbox.running(factor) as stage:
            screenshots.draw(stage, options.rate * factor / options.factor)
        code = record(options.factor, options.rate, options.report)
        if code == 0:
            screenshots.draw_report(options.report.with_suffix(".html"))
        return code
    return rehearse(
        console,
        options.factor,
        options.rate,
        options.report,
        enforce=options.enforce,
        releases_only=options.releases_only,
    )


def main() -> int:
    """Return the exit code: 0, 1 with a reason on stderr, or 130 if it was interrupted."""
    options = parsed(arguments())
    return run_guarded("rehearsal", lambda: act(options))


if __name__ == "__main__":
    sys.exit(main())
