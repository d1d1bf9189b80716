"""A client for the part of GitHub's REST API that the pipeline needs. https://docs.github.com/en/rest"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import quote, urlsplit

from infra.console import CommandError, UsageError
from infra.identity.config import OWNER, REPOSITORY

ROOT = "https://api.github.com"
PAGE = 100  # the most items that GitHub returns at once
SECONDS = 30


@dataclass(frozen=True)
class GitHub:
    """One repository, and the token of its user. Neither `repr` nor an error shows the token."""

    repository: str
    token: str = field(repr=False)
    root: str = ROOT

    def __post_init__(self) -> None:
        parts = urlsplit(self.root)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}):
            raise UsageError(f"GITHUB_API_URL is {self.root}: the token is sent there, so give an https URL")

    def get(self, path: str) -> Any:
        """Return the answer, None for 404. `path` is relative to the repository, or begins with "/"."""
        return self._call("GET", path, absent=True)

    def every(self, path: str, key: str = "") -> Iterator[Any]:
        """Yield the items of all pages. `key` names the answer's member that lists them, "" if the answer does."""
        for page in count(1):
            answer = self._call("GET", f"{path}?per_page={PAGE}&page={page}", absent=True)
            items: list[Any] = (answer[key] if key else answer) if answer else []
            yield from items
            if len(items) < PAGE:
                return

    def send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Make a call that changes something; return its answer."""
        return self._call(method, path, body)

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None, *, absent: bool = False) -> Any:
        url = self.root + (path if path.startswith("/") else f"/repos/{self.repository}/{path}")
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Accept": "application/vnd.github+json", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - checked above
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - checked above
                text = answer.read()
        except urllib.error.HTTPError as problem:
            if absent and problem.code == 404:
                return None
            raise CommandError(f"GitHub answers {problem.code} to {method} {path}: {_said(problem)}") from None
        except OSError as problem:
            raise CommandError(f"GitHub cannot be reached at {self.root}: {problem}") from None
        return json.loads(text) if text else None


def connected(repository: str) -> GitHub:
    """Return a client with GITHUB_TOKEN, at GITHUB_API_URL, by default github.com's. Raises CommandError."""
    if not re.fullmatch(f"{OWNER}/{REPOSITORY}", repository):
        raise UsageError(f"the repository is {repository!r}: give OWNER/NAME, e.g. acme/strata")
    if not (token := os.environ.get("GITHUB_TOKEN", "").strip()):
        raise UsageError("GITHUB_TOKEN is not set: set it to a token that may do this, e.g. `gh auth token`")
    return GitHub(repository, token, os.environ.get("GITHUB_API_URL", ROOT).rstrip("/"))


def part(name: str) -> str:
    """Return a name quoted as one part of a path."""
    return quote(name, safe="")


def _said(problem: urllib.error.HTTPError) -> str:
    """Return GitHub's own words, on one line."""
    try:
        answer = json.loads(problem.read())
        words = [str(answer["message"]), *(str(each.get("message", each)) for each in answer.get("errors", ()))]
    except (ValueError, KeyError, TypeError, AttributeError):
        words = [problem.reason]
    may = "; does the token have the permission?" if problem.code in {401, 403, 404} else ""
    return " ".join(" ".join(words).split()) + may
