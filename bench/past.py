"""Counts the calls of one `pulumi up` of one service, after ten earlier deployments and after a thousand."""

import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench import calls
from infra.services import PYTHON
from rehearsal.environment import sandbox
from rehearsal.generated.callers import Callers
from rehearsal.generated.stack import GeneratedStack

FACTOR = 10.0
SERVICE = "service01"
HOUR = 3600.0
"""Seconds between two of the earlier deployments."""
CALLERS = 0.5  # calls per real second


class PastError(Exception):
    """An `up` did not do what is measured, or the local cloud refused the earlier deployments."""


@dataclass(frozen=True)
class Past:
    """The number of earlier deployments, and of the engine's calls in the `up` after them."""

    deployments: int
    calls: int

    def as_json(self) -> dict[str, int]:
        """Return the form of the file."""
        return {"past": self.deployments, "calls": self.calls}


def measure(deployments: int) -> Past:
    """Release once, insert the other earlier deployments before that, and count the calls of the next release."""
    with sandbox.running(FACTOR) as stage:
        stack = GeneratedStack(stage, {SERVICE: PYTHON})
        stack.create()
        [target] = stack.targets.values()
        with Callers(stack.api_url, [SERVICE], CALLERS):
            _released(stack, 2)
            _seed(stage, target, deployments - 1)
            calls.clear(stage.endpoint)
            _released(stack, 3)
        return Past(deployments, sum(call.by_engine for call in calls.made(stage.endpoint)))


def _released(stack: GeneratedStack, edition: int) -> None:
    stack.edit(edition)
    up = stack.up()
    if up.exit_code != 0:
        raise PastError(f"`pulumi up` of edition {edition} exited {up.exit_code}:\n{up.text}")


def _seed(stage: Any, target: dict[str, str], count: int) -> None:
    client = stage.aws.client("codedeploy")
    group = {"applicationName": target["application"], "deploymentGroupName": target["group"]}
    [newest, *_] = client.list_deployments(**group)["deployments"]
    line = client.get_deployment(deploymentId=newest)["deploymentInfo"]["description"]
    _, _, _, region, account, _ = target["topic"].split(":", 5)
    asked = {"account": account, "region": region, "application": target["application"], "group": target["group"]}
    _post(stage.endpoint, {**asked, "descriptions": list(_lines(line, count)), "seconds": HOUR})


def _lines(line: str, count: int) -> Iterator[str]:
    """Yield ledger lines that differ from that one in fingerprint and time."""
    for number in range(count):
        other = re.sub(r"fp=\w{16}", f"fp={number:016x}", line)
        yield re.sub(
            r"at=\S+Z", f"at=2025-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000Z", other
        )


def _post(endpoint: str, body: dict[str, Any]) -> None:
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    try:
        connection.request("POST", "/_strata/past", json.dumps(body))
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise PastError(f"POST /_strata/past answered {answer.status}: {said.decode(errors='replace')}")
