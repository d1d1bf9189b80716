"""Faults that a function answers in good order, which Lambda does not count: the metric that counts them.

The function itself writes the metric, as a line of its log in CloudWatch's embedded metric format, with the dimensions
of Lambda's own Errors: FunctionName and Resource, and the same with ExecutedVersion. docs/services.md shows the line.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from typing import Final

RAISED: Final = "raised"
"""Errors are what Lambda counts: what the function raises, and its timeouts."""
ANSWERED: Final = "answered"
"""Errors are also what the metric counts: answers of 5xx, and batches of which items are reported as failed."""

NAMESPACE: Final = "Strata"
METRIC: Final = "AnsweredFaults"
