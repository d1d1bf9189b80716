"""`make mutants`: the share of random mutants of what decides that the unit tests kill.

    python -m tests.mutants --seed 1 --count 200

Prints a table by part and the survivors, and writes .mutants/report.json. Exit code 0 where the bar is reached, 1 where
too many survive, 2 where the tests could not be run or fail without a mutant.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.mutants import parts, report, run, selection

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / ".mutants/report.json"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--seed", type=int, default=1, help="which mutants: the same ones for the same seed")
    parser.add_argument("--count", type=int, default=200, help="how many; all there are if that is fewer")
    given = parser.parse_args(arguments)
    chosen = parts.sample(ROOT, parts.mutants(ROOT), given.count, given.seed)
    try:
        results = judge(chosen)
    except run.RunError as problem:
        print(f"mutants: {problem}", file=sys.stderr)
        return 2
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report.as_json(results, given.seed), indent=2) + "\n")
    print("\n".join(report.lines(results, given.seed)))
    return 0 if report.reached(results) else 1


def judge(chosen: Sequence[parts.Mutant]) -> list[run.Result]:
    """What becomes of each, after all the tests that can notice one have passed without any."""
    tests = selection.tests_of({mutant.file for mutant in chosen})
    with run.copies(ROOT) as places:
        seconds = run.unchanged(places, {file for each in tests.values() for file in each.near + each.far})
        ordered = {file: each.ordered(seconds) for file, each in tests.items()}
        results = []
        for result in run.over(places, chosen, lambda place, each: place.judge(each, ordered[each.file], seconds)):
            results.append(result)
            if sys.stderr.isatty():
                print(f"\r{len(results)} of {len(chosen)} mutants", end="", file=sys.stderr, flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
