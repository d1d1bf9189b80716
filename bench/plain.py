"""Not a release: a log group with the signature of the `Release` resource, for `bench.noop`.

Like the release it has a provider of its own kind, the default one of aws: a stack has as many resources with either.
"""

from typing import Any

from pulumi import Output, ResourceOptions
from pulumi_aws.cloudwatch import LogGroup


class Release(LogGroup):
    """Takes what the release takes, and does nothing with it."""

    live_versions: Output[dict[str, str]]
    outcomes: Output[dict[str, str]]

    def __init__(self, name: str, opts: ResourceOptions | None = None, **_: Any) -> None:
        super().__init__(name, name="plain", opts=opts)
        self.live_versions = Output.from_input({})
        self.outcomes = Output.from_input({})
