"""Names and ARNs are stable, and AWS accepts them."""

import re

import pytest

from infra.naming import AwsLocation, Names
from infra.schema import LONGEST_STACK

PROD = Names("strata", "prod")


def test_the_names_of_prod_are_those_in_the_runbooks() -> None:
    assert PROD.function("orders") == "strata-prod-orders"
    assert PROD.log_group("orders") == "/aws/lambda/strata-prod-orders"
    assert PROD.application == "strata-prod"
    assert PROD.deployment_group("orders") == "strata-prod-orders"
    assert PROD.curve(20, 10) == "strata-prod-canary-20-10"
    assert PROD.alias_alarm("orders", "errors") == "strata-prod-orders-live-errors"


def test_two_stacks_share_no_name() -> None:
    def all_of(names: Names) -> set[str]:
        return {
            names.table,
            names.api,
            names.topic,
            names.codedeploy_role,
            names.function("orders"),
            names.execution_role("orders"),
            names.hook("smoke"),
            names.hook_role("smoke"),
            names.hook_log_group("smoke"),
            names.alias_alarm("orders", "errors"),
            names.curve(20, 10),
            names.topic_key,
            names.boundary,
            names.deploy_role,
            names.preview_role,
            names.pulumi_role("update"),
        }

    assert all_of(PROD).isdisjoint(all_of(Names("strata", "prod-2")))


def test_hooks_are_named_as_codedeploys_managed_role_demands() -> None:
    assert PROD.hook("smoke") == "CodeDeployHook_strata-prod-smoke"
    assert PROD.hook_log_group("bake") == "/aws/lambda/CodeDeployHook_strata-prod-bake"


def test_two_curves_of_one_stack_have_two_names() -> None:
    assert len({PROD.curve(10, 10), PROD.curve(10, 5), PROD.curve(5, 10)}) == 3


@pytest.mark.parametrize("minutes", [5, 10, 15, 30])
def test_a_curve_that_aws_has_takes_none_of_the_accounts_fifty(minutes: int) -> None:
    assert PROD.curve(10, minutes) == f"CodeDeployDefault.LambdaCanary10Percent{minutes}Minutes"
    assert PROD.curve(11, minutes) == f"strata-prod-canary-11-{minutes}"
    assert PROD.curve(10, minutes + 1) == f"strata-prod-canary-10-{minutes + 1}"


def test_names_within_every_limit_have_no_error() -> None:
    assert list(PROD.name_errors()) == []
    assert list(Names("strata", "s" * LONGEST_STACK).name_errors()) == []


def test_names_that_are_too_long_together_are_reported_all_at_once_each_with_its_longest_part() -> None:
    role, function = Names("s" * 16, "p" * 32, ("orders",)).name_errors()
    assert role == (
        f"the IAM role {'s' * 16}-{'p' * 32}-orders-execution has 66 characters, and AWS takes 64: shorten its longest "
        f"part, the stack's name {'p' * 32!r} (32)"
    )
    assert function.startswith(f"the Lambda function CodeDeployHook_{'s' * 16}-{'p' * 32}-smoke has 70 characters")
    (role,) = Names("shop", "prod", ("i" * 46,)).name_errors()
    assert f"shorten its longest part, the function's name {'i' * 46!r} (46)" in role
    found = list(Names("p" * 25, "s" * 20).name_errors())
    assert len(found) == 1
    assert "the project's name" in found[0]


@pytest.mark.parametrize(
    "project", ["my_orders", "Strata", "1st", "-x", "a.b", "p" * 26, "aws-shop", "ssmart", "xn--shop", "sthree-x", ""]
)
def test_a_project_whose_name_s3_or_ssm_would_not_take_is_refused(project: str) -> None:
    found = list(Names(project, "prod").name_errors())
    assert found[0].startswith(f"the project is named {project!r}, but AWS names are built from its name")


def test_the_longest_stack_name_leaves_every_name_within_its_limit() -> None:
    names = Names("strata", "s" * LONGEST_STACK)
    assert len(names.execution_role("orders")) <= 64
    assert len(names.codedeploy_role) <= 64
    assert len(names.function("orders")) <= 64
    assert len(names.hook("smoke")) <= 64
    assert len(names.hook_role("smoke")) <= 64
    assert len(names.curve(99, 1440)) <= 100
    assert len(names.pulumi_role("preview")) <= 64
    assert len(names.boundary) <= 128


@pytest.mark.parametrize("stack", ["", "Prod", "1prod", "pr_od", "pr.od", "-prod", "p" * (LONGEST_STACK + 1), "prod\n"])
def test_a_stack_name_that_aws_would_not_take_everywhere_is_refused(stack: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(stack))):
        Names("strata", stack)


def test_tag_values_hold_only_characters_that_aws_takes() -> None:
    assert all(re.fullmatch(r"[\w+\-=. :/@]+", value) for value in PROD.tags.values())
    assert PROD.tags["Stack"] == "prod"


def test_an_arn_names_partition_region_and_account() -> None:
    place = AwsLocation("aws-cn", "cn-north-1", "111111111111")
    assert place.arn("sns", "alarms") == "arn:aws-cn:sns:cn-north-1:111111111111:alarms"
