"""A GitHub on loopback with what the pipeline uses: environments, their branches, people, teams and comments."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

REPOSITORY = "acme/shop"
TOKEN = "gh-very-secret"
WRITING = {"PUT", "POST", "PATCH", "DELETE"}


@dataclass
class Hub:
    """The state of this GitHub, and its requests. `people` are by path, "/users/ann" or "/orgs/acme/teams/oncall"."""

    root: str = ""
    repository: str = REPOSITORY
    people: dict[str, int] = field(default_factory=dict)
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    branches: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    number: int = 100
    login: str = "ann"  # whose the token is

    @property
    def written(self) -> list[tuple[str, str, Any]]:
        """Return the calls that change something."""
        return [each for each in self.asked if each[0] in WRITING]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if path == "/user":
            return 200, {"login": self.login}
        if path in self.people:
            return 200, {"id": self.people[path]}
        own = path.removeprefix(f"/repos/{self.repository}/")
        page, size = (int(query.get(name, [str(default)])[0]) for name, default in (("page", 1), ("per_page", 30)))
        part = slice((page - 1) * size, page * size)
        match own.split("/"):
            case ["environments", name]:
                return self._environment(method, unquote(name), body)
            case ["environments", name, "deployment-branch-policies", *rest]:
                return self._branch(method, self.branches.setdefault(unquote(name), []), rest, part, body)
            case ["issues", *_]:
                return self._comment(method, own, part, body)
        return 404, {"message": "Not Found"}

    def _environment(self, method: str, name: str, body: Any) -> tuple[int, Any]:
        if method == "PUT":
            rules: list[dict[str, Any]] = [{"type": "branch_policy"}]
            if body["wait_timer"]:
                rules.append({"type": "wait_timer", "wait_timer": body["wait_timer"]})
            if body["reviewers"]:
                asked = [{"type": each["type"], "reviewer": {"id": each["id"]}} for each in body["reviewers"]]
                rule = {"type": "required_reviewers", "prevent_self_review": body["prevent_self_review"]}
                rules.append({**rule, "reviewers": asked})
            policy = body["deployment_branch_policy"]
            self.environments[name] = {"protection_rules": rules, "deployment_branch_policy": policy}
        found = self.environments.get(name)
        return (200, found) if found else (404, {"message": "Not Found"})

    def _branch(
        self, method: str, known: list[dict[str, Any]], rest: list[str], part: slice, body: Any
    ) -> tuple[int, Any]:
        if method == "POST":
            known.append({"id": self._next(), **body})
            return 200, known[-1]
        if method == "DELETE":
            known[:] = [each for each in known if each["id"] != int(rest[0])]
            return 204, None
        return 200, {"total_count": len(known), "branch_policies": known[part]}

    def _comment(self, method: str, own: str, part: slice, body: Any) -> tuple[int, Any]:
        if method == "GET":
            return 200, self.comments[part]
        if own.startswith("issues/13/"):
            return 403, {"message": "Resource not accessible by integration"}
        if method == "POST":
            made = {"id": self._next(), "html_url": f"{self.root}/c/{self.number}", "user": {"login": self.login}}
            self.comments.append({**made, **body})
            return 201, self.comments[-1]
        (found,) = [each for each in self.comments if each["id"] == int(own.rpartition("/")[2])]
        found |= body
        return 200, found

    def _next(self) -> int:
        self.number += 1
        return self.number


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve `hub` on a free port; `root` is then its address."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            url = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
            hub.asked.append((self.command, re.sub(f"^/repos/{hub.repository}/", "", url.path), body))
            hub.tokens.add(self.headers.get("Authorization", ""))
            code, answer = hub.answer(self.command, url.path, parse_qs(url.query), body)
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.root = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
