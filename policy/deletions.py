"""`pulumi preview --json --stack prod | python -m policy.deletions prod` refuses to delete or replace stored state.

A policy pack sees the resources that will exist, never those that will be deleted. Pulumi refuses to delete a protected
resource; this command refuses to delete a stateful one that is not protected.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy import settings
from policy.rules.stateful import STATEFUL

GOING = {"delete": "deleted", "delete-replaced": "replaced", "replace": "replaced"}


def unprotected(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield one message for each unprotected stateful resource that the steps of a preview delete or replace.

    A step has `op`, `urn` and, where the resource exists, `oldState` with `type` and `protect`.
    https://www.pulumi.com/docs/iac/cli/commands/pulumi_preview/
    """
    reported = set()
    for step in steps:
        old, urn = step.get("oldState") or {}, step.get("urn", "")
        if step.get("op") in GOING and old.get("type") in STATEFUL and not old.get("protect") and urn not in reported:
            reported.add(urn)
            yield (
                f"{urn.rpartition('::')[2]} must not be {GOING[step['op']]}: it holds state and protect is false; keep "
                f"its name and every property that replaces it, or run `pulumi state protect '{urn}'` and let an "
                "administrator remove it"
            )


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0, 1 where a production stack would lose state, 2 for wrong arguments or input."""
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
