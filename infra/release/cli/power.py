"""`power`: compute which regressions a rule and a curve catch at a given traffic.

The computation is exact for the last evaluation before the shift: it weighs every pair of error counts with its Poisson
probability. Earlier evaluations only add detections (measured: up to 6 points), so each figure is a lower bound.
`python -m bench.verdict` compares it with the full simulation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from infra.console import Exit, answering
from infra.release.cli import stack_state
from infra.release.cli.output import ReleaseOf
from infra.release.cli.power_picture import draw
from infra.release.cli.session import open_session
from infra.release.decision.curve import chosen, unusual
from infra.release.model import serialization
from infra.release.model.spec import ReleaseError
from infra.release.verdict.power import LATENESS, Situation, report
from infra.release.verdict.reach import lines, points
from infra.release.verdict.rule import Rule, VerdictError
from infra.release.verdict.traffic import WEEKS, History, Traffic, expected

CANARY_PERCENT, CANARY_MINUTES = 10, 10


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


@dataclass(frozen=True)
class Measured:
    """A function's own traffic, its curve and rule; `why`: why its next release would choose that curve, if it does."""

    traffic: Traffic
    percent: float
    minutes: int
    rule: Rule
    why: str = ""


def of_the_last_weeks(stack: str, function: str = "") -> Measured:
    """Read the traffic of a deployed stack's function, or else of its first one, and find its curve.

    Raises ReleaseError if nothing called the function's alias.
    """
    release = open_session(stack, release_of=function)
    target = next((each for each in release.targets if each.function == function), release.targets[0])
    past, rule = release.aws.history(target), release.policy.of(target).rule
    ahead = target.auto.longest if target.auto else target.minutes
    history = History(past.buckets, tuple(unusual(past.ledger, past.now)))
    if (traffic := expected(history, past.now, ahead)) is None:
        raise ReleaseError(
            f"alias {target.alias} of {target.function} had no request within {WEEKS} weeks; give --rps and --baseline"
        )
    if (choice := chosen(target, release.policy, past.buckets, past.ledger, past.now)) is None:
        return Measured(traffic, target.percent, target.minutes, rule)
    situation = choice.shift.situation(traffic, rule)
    return Measured(traffic, situation.percent, situation.minutes, rule, choice.why)


def power(
    *,
    rps: Annotated[
        float | None, typer.Option(help="Requests per second to the alias. Default: the stack's, of the last weeks.")
    ] = None,
    baseline: Annotated[
        float | None,
        typer.Option(help="Errors per request of the live version: 0.01 is 1 %. Default: as of --rps."),
    ] = None,
    stack: Annotated[
        str | None, typer.Option(help="Use this stack's curve and rule. Default: the defaults of both.")
    ] = None,
    function: ReleaseOf = "",
    percent: Annotated[float | None, typer.Option(help="Share of the requests that the canary gets.")] = None,
    minutes: Annotated[int | None, typer.Option(help="Length of the canary, until all traffic shifts.")] = None,
    lateness: Annotated[int, typer.Option(help="Minutes until CloudWatch shows a minute's metrics.")] = LATENESS,
    forgiven: Annotated[int | None, typer.Option(help="Rule.forgiven: canary errors never counted.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Also draw the picture into this file, as SVG.")] = None,
) -> None:
    """Show which regressions the verdict would catch at this traffic, and what to change to catch more.

    The picture shows the smallest regression that is caught at other traffic; an arrow marks the function's own.
    """
    with answering({VerdictError: Exit.USAGE, ReleaseError: Exit.USAGE}):
        share, length, rule, why = float(CANARY_PERCENT), CANARY_MINUTES, Rule(), ""
        if stack and (rps is None or baseline is None):
            measured = of_the_last_weeks(stack, function)
            rps = measured.traffic.rps if rps is None else rps
            baseline = measured.traffic.baseline if baseline is None else baseline
            share, length, rule, why = measured.percent, measured.minutes, measured.rule, measured.why
        elif stack:
            share, length, rule = configured(stack, function)
        if rps is None or baseline is None:
            raise ReleaseError(
                "--rps and --baseline are missing; give both, or --stack to take the stack's own traffic"
            )
        situation = Situation(
            rps,
            baseline,
            share if percent is None else percent,
            length if minutes is None else minutes,
            lateness,
            rule if forgiven is None else replace(rule, forgiven=forgiven),
        )
        found = points(situation)
        if svg is not None:
            draw(svg, situation, found, function or stack or "yours")
    head = [f"curve chosen: {why}", ""] if why else []
    for line in [*head, *report(situation), "", *lines(situation, found)]:
        typer.echo(line)
