"""The deploy and preview roles may make every call that is needed, on this stack's resources, and no other."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import permissions
from infra.naming import AwsLocation, Names
from infra.permissions import LOG_DELIVERY, MAPPINGS, PARTS, UNSCOPED_READS, PolicyError, StackResources, Statement
from infra.release.aws.iam import writes
from infra.release.model.spec import Target
from tests.unit.grants_kit import KEY, LEGACY, OWNED, PLACE, PROD, allowed, deploying, granting, named, previewing

ROOT = Path(__file__).resolve().parents[2]
ENGINE = re.compile(
    r"\.(functions|codedeploy(?:_once)?|cloudwatch|logs|iam)\.(?!get_paginator|exceptions)([a-z_]+)\b"
    r"|\.(functions|codedeploy|cloudwatch|logs|iam)\.get_paginator\(\"([a-z_]+)\"\)"
    r"|\bclient\.(?:get_paginator\(\")?(list_deployment_targets|get_deployment_target)\b"
)
SPELLED = {"functions": "lambda", "codedeploy_once": "codedeploy", "iam": "iam"}
RENAMED = {"lambda:Invoke": "lambda:InvokeFunction"}
# What CreateDeployment asks for beside itself; PassRole is never a call.
BESIDE = {"codedeploy:GetApplicationRevision", "codedeploy:RegisterApplicationRevision"}
# Statements on resources that all stacks of an account share, or on all resources.
SHARED = {
    "Account",
    "Predefined",
    "TableKey",
    "ArtifactNames",
    "Artifacts",
    "LogDelivery",
    "AnyMapping",
    "Mappings",
    "Secrets",
    "StateLayout",
    "StateNames",
    "ReleaseEvents",
    "ChatsRole",
}


EVERY = [*deploying(), *deploying(LEGACY), *previewing(), *previewing(LEGACY)]


def test_no_action_is_a_wildcard() -> None:
    assert [action for each in EVERY for action in each.actions if "*" in action or "?" in action] == []


def test_only_the_calls_of_the_table_are_granted_on_everything_and_each_has_its_reason() -> None:
    wide = {action for each in EVERY if "*" in each.resources for action in each.actions}
    assert wide == set(UNSCOPED_READS) | set(LOG_DELIVERY) | set(MAPPINGS)
    assert all({**UNSCOPED_READS, **LOG_DELIVERY, **MAPPINGS}.values())
    assert all(each.condition for each in EVERY if set(each.actions) & set(MAPPINGS))


def test_only_the_deploy_role_may_change_the_access_log() -> None:
    group = PLACE.arn("logs", f"log-group:{PROD.api_log_group}")
    for action in ("logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteLogGroup"):
        assert allowed(action, group, deploying())
    assert not allowed("logs:DeleteLogGroup", PLACE.arn("logs", "log-group:/aws/vendedlogs/other-api"), deploying())
    assert [action for action in LOG_DELIVERY if granting(action, previewing())] == []


def test_no_call_of_the_table_changes_anything() -> None:
    assert [action for action in UNSCOPED_READS if not re.match(r"\w+:(Get|List|Describe)", action)] == []


@pytest.mark.parametrize("resources", [OWNED, LEGACY])
def test_each_resource_of_a_statement_is_the_stacks_own(resources: StackResources) -> None:
    ours = re.compile(
        r"strata-prod(-|_|/|$|:)|strata-prod-orders|CodeDeployHook_strata-prod-|\.pulumi/meta\.yaml$|strata/prod[./]"
        r"|strata-state-333333333333-eu-central-1$|key/1$|CodeDeployDefault\.Lambda\*$"
        r"|acme-terraform-state/data/terraform\.tfstate$|strata-artifacts-333333333333-eu-central-1(/(bundles|manifests)/\*)?$"
    )
    tagged = {"NewApi", "NewTags", "Api", "ApiParts", "ApiTags", "ApiTagNames", "TableKey", "Mappings", "AnyMapping"}
    tagged |= {"ReleaseEvents", "ChatsRole"}
    elsewhere = [
        arn
        for each in deploying(resources)
        for arn in each.resources
        if each.sid not in {*tagged, "Account", "LogDelivery"} and not ours.search(arn)
    ]
    assert elsewhere == []


def test_a_stack_of_more_functions_has_them_all_within_its_limits() -> None:
    names = Names("strata", "prod", ("orders", "invoices"))
    for service in names.services:
        arn = PLACE.arn("lambda", f"function:{names.function(service)}")
        assert allowed("lambda:UpdateFunctionCode", arn, deploying(names=names))
        assert allowed("lambda:UpdateAlias", arn, list(permissions.boundary(names, PLACE, names.table)))
    assert not allowed("lambda:UpdateFunctionCode", PLACE.arn("lambda", "function:strata-prod-invoices"), deploying())


def test_a_stack_whose_name_goes_on_is_another_stack() -> None:
    other = Names("strata", "prod-2", ("orders",))
    mine, theirs = deploying(), deploying(StackResources(other.table), other)
    plain = [
        (action, arn.replace("*", "x").replace("?", "1"))
        for each in theirs
        for action in each.actions
        for arn in each.resources
        if each.sid not in SHARED and "apigateway" not in arn
    ]
    assert [pair for pair in plain if allowed(*pair, mine)] == []


def test_the_stacks_whose_names_are_shorter_or_begin_alike_are_others() -> None:
    for other in ("pro", "prod-canary-1", "prod-orders", "prod-smoke", "prod-deploy"):
        names = Names("strata", other, ("orders",))
        for action, arn in [
            ("lambda:UpdateAlias", PLACE.arn("lambda", f"function:{names.function('orders')}")),
            ("cloudwatch:PutMetricAlarm", PLACE.arn("cloudwatch", f"alarm:{names.alias_alarm('orders', 'errors')}")),
            ("codedeploy:CreateDeployment", PLACE.arn("codedeploy", f"deploymentgroup:{names.application}/x")),
            ("codedeploy:CreateDeploymentConfig", PLACE.arn("codedeploy", f"deploymentconfig:{names.curve(20, 10)}")),
            ("iam:PutRolePolicy", PLACE.global_arn("iam", f"role/{names.execution_role('orders')}")),
        ]:
            assert not allowed(action, arn, deploying()), (other, action, arn)


def test_every_curve_that_a_stack_may_have_can_be_made_and_no_other() -> None:
    for percent, minutes in [(1, 5), (10, 20), (99, 1440), (5, 120)]:
        curve = PLACE.arn("codedeploy", f"deploymentconfig:{PROD.curve(percent, minutes)}")
        assert allowed("codedeploy:CreateDeploymentConfig", curve, deploying())
    other = PLACE.arn("codedeploy", f"deploymentconfig:{PROD.curve(100, 10000)}")
    assert not allowed("codedeploy:CreateDeploymentConfig", other, deploying())


def test_each_role_is_passed_to_its_service_and_to_no_other() -> None:
    passes = {
        each.sid: (each.condition, {arn.rpartition("/")[2] for arn in each.resources})
        for each in granting("iam:PassRole", deploying())
    }
    lambda_, codedeploy, events = (
        {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
        for service in ("lambda", "codedeploy", "events")
    )
    assert passes == {
        "PassToLambda": (
            lambda_,
            {"strata-prod-orders-execution", "strata-prod-smoke-hook", "strata-prod-bake-hook"},
        ),
        "PassToCodeDeploy": (codedeploy, {"strata-prod-codedeploy"}),
        "PassToEvents": (events, {"strata-prod_messages"}),
    }


@pytest.mark.parametrize("action", ["iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy"])
def test_a_role_is_made_and_given_rights_within_the_boundary_alone(action: str) -> None:
    (statement,) = granting(action, deploying())
    boundary = "arn:aws:iam::333333333333:policy/strata-prod-boundary"
    assert statement.condition == {"StringEquals": {"iam:PermissionsBoundary": boundary}}


def test_no_role_changes_boundaries_managed_policies_or_issuers() -> None:
    verbs = ("Boundary", "PolicyVersion", "AttachRolePolicy", "DetachRolePolicy", "CreatePolicy", "OpenID")
    granted = {action for each in EVERY for action in each.actions}
    assert [action for action in granted if any(verb in action for verb in verbs)] == []


def test_the_deploy_role_reads_itself_and_may_not_change_itself() -> None:
    itself = PLACE.global_arn("iam", f"role/{PROD.deploy_role}")
    touching = [each for each in deploying() if itself in each.resources]
    assert [set(each.actions) for each in touching] == [{"iam:GetRole", "iam:SimulatePrincipalPolicy"}]
    writes = {action for each in deploying() for action in each.actions if action.startswith("iam:")}
    assert [action for action in writes if allowed(action, itself, deploying())] == [
        action for action in writes if action in {"iam:GetRole", "iam:SimulatePrincipalPolicy"}
    ]


@pytest.mark.parametrize(
    "action",
    [
        "codedeploy:DeleteApplication",
        "codedeploy:DeleteDeploymentGroup",
        "dynamodb:DeleteTable",
        "kms:ScheduleKeyDeletion",
        "kms:PutKeyPolicy",
        "lambda:DeleteAlias",
        "sns:DeleteTopic",
        "iam:PutRolePermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary",
        "s3:DeleteObjectVersion",
        "s3:PutBucketPolicy",
        "sts:AssumeRole",
        "iam:UpdateAssumeRolePolicy",
    ],
)
def test_destroying_is_for_an_administrator(action: str) -> None:
    assert granting(action, EVERY) == []


def test_a_function_is_removed_only_version_by_version_and_a_hook_whole() -> None:
    function, hook = (PLACE.arn("lambda", f"function:{name}") for name in (PROD.function("orders"), PROD.hook("bake")))
    assert not allowed("lambda:DeleteFunction", function, deploying())
    assert allowed("lambda:DeleteFunction", f"{function}:3", deploying())
    assert allowed("lambda:DeleteFunction", hook, deploying())
    execution = PLACE.global_arn("iam", f"role/{PROD.execution_role('orders')}")
    assert not allowed("iam:DeleteRole", execution, deploying())


@pytest.mark.parametrize("statements", [deploying(), previewing()], ids=["deploying", "previewing"])
def test_the_tags_of_functions_are_read_or_every_refresh_would_show_them_as_gone(statements: list[Statement]) -> None:
    assert allowed("lambda:ListTags", PLACE.arn("lambda", f"function:{PROD.function('orders')}"), statements)
    assert allowed("lambda:ListTags", PLACE.arn("lambda", f"function:{PROD.hook('smoke')}"), statements)


def test_the_key_of_the_table_is_read_by_its_alias_where_pulumi_owns_the_table() -> None:
    for statements in (deploying(), previewing()):
        assert named("TableKey", statements).condition == {"StringEquals": {"kms:RequestAlias": "alias/aws/dynamodb"}}
    assert granting("kms:DescribeKey", deploying(LEGACY)) == []


def test_previewing_changes_nothing() -> None:
    granted = {action for each in previewing() for action in each.actions}
    reading = r"\w+:(Get|List|Describe|BatchGet|GET$|Filter|Decrypt$|SimulatePrincipalPolicy$)"
    assert [action for action in granted if not re.match(reading, action)] == []


def test_previewing_reads_all_that_deploying_reads_but_secrets() -> None:
    def reads(statements: list[Statement]) -> set[tuple[str, str]]:
        verbs = re.compile(r"\w+:(Get|List|Describe|BatchGet|GET$)")
        own = {"Chats", "ChatSecrets", "Itself", "LogDelivery", "Parameters", "Removals"}
        found = [each for each in statements if each.sid not in own]
        return {
            (action, arn) for each in found for action in each.actions for arn in each.resources if verbs.match(action)
        }

    assert reads(deploying()) == reads(previewing())


def test_previewing_reads_no_secret_since_pulumis_provider_would_read_it_decrypted() -> None:
    assert [each.sid for each in previewing() if any(action.startswith("ssm:GetP") for action in each.actions)] == []
    assert allowed("ssm:GetParameter", PLACE.parameter_arn(PROD.receipt_key), deploying())


def test_no_call_on_a_resource_is_granted_twice_so_each_statement_is_needed() -> None:
    for statements in (deploying(), deploying(LEGACY), previewing()):
        pairs = Counter((action, arn) for each in statements for action in each.actions for arn in each.resources)
        assert [pair for pair, times in pairs.items() if times > 1] == []
        sids = [each.sid for each in statements]
        assert len(sids) == len(set(sids))


def test_a_table_is_pulumis_or_terraforms_and_never_both() -> None:
    assert granting("s3:GetObject", deploying(LEGACY))[-1].resources == (
        "arn:aws:s3:::acme-terraform-state/data/terraform.tfstate",
    )
    assert granting("dynamodb:UpdateTable", deploying(LEGACY)) == []
    assert granting("dynamodb:UpdateTable", deploying())[0].resources == (
        "arn:aws:dynamodb:eu-central-1:333333333333:table/strata-prod-orders",
    )


@pytest.mark.parametrize(
    ("key", "own"),
    [
        (".pulumi/stacks/strata/prod.json", True),
        (".pulumi/stacks/strata/prod.json.bak", True),
        (".pulumi/locks/organization/strata/prod/1.json", True),
        (".pulumi/history/strata/prod/prod-1.history.json", True),
        (".pulumi/backups/strata/prod/prod.1.json", True),
        (".pulumi/stacks/strata/prod-2.json", False),
        (".pulumi/stacks/strata/dev.json", False),
        (".pulumi/stacks/strata-bootstrap/prod.json", False),
        (".pulumi/locks/organization/strata/prod-2/1.json", False),
        (".pulumi/history/strata/dev/dev-1.history.json", False),
        (".pulumi/meta.yaml", False),
    ],
)
def test_only_its_own_state_is_written(key: str, own: bool) -> None:
    arn = f"arn:aws:s3:::strata-state-333333333333-eu-central-1/{key}"
    assert allowed("s3:PutObject", arn, deploying()) is own
    assert allowed("s3:GetObject", arn, deploying()) is (own or key == ".pulumi/meta.yaml")


def test_secrets_are_bound_to_the_stack_by_kms_itself() -> None:
    (statement,) = granting("kms:Decrypt", deploying())
    context = {"kms:EncryptionContext:project": "strata", "kms:EncryptionContext:stack": "prod"}
    assert (statement.condition, statement.resources) == ({"StringEquals": context}, (KEY,))
    asked = "awskms://alias/strata-secrets?region=eu-central-1&context_project=strata&context_stack=prod"
    assert permissions.secrets_provider(PROD, PLACE) == asked


def engine_calls() -> Iterator[str]:
    """Yield the release engine's calls, read from its source, as IAM names them."""
    for file in (ROOT / "infra/release/aws").glob("*.py"):
        for one, call, other, paged, bare in ENGINE.findall(file.read_text()):
            service = one or other or ("codedeploy" if bare else "")
            name = "".join(word.capitalize() for word in (call or paged or bare).split("_"))
            action = f"{SPELLED.get(service, service)}:{name}"
            yield RENAMED.get(action, action)


def test_every_call_of_the_engine_is_granted() -> None:
    made = set(engine_calls())
    assert len(made) > 25
    granted = {action for each in deploying() for action in each.actions}
    assert made - granted == set()


def test_every_permission_that_the_doctor_simulates_is_granted() -> None:
    target = Target(
        function="strata-prod-orders",
        alias="live",
        version="1",
        application="strata-prod",
        group="strata-prod-orders",
        curve="strata-prod-canary-10-10",
        minutes=10,
        alarm="a",
        topic="arn:aws:sns:eu-central-1:333333333333:strata-prod-alarms",
        log_group="l",
    )
    asked = [(action, arn) for actions, arns in writes([target]).items() for action in actions for arn in arns]
    assert [pair for pair in asked if not allowed(*pair, deploying())] == []


def test_the_longest_name_leaves_every_policy_within_its_limit() -> None:
    names, place = Names("s" * 16, "s" * 32, ("orders",)), AwsLocation("aws-us-gov", "us-gov-west-1", "333333333333")
    states = tuple(("b" * 63, f"{layer}{'k' * 200}") for layer in "cod")
    most = StackResources("t" * 255, "b" * 63, "k" * 200, states, domain="d" * 253, zone_id="Z" * 32)
    for make in (permissions.deploy, permissions.preview):
        found = make(names, place, most, key_arn=place.arn("kms", "key/" + "k" * 36), role=names.deploy_role)
        assert tuple(found) == PARTS
        for part, statements in found.items():
            permissions.managed(part, statements)
    permissions.managed("boundary", permissions.boundary(names, place, most.table))


def test_a_policy_that_iam_would_not_take_is_refused_with_both_numbers() -> None:
    wide = Statement("S", ("a:B",), tuple(f"arn:aws:x:::{number:06}" for number in range(400)))
    with pytest.raises(
        PolicyError, match=r"the policy strata-prod-boundary has 8,\d{3} characters, and IAM takes 6,144"
    ):
        permissions.managed("strata-prod-boundary", [wide])


def test_the_boundary_is_what_the_stacks_roles_do_and_no_more() -> None:
    limit = list(permissions.boundary(PROD, PLACE, "orders-prod"))
    table = PLACE.arn("dynamodb", "table/orders-prod")
    logs = PLACE.arn("logs", f"log-group:{PROD.log_group('orders')}")
    function, hook = (PLACE.arn("lambda", f"function:{name}") for name in (PROD.function("orders"), PROD.hook("smoke")))
    group = PLACE.arn("codedeploy", f"deploymentgroup:{PROD.application}/{PROD.deployment_group('orders')}")
    queue = PLACE.arn("sqs", PROD.queue("orders"))
    done = [
        *permissions.execution(
            permissions.Uses(
                logs,
                table,
                reads_table=True,
                writes_table=True,
                parameters=(PLACE.parameter_arn(PROD.receipt_key),),
                topics=(PLACE.arn("sns", PROD.topic),),
                queues=(queue,),
                buses=(PLACE.arn("events", f"event-bus/{PROD.bus}"),),
                stream=f"{table}/stream/2026-01-01T00:00:00.000",
                queue=queue,
                dead_letters=f"{queue}-dead",
                tracing=True,
            )
        ),
        *permissions.hook([group], PLACE.arn("logs", f"log-group:{PROD.hook_log_group('smoke')}"), [function]),
        *permissions.deployments([function], [hook]),
        *permissions.messages(PROD, PLACE),
    ]
    pairs = [(action, arn) for each in done for action in each.actions for arn in each.resources]
    assert [pair for pair in pairs if not allowed(*pair, limit)] == []
    assert {action for each in limit for action in each.actions} == {action for action, _ in pairs}
    assert [each.actions for each in limit if "*" in each.resources] == [
        ("dynamodb:ListStreams",),
        ("xray:PutTelemetryRecords", "xray:PutTraceSegments"),
        ("cloudwatch:DescribeAlarms",),
    ]
    via = [f"{service}.eu-central-1.amazonaws.com" for service in ("dynamodb", "sns", "ssm")]
    assert named("Keys", limit).condition == {"StringEquals": {"kms:ViaService": via}}
