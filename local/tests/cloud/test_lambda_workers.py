"""Lambda's execution environments, as a handler and its caller see them."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.tests.cloud.conftest import REGION, Cloud, Functions

ECHO = "def handler(event, context):\n    return event\n"


def test_a_handler_receives_the_event_as_it_was_sent(functions: Functions) -> None:
    functions.create(ECHO)
    events: list[Any] = [{"größe": [1, 2.5, None, True]}, "text", 7, None, [], "a\nb\rc"]
    for event in events:
        assert functions.invoke(event, qualifier="")["Payload"] == event


def test_the_context_names_the_alias_that_was_called_and_the_version_that_runs(
    functions: Functions, account: str
) -> None:
    version = functions.create(
        "def handler(event, context):\n"
        "    return {name: str(getattr(context, name)) for name in event} | {\n"
        "        'left': context.get_remaining_time_in_millis()}\n",
        Timeout=7,
        MemorySize=256,
    )
    functions.alias(version)
    names = ["function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb", "log_group_name"]
    said = functions.invoke(names)["Payload"]
    assert 6000 < said.pop("left") <= 7000
    assert said == {
        "function_name": "orders",
        "function_version": version,
        "invoked_function_arn": f"arn:aws:lambda:{REGION}:{account}:function:orders:live",
        "memory_limit_in_mb": "256",
        "log_group_name": "/aws/lambda/orders",
    }


def test_a_handler_sees_the_environment_that_lambda_gives_and_nothing_of_the_servers(
    functions: Functions, cloud: Cloud, account: str
) -> None:
    functions.create(
        "import os\ndef handler(event, context):\n    return dict(os.environ)\n",
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
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
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
    wanted = ["boto3", "botocore", "urllib3", "dateutil", "ministack", "pulumi", "hypercorn", "yaml", "local"]
    assert functions.invoke(wanted, qualifier="")["Payload"] == ["boto3", "botocore", "urllib3", "dateutil"]


def test_a_handler_reaches_the_cloud_in_its_own_account(functions: Functions, client: Callable[[str], Any]) -> None:
    functions.create(
        "import boto3\ndef handler(event, context):\n"
        "    return boto3.client('sts').get_caller_identity()['Account'] + str(len(\n"
        "        boto3.client('sqs').list_queues().get('QueueUrls', [])))\n"
    )
    client("sqs").create_queue(QueueName="seen")
    account = client("sts").get_caller_identity()["Account"]
    assert functions.invoke(qualifier="")["Payload"] == f"{account}1"


def test_a_worker_is_reused_and_survives_an_exception_of_its_handler(functions: Functions) -> None:
    functions.create(
        "import os\ndef handler(event, context):\n    if event: raise ValueError(event)\n    return os.getpid()\n"
    )
    first = functions.invoke(qualifier="")["Payload"]
    failed = functions.invoke("boom", qualifier="")
    assert failed["FunctionError"] == "Unhandled"
    assert failed["StatusCode"] == 200
    assert failed["Payload"]["errorType"] == "ValueError"
    assert failed["Payload"]["errorMessage"] == "boom"
    assert "in handler" in failed["Payload"]["stackTrace"][0]
    assert functions.invoke(qualifier="")["Payload"] == first


def test_calls_at_the_same_time_run_in_processes_of_their_own(functions: Functions) -> None:
    functions.create("import os, time\ndef handler(event, context):\n    time.sleep(1.5)\n    return os.getpid()\n")
    with ThreadPoolExecutor(3) as threads:
        seen = list(threads.map(lambda _: functions.invoke(qualifier="")["Payload"], range(3)))
    assert len(set(seen)) == 3


def test_a_function_that_calls_itself_is_answered(functions: Functions) -> None:
    functions.create(
        "import boto3, json\ndef handler(event, context):\n"
        "    if event == 0: return [0]\n"
        "    below = boto3.client('lambda').invoke(FunctionName='orders', Payload=json.dumps(event - 1))\n"
        "    return [event, *json.load(below['Payload'])]\n",
        Timeout=30,
    )
    assert functions.invoke(5, qualifier="")["Payload"] == [5, 4, 3, 2, 1, 0]


def test_a_slow_handler_does_not_hold_up_other_requests(functions: Functions) -> None:
    functions.create("import time\ndef handler(event, context):\n    time.sleep(event)\n")
    functions.invoke(0, qualifier="")
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(functions.invoke, 5, qualifier="")
        time.sleep(0.2)
        functions.client.get_function(FunctionName="orders")
        assert not slow.done()


def test_a_timeout_ends_the_call_with_lambdas_error_and_the_next_one_works(functions: Functions) -> None:
    functions.create("import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'ok'\n", Timeout=1)
    failed = functions.invoke(30, qualifier="")
    assert failed["FunctionError"] == "Unhandled"
    assert failed["Payload"]["errorType"] == "Sandbox.Timedout"
    assert failed["Payload"]["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert functions.invoke(0, qualifier="")["Payload"] == "ok"


def test_a_process_that_exits_is_an_error_of_its_call(functions: Functions) -> None:
    functions.create("import os, sys\ndef handler(event, context):\n    os._exit(event) if event else sys.exit()\n")
    failed = functions.invoke(3, qualifier="")["Payload"]
    assert failed["errorType"] == "Runtime.ExitError"
    assert failed["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    silent = functions.invoke(0, qualifier="")["Payload"]
    assert silent["errorMessage"].endswith("Error: Runtime exited without providing a reason")


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


def test_a_change_of_the_configuration_reaches_the_next_call(functions: Functions) -> None:
    functions.create("import os\ndef handler(event, context):\n    return os.environ.get('COLOUR')\n")
    assert functions.invoke(qualifier="")["Payload"] is None
    functions.reconfigure(Environment={"Variables": {"COLOUR": "green"}})
    assert functions.invoke(qualifier="")["Payload"] == "green"
    assert functions.invoke(qualifier="1")["Payload"] is None


def test_a_layer_is_importable(functions: Functions) -> None:
    import io  # noqa: PLC0415
    import zipfile  # noqa: PLC0415

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as contents:
        contents.writestr(zipfile.ZipInfo("python/shared.py"), "NAME = 'layer'\n")
    layer = functions.client.publish_layer_version(LayerName="shared", Content={"ZipFile": buffer.getvalue()})
    functions.create(
        "import shared\ndef handler(event, context):\n    return shared.NAME\n", Layers=[layer["LayerVersionArn"]]
    )
    assert functions.invoke(qualifier="")["Payload"] == "layer"


def test_the_tail_of_the_log_comes_with_the_answer_when_asked_for(functions: Functions) -> None:
    import base64  # noqa: PLC0415

    functions.create("def handler(event, context):\n    print('seen', event)\n")
    response = functions.invoke(5, qualifier="", LogType="Tail")
    tail = base64.b64decode(response["LogResult"]).decode()
    assert tail.startswith("START RequestId: ")
    assert "seen 5\n" in tail
    assert json.dumps("REPORT")[1:-1] in tail


def test_large_events_and_answers_pass_and_one_over_the_limit_is_an_error(functions: Functions) -> None:
    functions.create("def handler(event, context):\n    return 'x' * event if isinstance(event, int) else len(event)\n")
    assert functions.invoke("y" * 5_000_000, qualifier="")["Payload"] == 5_000_000
    assert len(functions.invoke(6_000_000, qualifier="")["Payload"]) == 6_000_000
    failed = functions.invoke(6_300_000, qualifier="")
    assert failed["FunctionError"] == "Unhandled"
    assert failed["Payload"]["errorType"] == "Function.ResponseSizeTooLarge"
    assert functions.invoke(3, qualifier="")["Payload"] == "xxx"
