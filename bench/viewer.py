"""Measures what the viewer costs: an hour of simulated minutes under live traffic, in a real Chromium and its server.

The stack is a rehearsal's sandbox; a canary is in flight at the end, when the page has most to show. Memory is what the
page's own process has for itself, with the engine of the browser, and what JavaScript keeps of that.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from playwright.sync_api import Page
from rich.console import Console

from infra.console import plain_table
from rehearsal import browser, commits
from rehearsal.environment import pace, sandbox, viewer
from rehearsal.environment.sandbox import STACK, Sandbox
from rehearsal.environment.supervisor import descendants, process_table
from rehearsal.observe.traffic import Api, Traffic

RESULT = Path(".bench/viewer.json")
FACTOR = 40.0
MINUTES = 60.0  # simulated
RATE = 50.0  # requests per real second at that factor
MEGABYTES, CORE = 100.0, 0.05  # the bars: of the page's process, and of a core for the server
TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """An `up` failed, or a process that is measured was not found."""


@dataclass(frozen=True)
class Viewed:
    """What was measured: the share of a core that the server took, and megabytes (10^6 bytes) of the page."""

    simulated_minutes: float
    requests: int
    core: float
    page_megabytes: float
    heap_megabytes: float

    @property
    def reached(self) -> bool:
        """True if both bars are."""
        return self.core < CORE and self.page_megabytes < MEGABYTES


def measure() -> Viewed:
    """Run the stack, its traffic and the viewer for an hour of simulated minutes. Raises BenchError."""
    factor, _ = pace.at_first(FACTOR)
    with sandbox.running(factor) as stage, browser.opened() as chromium, viewer.running(stage) as url:
        _up(stage)
        traffic = Traffic(Api.at(stage.outputs()["api_url"]), RATE * factor / FACTOR)
        traffic.start()
        try:
            page = browser.look(chromium, url, "section.function")
            server = _process("infra.release view")
            before, begun = _seconds(server), time.monotonic()
            until = begun + MINUTES * 60 / factor
            time.sleep(max(0.0, until - time.monotonic() - 600 / factor))
            stage.apply(commits.GOOD)
            _up(stage)
            page.wait_for_timeout(max(0.0, until - time.monotonic()) * 1000)
            took = time.monotonic() - begun
            core = (_seconds(server) - before) / took
            found = Viewed(round(took * factor / 60, 1), len(traffic.sent), round(core, 4), _private(), _heap(page))
        finally:
            traffic.stop()
    return found


def _up(stage: Sandbox) -> None:
    code, text = stage.pulumi("up", "--stack", STACK, "--skip-preview")
    if code != 0:
        raise BenchError(f"`pulumi up` exited {code}:\n{text}")


def _commands() -> Iterator[tuple[int, str]]:
    """Yield the process ids and command lines of what this process has started."""
    for pid in descendants(os.getpid(), process_table()):
        try:
            yield pid, Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has ended meanwhile


def _process(words: str) -> int:
    found = [pid for pid, command in _commands() if words in command and "supervisor.py" not in command]
    if len(found) != 1:
        raise BenchError(f"{len(found)} processes run `{words}`, not one")
    return found[0]


def _seconds(pid: int) -> float:
    """Return the processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _private() -> float:
    """Return the megabytes that the largest of the browser's pages has for itself."""
    return max(_private_of(pid) for pid, command in _commands() if "--type=renderer" in command)


def _private_of(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    lines = (line.split() for line in text.splitlines() if line.startswith("Private_"))
    return round(sum(int(kilobytes) for _, kilobytes, _ in lines) * 1024 / 1e6, 1)


def _heap(page: Page) -> float:
    """Return the megabytes that the page's JavaScript keeps."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    [used] = [float(each["value"]) for each in metrics if each["name"] == "JSHeapUsedSize"]
    return round(used / 1e6, 1)


def main() -> int:
    """Measure, print and write; return 0 if both bars are reached, else 1."""
    console = Console(highlight=False)
    found = measure()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({**asdict(found), "bars": {"megabytes": MEGABYTES, "core": CORE}}, indent=2) + "\n")
    table = plain_table()
    table.add_column(f"the viewer, {found.simulated_minutes:g} simulated minutes, {found.requests} requests")
    table.add_column("measured", justify="right")
    table.add_column("bar", justify="right")
    table.add_row("the server, of a core", f"{found.core:.1%}", f"{CORE:.0%}")
    table.add_row("the page's process", f"{found.page_megabytes:g} MB", f"{MEGABYTES:g} MB")
    table.add_row("its JavaScript", f"{found.heap_megabytes:g} MB", "")
    console.print(table)
    console.print("reached" if found.reached else "MISSED")
    return 0 if found.reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
