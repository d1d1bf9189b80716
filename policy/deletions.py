"""`pulumi preview --json --stack prod | python -m policy.deletions prod`: what a preview would delete or replace.

A pack sees what will be there, never what goes. Pulumi refuses to delete what its state says is protected; this refuses
it for what holds state and is not.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy import settings
from policy.rules.stateful import STATEFUL

GOING = {"delete": "deleted", "delete-replaced": "replaced", "replace": "replaced"}


def unprotected(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A message for each stateful resource that the steps of a preview delete or replace, once.

    A step has `op`, `urn` and, where something is there already, `oldState` with `type` and `protect`.
    https://www.pulumi.com/docs/iac/cli/commands/pulumi_preview/
    """
    told = set()
    for step in steps:
        old, urn = step.get("oldState") or {}, step.get("urn", "")
        if step.get("op") in GOING and old.get("type") in STATEFUL and not old.get("protect") and urn not in told:
            told.add(urn)
            yield (
                f"{urn.rpartition('::')[2]} must not be {GOING[step['op']]}: it holds state and protect is false; keep "
                f"its name and what would replace it, or run `pulumi state protect '{urn}'` and let an administrator "
                "take it away"
            )


def main(arguments: Sequence[str]) -> int:
    """Exit code 0, 1 where a production stack would lose something, 2 for words or input that mean nothing."""
    try:
        (stack,) = arguments
        steps = json.load(sys.stdin)["steps"]
    except (ValueError, KeyError, TypeError):
        sys.stderr.write("usage: pulumi preview --json --stack STACK | python -m policy.deletions STACK\n")
        return 2
    found = list(unprotected(steps))
    sys.stdout.writelines(f"{message}\n" for message in found)
    return 1 if found and settings.read(stack).production else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
