"""The rehearsal itself: `python -m rehearsal`, and what its report must show.

All tests read the run under enforcement, which has the same steps; `make test-all` also runs one without.
"""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import Ran, rehearse

RELEASE_KEYS = (
    "name outcome reason detail from_version to_version deployment_id exit_code seconds requests harmed_requests "
    "canary_share"
)


def named(ran: Ran, step: str) -> dict[str, Any]:
    (found,) = (release for release in ran.report["releases"] if release["name"] == step)
    return found  # type: ignore[no-any-return]


def test_the_rehearsal_ends_as_expected(ran: Ran) -> None:
    assert ran.code == 0, ran.text
    assert "All as expected" in ran.text


def test_the_report_has_its_form(ran: Ran) -> None:
    assert list(ran.report) == [
        *("seconds", "time_factor", "pulumi", "releases", "orders", "noop", "refused", "set", "secrets", "calls")
    ]
    assert 40 / ran.report["time_factor"] in {1, 2, 4, 8, 16}, "a busy machine is given more time"
    assert ran.report["pulumi"]["version"].startswith("v3.")
    assert all(" ".join(release) == RELEASE_KEYS for release in ran.report["releases"])


def test_the_outcomes_come_in_their_order(ran: Ran) -> None:
    found = [(release["name"], release["outcome"]) for release in ran.report["releases"]]
    assert found == [
        ("first", "first"),
        ("good", "promoted"),
        ("stream", "rolled_back"),
        ("bad", "rolled_back"),
        ("revert", "unchanged"),
        ("smoke", "rolled_back"),
        ("retry", "refused"),
        ("evidence", "rolled_back"),
        ("answered", "rolled_back"),
        ("outage", "promoted"),
    ]


def test_the_good_release_had_a_tenth_of_the_requests_and_then_all(ran: Ran) -> None:
    good = named(ran, "good")
    assert (good["from_version"], good["to_version"], good["exit_code"]) == ("1", "2", 0)
    assert 0.05 <= good["canary_share"] <= 0.15
    assert good["requests"] >= 27 * good["seconds"] / 16, "as many as at the slowest pace"


def test_the_good_release_promoted_both_services(ran: Ran) -> None:
    good = named(ran, "good")
    assert re.search(r"; fulfilment 1 -> 2 promoted by d-[0-9A-Z]+$", good["detail"]), good["detail"]


def test_a_consumer_that_fails_a_third_of_its_batches_was_stopped_by_the_verdict_alone(ran: Ran) -> None:
    stream = named(ran, "stream")
    assert (stream["from_version"], stream["to_version"], stream["reason"]) == ("2", "3", "verdict")
    assert (stream["exit_code"] != 0, stream["harmed_requests"], stream["canary_share"]) == (True, 0, None)
    for part in ("strata-prod-fulfilment 2 -> 3 rolled back (verdict)", stream["deployment_id"], "all traffic is on 2"):
        assert part in stream["detail"]
    assert "TypeError: Cannot read properties of undefined (reading 'toUpperCase')" in stream["detail"]


def test_the_bad_release_was_stopped_by_the_verdict_before_the_shift(ran: Ran) -> None:
    bad = named(ran, "bad")
    assert (bad["from_version"], bad["to_version"], bad["reason"]) == ("2", "3", "verdict")
    assert bad["exit_code"] != 0
    assert bad["canary_share"] < 0.4
    detail = bad["detail"]
    for part in ("strata-prod-orders 2 -> 3 rolled back (verdict)", bad["deployment_id"], "all traffic is on 2"):
        assert part in detail
    assert "alarm strata-prod-orders-verdict-2-3-" in detail
    assert "KeyError: 'CHF'" in detail or "KeyError: 'GBP'" in detail
    assert "Traceback" not in ran.text


def test_requests_failed_only_in_the_bad_releases_and_the_outage(ran: Ran) -> None:
    harmed = {release["name"]: release["harmed_requests"] for release in ran.report["releases"]}
    assert harmed.pop("bad") > 0
    assert harmed.pop("answered") > 0
    assert harmed.pop("outage") > 0
    assert set(harmed.values()) == {0}


def test_the_revert_shifted_nothing(ran: Ran) -> None:
    revert = named(ran, "revert")
    assert (revert["to_version"], revert["deployment_id"], revert["canary_share"]) == ("2", None, None)


def test_a_wrong_answer_was_found_by_the_hook_before_any_traffic(ran: Ran) -> None:
    smoke = named(ran, "smoke")
    assert (smoke["reason"], smoke["harmed_requests"], smoke["canary_share"]) == ("hook", 0, None)
    assert "read-order-that-is-gone.json: GET /orders/{id} answered 200, expected 404" in smoke["detail"]


def test_the_same_code_again_was_refused_and_nothing_changed(ran: Ran) -> None:
    smoke, retry = named(ran, "smoke"), named(ran, "retry")
    assert (retry["deployment_id"], retry["exit_code"] != 0) == (None, True)
    assert smoke["deployment_id"] in retry["detail"]
    assert ran.report["refused"] == [{"name": "retry", "reason": "rejected", "calls": 0}]


def test_a_canary_without_requests_was_rolled_back(ran: Ran) -> None:
    evidence = named(ran, "evidence")
    assert evidence["reason"] == "evidence"
    assert "0 of the 20 requests that it takes" in evidence["detail"]


def test_a_release_that_answers_faults_in_good_order_was_stopped_by_the_verdict(ran: Ran) -> None:
    answered = named(ran, "answered")
    assert (answered["from_version"], answered["reason"], answered["exit_code"] != 0) == ("2", "verdict", True)
    assert answered["canary_share"] < 0.4
    assert f"alarm strata-prod-orders-verdict-2-{answered['to_version']}-" in answered["detail"]


def test_the_fix_of_the_outage_was_refused_for_the_red_alarm_and_promoted_by_an_override(ran: Ran) -> None:
    outage = named(ran, "outage")
    assert (outage["reason"], outage["exit_code"], outage["from_version"]) == ("verdict", 0, "2")
    assert "refused (alarm)" in ran.text
    assert "which strata-prod-orders-live-errors cannot stop (overridden)" in ran.text


def test_every_acknowledged_order_is_read_back(ran: Ran) -> None:
    orders = ran.report["orders"]
    assert orders["acknowledged"] == orders["readable"] >= 200
    assert orders["lost"] == 0


def test_every_acknowledged_order_was_fulfilled_exactly_once(ran: Ran) -> None:
    orders = ran.report["orders"]
    assert list(orders) == ["acknowledged", "readable", "fulfilled", "twice", "lost"]
    assert orders["fulfilled"] == orders["acknowledged"]
    assert orders["twice"] == 0


def test_no_secret_was_found_anywhere(ran: Ran) -> None:
    assert ran.report["secrets"] == {"planted": 4, "places": 8, "found": 0}, "the stack's key, and a token of each job"


def test_one_more_up_changes_nothing(ran: Ran) -> None:
    assert ran.report["noop"]["changed"] == 0


def test_the_output_is_plain_without_a_terminal(ran: Ran) -> None:
    assert "\x1b" not in ran.text
    for heading in (
        "1. first",
        "2. good",
        "3. stream",
        "4. bad",
        "5. revert",
        "6. noop",
        "7. smoke",
        "10. answered",
        "11. outage",
        "12. set",
        "$ pulumi up --stack prod",
    ):
        assert heading in ran.text
    shown = {int(rate) for rate in re.findall(r"live traffic (\d+)/s", ran.text)}
    # The same number in a simulated minute at each pace; an idle machine stays at the first.
    paces = [1 / slower for slower in (1, 2, 4, 8, 16)]
    assert any(math.floor(27 * pace) <= rate < math.ceil(38 * pace) for rate in shown for pace in paces), shown


@pytest.mark.faults
def test_without_policies_the_rehearsal_ends_the_same_and_no_role_is_counted(tmp_path: Path, ran: Ran) -> None:
    plain = rehearse(tmp_path / "report.json")
    assert plain.code == 0, plain.text
    assert "All as expected" in plain.text
    assert list(plain.report) == list(ran.report)
    assert plain.report["calls"] == {}
    assert outcomes(plain) == outcomes(ran)
    assert plain.report["secrets"] == {"planted": 3, "places": 8, "found": 0}


def outcomes(ran: Ran) -> list[tuple[str, str, str]]:
    return [(each["name"], each["outcome"], each["reason"]) for each in ran.report["releases"]]
