"""The page of a rehearsal, `.rehearsal/report.html`: its report with the traffic of each step. Pure."""

from collections.abc import Iterator, Sequence

from infra.release.reports.page.model import Page, Section
from rehearsal.release.report import Harm, Release, Report
from rehearsal.release.set_result import Member

TITLE = "A rehearsal of Strata"
LEAD = (
    "The real Pulumi CLI releases to a local AWS in which alias weights, alarms, hooks and rollbacks act. Live traffic "
    "goes on meanwhile. Minutes are simulated: one takes as long as the charts say."
)
RUNNING = "This page was written after the last step below, while the rehearsal was still running."
EMPTY = Page(TITLE, LEAD, "", ())


def page(report: Report, unfinished: str = "") -> Page:
    """Return the page. unfinished: why the rehearsal has not come to its end; empty if it has."""
    problems = tuple(report.problems())
    sections = [_section(report, each, problems) for each in report.releases]
    sections += [_member(each, problems) for each in ((report.set.good, report.set.bad) if report.set else ())]
    figures = tuple(_figures(report))
    return Page(TITLE, LEAD, "", tuple(sections), figures, () if unfinished else problems, unfinished)


def _figures(report: Report) -> Iterator[tuple[str, str]]:
    yield "time", f"{report.time_factor:g} times faster than real"
    yield "Pulumi", report.pulumi_version
    if not report.seconds:
        return
    orders, noop = report.orders, report.noop
    yield "duration", f"{report.seconds:.1f} s"
    yield "orders acknowledged", f"{orders.acknowledged}"
    yield "orders lost", f"{orders.lost}"
    yield "orders fulfilled", f"{orders.fulfilled}"
    yield "orders fulfilled twice", f"{orders.twice}"
    yield "noop", f"{noop.changed} resources changed, {noop.seconds:.1f} s"
    if report.secrets:
        yield "secrets", f"{report.secrets.as_json()['found']} found in {report.secrets.places} places"


def _section(report: Report, release: Release, problems: Sequence[str]) -> Section:
    harm = next((each for each in report.harm if each.name == release.name), None)
    return Section(
        name=release.name,
        title=release.name,
        outcome=release.outcome,
        reason=release.reason or "",
        good=not _about(release.name, problems),
        facts=tuple(_facts(release, harm)),
        detail=release.detail,
        requests=release.requests,
        harmed=release.harmed_requests,
        charts=tuple(report.charts.get(release.name, ())),
    )


def _facts(release: Release, harm: Harm | None) -> Iterator[tuple[str, str]]:
    yield "versions", release.versions
    if release.deployment_id:
        yield "deployment", release.deployment_id
    yield "exit code", f"{release.exit_code}"
    yield "duration", f"{release.seconds:.1f} s"
    yield "requests", f"{release.requests}"
    yield "harmed requests", f"{release.harmed_requests}"
    if release.canary_share is not None:
        yield "canary's share", f"{release.canary_share:.1%}"
    if harm:
        yield "errors of the canary", f"{harm.of_canary}"
        yield "errors of other versions", f"{harm.of_others}"


def _member(member: Member, problems: Sequence[str]) -> Section:
    return Section(
        name=f"set: {member.function}",
        title=f"set: {member.function}",
        outcome=member.outcome,
        reason=member.reason,
        good=not _about("set", problems),
        facts=(
            ("versions", f"{member.from_version} -> {member.to_version}"),
            ("deployments", ", ".join(member.deployments)),
        ),
        detail=member.detail,
        requests=member.calls,
        harmed=member.failed,
    )


def _about(name: str, problems: Sequence[str]) -> bool:
    return any(each.startswith(f"{name}:") for each in problems)
