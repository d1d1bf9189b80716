"""Measures what an invocation of a Node.js function costs on the local cloud, and of a Python one, in turns.

Both handlers do nothing and are called through their alias `live`, by the client of the routing benchmark.
"""

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import routing
from bench.routing import CLIENTS, Taken, archive, drive, figures
from infra.console import plain_table

RESULT = Path(".bench/node.json")
ROUNDS = 9
SECONDS = 2.0
WARM_SECONDS = 3.0
P50_BAR = 1.3  # times; Node.js over Python
RUNTIMES = {"python": "python3.11", "node": "nodejs22.x"}
CODE = {
    "python": archive(routing.SILENT),
    "node": archive("export const handler = async () => ({});\n", "app.mjs"),
}


def deploy(endpoint: str) -> None:
    """Create a silent function of each language, with the alias `live` on its first version."""
    client = routing.create(endpoint, {name: (runtime, CODE[name]) for name, runtime in RUNTIMES.items()})
    for name in RUNTIMES:
        version = client.publish_version(FunctionName=name)["Version"]
        client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)


def measure() -> dict[str, Any]:
    """Measure both languages; return the form of the file."""
    taken: dict[str, list[Taken]] = {name: [] for name in RUNTIMES}
    with tempfile.TemporaryDirectory() as folder, routing.ours(Path(folder)) as endpoint:
        deploy(endpoint)
        for name in RUNTIMES:
            drive(endpoint, f"{name}:live", WARM_SECONDS)
        for number in range(ROUNDS):  # each language goes first in turn, since a machine slows down and speeds up
            for name in list(RUNTIMES) if number % 2 else reversed(RUNTIMES):
                taken[name].append(drive(endpoint, f"{name}:live", SECONDS))
    pairs = list(zip(taken["node"], taken["python"], strict=True))
    ratio = statistics.median(node.p50 / python.p50 for node, python in pairs)
    return {
        "clients": CLIENTS,
        "rounds": ROUNDS,
        **{name: {"runtime": RUNTIMES[name], **figures(rounds)} for name, rounds in taken.items()},
        "ratios": {"p50": round(ratio, 3)},
        "bars": {"p50": P50_BAR},
        "reached": {"p50": ratio <= P50_BAR},
    }


def table(result: dict[str, Any]) -> Table:
    """Return the table for a person."""
    shown = plain_table()
    shown.add_column(f"{CLIENTS} clients, median of {ROUNDS} rounds")
    shown.add_column("p50", justify="right")
    shown.add_column("requests/s", justify="right")
    for name, runtime in RUNTIMES.items():
        p50, rate = (statistics.median(result[name][key]) for key in ("p50_milliseconds", "requests_per_second"))
        shown.add_row(f"silent handler of {runtime}, by its alias", f"{p50:.1f} ms", f"{rate:.0f}")
    return shown


def main() -> int:
    """Measure, print and write; return 0 if the bar is reached, else 1."""
    console = Console(highlight=False)
    result = measure()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    console.print(table(result))
    reached = result["reached"]["p50"]
    ratio = result["ratios"]["p50"]
    console.print(f"p50 {ratio:.2f} times Python's, at most {P50_BAR:g}: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1
