"""Patches of ministack's Lambda: invocations and aliases."""

from collections.abc import Callable
from typing import Any

from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.patches import retries
from local.cloud.routing import aliases
from local.cloud.routing.call import OUTCOME, REQUEST_ID, Outcome
from local.cloud.routing.invocation import Invoker
from local.cloud.workers.pool import Pool

_LAMBDA = "services.lambda_svc"
Original = Callable[..., Any]
Response = tuple[int, dict[str, str], bytes]


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    listed = {
        "_acquire_execution_slot": "func config",
        "_check_revision": "current data",
        "_execute_function_with_config_scope": "func event",
        "_execute_function_dispatch": "func config event request_id started",
        "_func_arn": "name",
        "_release_execution_slot": "key",
        "_resolve_layer_zip": "attachment",
        "_throttle_response": "reason_code msg retry_after",
    }
    logs = {
        "_append_log_events": "stream events",
        "_fanout_to_subscription_filters": "group_name stream_name events",
        "_make_group_arn": "name",
    }
    return [
        *(Seam(_LAMBDA, name, parameters) for name, parameters in listed.items()),
        *(Seam("services.cloudwatch_logs", name, parameters) for name, parameters in logs.items()),
        *retries.NEEDS,
        Seam("core.lambda_runtime", "execution_credentials", "config"),
        Seam("core.lambda_runtime", "reset", ""),
        Seam("core.responses", "request_scope", "account_id region"),
    ]


def patches(invoker: Invoker, pool: Pool) -> list[Patch]:
    """Return all patches of this module."""

    def patch(name: str, parameters: str, why: str, make: Callable[[Original], Original]) -> Patch:
        return Patch(Seam(_LAMBDA, name, parameters), why, make)

    return [
        patch(
            "_effective_func_record_for_qualifier",
            "func qualifier",
            "the alias ARN was lost on the way from HTTP API, SNS, SQS and EventBridge",
            _keep_alias_arn,
        ),
        patch(
            "_execute_function",
            "func event",
            "weights were ignored, reserved concurrency too by alias, and workers were slow and died of exceptions",
            lambda _: invoker.execute,
        ),
        patch(
            "run_reentrant",
            "fn args thread_name",
            "a thread for each call cost more than the call",
            lambda original: without_thread(original, invoker),
        ),
        patch(
            "_invoke",
            "name event headers path_qualifier query_params",
            "X-Amz-Executed-Version named the alias's primary version whatever ran",
            _pass_executed_version,
        ),
        Patch(
            Seam("app", "_dispatch_service_request", "method path headers body query_params request_id"),
            "a function had another request id than the answer to who called it",
            _know_the_request,
        ),
        patch(
            "_emit_lambda_metrics",
            "function_name duration_ms error throttle",
            "metrics had no Resource nor ExecutedVersion, and came from some paths only; the invoker publishes them",
            lambda _: lambda *_args, **_kwargs: None,
        ),
        patch(
            "invoke_async_with_retry",
            "func event",
            "AWS waits one and then two minutes between tries, and ministack slept in its own time",
            retries.on_the_timeline,
        ),
        patch(
            "invalidate_worker",
            "func_name qualifier account region",
            "the workers of a changed or deleted function are ours",
            lambda original: _retire_workers(original, invoker, pool),
        ),
        patch("_create_alias", "func_name data", "nothing of an alias was validated", _check_new_alias),
        patch("_update_alias", "func_name alias_name data", "nothing of an alias was validated", _check_alias),
    ]


def without_thread(original: Original, invoker: Invoker) -> Original:
    """Return ministack's `run_reentrant`, except that a call of a function runs on the event loop."""
    execute = ministack(_LAMBDA)._execute_function_with_config_scope

    async def run(fn: Callable[..., Any], *args: Any, thread_name: str = "") -> Any:
        if fn is execute:
            return await invoker.execute_soon(*args)
        return await original(fn, *args, thread_name=thread_name)

    return run


def _keep_alias_arn(original: Original) -> Original:
    def resolve(func: Any, qualifier: str | None) -> Any:
        record, config = original(func, qualifier)
        if config is None or qualifier not in func.get("aliases", {}):
            return record, config
        config = {**config, "FunctionArn": f"{func['config']['FunctionArn']}:{qualifier}"}
        return {**record, "config": config, "concurrency": func.get("concurrency")}, config

    return resolve


def _pass_executed_version(original: Original) -> Original:
    async def invoke(*args: Any, **kwargs: Any) -> Response:
        outcome = Outcome(request_id=REQUEST_ID.get())
        token = OUTCOME.set(outcome)
        try:
            status, headers, body = await original(*args, **kwargs)
        finally:
            OUTCOME.reset(token)
        if outcome.version is not None:
            headers["X-Amz-Executed-Version"] = outcome.version
        elif status == 202:  # an asynchronous call is answered before a version is picked
            headers.pop("X-Amz-Executed-Version", None)
        return status, headers, body

    return invoke


def _know_the_request(original: Original) -> Original:
    async def dispatch(  # noqa: PLR0917 (ministack's)
        method: str, path: str, headers: Any, body: bytes, query_params: Any, request_id: str
    ) -> Any:
        token = REQUEST_ID.set(request_id)
        try:
            return await original(method, path, headers, body, query_params, request_id)
        finally:
            REQUEST_ID.reset(token)

    return dispatch


def _retire_workers(original: Original, invoker: Invoker, pool: Pool) -> Original:
    def invalidate(
        func_name: str, qualifier: str | None = None, account: str | None = None, region: str | None = None
    ) -> None:
        original(func_name, qualifier=qualifier, account=account, region=region)
        if invoker.loop is not None:  # a call from another thread is possible
            invoker.loop.call_soon_threadsafe(pool.retire, account, region, func_name, qualifier)

    return invalidate


def _refusal(error: aliases.RefusedError) -> Any:
    return ministack(_LAMBDA).error_response_json(error.code, str(error), error.status)


def _check_new_alias(original: Original) -> Original:
    def create(func_name: str, data: dict[str, Any]) -> Any:
        service = ministack(_LAMBDA)
        function = service._functions.get(func_name)
        if function and data.get("Name") not in function["aliases"]:
            try:
                aliases.check_name(data.get("Name", ""))
                arn = service._func_arn(func_name)
                aliases.check_versions(function, arn, data.get("FunctionVersion", "$LATEST"), aliases.weights(data))
            except aliases.RefusedError as error:
                return _refusal(error)
        return original(func_name, data)

    return create


def _check_alias(original: Original) -> Original:
    def update(func_name: str, alias_name: str, data: dict[str, Any]) -> Any:
        service = ministack(_LAMBDA)
        function = service._functions.get(func_name)
        alias = function["aliases"].get(alias_name) if function else None
        if alias and service._check_revision(alias, data) is None:
            wanted = {**alias, **data}
            try:
                arn = service._func_arn(func_name)
                aliases.check_versions(function, arn, wanted["FunctionVersion"], aliases.weights(wanted))
            except aliases.RefusedError as error:
                return _refusal(error)
        return original(func_name, alias_name, data)

    return update
