"""What starts a release of a stack: the pipeline that deploys it, or an event of the upstream stack's CodeDeploy."""

from dataclasses import dataclass, fields
from typing import Annotated

from infra.release.model.spec import ReleasePolicy
from infra.schema import OneOf

PIPELINE, EVENT = "pipeline", "event"
VARIABLE = "STRATA_EVENT"
"""Of the environment: it holds the event that starts a release."""


@dataclass(frozen=True)
class ReleaseConfig(ReleasePolicy):
    """strata:release: the policy of a release, and what starts one."""

    promote_by: Annotated[str, OneOf(PIPELINE, EVENT, why="a pipeline deploys the stack, or an event does")] = PIPELINE

    @property
    def policy(self) -> ReleasePolicy:
        """Return what a release gets of it: which resource starts it changes nothing in how it is judged."""
        return ReleasePolicy(**{each.name: getattr(self, each.name) for each in fields(ReleasePolicy)})
