"""`python -m rehearsal`: the whole story under live traffic, on this machine. `python -m rehearsal sandbox`: the stage
alone, for commands typed by hand. `python -m rehearsal captures`: the pictures in docs/captures."""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from rehearsal import files, recording, screenshots
from rehearsal.cli import guarded, options, parsed, slowed
from rehearsal.console import Story
from rehearsal.environment import sandbox
from rehearsal.environment.oidc import survives_expiry
from rehearsal.environment.processes import ProgramError
from rehearsal.environment.sandbox import STACK
from rehearsal.observe import iam_decisions
from rehearsal.release import enforced
from rehearsal.release.deploy_role import DeployRoleScenario
from rehearsal.release.scenario import Rehearsal
from rehearsal.secrets import known, scan

REPORT = Path(".rehearsal/report.json")
RATE = 55.0
DECISIONS = "decisions.json"  # beside the report, where policies are asked


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = options("python -m rehearsal", __doc__, RATE, REPORT)
    parser.add_argument("what", nargs="?", choices=("story", "sandbox", "captures"), default="story")
    return parser


def rehearse(console: Console, factor: float, rate: float, file: Path, *, enforce: bool) -> int:
    """The whole story; 0 when every step ended as told."""
    story = Story(console)
    begun = time.monotonic()
    asked, factor = factor, slowed(factor, story)
    with (enforced if enforce else sandbox).running(factor) as stage:
        story.show("[bold]A rehearsal of Strata[/bold]")
        story.say(
            f"The real Pulumi CLI ({stage.pulumi_version}) on an AWS on this machine ({stage.endpoint}), where time "
            f"runs {factor:g} times faster. The project is a scratch copy in {stage.scratch.project}; the legacy "
            "Terraform layer, its table and its state, is there already."
        )
        key = known.receipt_key(stage)
        story.say(
            "The stack has a key of receipts, set by `pulumi config set --secret`: each order must come back with one, "
            "and at the end neither the key nor the credentials in use may stand anywhere."
        )
        early = stage.served[STACK].job.session(stage.region) if enforce else None
        with scan.Watch() as watch:
            told = Rehearsal(stage, story, rate, asked, key.value)
            report = told.run()
            if early is not None:
                amiss = [*DeployRoleScenario(told.sandbox, story).run(), *survives_expiry(early, stage.endpoint)]
                made = iam_decisions.made(stage.endpoint)
                report = replace(report, calls=iam_decisions.calls(made), amiss=(*amiss, *iam_decisions.denied(made)))
                iam_decisions.write(made, file.with_name(DECISIONS))
        secrets = [key, *known.in_use(stage.env), *known.shown(stage)]
        left = scan.left_by(stage, watch, console.export_text(clear=False), report.as_json())
        report = replace(report, secrets=scan.search(secrets, left))
    report.write(file)
    story.gap()
    story.show(report.table())
    if enforce:
        story.gap()
        story.show(report.callers())
    return story.verdict(report.problems(), time.monotonic() - begun, file)


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
    """A sandbox for a person, until Ctrl-C."""
    with (enforced if enforce else sandbox).running(factor) as stage:
        rc = stage.scratch.root / "rc"
        rc.write_text(stage.exports())
        console.print(stage.exports(), soft_wrap=True, highlight=False, markup=False)
        story = Story(console)
        story.say(
            f"Type these lines in another terminal, or `source {rc}`. Then `pulumi up --stack prod` works there, as do "
            f"preview, refresh, destroy and stack output. Time runs {factor:g} times faster: a ten-minute canary takes "
            f"{600 / factor:g} seconds. Ctrl-C here ends it all."
        )
        while stage.cloud.exit_code is None and stage.providers.exit_code is None:
            time.sleep(0.2)
        ended = stage.cloud if stage.cloud.exit_code is not None else stage.providers
        raise ProgramError(f"`{ended.name}` ended:\n{ended.last_words()}")


def act(options: argparse.Namespace) -> int:
    """What was asked for; its exit code."""
    console = Console(highlight=False, record=True)
    if options.what == "sandbox":
        return stay(console, options.factor, enforce=options.enforce)
    if options.what == "captures":
        factor = slowed(options.factor, Story(console))
        with sandbox.running(factor) as stage:
            screenshots.draw(stage, options.rate * factor / options.factor)
        return record(options.factor, options.rate, options.report)
    return rehearse(console, options.factor, options.rate, options.report, enforce=options.enforce)


def main() -> int:
    """Exit code 0, 1 with a reason, or 130 where it was interrupted."""
    options = parsed(arguments(), RATE)
    return guarded("rehearsal", lambda: act(options))


if __name__ == "__main__":
    sys.exit(main())
