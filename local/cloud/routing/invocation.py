"""Runs a call: picks the version, keeps to the concurrency, finds a worker, writes the log, publishes the metrics."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.identity import guard
from local.cloud.routing import logs, measure
from local.cloud.routing.call import OUTCOME, Call, Outcome, resolve
from local.cloud.settings import SWITCHES
from local.cloud.timeline import TIMELINE, Hold
from local.cloud.workers import languages
from local.cloud.workers.environment import Surroundings, log_group
from local.cloud.workers.pool import Key, Pool, Request
from local.cloud.workers.worker import Environment

Record = dict[str, Any]
"""ministack's record of a function or version: `config` (FunctionConfiguration), `code_zip` and more."""
Result = dict[str, Any]
"""The result that ministack's callers expect: `body` and, if they apply, `error`, `function_error`, `throttle`,
`log`."""

BEFORE = "strata_before"
"""In ministack's record of a function whose update is in progress: `config` and `code_zip` that still answer calls."""
MODULES = (
    "core.concurrency",
    "core.lambda_runtime",
    "core.responses",
    "services.cloudwatch_logs",
    "services.lambda_svc",
)


class Invoker:
    """Executes calls in place of ministack's `_execute_function`, on the event loop that serves requests.

    `modules` are ministack's, those named in MODULES.
    """

    def __init__(self, modules: dict[str, Any], pool: Pool, surroundings: Surroundings) -> None:
        self._lambda = modules["services.lambda_svc"]
        self._logs = modules["services.cloudwatch_logs"]
        self._runtime = modules["core.lambda_runtime"]
        self._responses = modules["core.responses"]
        self._run_in_thread = modules["core.concurrency"].run_reentrant
        self._pool = pool
        self._surroundings = surroundings
        self.loop: asyncio.AbstractEventLoop | None = None

    def execute(self, record: Record, event: Any) -> Result:
        """Run one call of `record`, whose configuration carries the ARN that was called. For threads only."""
        if self.loop is None or asyncio._get_running_loop() is self.loop:
            raise RuntimeError("a call that blocks must come from a thread, while the server runs")
        return asyncio.run_coroutine_threadsafe(self._execute(record, event), self.loop).result()

    async def execute_soon(self, record: Record, event: Any) -> Result:
        """Run one call, for code on the event loop. The call runs to its end even if its caller is cancelled."""
        return await asyncio.shield(asyncio.ensure_future(self._execute(record, event)))

    async def _execute(self, record: Record, event: Any) -> Result:
        config = record.get("config") or record
        _, _, _, region, account, *_ = config["FunctionArn"].split(":")
        with self._responses.request_scope(account, region), TIMELINE.call() as hold:
            return await self._in_scope(record, config, event, hold)

    async def _in_scope(self, record: Record, config: dict[str, Any], event: Any, hold: Hold) -> Result:
        function = self._lambda._functions.get(config["FunctionName"])
        call = resolve(config["FunctionArn"], function, config["Version"], CLOCK.now())
        outcome = OUTCOME.get() or Outcome()
        outcome.version = call.version
        slot, limit = self._lambda._acquire_execution_slot(function or record, config)
        if slot is None:
            outcome.throttled = True
            measure.throttled(call)
            reason = f"{'ReservedFunction' if limit == 'function' else ''}ConcurrentInvocationLimitExceeded"
            return self._lambda._throttle_response(reason, "Rate Exceeded.")  # type: ignore[no-any-return]
        try:
            result, milliseconds, started = await self._run(
                call,
                self._version(call, function, record),
                event,
                outcome.request_id or str(uuid.uuid4()),
                lambda: TIMELINE.begin(outcome.hold or hold),
            )
        finally:
            self._lambda._release_execution_slot(slot)
        outcome.error = bool(result.get("error"))
        measure.invoked(
            replace(call, started=outcome.hold.at if outcome.hold else started),
            executed_version=call.weighted or (call.by_alias and SWITCHES.executed_version_always),
            error=outcome.error,
            milliseconds=milliseconds,
            iterator_age=outcome.iterator_age,
        )
        return result

    @staticmethod
    def _version(call: Call, function: Record | None, record: Record) -> Record:
        """Return the record to execute, under the ARN that was called."""
        found = function["versions"].get(call.version, function) if function and call.by_alias else record
        if function and call.version == "$LATEST":
            found = function.get(BEFORE, found)
        return {**found, "config": {**found["config"], "FunctionArn": call.arn}}

    async def _run(
        self, call: Call, record: Record, event: Any, request_id: str, begin: Callable[[], None]
    ) -> tuple[Result, float, float]:
        """Return the result, the milliseconds that it took, and when it started; `begin` is called then."""
        config = record["config"]
        ours = languages.known(str(config.get("Runtime", ""))) and config.get("PackageType", "Zip") == "Zip"
        if not (ours and record.get("code_zip")) or self._lambda._durable_ctx.get():
            begin()
            result = await self._run_in_thread(
                self._lambda._execute_function_dispatch, record, config, event, request_id, call.started
            )
            return result, (CLOCK.now() - call.started) * 1000, call.started
        key = Key(call.account, call.region, call.function, call.version, config["RevisionId"])
        answer = await self._pool.invoke(
            key, lambda: self._environment(call, record), Request(request_id, call.arn, event, begin)
        )
        written = list(logs.lines(request_id, call.version, config.get("MemorySize", 128), answer))
        if _may_log(call, config, answer.stream):
            logs.write(self._logs, log_group(config), answer.stream, written, answer.milliseconds)
            measure.logged(call, log_group(config), answer.output)
        result = {"body": answer.body, "log": "".join(written)}
        if answer.error:
            result |= {"error": True, "function_error": "Unhandled"}
        return result, answer.milliseconds, answer.started or call.started

    async def _environment(self, call: Call, record: Record) -> Environment:
        config = record["config"]
        layers = [self._lambda._resolve_layer_zip(layer) for layer in config.get("Layers") or ()]
        known = guard.worker_credentials if SWITCHES.enforce else self._runtime.execution_credentials
        return await asyncio.to_thread(
            self._surroundings.environment,
            config,
            record["code_zip"],
            [layer for layer in layers if layer],
            known(config),
            call.region,
        )


def _may_log(call: Call, config: dict[str, Any], stream: str) -> bool:
    """Return True if the function's role may write its log; if not, the lines are lost, as on AWS."""
    group = f"arn:aws:logs:{call.region}:{call.account}:log-group:{log_group(config)}:log-stream:{stream}"
    return all(
        guard.acts(config["Role"], call.function, action, group)
        for action in ("logs:CreateLogStream", "logs:PutLogEvents")
    )
