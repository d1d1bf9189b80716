"""The published versions of a function and their verdict alarms: listed, and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from infra.release.aws.clients import Clients
from infra.release.aws.deployments import chunks
from infra.release.aws.errors import aws_call
from infra.release.aws.metrics import MOST_NAMES
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import NotFoundError
from infra.release.model import fingerprint
from infra.release.model.spec import Target
from infra.release.reports.retention import Published


def published(clients: Clients, clock: ScaledClock, target: Target) -> list[Published]:
    """Return every published version, with the aliases beside the released one that point to it."""
    function = target.function
    aliases: dict[str, list[str]] = {}
    with aws_call("lambda ListAliases", function):
        for page in clients.functions.get_paginator("list_aliases").paginate(FunctionName=function):
            for alias in page["Aliases"]:
                weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
                for number in {alias["FunctionVersion"], *weights} if alias["Name"] != target.alias else ():
                    aliases.setdefault(number, []).append(alias["Name"])
    with aws_call("lambda ListVersionsByFunction", function):
        pages = clients.functions.get_paginator("list_versions_by_function").paginate(FunctionName=function)
        listed = [each for page in pages for each in page["Versions"] if each["Version"].isdigit()]
    return [
        Published(
            number=each["Version"],
            at=clock.simulated(datetime.fromisoformat(each["LastModified"])),
            fingerprint=fingerprint.version(each).fingerprint,
            size=each["CodeSize"],
            aliases=tuple(sorted(aliases.get(each["Version"], ()))),
        )
        for each in listed
    ]


def verdict_alarms(clients: Clients, clock: ScaledClock, target: Target) -> dict[str, datetime]:
    """Return all of the function's verdict alarms by name, and when each was configured."""
    with aws_call("cloudwatch DescribeAlarms", f"verdict alarms of {target.function}"):
        pages = clients.cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=target.verdict_alarms)
        return {
            alarm["AlarmName"]: clock.simulated(alarm["AlarmConfigurationUpdatedTimestamp"])
            for page in pages
            for alarm in page["MetricAlarms"]
        }


def delete_version(clients: Clients, function: str, number: str) -> None:
    """Delete one published version. Raises ValueError for what is none: without it, the whole function would go.

    https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html
    """
    if not number.isdigit():
        raise ValueError(f"{number!r} is no published version of {function}: give its number")
    with aws_call("lambda DeleteFunction", f"version {number} of {function}"):
        clients.functions.delete_function(FunctionName=function, Qualifier=number)


def delete_alarms(clients: Clients, names: Sequence[str]) -> None:
    """Delete alarms, 100 at once as CloudWatch takes them. Where another has deleted one of them, it deletes none.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html
    """
    for some in chunks(list(names), MOST_NAMES):
        try:
            with aws_call("cloudwatch DeleteAlarms", ", ".join(some)):
                clients.cloudwatch.delete_alarms(AlarmNames=some)
        except NotFoundError:
            for name in some:
                with aws_call("cloudwatch DeleteAlarms", name, fine="ResourceNotFound"):
                    clients.cloudwatch.delete_alarms(AlarmNames=[name])
