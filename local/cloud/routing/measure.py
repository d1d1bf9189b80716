"""The metrics that Lambda publishes for each invocation, and those that CloudWatch Logs reads from its log.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: the dimensions, what counts as an
invocation, an error or a throttle, and that the timestamp is the invocation's start. That is when a worker takes it:
the wait for a worker is due to this machine, and does not exist on AWS.
"""

from collections.abc import Iterable, Iterator, Mapping

from local.cloud.metrics import data, embedded
from local.cloud.metrics.store import STORE
from local.cloud.routing.call import Call
from local.cloud.wire import ServiceError

_NAMESPACE = "AWS/Lambda"


def invoked(
    call: Call, *, executed_version: bool, error: bool, milliseconds: float, iterator_age: float | None = None
) -> None:
    """Publish one invocation that ran. `executed_version`: True if the dimension of that name is published too.

    iterator_age: of the last record, in milliseconds, where a stream's batch was the event.
    """
    for dimensions in _dimensions(call, executed_version):
        _record(call, "Invocations", dimensions, 1)
        _record(call, "Errors", dimensions, 1 if error else 0)
        _record(call, "Throttles", dimensions, 0)
        _record(call, "Duration", dimensions, milliseconds, "Milliseconds")
        if iterator_age is not None:
            _record(call, "IteratorAge", dimensions, max(iterator_age, 0.0), "Milliseconds")


def throttled(call: Call) -> None:
    """Publish a call that never ran: it is neither an invocation nor an error, and no version executed it."""
    for dimensions in _dimensions(call, executed_version=False):
        _record(call, "Throttles", dimensions, 1)


def logged(call: Call, group: str, messages: Iterable[str]) -> None:
    """Record the metrics of the events that hold some. A wrong event has none, and counts in EMFValidationErrors.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
    """
    for message in messages:
        try:
            for request in embedded.requests(message):
                data.put(request, call.account, call.region)
        except (embedded.EmbeddedError, ServiceError):
            dimensions = {"LogGroupName": group}
            STORE.record(call.account, call.region, "AWS/Logs", "EMFValidationErrors", dimensions, 1, "Count")


def _dimensions(call: Call, executed_version: bool) -> Iterator[Mapping[str, str]]:
    resource = f"{call.function}:{call.qualifier}" if call.qualifier else call.function
    yield {"FunctionName": call.function}
    yield {"FunctionName": call.function, "Resource": resource}
    if executed_version:
        yield {"FunctionName": call.function, "Resource": resource, "ExecutedVersion": call.version}


def _record(call: Call, name: str, dimensions: Mapping[str, str], value: float, unit: str = "Count") -> None:
    STORE.record(call.account, call.region, _NAMESPACE, name, dimensions, value, unit, call.started)
