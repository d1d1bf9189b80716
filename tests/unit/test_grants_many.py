"""The policies of a stack with fifty functions have space to spare, and cover only resources of its name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from infra import permissions
from infra.naming import MOST_LISTED, AwsLocation, Names
from infra.permissions.statement import LARGEST
from tests.unit.grants_kit import KEY, OWNED, PLACE, allowed, deploying, size

FIFTY = Names("strata", "prod", ("orders", *(f"service-{number:02}" for number in range(1, 50))))


@pytest.mark.parametrize("make", [permissions.deploy, permissions.preview])
def test_fifty_functions_leave_a_quarter_of_every_policy_free(make: Callable[..., Mapping[str, Any]]) -> None:
    longest = Names("p" * 10, "s" * 20, FIFTY.services)
    for names, place in ((FIFTY, PLACE), (longest, AwsLocation("aws-us-gov", "us-gov-west-1", "333333333333"))):
        found = dict(make(names, place, OWNED, key_arn=KEY, role=names.deploy_role))
        found["boundary"] = permissions.boundary(names, place, names.table)
        sizes = {part: size(permissions.document(statements)) for part, statements in found.items()}
        assert {part: each for part, each in sizes.items() if each > 0.75 * LARGEST} == {}


def test_fifty_functions_take_no_more_space_than_a_few() -> None:
    few = replace(FIFTY, services=FIFTY.services[: MOST_LISTED + 1])
    for names in (few, FIFTY):
        assert deploying(names=names) == deploying(names=FIFTY)
        assert permissions.boundary(names, PLACE, "t") == permissions.boundary(FIFTY, PLACE, "t")


def test_the_deploy_role_covers_all_of_fifty_functions_and_the_boundary_their_roles() -> None:
    limit = list(permissions.boundary(FIFTY, PLACE, FIFTY.table))
    for service in FIFTY.services:
        function = PLACE.arn("lambda", f"function:{FIFTY.function(service)}")
        group = PLACE.arn("codedeploy", f"deploymentgroup:{FIFTY.application}/{FIFTY.deployment_group(service)}")
        logs = PLACE.arn("logs", f"log-group:{FIFTY.log_group(service)}")
        role = PLACE.global_arn("iam", f"role/{FIFTY.execution_role(service)}")
        alarm = PLACE.arn("cloudwatch", f"alarm:{FIFTY.alias_alarm(service, 'errors')}")
        for action, arn in [
            ("lambda:UpdateFunctionCode", function),
            ("lambda:DeleteFunction", f"{function}:7"),
            ("codedeploy:CreateDeployment", group),
            ("logs:CreateLogGroup", logs),
            ("iam:PassRole", role),
            ("iam:CreateRole", role),
            ("cloudwatch:PutMetricAlarm", alarm),
        ]:
            assert allowed(action, arn, deploying(names=FIFTY)), (action, arn)
        assert allowed("logs:PutLogEvents", f"{logs}:log-stream:x", limit)
        assert allowed("lambda:UpdateAlias", f"{function}:live", limit)
        assert allowed("codedeploy:PutLifecycleEventHookExecutionStatus", group, limit)


def test_fifty_functions_grant_nothing_on_resources_of_other_stacks() -> None:
    statements = deploying(names=FIFTY)
    for action, arn in [
        ("lambda:DeleteFunction", PLACE.arn("lambda", "function:strata-prod-orders")),
        ("lambda:UpdateFunctionCode", PLACE.arn("lambda", "function:strata-production-orders")),
        ("lambda:UpdateFunctionCode", PLACE.arn("lambda", "function:strata-dev-orders")),
        ("iam:PutRolePolicy", PLACE.global_arn("iam", f"role/{FIFTY.deploy_role}")),
        ("iam:CreateRole", PLACE.global_arn("iam", f"role/{FIFTY.preview_role}")),
        ("iam:PassRole", PLACE.global_arn("iam", f"role/{FIFTY.pulumi_role('update')}")),
        ("codedeploy:CreateDeployment", PLACE.arn("codedeploy", "deploymentgroup:strata-prod-2/strata-prod-2-x")),
    ]:
        assert not allowed(action, arn, statements), (action, arn)


def test_a_role_of_a_running_stack_of_fifty_functions_fits_in_what_iam_takes_of_an_inline_policy() -> None:
    own = permissions.Resources(FIFTY, PLACE)
    hook = permissions.hook(own.groups, own.hook_logs[0], own.services)
    assert size(permissions.document(hook)) < 5_000  # IAM takes 10,240 of all of a role together
    assert size(permissions.document(permissions.deployments(own.services, own.hooks))) < 5_000


def test_as_many_functions_as_a_policy_lists_fit_with_the_longest_names() -> None:
    names = Names("s" * 16, "s" * 32, tuple("x" * 14 + f"{number:02}" for number in range(MOST_LISTED)))
    place = AwsLocation("aws-us-gov", "us-gov-west-1", "333333333333")
    for part, statements in permissions.deploy(names, place, OWNED, key_arn=KEY, role=names.deploy_role).items():
        permissions.managed(part, statements)
    permissions.managed("boundary", permissions.boundary(names, place, "t" * 255))
