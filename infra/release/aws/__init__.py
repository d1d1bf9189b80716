"""AWS behind the runner's `Cloud`: the only room of the engine that calls it."""

from infra.release.aws.cloud import Aws

__all__ = ["Aws"]
