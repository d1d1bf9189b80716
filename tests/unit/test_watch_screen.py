"""The screen of `watch`, as golden/screen_*.txt have it at several widths, and what its keys do."""

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import Console

from infra import console
from infra.release.cli.screen import LEVELS, Event, Keys, screen, sparkline
from infra.release.model import tags
from infra.release.reports.snapshot import UNREAD, Snapshot
from tests.golden import Golden
from tests.unit.viewed import FULFILMENT, ORDERS, SNAPSHOT, START

HEIGHT = 20
WHY = "orders without a currency"
LINES = (
    "strata-prod-orders: start: the verdict alarm and deployment d-ABC123XYZ are created: 7 -> 8",
    "strata-prod-orders: hook: CodeDeployHook_smoke tries version 8 before any traffic reaches it",
    "strata-prod-orders: canary: 0/10 min · v8 10%: 0/0 errors · v7 90%: 0/0 · z 0.00 (limit 2.88)",
)
EVENTS = tuple(Event(datetime.fromtimestamp(START - 520 + 30 * place, UTC), text) for place, text in enumerate(LINES))
HOOK = replace(
    ORDERS, phase="hook", text="a hook tries the canary", statistic=None, shares=ORDERS.shares[:1], alarms=()
)
SHOWN = {
    "canary": (SNAPSHOT, Keys(), ""),
    "hook": (replace(SNAPSHOT, functions=(HOOK,)), Keys(), ""),
    "reason": (SNAPSHOT, Keys(typed=WHY), ""),
    "refused": (SNAPSHOT, Keys(typed="#").press("\n"), ""),
    "aborting": (replace(SNAPSHOT, problem="AWS does not answer"), Keys(), "Aborting. "),
    "nothing read": (Snapshot("prod", 0.0, problem=UNREAD), Keys(), ""),
}


def drawn(name: str, width: int, *, height: int = HEIGHT, events: tuple[Event, ...] = EVENTS) -> str:
    """The lines on a terminal of that size, without colour."""
    seen, keys, doing = SHOWN[name]
    file = StringIO()
    options = Console(file=file, width=width, height=height, force_terminal=True, color_system=None, markup=False)
    options.print(screen(seen, events, keys, doing, width=width, height=height))
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_screen_is_the_one_that_was_looked_at(width: int, golden: Golden) -> None:
    golden(f"screen_{width}", "\n".join(f"# {name}\n{drawn(name, width)}" for name in SHOWN))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("name", SHOWN)
def test_it_is_as_wide_and_as_high_as_the_terminal(name: str, width: int) -> None:
    lines = drawn(name, width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) == HEIGHT


def test_many_functions_leave_room_for_events_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [replace(FULFILMENT, name=f"f{place}") for place in range(50)]
    many = replace(SNAPSHOT, functions=(*whole, ORDERS))
    monkeypatch.setitem(SHOWN, "many", (many, Keys(), ""))
    lines = drawn("many", 80).splitlines()
    assert lines[0] == "prod: 1 of 51 functions in flight"
    assert lines[1].startswith(ORDERS.name), "what is in flight is above what is not"
    assert any("CodeDeployHook_smoke" in line or "canary: 0/10" in line for line in lines[-5:])
    assert lines[-1].startswith("q leaves, a aborts.")


def test_the_end_of_a_long_reason_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHOWN, "long", (SNAPSHOT, Keys(typed=f"{'x' * 100} end"), ""))
    assert drawn("long", 60).splitlines()[-2].endswith(" end_")


def test_a_first_reading_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHOWN, "failed", (Snapshot("prod", 0.0, problem="AccessDenied"), Keys(), ""))
    assert drawn("failed", 60).splitlines()[-2:] == ["AccessDenied", "q leaves, a aborts.  Reading AWS."]


def test_the_newest_event_is_never_the_one_that_is_cut() -> None:
    many = tuple(replace(EVENTS[0], text=f"event {place} {'x' * 200}") for place in range(50))
    assert "event 49" in drawn("canary", 60, events=many)


def test_an_encoding_without_the_characters_gets_ascii_ones() -> None:
    written = BytesIO()
    stream = TextIOWrapper(written, encoding="ascii", errors=console.substitute.__name__)
    console.print_anywhere()
    Console(file=stream, width=80, height=HEIGHT, force_terminal=True, color_system=None, markup=False).print(
        screen(SNAPSHOT, EVENTS, Keys(), "", width=80, height=HEIGHT)
    )
    stream.flush()
    lines = written.getvalue().decode("ascii").splitlines()
    assert lines[3].split() == ["v7", "90%", "#########.", "1/688", "0.15%", "_" * 19 + ","]
    assert lines[4].split() == ["v8", "10%", "#.........", "7/78", "8.97%", "___-=_#-"]


def test_a_line_of_rates_is_as_high_as_its_rates() -> None:
    assert sparkline([None, 0.0, 0.001, 0.5, 1.0], 1.0) == f" {LEVELS[0]}{LEVELS[1]}{LEVELS[4]}{LEVELS[7]}"
    assert sparkline([0.0, None], 0.0) == f"{LEVELS[0]} "


# Keys


def pressed(*keys: str) -> Keys:
    found = Keys()
    for each in keys:
        found = found.press(each)
    return found


def test_q_leaves() -> None:
    assert pressed("q").left
    assert pressed("Q").left


def test_a_and_a_reason_abort() -> None:
    assert pressed("a", *WHY, "\n") == Keys(reason=WHY)
    assert pressed("a", f"{WHY}\r") == Keys(reason=WHY), "a reason may be pasted"


def test_what_is_typed_for_a_reason_can_be_corrected() -> None:
    assert pressed("a", "orderz", "\x7f", "s") == Keys(typed="orders")
    assert pressed("a", "orderz", "\x15") == Keys(typed="")
    assert pressed("a", "q") == Keys(typed="q"), "in a reason it is a letter"
    assert pressed("a", "x", "\x1b[A") == Keys(typed="x"), "an arrow is no text"


def test_escape_goes_back() -> None:
    assert pressed("a", "x", "\x1b") == Keys()


@pytest.mark.parametrize(
    ("reason", "problem"),
    [("", "say in a few words why"), ("x" * (tags.LONGEST_REASON + 1), "shorten it"), ("50 % fail", "holds '%'")],
)
def test_a_reason_that_a_tag_cannot_hold_aborts_nothing(reason: str, problem: str) -> None:
    found = pressed("a", f"{reason}\n")
    assert problem in found.problem
    assert (found.reason, found.typed) == ("", reason)
    assert found.press("\x7f").problem == ""


@pytest.mark.parametrize("text", ["a\n", "abort it\n", "quit", "\x1b[A", "x", "\n"])
def test_a_text_that_is_pasted_neither_aborts_nor_leaves(text: str) -> None:
    assert pressed(text) == Keys()
