"""The release as a Pulumi resource, for the program. What creates and updates it is infra/release/provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pulumi

from infra.release.model.spec import READ_AHEAD, RELEASE, ReleasePolicy


def read_ahead(functions: Sequence[Mapping[str, str]], region: str) -> None:
    """Let a preview read AWS while the program goes on. An update reads nothing ahead.

    functions: for each the fields of `infra.release.aws.ahead.Released`.
    """
    if pulumi.runtime.is_dry_run():
        pulumi.runtime.invoke(READ_AHEAD, {"functions": list(functions), "region": region})


class Release(pulumi.CustomResource):
    """Shifts live traffic to the wanted version of every target, and exists once that has succeeded.

    targets: for each function the fields of `infra.release.model.spec.Target`, as inputs. Creating and updating starts
    CodeDeploy deployments and waits for their end (unless `policy.wait` is false); a version that is rolled back fails
    the update, and leaves the old state, so that the next `up` tries again. Deleting it brings a canary back first.
    """

    def __init__(
        self,
        name: str,
        targets: Sequence[pulumi.Input[Mapping[str, pulumi.Input[str | int]]]],
        policy: ReleasePolicy,
        region: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {"targets": list(targets), "policy": asdict(policy), "region": region}
        outputs = {"liveVersions": None, "outcomes": None}
        super().__init__(RELEASE, name, inputs | outputs, opts)

    @property
    def live_versions(self) -> pulumi.Output[Mapping[str, str]]:
        """By function: the version with all live traffic (or, of a split alias, a few words)."""
        return pulumi.get(self, "liveVersions")  # type: ignore[no-any-return]

    @property
    def outcomes(self) -> pulumi.Output[Mapping[str, Mapping[str, Any]]]:
        """The outcome of each function's last release, by function, in the form of `serialization.to_dict`."""
        return pulumi.get(self, "outcomes")  # type: ignore[no-any-return]
