"""`python -m rehearsal.migration` moves a whole system from Terraform to Pulumi on this machine, under live traffic."""

import sys
from pathlib import Path

from rich.console import Console

from rehearsal.cli import REQUESTS, options, parsed, run_guarded, slowed
from rehearsal.console import Narrator
from rehearsal.environment.pace import Pace
from rehearsal.migration import stage
from rehearsal.migration.scenario import Migration

REPORT = Path(".rehearsal/migration.json")


def rehearse(console: Console, factor: float, rate: float, file: Path) -> int:
    """Run the whole rehearsal; return 0 if everything ended as expected, else 1."""
    narrator = Narrator(console)
    narrator.show("[bold]A rehearsal of the way out of Terraform[/bold]")
    asked, factor = factor, slowed(factor, narrator)
    with stage.running(factor) as made:
        narrator.say(
            f"A local AWS ({made.sandbox.endpoint}), where time runs {factor:g} times faster, has every resource as "
            "Terraform left it, with its states in S3. Pulumi's stack has nothing yet."
        )
        report = Migration(made, narrator, Pace(asked, factor, rate, made.sandbox.endpoint)).run()
    report.write(file)
    narrator.gap()
    narrator.show(report.table())
    return narrator.verdict(report.problems(), report.seconds, file)


def main() -> int:
    """Return the exit code: 0, 1 with a reason on stderr, or 130 if it was interrupted."""
    # A canary gets a fifth of them, and each order is read back at the end.
    given = parsed(options("python -m rehearsal.migration", __doc__, REPORT, requests=REQUESTS / 2))
    return run_guarded(
        "rehearsal",
        lambda: rehearse(Console(highlight=False), given.factor, given.rate, given.report),
    )


if __name__ == "__main__":
    sys.exit(main())
