"""Writes the functions of a fleet into a rehearsal's copy of the project.

Their handlers import no package, so that a worker starts at once and fifty of them fit on a laptop.
"""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

FIRST = "orders"  # the function that every fleet has

GOOD = '''"""Edition {edition} of {name}."""


def handler(event, context):
    return {{"statusCode": 200, "body": "{name}, edition {edition}"}}
'''
BAD = '''"""Edition {edition} of {name}, in which every second call raises."""

import itertools

CALLS = itertools.count(1)


def handler(event, context):
    if next(CALLS) % 2 == 0:
        raise RuntimeError("edition {edition} of {name} raises on every second call")
    return {{"statusCode": 200, "body": "{name}, edition {edition}"}}
'''
DECLARATION = "# Its caller invokes the alias by Lambda's API.\nruntime: python\n"
SMOKE = {"event": {"rawPath": "/health"}, "expect": {"statusCode": 200}}


def names(size: int) -> tuple[str, ...]:
    """Return the names of a fleet of that size: `orders`, `member02`, `member03` ..."""
    return (FIRST, *(f"member{number:02}" for number in range(2, size + 1)))


def write(fleet: Path, members: Sequence[str], edition: int, bad: Collection[str] = ()) -> None:
    """Write an edition of every member below the folder `fleet`; the `bad` raise on half of their calls."""
    app = fleet / "app"
    for name in members:
        (app / name / "smoke").mkdir(parents=True, exist_ok=True)
        source = BAD if name in bad else GOOD
        (app / name / "main.py").write_text(source.format(name=name, edition=edition))
        (app / name / "service.yaml").write_text(DECLARATION)
        (app / name / "requirements.txt").write_text("# none\n")
        (app / name / "smoke/health.json").write_text(json.dumps(SMOKE) + "\n")
    (app / "__init__.py").write_text('"""The members of a fleet."""\n')
