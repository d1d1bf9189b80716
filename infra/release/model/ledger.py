"""The line that every release leaves in its deployment's description: the ledger, and its one parser.

    strata/1 fp=... digest=... contract=... commit=... at=... from=... by=...

CodeDeploy keeps at most 256 characters, and the longest line has 255:
https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeployment.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

LONGEST_LINE = 256
LONGEST_COMMIT = 40
UNKNOWN = "unknown"  # a commit that neither CI nor git knows
LONGEST_BY = 44

_WORDS = {  # the line's words in its order: the key, the field of Entry, what its value looks like
    "fp": ("fingerprint", r"[0-9a-f]{16}"),
    "digest": ("digest", r"[A-Za-z0-9+/]{43}="),
    "contract": ("contract", r"[0-9a-f]{16}"),
    "commit": ("commit", rf"[A-Za-z0-9_.-]{{1,{LONGEST_COMMIT}}}"),
    "at": ("at", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    "from": ("stable", r"\d{1,19}"),
    "by": ("by", rf"[!-~]{{1,{LONGEST_BY}}}"),
}
_LINE = re.compile(
    "strata/1" + "".join(f" {key}=(?P<{field}>{value})" for key, (field, value) in _WORDS.items()), re.ASCII
)


@dataclass(frozen=True)
class Entry:
    """A release's own record. Raises ValueError for what the line cannot hold."""

    fingerprint: str
    digest: str
    contract: str
    commit: str
    at: datetime  # by the wall clock, UTC, in whole milliseconds
    stable: str  # the version it started from
    by: str  # whom AWS took the caller for

    def __post_init__(self) -> None:
        if self.at.tzinfo is not UTC or self.at.microsecond % 1000:
            raise ValueError(
                f"at={self.at!r}: the ledger keeps UTC in whole milliseconds; use ledger.to_milliseconds()"
            )
        if not _LINE.fullmatch(str(self)):
            raise ValueError(f"{str(self)!r} is no line of the ledger; make its words by infra.release.model.ledger")

    def __str__(self) -> str:
        values = {**vars(self), "at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        return " ".join(["strata/1", *(f"{key}={values[field]}" for key, (field, _) in _WORDS.items())])


def parse(description: str) -> Entry | None:
    """Return the entry that a deployment's description holds; None if it is not exactly such a line."""
    if (found := _LINE.fullmatch(description)) is None:
        return None
    words = found.groupdict()
    try:
        at = datetime.fromisoformat(words.pop("at")).astimezone(UTC)
        return Entry(at=at, **words)
    except ValueError:  # the 31st of February
        return None


def to_milliseconds(time: datetime) -> datetime:
    """`time` as the ledger writes it."""
    time = time.astimezone(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def compact(time: datetime) -> str:
    """`time` as part of a name, which takes no colons."""
    return f"{time:%Y%m%dT%H%M%S}{time.microsecond // 1000:03}Z"


def author(arn: str) -> str:
    """Return the role and session, or the user, in an STS identity's ARN; the end of it, where it is too long."""
    return re.sub(r"[^!-~]", "-", arn.rsplit(":", 1)[-1])[-LONGEST_BY:] or "unknown"


def revision(commit: str) -> str:
    """Return a commit, or a user's name for one, in the ledger's format."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", commit)[:LONGEST_COMMIT] or UNKNOWN
