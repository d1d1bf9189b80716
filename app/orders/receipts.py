"""Receipts: what a caller can hold up later to prove that this service has the order.

A receipt is `sha256=` and the HMAC-SHA256 of the answer's body, byte for byte: whoever has the key verifies it without
knowing how an order is written. It is computed whenever an order is answered and stored nowhere, so who got none, or
lost it, reads the order again.

The key is an SSM parameter. It is read when the first order needs it, and again after FRESH seconds: a new value is in
use within five minutes, and receipts of the old key are verified by the old key, which SSM keeps in the parameter's
history. The key is never logged.

While SSM is out of reach, the last key is used; without one, orders are answered without a receipt. The order matters
more, its receipt can be had later, and SSM's outage would else be one of orders. The log and the metric
ReceiptsUnsigned tell of it; a canary is not judged by it.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.config import Config

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

HEADER = "X-Order-Receipt"
FRESH = 300  # seconds that a key is used without asking for a newer one
PAUSE = 30  # seconds without another try after one that failed, or each order would wait for a time-out


def connect() -> SSMProvider:
    """Powertools' provider, which gives up after 2 s: what an order, written already, can wait for its receipt.

    https://docs.powertools.aws.dev/lambda/python/latest/utilities/parameters/
    """
    limits = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 1})
    return SSMProvider(boto3_client=boto3.client("ssm", config=limits))


class Signer:
    """Signs with the key in the SSM parameter `parameter`."""

    def __init__(self, parameter: str, provider: SSMProvider, clock: Callable[[], float] = time.monotonic) -> None:
        self._parameter, self._provider, self._clock = parameter, provider, clock
        self._key: bytes | None = None
        self._paused_until = 0.0

    def headers(self, body: str, logger: Logger, metrics: Metrics) -> dict[str, Any]:
        """The header with the receipt of `body`; empty where there is no key to sign with."""
        key = self._current(logger)
        if key is None:
            metrics.add_metric(name="ReceiptsUnsigned", unit=MetricUnit.Count, value=1)
            metrics.flush_metrics()
            return {}
        return {HEADER: "sha256=" + hmac.new(key, body.encode(), hashlib.sha256).hexdigest()}

    def _current(self, logger: Logger) -> bytes | None:
        if self._clock() < self._paused_until:
            return self._key
        try:
            self._key = str(self._provider.get(self._parameter, max_age=FRESH, decrypt=True)).encode()
        except GetParameterError as problem:
            self._paused_until = self._clock() + PAUSE
            signing = "not signed" if self._key is None else "signed by the last key"
            logger.warning(f"receipts are {signing}: {self._parameter} cannot be read: {problem}")
        return self._key
