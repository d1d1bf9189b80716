"""`python -m rehearsal.promotion` runs main.yml on this machine, in three accounts, with each job's own role."""

import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from rehearsal.cli import options, parsed, run_guarded, slowed
from rehearsal.console import Narrator
from rehearsal.environment.pace import Pace
from rehearsal.observe import iam_decisions
from rehearsal.page_file import PageFile
from rehearsal.promotion import stage
from rehearsal.promotion.events import FORGER, Events
from rehearsal.promotion.page import EMPTY, page
from rehearsal.promotion.scenario import Promotion

REPORT = Path(".rehearsal/promotion.json")


def rehearse(console: Console, factor: float, rate: float, file: Path, *, enforce: bool) -> int:
    """Run the whole rehearsal; return 0 if everything ended as expected, else 1."""
    narrator = Narrator(console)
    narrator.show("[bold]A rehearsal of the pipeline[/bold]")
    asked, factor = factor, slowed(factor, narrator)
    with PageFile(file, EMPTY) as shown, stage.running(factor, enforce=enforce) as made:
        narrator.say(
            f"Three accounts of a local AWS ({made.endpoint}), where time runs {factor:g} times faster; an "
            "administrator has prepared each by `bootstrap/`. Each step below is read from the committed workflow."
        )
        promotion = Promotion(made, narrator, Pace(asked, factor, rate, made.endpoint))
        shown.so_far = lambda: page(promotion.report())
        report = promotion.run()
        if enforce:
            denied = iam_decisions.denied(iam_decisions.made(made.endpoint))
            report = replace(report, other_problems=(*report.other_problems, *denied))
        shown.write(page(report))
    report.write(file)
    narrator.gap()
    narrator.show(report.table())
    return narrator.verdict(report.problems(), report.seconds, file)


def rehearse_events(console: Console, factor: float, rate: float, file: Path, *, enforce: bool) -> int:
    """Run the rehearsal of promotion by event; return 0 if everything ended as expected, else 1."""
    narrator = Narrator(console)
    narrator.show("[bold]A rehearsal of promotion by event[/bold]")
    asked, factor = factor, slowed(factor, narrator)
    with stage.running(factor, enforce=enforce, events=True) as made:
        scenario = Events(made, narrator, Pace(asked, factor, rate, made.endpoint))
        report = scenario.run_events()
        if enforce:
            denied = iam_decisions.denied(iam_decisions.made(made.endpoint))
            others = [each for each in denied if FORGER not in each]  # whose denial is rehearsed
            report = replace(report, other_problems=(*report.other_problems, *others))
    report.write(file)
    narrator.gap()
    narrator.show(report.table())
    return narrator.verdict(report.problems(), report.seconds, file)


def main() -> int:
    """Return the exit code: 0, 1 with a reason on stderr, or 130 if it was interrupted."""
    parser = options("python -m rehearsal.promotion", __doc__, REPORT)
    parser.add_argument("--events", action="store_true", help="release prod by events of staging's, not by a job")
    given = parsed(parser)
    act = rehearse_events if given.events else rehearse
    return run_guarded(
        "rehearsal",
        lambda: act(Console(highlight=False), given.factor, given.rate, given.report, enforce=given.enforce),
    )


if __name__ == "__main__":
    sys.exit(main())
