"""Names of the events of a release, which both the program and the release use. docs/events.md describes them."""

from typing import Final

SOURCE: Final = "strata.release"
DETAIL_TYPE: Final = "Strata Release State Change"
READ_ONLY: Final = "STRATA_READ_ONLY"
"""The environment variable under which a refresh announces no drift: its role may change nothing."""
LABELS: Final = {"what": "", "commit": "Commit: ", "traffic": "Traffic: ", "why": "Why: "}
"""The lines of a message, by their names in the event, with what stands before each."""
