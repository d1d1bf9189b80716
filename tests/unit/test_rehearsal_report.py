"""A report names each step that did not end as expected, and why."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from rehearsal.observe.aws_records import Deployment, FunctionState
from rehearsal.observe.iam_decisions import EXCHANGE
from rehearsal.observe.outcome import Ending, ending_of, outcome
from rehearsal.observe.traffic import Orders
from rehearsal.release.report import Bystander, Harm, Noop, Refused, Release, Report
from rehearsal.release.set_result import Member, SetResult
from rehearsal.secrets.scan import Leak, Search
from tests.golden import Golden, listed

FIRST = Release("first", "first", "answered", "1 answered", None, "1", None, 0, 9.1, 0, 0, None)
GOOD = Release("good", "promoted", "verdict", "no alarm fired", "1", "2", "d-GOOD", 0, 21.0, 1300, 0, 0.1012)
STREAM = Release(
    "stream", "rolled_back", "verdict", "alarm y fired; deployment d-S", "2", "3", "d-S", 255, 14, 700, 0, None
)
BAD = Release(
    "bad", "rolled_back", "verdict", "alarm x fired; deployment d-BAD", "2", "3", "d-BAD", 255, 9, 600, 7, 0.09
)
REVERT = Release("revert", "unchanged", "fingerprint", "the same", "2", "2", None, 0, 5.0, 300, 0, None)
SMOKE = Release("smoke", "rolled_back", "hook", "wrong", "2", "5", "d-SMOKE", 255, 5, 200, 0, None)
RETRY = Release("retry", "refused", "rejected", "d-SMOKE", "2", "2", None, 255, 4, 200, 0, None)
EVIDENCE = Release("evidence", "rolled_back", "evidence", "few", "2", "6", "d-FEW", 255, 15, 0, 0, None)
ANSWERED = Release("answered", "rolled_back", "verdict", "alarm z fired", "2", "7", "d-500", 255, 9, 600, 8, 0.09)
OUTAGE = Release("outage", "promoted", "verdict", "no alarm fired", "2", "7", "d-FIX", 0, 20.0, 1200, 300, 0.1)
STEPS = (FIRST, GOOD, STREAM, BAD, REVERT, SMOKE, RETRY, EVIDENCE, ANSWERED, OUTAGE)


def beside(step: str) -> Bystander:
    """Return what a step must come to for the service that it is not about."""
    service = "orders" if step == "stream" else "fulfilment"
    if step == "first":
        return Bystander(step, service, "first", None, "1", None, 0)
    if step == "good":
        return Bystander(step, service, "promoted", "1", "2", "d-GOOD-TOO", 0)
    return Bystander(step, service, "unchanged", "2", "2", None, 0)


MEMBER = Member("f-orders", "rolled_back", "set", "f-invoices was not promoted", "1", "2", "1", ("d-1",), 100, 0)
SET = SetResult(255, 20.0, MEMBER, replace(MEMBER, function="f-invoices", reason="verdict", failed=6))
WELL = Report(
    seconds=60.1,
    time_factor=40.0,
    pulumi_version="v3.259.0",
    releases=STEPS,
    orders=Orders(900, 900, 900, 0),
    noop=Noop(0, 4.2, 0),
    harm=(
        Harm("first", 0, 0, 0),
        Harm("good", 0, 0, 0),
        Harm("stream", 0, 5, 0),
        Harm("bad", 7, 7, 0),
        Harm("revert", 0, 0, 0),
        Harm("answered", 8, 0, 0, answered_by_canary=8),
        Harm("outage", 300, 0, 300),
    ),
    bystanders=tuple(beside(each.name) for each in STEPS),
    refused=(Refused("retry", "rejected", ()),),
    set=SET,
    receipts=900,
    secrets=Search(planted=3, places=8),
)


def with_release(changed: Release) -> Report:
    return replace(WELL, releases=tuple(changed if one.name == changed.name else one for one in WELL.releases))


def with_harm(changed: Harm) -> Report:
    return replace(WELL, harm=tuple(changed if one.name == changed.name else one for one in WELL.harm))


def with_bystander(step: str, **changed: Any) -> Report:
    found = tuple(replace(one, **changed) if one.name == step else one for one in WELL.bystanders)
    return replace(WELL, bystanders=found)


def test_a_rehearsal_that_ended_as_expected_has_no_problems() -> None:
    assert WELL.problems() == []


def test_the_file_has_its_documented_form(tmp_path: Path, golden: Golden) -> None:
    WELL.write(tmp_path / "new" / "report.json")
    golden("rehearsal_report", (tmp_path / "new/report.json").read_text())


OTHERWISE = {
    "no revert": replace(WELL, releases=tuple(each for each in STEPS if each is not REVERT)),
    "good rolled back": with_release(replace(GOOD, outcome="rolled_back", detail="too many errors")),
    "bad by a fault": with_release(replace(BAD, reason="fault")),
    "bad with exit code 0": with_release(replace(BAD, exit_code=0)),
    "bad without its deployment": with_release(replace(BAD, detail="alarm x fired")),
    "good without a canary": with_release(replace(GOOD, canary_share=None)),
    "good with a wide canary": with_release(replace(GOOD, canary_share=0.5)),
    "revert by a deployment": with_release(replace(REVERT, to_version="4", deployment_id="d-4")),
    "good harmed": with_harm(Harm("good", 2, 0, 2)),
    "good with errors that Lambda did not count": with_harm(Harm("good", 2, 0, 0)),
    "bad harmed by stable": with_harm(Harm("bad", 8, 7, 1)),
    "bad without harm": with_harm(Harm("bad", 0, 0, 0)),
    "answered without an answered fault": with_harm(Harm("answered", 0, 0, 0)),
    "answered by stable too": with_harm(Harm("answered", 9, 0, 0, answered_by_canary=8, answered_by_others=1)),
    "answered with an error": with_harm(Harm("answered", 9, 1, 0, answered_by_canary=8)),
    "answered that callers saw more of": with_harm(Harm("answered", 9, 0, 0, ("9 x 500",), answered_by_canary=8)),
    "answered promoted": with_release(replace(ANSWERED, outcome="promoted", exit_code=255)),
    "answered with a wide canary": with_release(replace(ANSWERED, canary_share=0.5)),
    "bad that answered a fault": with_harm(Harm("bad", 8, 7, 0, answered_by_canary=1)),
    "fulfilment not promoted with orders": with_bystander("good", outcome="rolled_back", to_version="1"),
    "orders released beside fulfilment": with_bystander(
        "stream", outcome="promoted", to_version="4", deployment_id="d"
    ),
    "fulfilment released for nothing": with_bystander("bad", deployment_id="d-S2"),
    "calls of fulfilment that failed in good": with_bystander("good", errors=3),
    "nothing known of fulfilment": replace(WELL, bystanders=WELL.bystanders[:-1]),
    "stream promoted": with_release(replace(STREAM, outcome="promoted", exit_code=255)),
    "stream for too few batches": with_release(replace(STREAM, reason="evidence")),
    "stream without harm": with_harm(Harm("stream", 0, 0, 0)),
    "stream harmed by stable": with_harm(Harm("stream", 0, 5, 2)),
    "stream that callers noticed": with_harm(Harm("stream", 4, 5, 0)),
    "noop that changed": replace(WELL, noop=Noop(2, 4.0, 0)),
    "noop that failed": replace(WELL, noop=Noop(0, 4.0, 255)),
    "smoke promoted": with_release(replace(SMOKE, outcome="promoted", reason="verdict", detail="no alarm fired")),
    "refused after a call": replace(WELL, refused=(Refused("retry", "rejected", ("lambda UpdateAlias",)),)),
    "no set": replace(WELL, set=None),
    "orders lost": replace(WELL, orders=Orders(900, 899, 899)),
    "few orders": replace(WELL, orders=Orders(199, 199, 199), receipts=199),
    "orders not fulfilled": replace(WELL, orders=Orders(900, 900, 897)),
    "orders fulfilled twice": replace(WELL, orders=Orders(900, 900, 900, 2)),
    "an outage without harm": with_harm(Harm("outage", 0, 0, 0)),
    "a fix that harmed": with_harm(Harm("outage", 300, 2, 298)),
    "a fix rolled back by a fault": with_release(replace(OUTAGE, outcome="rolled_back", reason="fault")),
    "a fix for another reason": with_release(replace(OUTAGE, reason="x")),
    "a receipt less": replace(WELL, receipts=899),
    "secrets not searched for": replace(WELL, secrets=None),
    "nowhere to search for secrets": replace(WELL, secrets=Search(3, 8, unread_places=("the logs",))),
    "no secret to search for": replace(WELL, secrets=Search(0, 8)),
    "what else went wrong": replace(WELL, other_problems=("x was denied y",)),
}


def test_what_ended_otherwise_is_named_with_its_reason(golden: Golden) -> None:
    """One thing otherwise is one problem."""
    assert {name for name, report in OTHERWISE.items() if len(report.problems()) != 1} == set()
    golden("rehearsal_problems", listed((name, report.problems()) for name, report in OTHERWISE.items()))


def test_a_rehearsal_in_which_nothing_happened_names_every_step() -> None:
    nothing = replace(WELL, releases=(), orders=Orders(0, 0), receipts=0, harm=(), bystanders=(), refused=(), set=None)
    named = ["first", "good", "stream", "bad", "revert", "smoke", "retry", "evidence", "answered"]
    named += ["outage", "set", "orders"]
    assert [line.partition(":")[0] for line in nothing.problems()] == named


def printed(table: Table) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


def test_the_tables_are_plain_without_a_terminal(golden: Golden) -> None:
    """The releases, and the calls of each role."""
    calls = {"strata-prod-deploy": {EXCHANGE: 20, "lambda:GetFunction": 12, "lambda:GetAlias": 3}}
    report = replace(WELL, calls=calls)
    assert report.as_json()["calls"] == calls
    text = printed(report.table()) + printed(report.callers())
    assert "\x1b" not in text
    golden("rehearsal_tables", text)


def deployment(status: str, id_: str = "d-1") -> Deployment:
    return Deployment(id_, status, "", "", stable="1", canary="2", rollback=None)


EMPTY, LIVE_1 = FunctionState(None, ()), FunctionState("1", ())


@pytest.mark.parametrize(
    ("before", "after", "ending"),
    [
        (EMPTY, LIVE_1, "first"),
        (EMPTY, EMPTY, "nothing"),
        (LIVE_1, LIVE_1, "unchanged"),
        (LIVE_1, FunctionState("7", ()), "moved to 7 without a deployment"),
        (LIVE_1, FunctionState("2", (deployment("Succeeded"),)), "promoted"),
        (LIVE_1, FunctionState("1", (deployment("Stopped"),)), "rolled_back"),
        (LIVE_1, FunctionState("1", (deployment("Failed"),)), "rolled_back"),
        (LIVE_1, FunctionState("2", (deployment("Stopped"),)), "Stopped with 2 live"),
        (LIVE_1, FunctionState("1", (deployment("Succeeded"),)), "Succeeded with 1 live"),
        (LIVE_1, FunctionState(None, (deployment("InProgress"),)), "split"),
        (FunctionState("2", (deployment("Succeeded"),)), FunctionState("2", (deployment("Succeeded"),)), "unchanged"),
    ],
)
def test_an_outcome_is_read_off_the_alias_and_codedeploys_records(
    before: FunctionState, after: FunctionState, ending: str
) -> None:
    assert outcome(before, after) == ending


def test_the_ending_of_a_failed_up_is_found_in_the_middle_of_pulumis_output() -> None:
    text = """\
     strata:release:Release release **failed** error: f 2 -> 3 rolled back (verdict): alarm a fired; deployment d-1
    error: update failed
Resources:
"""
    assert ending_of(text, "f") == Ending("verdict", "f 2 -> 3 rolled back (verdict): alarm a fired; deployment d-1")


def test_a_refusal_which_leaves_no_record_is_read_from_pulumis_output() -> None:
    ending = ending_of("error: f 2 -> 3 refused (rejected): fingerprint x; all traffic is on 2", "f")
    assert ending.refused
    assert outcome(LIVE_1, LIVE_1, ending) == "refused"
    assert outcome(LIVE_1, FunctionState("2", (deployment("Succeeded"),)), ending) == "promoted"


def test_the_ending_of_an_up_that_failed_for_another_reason_is_its_last_error() -> None:
    assert ending_of("error: one\nerror: two\nmore\n", "f") == Ending("", "error: two")
    assert ending_of("", "f") == Ending()


def test_a_secret_that_got_out_is_a_problem_which_says_where_and_not_what() -> None:
    leak = Leak("the receipt key", "base64", "the logs", "log group /aws/lambda/orders")
    found = replace(WELL, secrets=Search(3, 8, leaks=(leak,)))
    assert found.problems() == ["secrets: the receipt key was found in log group /aws/lambda/orders (base64)"]
    assert found.as_json()["secrets"] == {"planted": 3, "places": 8, "found": 1}
