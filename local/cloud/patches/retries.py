"""Retries failed asynchronous calls on the timeline, one and then two minutes later.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import contextvars
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.ministack import Seam, ministack
from local.cloud.timeline import TIMELINE

_LAMBDA = "services.lambda_svc"
_TRIES, _LONGEST_MINUTES, _OLDEST_SECONDS = 2, 5.0, 21_600

NEEDS = [
    Seam(_LAMBDA, "_account_region_from_function_config", "config"),
    Seam(_LAMBDA, "_route_async_failure", "target_arn func_name event result"),
]


@dataclass(frozen=True)
class _Try:
    """One attempt of an asynchronous call; `number` 0 is the first."""

    function: Mapping[str, Any]
    event: Any
    began: float
    context: contextvars.Context
    number: int = 0

    def start(self) -> None:
        """Make the attempt in a thread of its own, since the timeline waits for no call."""
        threading.Thread(target=self.context.run, args=(self._run,), daemon=True).start()

    def _run(self) -> None:
        service: Any = ministack(_LAMBDA)
        config = self.function.get("config") or self.function
        account, region = service._account_region_from_function_config(config)
        core: Any = ministack("core.responses")
        with core.request_scope(account, region):
            result = service._execute_function(self.function, self.event)
            if result.get("error") and not self._again():
                self._give_up(config, result)

    def _again(self) -> bool:
        """Put the next attempt on the timeline; return True if there is one."""
        settings = self._settings()
        tries = settings.get("MaximumRetryAttempts")
        seconds = 60 * min(2.0**self.number, _LONGEST_MINUTES)
        age = (CLOCK.now() - self.began) * CLOCK.factor + seconds
        if self.number >= (_TRIES if tries is None else int(tries)):
            return False
        if age > int(settings.get("MaximumEventAgeInSeconds", _OLDEST_SECONDS)):
            return False
        TIMELINE.at(CLOCK.now() + CLOCK.real(seconds), replace(self, number=self.number + 1).start)
        return True

    def _give_up(self, config: Mapping[str, Any], result: dict[str, Any]) -> None:
        failure = (self._settings().get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
        arn = failure or (config.get("DeadLetterConfig") or {}).get("TargetArn")
        if arn:
            ministack(_LAMBDA)._route_async_failure(arn, config.get("FunctionName", "unknown"), self.event, result)

    def _settings(self) -> Mapping[str, Any]:
        """Return the event-invoke configuration of what was called: the function, a version or an alias."""
        arn = (self.function.get("config") or self.function)["FunctionArn"]
        name, qualifier = f"{arn}:$LATEST".split(":")[6:8]
        several = (ministack(_LAMBDA)._functions.get(name) or {}).get("event_invoke_configs") or {}
        found: Mapping[str, Any] = several.get(qualifier) or {}
        return found


def on_the_timeline(_: Callable[..., Any]) -> Callable[..., None]:
    """Replace ministack's `invoke_async_with_retry`, which sleeps between its attempts."""

    def run(func: dict[str, Any], event: Any) -> None:
        _Try(func, event, CLOCK.now(), contextvars.copy_context()).start()

    return run
