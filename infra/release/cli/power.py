"""What a rule and a curve catch at a given traffic, before a release finds out.

Counts the last look before the shift and no other, exactly: every count of errors that either version may show is
weighed with its Poisson probability. Earlier looks only add (measured: up to 6 points), so each figure is a lower
bound. How it compares with the full simulation is checked by `python -m bench.verdict`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from infra.console import Exit, answering
from infra.release.cli import stack_state
from infra.release.model import serialization
from infra.release.model.spec import ReleaseError
from infra.release.verdict.power import LATENESS, Situation, report
from infra.release.verdict.rule import Rule, VerdictError


def configured(stack: str) -> tuple[float, int, Rule]:
    """The canary's percent and minutes, and the rule, of a stack that is up. Raises ReleaseError where it has none."""
    found = stack_state.release(stack)
    target = serialization.target(found["targets"][0], "release.targets[0]")
    if not target.percent:
        raise ReleaseError(
            f"stack {stack} was last updated before its targets held the canary's percent; run `pulumi up`, or ask "
            "with --percent and --minutes instead of --stack"
        )
    return target.percent, target.minutes, serialization.policy(found["policy"], "release.policy").rule


def power(
    *,
    rps: Annotated[float, typer.Option(help="Requests per second to the alias.")],
    baseline: Annotated[float, typer.Option(help="Errors per request of the live version: 0.01 is 1 %.")],
    stack: Annotated[str | None, typer.Option(help="Whose curve and rule to take; else the defaults.")] = None,
    percent: Annotated[float | None, typer.Option(help="Of requests to the canary.")] = None,
    minutes: Annotated[int | None, typer.Option(help="That the canary lasts before everything shifts.")] = None,
    lateness: Annotated[int, typer.Option(help="Minutes until CloudWatch shows a minute's metrics.")] = LATENESS,
    forgiven: Annotated[int | None, typer.Option(help="Rule.forgiven: canary errors never counted.")] = None,
) -> None:
    """Say what the verdict would catch at this traffic, and what to change to catch more."""
    with answering({VerdictError: Exit.USAGE, ReleaseError: Exit.USAGE}):
        share, length, rule = configured(stack) if stack else (10.0, 10, Rule())
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
