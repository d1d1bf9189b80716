"""A report names each step that did not end as expected, and why."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rehearsal.fleet.result import Member, SetResult
from rehearsal.observe.aws_records import Deployment, FunctionState
from rehearsal.observe.iam_decisions import EXCHANGE
from rehearsal.observe.outcome import Ending, ending_of, outcome
from rehearsal.observe.traffic import Orders
from rehearsal.release.report import Harm, Noop, Refused, Release, Report
from rehearsal.secrets.scan import Leak, Search

FIRST = Release("first", "first", "answered", "1 answered", None, "1", None, 0, 9.1, 0, 0, None)
GOOD = Release("good", "promoted", "verdict", "no alarm fired", "1", "2", "d-GOOD", 0, 21.0, 1300, 0, 0.1012)
BAD = Release(
    "bad", "rolled_back", "verdict", "alarm x fired; deployment d-BAD", "2", "3", "d-BAD", 255, 9, 600, 7, 0.09
)
REVERT = Release("revert", "unchanged", "fingerprint", "the same", "2", "2", None, 0, 5.0, 300, 0, None)
SMOKE = Release("smoke", "rolled_back", "hook", "wrong", "2", "5", "d-SMOKE", 255, 5, 200, 0, None)
RETRY = Release("retry", "refused", "rejected", "d-SMOKE", "2", "2", None, 255, 4, 200, 0, None)
EVIDENCE = Release("evidence", "rolled_back", "evidence", "few", "2", "6", "d-FEW", 255, 15, 0, 0, None)
OUTAGE = Release("outage", "promoted", "verdict", "no alarm fired", "2", "7", "d-FIX", 0, 20.0, 1200, 300, 0.1)
MEMBER = Member("f-orders", "rolled_back", "set", "f-invoices was not promoted", "1", "2", "1", ("d-1",), 100, 0)
SET = SetResult(255, 20.0, MEMBER, replace(MEMBER, function="f-invoices", reason="verdict", failed=6))
WELL = Report(
    seconds=60.1,
    time_factor=40.0,
    pulumi_version="v3.259.0",
    releases=(FIRST, GOOD, BAD, REVERT, SMOKE, RETRY, EVIDENCE, OUTAGE),
    orders=Orders(900, 900),
    noop=Noop(0, 4.2, 0),
    harm=(
        Harm("first", 0, 0, 0),
        Harm("good", 0, 0, 0),
        Harm("bad", 7, 7, 0),
        Harm("revert", 0, 0, 0),
        Harm("outage", 300, 0, 300),
    ),
    refused=(Refused("retry", "rejected", ()),),
    set=SET,
    receipts=900,
    secrets=Search(planted=3, places=8),
)


def with_release(changed: Release) -> Report:
    return replace(WELL, releases=tuple(changed if one.name == changed.name else one for one in WELL.releases))


def with_harm(changed: Harm) -> Report:
    return replace(WELL, harm=tuple(changed if one.name == changed.name else one for one in WELL.harm))


def test_a_rehearsal_that_ended_as_expected_has_no_problems() -> None:
    assert WELL.problems() == []


def test_the_file_has_its_documented_form(tmp_path: Path) -> None:
    WELL.write(tmp_path / "new" / "report.json")
    found = json.loads((tmp_path / "new/report.json").read_text())
    assert list(found) == [
        *("seconds", "time_factor", "pulumi", "releases", "orders", "noop", "refused", "set", "secrets", "calls")
    ]
    assert found["secrets"] == {"planted": 3, "places": 8, "found": 0}
    assert found["calls"] == {}
    assert found["refused"] == [{"name": "retry", "reason": "rejected", "calls": 0}]
    assert [one["name"] for one in found["releases"]][-4:] == ["smoke", "retry", "evidence", "outage"]
    assert found["pulumi"] == {"version": "v3.259.0"}
    assert found["orders"] == {"acknowledged": 900, "readable": 900, "lost": 0}
    assert found["noop"] == {"changed": 0, "seconds": 4.2}
    assert found["releases"][2] == {
        "name": "bad",
        "outcome": "rolled_back",
        "reason": "verdict",
        "detail": "alarm x fired; deployment d-BAD",
        "from_version": "2",
        "to_version": "3",
        "deployment_id": "d-BAD",
        "exit_code": 255,
        "seconds": 9,
        "requests": 600,
        "harmed_requests": 7,
        "canary_share": 0.09,
    }


@pytest.mark.parametrize(
    ("report", "problem"),
    [
        (replace(WELL, releases=(*WELL.releases[:3], *WELL.releases[4:])), "revert: never happened"),
        (
            with_release(replace(GOOD, outcome="rolled_back", detail="too many errors")),
            "good: ended rolled_back (verdict), not promoted: too many errors",
        ),
        (
            with_release(replace(BAD, reason="fault")),
            "bad: ended rolled_back (fault), not rolled_back (verdict): alarm x fired; deployment d-BAD",
        ),
        (
            with_release(replace(BAD, exit_code=0)),
            "bad: `pulumi up` exited 0, not other than zero, although it ended rolled_back",
        ),
        (
            with_release(replace(BAD, detail="alarm x fired")),
            "bad: `pulumi up` ended with a line that does not name d-BAD: alarm x fired",
        ),
        (with_release(replace(GOOD, canary_share=None)), "good: live traffic never saw two versions serve"),
        (with_release(replace(GOOD, canary_share=0.5)), "good: the canary had 50.0% of the requests, not about 10 %"),
        (
            with_release(replace(REVERT, to_version="4", deployment_id="d-4")),
            "revert: version 4 by deployment d-4, not the live version 2 without one",
        ),
        (with_harm(Harm("good", 2, 0, 2)), "good: 2 requests were harmed, not none"),
        (with_harm(Harm("good", 2, 0, 0)), "good: callers saw 2 failures, Lambda counted 0 errors"),
        (with_harm(Harm("bad", 8, 7, 1)), "bad: 1 of 8 errors were not the canary's"),
        (with_harm(Harm("bad", 0, 0, 0)), "bad: no request to the canary failed, so the rehearsal proves nothing"),
        (replace(WELL, noop=Noop(2, 4.0, 0)), "noop: changed 2 resources and exited 0, not 0 and 0"),
        (replace(WELL, noop=Noop(0, 4.0, 255)), "noop: changed 0 resources and exited 255, not 0 and 0"),
        (
            with_release(replace(SMOKE, outcome="promoted", reason="verdict", detail="no alarm fired")),
            "smoke: ended promoted (verdict), not rolled_back (hook): no alarm fired",
        ),
        (
            replace(WELL, refused=(Refused("retry", "rejected", ("lambda UpdateAlias",)),)),
            "retry: was refused, but only after lambda UpdateAlias",
        ),
        (replace(WELL, set=None), "set: never happened"),
        (replace(WELL, orders=Orders(900, 899)), "orders: 1 of 900 acknowledged orders are lost"),
        (
            replace(WELL, orders=Orders(199, 199), receipts=199),
            "orders: only 199 were acknowledged; a rehearsal needs at least 200",
        ),
    ],
)
def test_what_ended_otherwise_is_named_with_its_reason(report: Report, problem: str) -> None:
    assert report.problems() == [problem]


def test_a_rehearsal_in_which_nothing_happened_names_every_step() -> None:
    nothing = replace(WELL, releases=(), orders=Orders(0, 0), receipts=0, harm=(), refused=(), set=None)
    named = ["first", "good", "bad", "revert", "smoke", "retry", "evidence", "outage", "set", "orders"]
    assert [line.partition(":")[0] for line in nothing.problems()] == named


def test_the_table_is_plain_without_a_terminal() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(WELL.table())
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "\x1b" not in text
    lines = [line.split() for line in text.splitlines()]
    assert lines[2] == ["good", "promoted", "1", "->", "2", "21.0", "1300", "0", "10.1%"]
    assert lines[3] == ["bad", "rolled", "back", "(verdict)", "2", "->", "3", "9.0", "600", "7", "9.0%"]
    assert lines[5] == ["noop", "0", "changed", "4.2"]
    assert lines[7] == ["retry", "refused", "(rejected)", "2", "4.0", "200", "0"]
    assert lines[9] == ["outage", "promoted", "2", "->", "7", "20.0", "1200", "300", "10.0%"]
    assert lines[10] == ["set", "rolled", "back", "(set)", "1", "->", "2", "20.0", "100", "0"]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (Harm("outage", 0, 0, 0), "outage: no request to the live version failed, so the rehearsal proves nothing"),
        (Harm("outage", 300, 2, 298), "outage: 2 of 300 errors were the fix's, not none"),
    ],
)
def test_an_outage_without_failures_and_a_fix_that_fails_are_problems(harm: Harm, said: str) -> None:
    assert with_harm(harm).problems() == [said]


@pytest.mark.parametrize("ended", [replace(OUTAGE, outcome="rolled_back", reason="fault"), replace(OUTAGE, reason="x")])
def test_a_fix_that_its_own_red_alarm_rolls_back_is_a_problem(ended: Release) -> None:
    [said] = with_release(ended).problems()
    assert said.startswith(f"outage: ended {ended.outcome} ({ended.reason}), not promoted (verdict)")


def test_calls_are_reported_by_role() -> None:
    calls = {"strata-prod-deploy": {EXCHANGE: 20, "lambda:GetFunction": 12, "lambda:GetAlias": 3}}
    report = replace(WELL, calls=calls)
    assert report.as_json()["calls"] == calls
    console = Console(file=io.StringIO(), width=80)
    console.print(report.callers())
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[1].split() == [
        "strata-prod-deploy",
        "20",
        "15",
        "2",
        "lambda:GetFunction",
    ]


def test_what_else_went_wrong_fails_the_rehearsal() -> None:
    assert replace(WELL, other_problems=("x was denied y",)).problems() == ["x was denied y"]


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


def test_a_rehearsal_without_a_search_or_with_an_unread_place_has_a_problem() -> None:
    assert replace(WELL, secrets=None).problems() == ["secrets: they were not searched for"]
    unread = replace(WELL, secrets=Search(3, 8, unread_places=("the logs",)))
    assert unread.problems() == ["secrets: there was nothing to read in the logs"]
    assert replace(WELL, secrets=Search(0, 8)).problems() == ["secrets: there was none to search for"]


def test_an_order_without_a_valid_receipt_is_a_problem() -> None:
    (problem,) = replace(WELL, receipts=899).problems()
    assert problem == "orders: 899 of 900 came with a valid receipt, not all"
