"""The smoke hook (BeforeAllowTraffic): a version must answer its service's smoke events before it gets traffic.

The hook invokes the version itself, so no caller meets a version that fails here. The log has one line for each event
whose answer differs from its file's expectation, such as
`smoke: version 7 of strata-prod-orders: create-order.json: POST /orders answered 500, expected 201 (...)`.

The environment has SERVICES: a JSON object from function name to service, whose events are `app/SERVICE/smoke/*.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from app.hooks import revision
from app.hooks.expectation import shown, wrong
from app.hooks.hook import codedeploy, hook

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

APP = Path(__file__).resolve().parents[1]
MARK = "smoke"
"""Marks the event as the hook's, so that the service leaves no trace of it: app.orders.smoke_orders."""


class UnknownFunctionError(Exception):
    """The deployment is of a function that is not in SERVICES."""


@hook("smoke")
def handler(deployment: str) -> Iterator[str]:
    """Check the target version of the deployment; yield a line for each event that it fails."""
    shift = revision.read(codedeploy().get_deployment(deploymentId=deployment)["deploymentInfo"])
    services = json.loads(os.environ["SERVICES"])
    if shift.function not in services:
        raise UnknownFunctionError(
            f"it is of {shift.function}, and this hook knows {', '.join(services)}; remove the hook from its AppSpec"
        )
    for file, smoke in events(services[shift.function]).items():
        if reason := _failure(shift, smoke):
            yield f"version {shift.version} of {shift.function}: {file}: {reason}"


def events(service: str) -> dict[str, dict[str, Any]]:
    """Return a service's smoke events by file name, in the order of sending: `{"event": ..., "expect": ...}`."""
    return {file.name: json.loads(file.read_text()) for file in sorted((APP / service / "smoke").glob("*.json"))}


def _failure(shift: revision.Shift, smoke: dict[str, Any]) -> str:
    """Return what was sent, answered and expected where the answer is wrong; else an empty text.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """
    answer = lambda_().invoke(
        FunctionName=shift.function, Qualifier=shift.version, Payload=json.dumps({**smoke["event"], MARK: True})
    )
    said = json.loads(answer["Payload"].read())
    found = list(wrong(smoke["expect"], said))
    if answer.get("FunctionError"):
        expected = next(iter(smoke["expect"].values()))
        raised = f"{said.get('errorType', answer['FunctionError'])}: {said.get('errorMessage')}"
        found = [f"raised {shown(raised)}, expected {shown(expected)}"]
    return f"{smoke['event'].get('routeKey', 'it')} {', '.join(found)}" if found else ""


@cache
def lambda_() -> LambdaClient:
    """Return a client that waits as long as the slowest function may run, and retries when Lambda throttles it."""
    patience = Config(connect_timeout=2, read_timeout=35, retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.client("lambda", config=patience)
