"""What stands behind the door: it lets nobody in whose session has ended."""

from local.cloud.faults.answers import Answer, answer
from local.cloud.faults.calls import Call, Message, Receive
from local.cloud.identity import callers


async def check(call: Call, scope: Message, receive: Receive) -> tuple[Answer | None, Receive]:
    """The answer that refuses a call, or None, and what receives its body from now on."""
    del scope
    try:
        callers.session(call.access_key)
    except callers.UnknownCallerError as error:
        return answer(error.kind, call), receive
    return None, receive
