"""`make bench` runs every benchmark, or those named: `python -m bench routing node noop verdict scale viewer`.

Each benchmark measures both sides of a comparison in one run, since machines are noisy. It prints its figures, writes
them below `.bench/`, and fails if one of its bars is missed.
"""

import importlib
import sys

BENCHES = ("routing", "node", "noop", "verdict", "scale", "viewer")


def main(names: list[str]) -> int:
    """Run the benchmarks; return 0 if every bar is reached, 1 if one is missed, 2 for an unknown name."""
    unknown = sorted(set(names) - set(BENCHES))
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    missed = []
    for name in names or BENCHES:
        print(f"== {name}", flush=True)
        if importlib.import_module(f"bench.{name}").main() != 0:
            missed.append(name)
    print(f"missed bars in: {', '.join(missed)}" if missed else "every bar is reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
