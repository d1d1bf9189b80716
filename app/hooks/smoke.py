"""The smoke hook (BeforeAllowTraffic): a version must answer its service's smoke events before it gets traffic.

The version itself is invoked, qualified, so no caller ever meets what fails here. For each event that is not answered
as its file expects there is one line in the log, such as
`smoke: version 7 of strata-prod-orders: create-order.json: POST /orders answered 500, expected 201 (...)`.

The environment has SERVICES: a JSON object, function name -> service, whose events are `app/SERVICE/smoke/*.json`.
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
"""Tells the service that the event is no client's, so that it leaves no trace: app.orders.smoke_orders."""


class UnknownFunctionError(Exception):
    """The deployment is of a function whose service the hook was not told."""


@hook("smoke")
def handler(deployment: str) -> Iterator[str]:
    """Judges the target version of the deployment."""
    shift = revision.read(codedeploy().get_deployment(deploymentId=deployment)["deploymentInfo"])
    services = json.loads(os.environ["SERVICES"])
    if shift.function not in services:
        raise UnknownFunctionError(
            f"it is of {shift.function}, and this hook knows {', '.join(services)}; take the hook out of its AppSpec"
        )
    for file, smoke in events(services[shift.function]).items():
        if reason := _failure(shift, smoke):
            yield f"version {shift.version} of {shift.function}: {file}: {reason}"


def events(service: str) -> dict[str, dict[str, Any]]:
    """A service's smoke events by file name, in the order in which they are sent: `{"event": ..., "expect": ...}`."""
    return {file.name: json.loads(file.read_text()) for file in sorted((APP / service / "smoke").glob("*.json"))}


def _failure(shift: revision.Shift, smoke: dict[str, Any]) -> str:
    """What was sent, expected and got where the version does not answer as it should; else nothing.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """
    answer = lambda_().invoke(
        FunctionName=shift.function, Qualifier=shift.version, Payload=json.dumps({**smoke["event"], MARK: True})
    )
    said = json.loads(answer["Payload"].read())
    found = list(wrong(smoke["expect"], said))
    if answer.get("FunctionError"):
        raised = f"{said.get('errorType', answer['FunctionError'])}: {said.get('errorMessage')}"
        found = [f"raised {shown(raised)}, expected {smoke['expect']['statusCode']}"]
    return f"{smoke['event'].get('routeKey', 'it')} {', '.join(found)}" if found else ""


@cache
def lambda_() -> LambdaClient:
    """A client that waits as long as the slowest function may run, and that is patient with Lambda's own throttling."""
    patience = Config(connect_timeout=2, read_timeout=35, retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.client("lambda", config=patience)
