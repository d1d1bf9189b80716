"""Applies a stage's throttling, and writes its access log and its metrics, which ministack only stores or lacks.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
"""

import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.metrics.store import STORE
from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.routing import logs

Response = tuple[int, dict[str, str], bytes]
TOO_MANY: Response = (429, {"Content-Type": "application/json"}, b'{"message":"Too Many Requests"}')
_PARAMETERS = (
    "api_id stage path method headers body query_params owner_account_id owner_region raw_query_string"  # in order
)
_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_.]+)")
_STREAM = "access"
_NAMESPACE = "AWS/ApiGateway"


@dataclass
class Bucket:
    """A token bucket: tokens return at `rate` a second, `burst` at most; each request takes one."""

    rate: float
    burst: float
    tokens: float = field(init=False)
    seen: float | None = None

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, now: float) -> bool:
        """Take a token for a request at `now`, in seconds; return False if there is none."""
        back = 0.0 if self.seen is None else (now - self.seen) * self.rate
        self.tokens, self.seen = min(self.burst, self.tokens + back), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def line(template: str, known: Mapping[str, object]) -> str:
    """Return one line of an access log; an unknown value is a hyphen."""
    return _VARIABLE.sub(lambda found: str(known.get(found[1], "-")), template)


def patches() -> list[Patch]:
    """Return all patches of this module."""
    seam = Seam("services.apigateway", "_handle_execute_in_scope", _PARAMETERS)
    return [Patch(seam, "a stage's throttling and access log were stored and did nothing", _applied)]


def _applied(original: Callable[..., Any]) -> Callable[..., Any]:
    buckets: dict[tuple[str, str], Bucket] = {}

    def lets_through(api: str, stage: str, settings: Mapping[str, Any]) -> bool:
        rate, burst = (float(settings.get(f"throttling{name}Limit") or 0) for name in ("Rate", "Burst"))
        if not rate or not burst:  # the account's quota, which is not imitated
            return True
        bucket = buckets.get((api, stage))
        if bucket is None or (bucket.rate, bucket.burst) != (rate, burst):
            bucket = buckets[api, stage] = Bucket(rate, burst)
        return bucket.take(time.monotonic())

    async def execute(api_id: str, stage: str, path: str, method: str, *rest: Any) -> Response:
        began, at = time.monotonic(), CLOCK.now()
        found = ministack("services.apigateway")._stages.get(api_id, {}).get(stage, {})
        if lets_through(api_id, stage, found.get("defaultRouteSettings") or {}):
            response: Response = await original(api_id, stage, path, method, *rest)
        else:
            response = TOO_MANY
        _measure((rest[3], rest[4]), (api_id, stage), response[0], (time.monotonic() - began) * 1000, at)
        if found.get("accessLogSettings"):
            request = {"apiId": api_id, "stage": stage, "path": path, "httpMethod": method}
            _log(found["accessLogSettings"], request, response, time.monotonic() - began)
        return response

    return execute


def _measure(scope: tuple[str, str], of: tuple[str, str], status: int, milliseconds: float, at: float) -> None:
    """Publish a request that began `at`, of the API as a whole and of its stage. `scope` is account and region."""
    api, stage = of
    for dimensions in ({"ApiId": api}, {"ApiId": api, "Stage": stage}):
        for name, value in (("Count", 1), ("4xx", status // 100 == 4), ("5xx", status // 100 == 5)):
            STORE.record(*scope, _NAMESPACE, name, dimensions, float(value), "Count", at)
        STORE.record(*scope, _NAMESPACE, "Latency", dimensions, milliseconds, "Milliseconds", at)


def _log(settings: Mapping[str, str], request: Mapping[str, str], response: Response, seconds: float) -> None:
    """Write a line if the log group exists."""
    service = ministack("services.cloudwatch_logs")
    group = settings["destinationArn"].partition(":log-group:")[2].removesuffix(":*")
    if group not in service._log_groups:
        return
    match = ministack("services.apigateway")._match_route
    route = match(request["apiId"], request["httpMethod"], "/" + request["path"].lstrip("/"))
    status, _, body = response
    known = {
        **request,
        "protocol": "HTTP/1.1",
        "requestId": uuid.uuid4().hex[:15] + "=",
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
        "requestTimeEpoch": int(time.time()),
        "responseLatency": round(seconds * 1000),
        "responseLength": len(body),
        "routeKey": route["routeKey"] if route else "-",
        "status": status,
    }
    logs.write(service, group, _STREAM, [line(settings["format"], known)], seconds * 1000)
