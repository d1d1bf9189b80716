"""Policies grant exactly the calls that are made, on exactly the resources that they are made on."""

import ast
import json
from dataclasses import replace
from pathlib import Path

from infra import permissions
from infra.naming import AwsLocation
from infra.permissions import Uses

ROOT = Path(__file__).resolve().parents[2]
TABLE = "arn:aws:dynamodb:eu-central-1:111111111111:table/orders"
LOGS = "arn:aws:logs:eu-central-1:111111111111:log-group:/aws/lambda/strata-dev-orders"
FUNCTION = "arn:aws:lambda:eu-central-1:111111111111:function:strata-dev-orders"
ORDERS = Uses(LOGS, TABLE, reads_table=True, writes_table=True)

GROUP = "arn:aws:codedeploy:eu-central-1:111111111111:deploymentgroup:strata-dev/strata-dev-orders"
HOOK_LOGS = LOGS.replace("strata-dev-orders", "CodeDeployHook_strata-dev-smoke")
HOOK_CALLS = {
    "get_deployment": "codedeploy:GetDeployment",
    "put_lifecycle_event_hook_execution_status": "codedeploy:PutLifecycleEventHookExecutionStatus",
    "invoke": "lambda:InvokeFunction",
}

# boto3's methods as IAM actions; Powertools' persistence layer makes the last two, and some of the first.
CALLS = {"get_item": "GetItem", "put_item": "PutItem", "update_item": "UpdateItem", "delete_item": "DeleteItem"}


def actions(statements: tuple[permissions.Statement, ...]) -> set[str]:
    return {action for statement in statements for action in statement.actions}


def client_calls(source: str) -> set[str]:
    """Return the methods that the source calls on something named `client`."""
    return {
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value).endswith("client")
    }


def test_the_function_may_make_exactly_the_calls_that_its_code_and_powertools_make() -> None:
    from aws_lambda_powertools.utilities.idempotency.persistence import dynamodb  # noqa: PLC0415

    sources = [*(ROOT / "app/orders").rglob("*.py"), Path(dynamodb.__file__)]
    made = set().union(*(client_calls(source.read_text()) for source in sources))
    granted = {action.removeprefix("dynamodb:") for action in actions(permissions.execution(ORDERS))}
    beside = ("logs:", "kms:")  # what Lambda and DynamoDB call in the function's name
    assert {action for action in granted if not action.startswith(beside)} == {CALLS[call] for call in made}


def test_the_function_decrypts_by_the_services_that_it_calls_and_never_by_kms_itself() -> None:
    secret = "arn:aws:ssm:eu-central-1:111111111111:parameter/strata/prod/receipt-key"
    for secrets, services in (((), ["dynamodb"]), ((secret,), ["dynamodb", "ssm"])):
        (keys,) = [s for s in permissions.execution(replace(ORDERS, parameters=secrets)) if "kms:Decrypt" in s.actions]
        region = TABLE.split(":")[3]
        via = [f"{service}.{region}.amazonaws.com" for service in services]
        assert keys.condition == {"StringEquals": {"kms:ViaService": via}}
        assert keys.actions == ("kms:Decrypt",)


def test_the_function_may_touch_its_table_alone() -> None:
    (table,) = [s for s in permissions.execution(ORDERS) if any("dynamodb" in action for action in s.actions)]
    assert table.resources == (TABLE,)


def test_the_function_writes_to_its_log_group_and_cannot_create_one() -> None:
    (logs,) = [s for s in permissions.execution(ORDERS) if any("logs:" in action for action in s.actions)]
    assert set(logs.actions) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert logs.resources == (f"{LOGS}:*",)


def test_codedeploy_may_move_aliases_of_our_functions_alone() -> None:
    (aliases,) = [s for s in permissions.deployments([FUNCTION]) if "lambda:UpdateAlias" in s.actions]
    assert aliases.resources == (FUNCTION, f"{FUNCTION}:*")


def test_codedeploy_may_invoke_nothing_where_there_are_no_hooks() -> None:
    assert "lambda:InvokeFunction" not in actions(permissions.deployments([FUNCTION]))


def test_codedeploy_may_invoke_our_hooks_and_no_other_function() -> None:
    hook = FUNCTION.replace("strata-dev-orders", "CodeDeployHook_smoke")
    (hooks,) = [s for s in permissions.deployments([FUNCTION], [hook]) if "lambda:InvokeFunction" in s.actions]
    assert hooks.resources == (hook,)


def test_a_hook_answers_for_our_groups_alone_and_writes_its_own_log() -> None:
    answers, logs = permissions.hook([GROUP], HOOK_LOGS)
    assert (answers.actions, answers.resources) == (("codedeploy:PutLifecycleEventHookExecutionStatus",), (GROUP,))
    assert logs.resources == (f"{HOOK_LOGS}:*",)


def test_a_hook_that_judges_versions_invokes_those_of_our_functions_and_never_an_unqualified_one() -> None:
    statements = permissions.hook([GROUP], HOOK_LOGS, [FUNCTION])
    (invoke,) = [s for s in statements if "lambda:InvokeFunction" in s.actions]
    assert invoke.resources == (f"{FUNCTION}:*",)


def test_the_smoke_hook_may_make_exactly_the_calls_that_its_code_makes() -> None:
    made = {
        node.func.attr
        for file in (ROOT / "app/hooks").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) in {"client", "codedeploy()", "lambda_()"}
    }
    granted = {action for action in actions(permissions.hook([GROUP], HOOK_LOGS, [FUNCTION])) if "logs:" not in action}
    assert made == HOOK_CALLS.keys()
    assert granted == set(HOOK_CALLS.values())


def test_only_cloudwatch_publishes_to_the_topic_and_only_for_this_account() -> None:
    (publish,) = permissions.alarm_topic("arn:aws:sns:eu-central-1:111111111111:alarms", "111111111111")
    assert publish.principal == {"Service": "cloudwatch.amazonaws.com"}
    assert publish.condition == {"StringEquals": {"aws:SourceAccount": "111111111111"}}
    assert publish.actions == ("sns:Publish",)


def test_cloudwatch_may_use_the_key_of_the_topic_and_the_account_keeps_it() -> None:
    keep, use = permissions.topic_key("aws", "111111111111")
    assert keep.principal == {"AWS": "arn:aws:iam::111111111111:root"}
    assert use.principal == {"Service": "cloudwatch.amazonaws.com"}
    assert set(use.actions) == {"kms:Decrypt", "kms:GenerateDataKey*"}


def test_only_describing_alarms_is_granted_on_every_resource() -> None:
    hook = permissions.hook([GROUP], HOOK_LOGS, [FUNCTION])
    statements = (*permissions.execution(ORDERS), *permissions.deployments([FUNCTION]), *hook)
    wide = [statement.actions for statement in statements if "*" in statement.resources]
    assert wide == [("cloudwatch:DescribeAlarms",)]


def test_no_action_is_a_wildcard_outside_the_keys_own_policy() -> None:
    statements = (*permissions.execution(ORDERS), *permissions.deployments([FUNCTION]))
    assert not [action for action in actions(statements) if "*" in action]


def test_a_document_is_a_policy_that_iam_reads() -> None:
    document = json.loads(
        permissions.document(permissions.trust("lambda", AwsLocation("aws", "eu-central-1", "111111111111")))
    )
    assert document == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Assume",
                "Effect": "Allow",
                "Action": ["sts:AssumeRole"],
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": "111111111111"}},
            }
        ],
    }


def test_the_order_of_actions_makes_no_other_document() -> None:
    one, other = (permissions.Statement("S", actions, ("*",)) for actions in (("a:B", "a:C"), ("a:C", "a:B")))
    assert permissions.document([one]) == permissions.document([other])
