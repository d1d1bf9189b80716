"""Counts the requests that this function answers with a fault of its own, of which Lambda counts none.

Lambda's Errors are what a function raises, and its timeouts. With `errors: answered` in service.yaml the release adds
this metric to them, so that it judges what callers see. The metric is a line of the log in CloudWatch's embedded metric
format: no request waits for a call. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

    handler = counted(handler)
"""

import functools
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[[Any, Any], Any])

NAMESPACE, METRIC = "Strata", "AnsweredFaults"
ALIAS = ("FunctionName", "Resource")
"""The dimensions of Lambda's own metrics: of the alias, and of a version behind it.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""
VERSION = (*ALIAS, "ExecutedVersion")


def counted(handler: Handler) -> Handler:
    """Return the handler; it writes the metric once for each answer that is a fault, and never for what it raises."""

    @functools.wraps(handler)
    def counting(event: Any, context: Any) -> Any:
        began = time.time()
        answer = handler(event, context)
        if is_fault(answer):
            sys.stdout.write(json.dumps(line(context, began)) + "\n")
        return answer

    return counting  # type: ignore[return-value]


def is_fault(answer: Any) -> bool:
    """Return True for an HTTP answer of 5xx, and for a batch of which items are reported as failed, one or all."""
    if not isinstance(answer, Mapping):
        return False
    status = str(answer.get("statusCode", ""))
    return bool(answer.get("batchItemFailures")) or (len(status) == len("500") and status.startswith("5"))


def line(context: Any, began: float) -> dict[str, Any]:
    """Return the metric of one fault. Like Lambda's own it is of the time when the request began, in epoch seconds."""
    metric = {"Name": METRIC, "Unit": "Count"}
    about = {"Namespace": NAMESPACE, "Dimensions": [list(ALIAS), list(VERSION)], "Metrics": [metric]}
    return {
        "_aws": {"Timestamp": round(began * 1000), "CloudWatchMetrics": [about]},
        "FunctionName": context.function_name,
        "Resource": ":".join(context.invoked_function_arn.split(":")[6:]),  # function:alias, as it was called
        "ExecutedVersion": context.function_version,
        METRIC: 1,
        "request_id": context.aws_request_id,
    }
