"""The result of a `set` is read off the aliases; it is a problem unless both functions were rolled back."""

import re
from dataclasses import replace

import pytest

from rehearsal.observe.aws_records import Deployment, FunctionState
from rehearsal.release.set_result import Member, SetResult

SAID = (
    "error: f-invoices 1 -> 2 rolled back (verdict): alarm f-invoices-verdict fired; all traffic is on 1; "
    "f-orders 1 -> 2 rolled back (set): f-invoices was not promoted; all traffic is on 1"
)
BEFORE = FunctionState("1", ())
GOOD = Member("f-orders", "rolled_back", "set", "f-invoices was not promoted", "1", "2", "1", ("d-1",), 100, 0)
BAD = Member("f-invoices", "rolled_back", "verdict", "an alarm fired", "1", "2", "1", ("d-2",), 100, 6)
WELL = SetResult(exit_code=255, seconds=20.0, good=GOOD, bad=BAD)


def deployment(id_: str, stable: str, canary: str, status: str = "Succeeded") -> Deployment:
    return Deployment(id_, status, "", "", stable, canary, None)


PROMOTION, BACK = deployment("d-1", "1", "2"), deployment("d-2", "2", "1")


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        (FunctionState("1", (deployment("d-1", "1", "2", "Stopped"),)), "rolled_back"),
        (FunctionState("1", (BACK, PROMOTION)), "rolled_back"),
        (FunctionState("2", (PROMOTION,)), "promoted"),
        (FunctionState("1", ()), "unchanged"),
        (FunctionState(None, (PROMOTION,)), "split"),
        (FunctionState("7", (PROMOTION,)), "moved to 7"),
    ],
)
def test_an_outcome_is_where_the_alias_is(after: FunctionState, outcome: str) -> None:
    assert Member.of("f-orders", BEFORE, after, SAID, (0, 0)).outcome == outcome


def test_a_member_has_the_sets_deployments_and_the_ending_that_pulumi_printed() -> None:
    old = deployment("d-0", "0", "1")
    member = Member.of(
        "f-orders", FunctionState("1", (old,)), FunctionState("1", (BACK, PROMOTION, old)), SAID, (90, 3)
    )
    assert (member.from_version, member.to_version, member.live) == ("1", "2", "1")
    assert member.deployments == ("d-1", "d-2")
    assert member.reason == "set"
    assert member.detail.startswith("f-orders 1 -> 2 rolled back (set): ")
    assert (member.calls, member.failed) == (90, 3)


def test_a_set_that_ended_as_expected_has_no_problems() -> None:
    assert WELL.problems() == []


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (replace(WELL, exit_code=0), "exited 0"),
        (replace(WELL, good=replace(GOOD, outcome="promoted", reason="")), r"f-orders ended promoted \(\)"),
        (replace(WELL, good=replace(GOOD, reason="verdict")), r"not rolled_back \(set\)"),
        (replace(WELL, bad=replace(BAD, reason="set")), r"f-invoices ended rolled_back \(set\), not .*\(verdict\)"),
        (replace(WELL, good=replace(GOOD, failed=2)), "2 calls of f-orders failed"),
        (replace(WELL, bad=replace(BAD, failed=0)), "the rehearsal proves nothing"),
    ],
)
def test_a_set_that_did_not_end_as_expected_names_the_problem(wrong: SetResult, problem: str) -> None:
    (line,) = wrong.problems()
    assert line.startswith("set: ")
    assert re.search(problem, line)


def test_the_report_has_both_functions() -> None:
    found = WELL.as_json()
    assert list(found) == ["exit_code", "seconds", "functions"]
    assert [function["function"] for function in found["functions"]] == ["f-orders", "f-invoices"]
    assert found["functions"][1]["failed"] == 6
