"""Lambda's execution environments, as a handler and its caller see them."""

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.tests.cloud.conftest import REGION, Cloud, Functions, archive
from local.tests.cloud.languages import Language, language

__all__ = ["language"]  # a fixture


def test_a_handler_receives_the_event_as_it_was_sent(functions: Functions, language: Language) -> None:
    functions.create(language.echo, Runtime=language.runtime)
    events: list[Any] = [{"größe": [1, 2.5, None, True]}, "text", 7, None, [], "a\nb\rc"]
    for event in events:
        assert functions.invoke(event, qualifier="")["Payload"] == event


def test_the_context_names_the_alias_that_was_called_and_the_version_that_runs(
    functions: Functions, account: str, language: Language
) -> None:
    version = functions.create(language.context, Runtime=language.runtime, Timeout=7, MemorySize=256)
    functions.alias(version)
    said = functions.invoke(language.names)["Payload"]
    assert 6000 < said.pop("left") <= 7000
    arn = f"arn:aws:lambda:{REGION}:{account}:function:orders:live"
    expected = ("orders", version, arn, "256", "/aws/lambda/orders")
    assert said == dict(zip(language.names, expected, strict=True))


def test_a_handler_sees_the_environment_that_lambda_gives_and_nothing_of_the_servers(
    functions: Functions, cloud: Cloud, account: str, language: Language
) -> None:
    functions.create(
        language.environment,
        Runtime=language.runtime,
        Environment={"Variables": {"TABLE_NAME": "orders", "AWS_SESSION_TOKEN_X": "mine"}},
    )
    seen = functions.invoke(qualifier="")["Payload"]
    expected = {
        "TABLE_NAME": "orders",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{language.runtime}",
        "_HANDLER": "app.handler",
        "STRATA_CLOCK_RATE": "60",
    }
    assert {name: seen.get(name) for name in expected} == expected
    assert not {"GATEWAY_PORT", "AUTH", "VIRTUAL_ENV", "PYTHONPATH", "DOCKER_HOST", "MINISTACK_HOST"} & seen.keys()


def test_boto3_is_there_as_in_lambda_and_other_packages_of_the_cloud_are_not(functions: Functions) -> None:
    functions.create(
        "import importlib.util\ndef handler(event, context):\n"
        "    return [name for name in event if importlib.util.find_spec(name)]\n"
    )
    wanted = ["boto3", "botocore", "urllib3", "dateutil", "ministack", "pulumi", "uvicorn", "yaml", "local"]
    assert functions.invoke(wanted, qualifier="")["Payload"] == ["boto3", "botocore", "urllib3", "dateutil"]


def test_a_handler_reaches_the_cloud_in_its_own_account(
    functions: Functions, client: Callable[[str], Any], language: Language
) -> None:
    functions.create(language.account, Runtime=language.runtime)
    client("sqs").create_queue(QueueName="seen")
    account = client("sts").get_caller_identity()["Account"]
    assert functions.invoke(qualifier="")["Payload"] == f"{account}1"


def test_a_worker_is_reused_and_survives_an_exception_of_its_handler(functions: Functions, language: Language) -> None:
    functions.create(language.raises, Runtime=language.runtime)
    first = functions.invoke(qualifier="")["Payload"]
    failed = functions.invoke("boom", qualifier="")
    assert failed["FunctionError"] == "Unhandled"
    assert failed["StatusCode"] == 200
    assert failed["Payload"]["errorType"] == "TypeError"
    assert failed["Payload"]["errorMessage"] == "boom"
    assert "handler" in "".join(failed["Payload"].get("stackTrace") or failed["Payload"]["trace"])
    assert functions.invoke(qualifier="")["Payload"] == first


def test_calls_at_the_same_time_run_in_processes_of_their_own(functions: Functions, language: Language) -> None:
    functions.create(language.waits, Runtime=language.runtime)
    with ThreadPoolExecutor(3) as threads:
        seen = list(threads.map(lambda _: functions.invoke(1.5, qualifier="")["Payload"], range(3)))
    assert len(set(seen)) == 3


def test_a_function_that_calls_itself_is_answered(functions: Functions, language: Language) -> None:
    functions.create(language.countdown, Runtime=language.runtime, Timeout=30)
    assert functions.invoke(5, qualifier="")["Payload"] == [5, 4, 3, 2, 1, 0]


def test_a_slow_handler_does_not_hold_up_other_requests(functions: Functions, language: Language) -> None:
    functions.create(language.waits, Runtime=language.runtime)
    functions.invoke(0, qualifier="")
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(functions.invoke, 5, qualifier="")
        time.sleep(0.2)
        functions.client.get_function(FunctionName="orders")
        assert not slow.done()


def test_a_timeout_ends_the_call_with_lambdas_error_and_the_next_one_works(
    functions: Functions, language: Language
) -> None:
    functions.create(language.process, Runtime=language.runtime, Timeout=1)
    failed = functions.invoke(30, qualifier="")
    assert failed["FunctionError"] == "Unhandled"
    assert failed["Payload"]["errorType"] == "Sandbox.Timedout"
    assert failed["Payload"]["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert functions.invoke(0, qualifier="")["Payload"] > 0


def test_a_process_that_exits_is_an_error_of_its_call(functions: Functions, language: Language) -> None:
    functions.create(language.exits, Runtime=language.runtime)
    failed = functions.invoke(3, qualifier="")["Payload"]
    assert failed["errorType"] == "Runtime.ExitError"
    assert failed["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    silent = functions.invoke(0, qualifier="")["Payload"]
    assert silent["errorMessage"].endswith("Error: Runtime exited without providing a reason")


def test_a_process_that_is_killed_is_an_error_of_its_call_and_of_no_other(
    functions: Functions, language: Language
) -> None:
    functions.create(language.killed, Runtime=language.runtime)
    functions.create(language.waits, "others", Runtime=language.runtime)
    with ThreadPoolExecutor(2) as threads:
        other = threads.submit(functions.invoke, 2, "others", qualifier="")
        killed = threads.submit(functions.invoke, qualifier="").result()["Payload"]
        assert killed["errorType"] == "Runtime.ExitError"
        assert killed["errorMessage"].endswith("Error: Runtime exited with error: signal: SIGKILL")
        worker = other.result()["Payload"]
    assert functions.invoke(0, "others", qualifier="")["Payload"] == worker


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        (
            "import nowhere",
            "app.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named",
        ),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("", "app", "Runtime.MalformedHandlerName", "Bad handler 'app'"),
        ("{}['key']", "app.handler", "KeyError", "'key'"),
    ],
)
def test_a_module_that_cannot_be_imported_is_an_error_of_the_call(
    functions: Functions, source: str, handler: str, kind: str, message: str
) -> None:
    functions.create(source, Handler=handler)
    for _ in range(2):
        failed = functions.invoke(qualifier="")
        assert failed["FunctionError"] == "Unhandled"
        assert failed["Payload"]["errorType"] == kind
        assert failed["Payload"]["errorMessage"].startswith(message)


def test_an_answer_that_is_not_json_is_an_error_of_the_call(functions: Functions) -> None:
    functions.create("def handler(event, context):\n    return object()\n")
    failed = functions.invoke(qualifier="")["Payload"]
    assert failed["errorType"] == "Runtime.MarshalError"
    assert failed["errorMessage"] == "Unable to marshal response: Object of type object is not JSON serializable"


def test_a_change_of_the_configuration_reaches_the_next_call(functions: Functions, language: Language) -> None:
    functions.create(language.colour, Runtime=language.runtime)
    assert functions.invoke(qualifier="")["Payload"] is None
    functions.reconfigure(Environment={"Variables": {"COLOUR": "green"}})
    assert functions.invoke(qualifier="")["Payload"] == "green"
    assert functions.invoke(qualifier="1")["Payload"] is None


def test_a_layer_is_importable(functions: Functions, language: Language) -> None:
    file, source = language.layer
    layer = functions.client.publish_layer_version(LayerName="shared", Content={"ZipFile": archive(source, file)})
    functions.create(language.shared, Runtime=language.runtime, Layers=[layer["LayerVersionArn"]])
    assert functions.invoke(qualifier="")["Payload"] == "layer"


def test_the_tail_of_the_log_comes_with_the_answer_when_asked_for(functions: Functions, language: Language) -> None:
    functions.create(language.says, Runtime=language.runtime)
    response = functions.invoke(5, qualifier="", LogType="Tail")
    tail = base64.b64decode(response["LogResult"]).decode()
    assert tail.startswith("START RequestId: ")
    assert "seen 5\n" in tail
    assert json.dumps("REPORT")[1:-1] in tail


def test_what_a_worker_writes_after_a_megabyte_is_in_the_log_as_it_was_written(
    functions: Functions, language: Language
) -> None:
    functions.create(language.says, Runtime=language.runtime)
    long = "y" * 600_000
    for _ in range(2):
        functions.invoke(long, qualifier="")
    for said in ("then", "at last"):
        tail = base64.b64decode(functions.invoke(said, qualifier="", LogType="Tail")["LogResult"]).decode()
        assert tail.startswith("START RequestId: ")
        assert f"seen {said}\n" in tail
        assert "\0" not in tail


def test_large_events_and_answers_pass_and_one_over_the_limit_is_an_error(
    functions: Functions, language: Language
) -> None:
    functions.create(language.long, Runtime=language.runtime)
    assert functions.invoke("y" * 5_000_000, qualifier="")["Payload"] == 5_000_000
    assert len(functions.invoke(6_000_000, qualifier="")["Payload"]) == 6_000_000
    failed = functions.invoke(6_300_000, qualifier="")
    assert failed["FunctionError"] == "Unhandled"
    assert failed["Payload"]["errorType"] == "Function.ResponseSizeTooLarge"
    assert functions.invoke(3, qualifier="")["Payload"] == "xxx"
