"""Check the alarms of the user's own that stop a service's canaries beside the release's."""

from collections.abc import Iterator, Sequence

from infra.codedeploy import MOST_ALARMS
from infra.config import StackConfig
from infra.services.model import Service

LASTING = ("errors", "throttles")
"""The kinds of the alias's long-lived alarms, which stop every canary."""


def mistakes(services: Sequence[Service], config: StackConfig) -> Iterator[str]:
    """Yield the alarms that are too many, or that stop a canary anyway; `services` are settled."""
    for service in services:
        where, named = f"canary.alarms of {service.name}", service.canary.alarms
        ours = [config.names.alias_alarm(service.name, kind) for kind in LASTING]
        for name in named:
            if name in ours:
                yield f"{where} has {name}, which stops every canary already; leave it out"
        budget = (service.canary.rule or {}).get("slow_milliseconds", config.release.rule.slow_milliseconds)
        count = len(ours) + 1 + (budget is not None)
        if len(named) + count > MOST_ALARMS:
            yield (
                f"{where} has {len(named)} alarms, but CodeDeploy takes {MOST_ALARMS}, and {count} are the release's "
                f"own; give {MOST_ALARMS - count} at most"
            )
