"""Check the bounds by which a stack judges each service's canary."""

from collections.abc import Iterator, Sequence

from infra.config import StackConfig
from infra.release.verdict.rule import Rule, VerdictError
from infra.services.model import Service


def mistakes(services: Sequence[Service], config: StackConfig) -> Iterator[str]:
    """Yield the bounds that do not go together, or that can never be passed; `services` are settled."""
    for service in services:
        where = f"canary.rule of {service.name}"
        try:
            rule = config.release.rule.overridden(service.canary.rule or {})
        except VerdictError as problem:
            yield f"{where} does not hold together: {problem}"
            continue
        yield from (f"{where}: {each}" for each in _never_passed(service, rule, config))


def _never_passed(service: Service, rule: Rule, config: StackConfig) -> Iterator[str]:
    budget, longest = rule.slow_milliseconds, 1000 * (service.timeout or 0)
    if budget is not None and budget >= longest:
        yield (
            f"slowMilliseconds is {budget}, but Lambda ends an invocation of {service.name} after {longest} ms, its "
            "timeout, so none is ever counted as slow; give the service less"
        )
    least = rule.forgiven + min(rule.minimum_errors, rule.absolute_minimum)
    own = service.canary.minimum_requests
    requests = config.release.minimum_requests if own is None else own
    if 0 < requests < least:
        yield (
            f"it rolls back from {least} canary errors on, but minimumRequests takes {requests} requests for evidence, "
            f"of which it could condemn none; give minimumRequests {least} or more, or lower minimumErrors and forgiven"
        )
