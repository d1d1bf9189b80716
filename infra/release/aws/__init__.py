"""AWS behind the runner's `Cloud`: the only package of the release that calls it."""

from infra.release.aws.cloud import Aws

__all__ = ["Aws"]
