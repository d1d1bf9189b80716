"""`python -m rehearsal.promotion`: main.yml played on this machine, in three accounts, by each job's own role."""

import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from rehearsal.cli import guarded, options, parsed, slowed
from rehearsal.console import Story
from rehearsal.observe import iam_decisions
from rehearsal.promotion import stage
from rehearsal.promotion.scenario import Promotion

REPORT = Path(".rehearsal/promotion.json")
RATE = 30.0


def rehearse(console: Console, factor: float, rate: float, file: Path, *, enforce: bool) -> int:
    """The whole story; 0 when everything ended as told."""
    story = Story(console)
    story.show("[bold]A rehearsal of the pipeline[/bold]")
    asked, factor = factor, slowed(factor, story)
    with stage.running(factor, enforce=enforce) as made:
        story.say(
            f"Three accounts on an AWS on this machine ({made.endpoint}), where time runs {factor:g} times faster; an "
            "administrator has made each ready. Each step below is read from the workflow as it is committed."
        )
        report = Promotion(made, story, rate * factor / asked).run()
        if enforce:
            denied = iam_decisions.denied(iam_decisions.made(made.endpoint))
            report = replace(report, amiss=(*report.amiss, *denied))
    report.write(file)
    story.gap()
    story.show(report.table())
    return story.verdict(report.problems(), report.seconds, file)


def main() -> int:
    """Exit code 0, 1 with a reason, or 130 where it was interrupted."""
    given = parsed(options("python -m rehearsal.promotion", __doc__, RATE, REPORT), RATE)
    return guarded(
        "rehearsal",
        lambda: rehearse(Console(highlight=False), given.factor, given.rate, given.report, enforce=given.enforce),
    )


if __name__ == "__main__":
    sys.exit(main())
