"""The stand-in aws plugin beyond one resource: publishing, refusals, several providers at once."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from local.providers.wire import ARCHIVE, ASSET, SIGNATURE, UNKNOWN
from local.tests.cloud.conftest import REGION, Cloud, Functions, file_of
from local.tests.cloud.providers.conftest import Engine, Made, bag, environment, providers

FUNCTION = "aws:lambda/function:Function"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
TABLE = "aws:dynamodb/table:Table"
ROLE = "aws:iam/role:Role"


def function(
    role: str, source: str = "def handler(event, context): return 1", runtime: str = "python3.11", **changed: Any
) -> dict[str, Any]:
    """Return the inputs of a published function."""
    file = file_of(runtime).replace("app", "main")
    archive = {SIGNATURE: ARCHIVE, "assets": {file: {SIGNATURE: ASSET, "text": source}}, "hash": source}
    inputs = {"name": "orders", "role": role, "runtime": runtime, "handler": "main.handler", "code": archive}
    return {**inputs, "publish": True, **changed}


def table(**changed: Any) -> dict[str, Any]:
    """Return the inputs of a small table."""
    key = {"hashKey": "id", "attributes": [{"name": "id", "type": "S"}], "billingMode": "PAY_PER_REQUEST"}
    return {"name": "orders", **key, **changed}


def refused(call: Callable[[], object]) -> str:
    """Return the user's error message when `call` is refused."""
    with pytest.raises(grpc.RpcError) as failed:
        call()
    assert failed.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    return str(failed.value.details())


def half_made(error: grpc.RpcError) -> provider_pb2.ErrorResourceInitFailed:
    """Return what an error about an incomplete resource gives to the engine."""
    status = importlib.import_module("google.rpc.status_pb2").Status()  # it ships no types
    status.ParseFromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    kept = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(kept)
    return kept


# Functions


def test_a_change_of_code_or_configuration_publishes_in_the_same_update(engine: Engine, functions: Functions) -> None:
    role = functions.role()
    made = engine.create(FUNCTION, function(role))
    assert made.state["version"] == "1"
    assert made.state["qualifiedArn"] == made.state["arn"] + ":1"
    engine.update(made, function(role, "def handler(event, context): return 2"))
    assert made.state["version"] == "2"
    engine.update(made, function(role, "def handler(event, context): return 2", memorySize=256))
    assert made.state["qualifiedInvokeArn"].endswith(":orders:3/invocations")
    assert functions.invoke(qualifier="1")["Payload"] == 1
    assert functions.invoke(qualifier="3")["Payload"] == 2


def test_a_functions_runtime_is_any_that_lambda_knows_and_can_be_changed(engine: Engine, functions: Functions) -> None:
    role = functions.role()
    unknown = refused(lambda: engine.create(FUNCTION, function(role, runtime="nodejs23.x")))
    assert "Value nodejs23.x at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: " in unknown
    source = "export const handler = async () => process.env.AWS_EXECUTION_ENV;\n"
    made = engine.create(FUNCTION, function(role, source, "nodejs22.x"))
    engine.update(made, function(role, source, "nodejs24.x"))
    assert made.state["runtime"] == "nodejs24.x"
    said = [functions.invoke(qualifier=version)["Payload"] for version in ("1", "2")]
    assert said == ["AWS_Lambda_nodejs22.x", "AWS_Lambda_nodejs24.x"]


def test_an_update_that_lambda_need_not_publish_keeps_the_version(engine: Engine, functions: Functions) -> None:
    role = functions.role()
    made = engine.create(FUNCTION, function(role))
    engine.update(made, function(role, tags={"a": "b"}, reservedConcurrentExecutions=3))
    assert made.state["version"] == "1"


def test_a_function_without_publish_stays_at_latest(engine: Engine, functions: Functions) -> None:
    made = engine.create(FUNCTION, function(functions.role(), publish=False))
    assert (made.state["version"], made.state["qualifiedArn"]) == ("$LATEST", made.state["arn"] + ":$LATEST")
    engine.update(made, function(functions.role(), publish=True))
    assert made.state["version"] == "1"


def test_a_preview_knows_which_outputs_will_move(engine: Engine, functions: Functions) -> None:
    role = functions.role()
    made = engine.create(FUNCTION, function(role))

    def unknown(inputs: dict[str, Any]) -> set[str]:
        return {name for name, value in engine.preview(made, inputs).items() if value == UNKNOWN}

    moving = {"version", "qualifiedArn", "qualifiedInvokeArn"}
    assert unknown(function(role)) == set()
    assert unknown(function(role, tags={"a": "b"})) == set()
    assert unknown(function(role, timeout=5)) == moving
    assert unknown(function(role, "other")) == moving | {"lastModified"}
    assert unknown(function(role, timeout=5, publish=False)) == set()


def test_an_alias_update_sends_ignored_properties_as_they_are(engine: Engine, functions: Functions) -> None:
    functions.create("def handler(event, context): return 1")
    second = functions.publish("def handler(event, context): return 2")
    alias = {"name": "live", "functionName": "orders", "functionVersion": "1"}
    made = engine.create("aws:lambda/alias:Alias", alias)
    functions.alias(second)  # as CodeDeploy does
    assert engine.changed(made, alias) == set(), "a diff does not read AWS"
    now = engine.refreshed(made)
    assert now.state["functionVersion"] == second
    assert engine.changed(now, alias) == {"functionVersion"}
    engine.update(made, {**alias, "description": "x"})
    assert functions.client.get_alias(FunctionName="orders", Name="live")["FunctionVersion"] == "1"


# Refusals


def test_what_aws_refuses_is_refused_in_its_words(engine: Engine, functions: Functions) -> None:
    functions.create("def handler(event, context): return 1")
    message = refused(lambda: engine.create(FUNCTION, function(functions.role())))
    assert message.startswith("creating Lambda Function (orders): operation error Lambda: CreateFunction, ")
    assert "StatusCode: 409" in message
    assert "ResourceConflictException: " in message


def test_a_protected_table_is_not_deleted(engine: Engine) -> None:
    made = engine.create(TABLE, table(deletionProtectionEnabled=True))
    assert "protect" in refused(lambda: engine.delete(made))
    engine.update(made, table(deletionProtectionEnabled=False))
    engine.delete(made)
    assert engine.refreshed(made).id == ""


def test_a_thing_that_could_not_be_finished_goes_into_the_state_as_far_as_it_came(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        engine.create(LOG_GROUP, {"name": "orders", "retentionInDays": 8})
    kept = half_made(failed.value)
    assert "Invalid retentionInDays value: 8" in kept.reasons[0]
    made = Made(LOG_GROUP, kept.id, {}, bag(kept.properties))
    assert engine.changed(made, {"name": "orders", "retentionInDays": 7}) == {"retentionInDays"}
    engine.update(made, {"name": "orders", "retentionInDays": 7})
    assert made.state["retentionInDays"] == 7


def test_a_replacement_of_a_named_table_deletes_it_first(engine: Engine) -> None:
    made = engine.create(TABLE, table())
    answer = engine.diff(made, table(hashKey="key", attributes=[{"name": "key", "type": "S"}]))
    assert list(answer.replaces) == ["hashKey"]
    assert answer.deleteBeforeReplace
    unnamed = {key: value for key, value in table().items() if key != "name"}
    other = engine.create(TABLE, unnamed)
    assert not engine.diff(other, {**unnamed, "hashKey": "key"}).deleteBeforeReplace


def test_an_unknown_type_names_the_file_to_add_it_in(engine: Engine) -> None:
    message = refused(lambda: engine.check("aws:kinesis/stream:Stream", {}))
    assert message.endswith("has no resource type aws:kinesis/stream:Stream: add it in local/providers/aws/kinesis.py")


def test_an_unknown_property_is_a_failure_of_the_check(engine: Engine) -> None:
    answer = engine.failures(FUNCTION, {"role": "r", "vpcConfig": {}})
    assert [failure.property for failure in answer.failures] == ["vpcConfig"]
    assert "add it in local/providers/aws/lambda_.py" in answer.failures[0].reason


def test_an_unknown_function_and_an_unknown_argument_are_refused(engine: Engine) -> None:
    message = refused(lambda: engine.invoke("aws:s3/getBucket:getBucket", bucket="b"))
    assert "has no function aws:s3/getBucket:getBucket: add it in local/providers/aws/s3.py" in message
    assert "no argument 'nam'" in refused(lambda: engine.invoke("aws:index/getRegion:getRegion", nam="x"))


def test_an_unknown_setting_of_the_provider_is_refused(attached: str) -> None:
    engine = Engine(attached)
    with pytest.raises(AssertionError, match=r"profile[\s\S]*add it in local/providers/settings.py"):
        engine.configure(profile="mine")
    engine.close()


# Providers


def test_functions_say_who_and_where_the_caller_is(engine: Engine, account: str) -> None:
    assert engine.invoke("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == account
    assert engine.invoke("aws:index/getRegion:getRegion")["region"] == REGION
    assert engine.invoke("aws:index/getPartition:getPartition")["partition"] == "aws"


def test_a_function_finds_an_alias_that_exists_and_names_one_that_does_not(
    engine: Engine, functions: Functions
) -> None:
    functions.create("def handler(event, context): return 1", name="greet")
    functions.alias("1", name="greet")
    found = engine.invoke("aws:lambda/getAlias:getAlias", functionName="greet", name="live")
    assert (found["functionVersion"], found["arn"].split(":")[-2:]) == ("1", ["greet", "live"])
    message = refused(lambda: engine.invoke("aws:lambda/getAlias:getAlias", functionName="greet", name="other"))
    assert message.startswith("reading Lambda Alias (other) of greet: ")
    assert "ResourceNotFoundException" in message


def test_a_function_finds_the_key_of_an_alias_and_names_one_that_does_not_exist(engine: Engine, client: Any) -> None:
    key = client("kms").create_key()["KeyMetadata"]
    client("kms").create_alias(AliasName="alias/alarms", TargetKeyId=key["KeyId"])
    found = engine.invoke("aws:kms/getAlias:getAlias", name="alias/alarms")
    assert (found["targetKeyId"], found["targetKeyArn"]) == (key["KeyId"], key["Arn"])
    message = refused(lambda: engine.invoke("aws:kms/getAlias:getAlias", name="alias/other"))
    assert message == "reading KMS Alias (alias/other): empty result"


def test_another_account_than_the_allowed_is_refused(attached: str, account: str) -> None:
    engine = Engine(attached)
    message = refused(lambda: engine.configure(accessKey=account, secretKey="x", allowedAccountIds='["222222222222"]'))
    assert message.startswith(f"AWS account ID not allowed: {account} (allowed: 222222222222")
    engine.configure(accessKey=account, secretKey="x", allowedAccountIds=f'["{account}"]')
    engine.close()


def test_providers_on_one_process_keep_their_settings_apart(attached: str, account: str) -> None:
    one, other = Engine(attached), Engine(attached)
    one.configure(accessKey=account, secretKey="x", defaultTags='{"tags": {"of": "one"}}')
    other.configure(accessKey=account, secretKey="x", region="us-east-1", defaultTags='{"tags": {"of": "other"}}')
    first, second = one.create(TABLE, table()), other.create(TABLE, table())
    assert first.state["tagsAll"] == {"of": "one"}
    assert second.state["tagsAll"] == {"of": "other"}
    assert (first.state["region"], second.state["region"]) == (REGION, "us-east-1")
    assert f":{REGION}:" in first.state["arn"]
    assert ":us-east-1:" in second.state["arn"]
    one.close()
    other.close()


def test_a_connection_without_a_configuration_is_not_guessed_at(attached: str, account: str) -> None:
    engines = [Engine(attached) for _ in range(3)]
    engines[0].configure(accessKey=account, secretKey="x")
    engines[1].configure(accessKey=account, secretKey="x", region="us-east-1")
    assert "no provider was configured" in refused(lambda: engines[2].check(TABLE, table()))
    for engine in engines:
        engine.close()


def test_a_resource_may_name_its_own_region(engine: Engine) -> None:
    made = engine.create(TABLE, table(region="us-west-2"))
    assert ":us-west-2:" in made.state["arn"]
    assert engine.refreshed(made) == made
    assert set(engine.diff(made, table(region="eu-west-1")).replaces) == {"region"}


@pytest.fixture
def without_credentials(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    env = environment(cloud)
    del env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
    home = tmp_path_factory.mktemp("home")
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text("[default]\naws_access_key_id = 1\naws_secret_access_key = 2\n")
    with providers(tmp_path_factory.mktemp("providers"), {**env, "HOME": str(home)}) as line:
        yield line


def test_no_credentials_are_an_error_even_where_the_home_folder_has_some(without_credentials: str) -> None:
    engine = Engine(without_credentials)
    message = refused(engine.configure)
    assert message.startswith("unable to validate AWS credentials.\nDetails: No valid credential sources found")
    engine.close()
