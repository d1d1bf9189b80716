"""The page of a pipeline rehearsal, `.rehearsal/promotion.html`: each release with how it ended. Pure."""

from collections.abc import Iterator

from infra.release.reports.page.model import Page, Section
from rehearsal.promotion.report import Promoted, Refused, Report

EMPTY = Page(
    "A rehearsal of the pipeline",
    "main.yml promotes one digest through dev and staging to prod, in three accounts of a local AWS, with the role of "
    "each job; prod refuses what it must.",
    "",
    (),
)


def page(report: Report) -> Page:
    """Return the page of a report, or of what there is of one."""
    figures = (("duration", f"{report.seconds:.1f} s"),) if report.seconds else ()
    problems = tuple(report.problems()) if report.seconds else ()
    return Page(EMPTY.title, EMPTY.lead, "", tuple(_sections(report)), figures, problems)


def _sections(report: Report) -> Iterator[Section]:
    for each in report.promoted:
        yield _promoted(each, each.stack)
    for each in report.adopted:
        yield _promoted(each, f"{each.stack}, whose first runner was cut off")
    for one in report.refused:
        yield _refused(one)


def _promoted(each: Promoted, title: str) -> Section:
    facts = (("digest", each.digest), ("deployment", each.deployment_id or "none"))
    return Section(each.stack, title, each.outcome, facts=facts)


def _refused(each: Refused) -> Section:
    facts = (("calls that changed something", f"{len(each.changes)}"), ("exit code", f"{each.code}"))
    return Section(f"prod, {each.name}", f"prod, {each.name}", "refused", each.reason, facts=facts, detail=each.why)
