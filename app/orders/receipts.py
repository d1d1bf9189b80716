"""Receipts, by which a caller can prove later that this service has the order.

A receipt is `sha256=` and the HMAC-SHA256 of the answer's body, byte for byte: it is verified with the key alone,
without knowledge of an order's form. It is computed for each answer and stored nowhere, so a caller who lacks it reads
the order again.

The key is an SSM parameter. The service reads it with the first order, and again after FRESH seconds: a new value is in
use within five minutes, and receipts of the old key are verified by the old key, which SSM keeps in the parameter's
history. The key is never logged.

While SSM is out of reach, the service signs with the last key, or answers without a receipt if it has none. The order
matters more, and its receipt can be fetched later; else an outage of SSM would be one of orders. The log and the metric
ReceiptsUnsigned report it; no canary is judged by it.
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
FRESH = 300  # seconds that a key is used before it is read again
PAUSE = 30  # seconds without a read after a failed one, or each order would wait for a time-out


def connect() -> SSMProvider:
    """Return Powertools' provider, which gives up after 2 s: the order is already written, and must not wait longer.

    https://docs.powertools.aws.dev/lambda/python/latest/utilities/parameters/
    """
    limits = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 1})
    return SSMProvider(boto3_client=boto3.client("ssm", config=limits))


class Signer:
    """Signs receipts with the key in the SSM parameter `parameter`."""

    def __init__(self, parameter: str, provider: SSMProvider, clock: Callable[[], float] = time.monotonic) -> None:
        self._parameter, self._provider, self._clock = parameter, provider, clock
        self._key: bytes | None = None
        self._paused_until = 0.0

    def headers(self, body: str, logger: Logger, metrics: Metrics) -> dict[str, Any]:
        """Return the header with the receipt of `body`; no header where there is no key."""
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
