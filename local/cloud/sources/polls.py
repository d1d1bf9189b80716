"""When sources are polled: at fixed moments of simulated time, so that the machine's speed decides nothing.

What has come by a moment is read then, however late that is done. A batch holds the timeline at its moment until the
function has answered, and the metrics of the invocation stand at that moment. So a function takes no simulated time,
and the same records make the same batches on any machine: where it is slow, all that is due later waits. What a
function takes longer than the timeline's patience is its own slowness: then time goes on, its shard stays blocked, and
the next batch has what came meanwhile.

A machine that is too slow for that would fall behind without end, since each of many small batches holds the timeline.
Where that is more than a second behind, a poll therefore takes what was written by the clock: the batches are larger
then, as they are on AWS behind a slow function, and the shard catches up.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html: a shard is polled four times a second, and not while the
function runs. Of queues AWS says only that it polls them by long polls, so theirs is the same rate:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

import math

from local.cloud.clock import CLOCK

POLL_SECONDS = 0.25
"""Simulated seconds between two polls of a source."""


def following(at: float) -> float:
    """Return the first poll at or after `at`; both are real seconds since the epoch."""
    period = CLOCK.real(POLL_SECONDS)
    poll = math.ceil(at / period) * period
    return poll if poll >= at else poll + period
