"""A project that releases a stack runs without the rights of its host, and never beside itself."""

from collections.abc import Iterator

from policy.rule import Rule, must
from policy.tokens import PROJECT
from policy.view import UNKNOWN, Resource, Stack


def unprivileged(project: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ProjectEnvironment.html"""
    given = project.get("environment.privilegedMode")
    if given is True:
        remedy = "set it to false, or leave it out: a release builds no image"
        yield must(project, "run without privileges", "environment.privilegedMode", given, remedy)


def alone(project: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html"""
    given = project.get("concurrentBuildLimit")
    if given is not UNKNOWN and given != 1:
        remedy = "set it to 1: EventBridge tries again to start a build that was refused, for a day"
        yield must(project, "release one commit at a time", "concurrentBuildLimit", given, remedy)


RULES = (
    Rule("codebuild-unprivileged", "A project runs without privileges", frozenset({PROJECT}), unprivileged),
    Rule("codebuild-alone", "A project runs one build at a time", frozenset({PROJECT}), alone),
)
