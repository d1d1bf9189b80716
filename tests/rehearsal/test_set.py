"""The `set` step of the rehearsal: two functions of one stack go live together or not at all."""

from typing import Any

from tests.rehearsal.conftest import Ran

QUOTES, INVOICES = "strata-rehearsal-quotes", "strata-rehearsal-invoices"


def functions(ran: Ran) -> dict[str, dict[str, Any]]:
    return {one["function"]: one for one in ran.report["set"]["functions"]}


def test_a_set_with_one_bad_function_goes_back_whole(ran: Ran) -> None:
    assert ran.report["set"]["exit_code"] != 0
    found = functions(ran)
    endings = {name: (one["outcome"], one["reason"]) for name, one in found.items()}
    assert endings == {QUOTES: ("rolled_back", "set"), INVOICES: ("rolled_back", "verdict")}
    for one in found.values():
        assert (one["from_version"], one["to_version"], one["live"]) == ("1", "2", "1")
        assert one["deployments"]


def test_only_the_bad_function_failed_calls_and_the_other_names_it_as_the_reason(ran: Ran) -> None:
    good, bad = functions(ran)[QUOTES], functions(ran)[INVOICES]
    assert good["failed"] == 0 < bad["failed"]
    assert "RuntimeError: edition 2 of invoices raises on every second call" in bad["detail"]
    assert INVOICES in good["detail"]


def test_the_output_says_how_both_functions_ended(ran: Ran) -> None:
    assert f"{QUOTES} rolled back (set), {INVOICES} rolled back (verdict)" in ran.text
