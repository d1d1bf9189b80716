"""An alarm changes state by the tables of the public documentation, and CloudWatch's words for it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import pytest

from local.cloud.alarms.evaluation import Datapoint, Decision, Missing, Rule, State, decide

START = 1_786_239_360.0  # 2026-08-09 01:36:00 UTC
VALUES = {"0": 1.0, "X": 9.0, "-": None}
SHOWN = {"A": State.ALARM, "O": State.OK, "I": State.INSUFFICIENT_DATA, "R": None}
TREATMENTS = (Missing.MISSING, Missing.IGNORE, Missing.BREACHING, Missing.NOT_BREACHING)


def decision(pattern: str, rule: Rule) -> Decision:
    """`pattern` is written as in the documentation: oldest first, 0 = good, X = breaching, - = missing."""
    return decide(rule, [Datapoint(START + 60 * i, VALUES[mark]) for i, mark in enumerate(pattern.split())])


def rule(to_alarm: int = 3, periods: int = 3, missing: Missing = Missing.MISSING, says_out_of: bool = False) -> Rule:
    return Rule("GreaterThanThreshold", 5.0, periods, to_alarm, missing, says_out_of)


THREE_OF_THREE = {
    "0 - X - X": "OOOO",
    "0 - - - -": "OOOO",
    "- - - - -": "IRAO",
    "0 X X - X": "AAAA",
    "- - X - -": "ARAO",
    "- - - - X": "IRAO",
    "- - - X -": "IRAO",
    "- - - X 0": "OOOO",
    "- - X - 0": "OOOO",
    "X X X 0 0": "OOOO",
    "0 0 X X X": "AAAA",
}
TWO_OF_THREE = {
    "0 - X - X": "AAAA",
    "0 0 X 0 X": "AAAA",
    "0 - X - -": "OOAO",
    "- - - - 0": "OOAO",
    "- - - X -": "ARAO",
    "- - - - X": "IRAO",
    "- - - X X": "AAAA",
}


@pytest.mark.parametrize("pattern", THREE_OF_THREE)
def test_three_of_three_goes_as_the_documentation_lists(pattern: str) -> None:
    got = [decision(pattern, rule(missing=missing)).state for missing in TREATMENTS]
    assert got == [SHOWN[mark] for mark in THREE_OF_THREE[pattern]]


@pytest.mark.parametrize("pattern", TWO_OF_THREE)
def test_two_of_three_goes_as_the_documentation_lists(pattern: str) -> None:
    got = [decision(pattern, rule(to_alarm=2, missing=missing)).state for missing in TREATMENTS]
    assert got == [SHOWN[mark] for mark in TWO_OF_THREE[pattern]]


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [
        ("GreaterThanThreshold", False, False, True),
        ("GreaterThanOrEqualToThreshold", False, True, True),
        ("LessThanThreshold", True, False, False),
        ("LessThanOrEqualToThreshold", True, True, False),
    ],
)
def test_every_comparison_is_with_the_threshold_on_the_right(
    comparison: str, below: bool, at: bool, above: bool
) -> None:
    compared = Rule(comparison, 5.0, 1, 1)
    assert [compared.breaches(value) for value in (4.9, 5.0, 5.1)] == [below, at, above]


def test_the_reason_reads_as_one_seen_on_aws() -> None:
    seen = Rule("GreaterThanOrEqualToThreshold", 1.0, 1, 1)
    assert decide(seen, [Datapoint(START, 1.0)]).reason == (
        "Threshold Crossed: 1 datapoint [1.0 (09/08/26 01:36:00)] was greater than or equal to the threshold (1.0)."
    )


@pytest.mark.parametrize(
    ("pattern", "given", "reason"),
    [
        ("X", rule(1, 1), "1 datapoint [9.0 (09/08/26 01:36:00)] was greater than the threshold (5.0)."),
        ("0", rule(1, 1), "1 datapoint [1.0 (09/08/26 01:36:00)] was not greater than the threshold (5.0)."),
        (
            "X X",
            rule(2, 2),
            "2 datapoints [9.0 (09/08/26 01:37:00), 9.0 (09/08/26 01:36:00)] were greater than the threshold (5.0).",
        ),
        (
            "X 0 X",
            rule(2, 3, says_out_of=True),
            "2 out of the last 3 datapoints [9.0 (09/08/26 01:38:00), 9.0 (09/08/26 01:36:00)] were greater than the "
            "threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition).",
        ),
        (
            "0",
            rule(1, 1, says_out_of=True),
            "1 out of the last 1 datapoints [1.0 (09/08/26 01:36:00)] was not greater than the threshold (5.0) "
            "(minimum 1 datapoint for ALARM -> OK transition).",
        ),
        (
            "- -",
            rule(2, 2, Missing.NOT_BREACHING),
            "no datapoints were received for 2 periods and 2 missing datapoints were treated as [NonBreaching].",
        ),
        (
            "- X",
            rule(2, 2, Missing.BREACHING),
            "1 datapoint [9.0 (09/08/26 01:37:00)] was greater than the threshold (5.0) and 1 missing datapoint was "
            "treated as [Breaching].",
        ),
    ],
)
def test_the_reason_names_the_datapoints_that_decided(pattern: str, given: Rule, reason: str) -> None:
    assert decision(pattern, given).reason == f"Threshold Crossed: {reason}"


def test_too_little_data_says_how_much_is_unknown() -> None:
    assert decision("- - - -", rule(2, 2)).reason == "Insufficient Data: 2 datapoints were unknown."
    assert decision("- - -", rule(1, 1)).reason == "Insufficient Data: 1 datapoint was unknown."
