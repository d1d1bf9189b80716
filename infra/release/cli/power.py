"""`power`: compute which regressions a rule and a curve catch at a given traffic.

The computation is exact for the last evaluation before the shift: it weighs every pair of error counts with its Poisson
probability. Earlier evaluations only add detections (measured: up to 6 points), so each figure is a lower bound.
`python -m bench.verdict` compares it with the full simulation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from infra.console import Exit, answering
from infra.release.cli import stack_state
from infra.release.cli.output import ReleaseOf
from infra.release.model import serialization
from infra.release.model.spec import ReleaseError
from infra.release.verdict.power import LATENESS, Situation, report
from infra.release.verdict.rule import Rule, VerdictError


def configured(stack: str, function: str = "") -> tuple[float, int, Rule]:
    """Return a deployed stack's canary percent, canary minutes and rule: the function's, or else the first one's.

    Raises ReleaseError if it has no release.
    """
    found = stack_state.release(stack, function)
    index = next((at for at, each in enumerate(found["targets"]) if each["function"] == function), 0)
    target = serialization.target(found["targets"][index], f"release.targets[{index}]")
    if not target.percent:
        raise ReleaseError(
            f"stack {stack} was last updated before its targets held the canary's percent; run `pulumi up`, or give "
            "--percent and --minutes instead of --stack"
        )
    return target.percent, target.minutes, serialization.policy(found["policy"], "release.policy").of(target).rule


def power(
    *,
    rps: Annotated[float, typer.Option(help="Requests per second to the alias.")],
    baseline: Annotated[float, typer.Option(help="Errors per request of the live version: 0.01 is 1 %.")],
    stack: Annotated[
        str | None, typer.Option(help="Use this stack's curve and rule. Default: the defaults of both.")
    ] = None,
    function: ReleaseOf = "",
    percent: Annotated[float | None, typer.Option(help="Share of the requests that the canary gets.")] = None,
    minutes: Annotated[int | None, typer.Option(help="Length of the canary, until all traffic shifts.")] = None,
    lateness: Annotated[int, typer.Option(help="Minutes until CloudWatch shows a minute's metrics.")] = LATENESS,
    forgiven: Annotated[int | None, typer.Option(help="Rule.forgiven: canary errors never counted.")] = None,
) -> None:
    """Show which regressions the verdict would catch at this traffic, and what to change to catch more."""
    with answering({VerdictError: Exit.USAGE, ReleaseError: Exit.USAGE}):
        share, length, rule = configured(stack, function) if stack else (10.0, 10, Rule())
        situation = Situation(
            rps,
            baseline,
            share if percent is None else percent,
            length if minutes is None else minutes,
            lateness,
            rule if forgiven is None else replace(rule, forgiven=forgiven),
        )
    for line in report(situation):
        typer.echo(line)
