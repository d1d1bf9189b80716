"""An invocation writes its events to CloudWatch Logs."""

import re
from collections.abc import Callable
from typing import Any

from local.tests.cloud.conftest import Functions, until
from local.tests.cloud.languages import Language, language

__all__ = ["language"]  # a fixture

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def messages(client: Callable[[str], Any], group: str = "/aws/lambda/orders") -> list[str]:
    """Return all messages of a group, in order."""
    found = client("logs").filter_log_events(logGroupName=group)["events"]
    return [event["message"] for event in found]


def test_an_invocation_writes_start_end_and_report_around_what_it_prints(
    functions: Functions, client: Callable[[str], Any], language: Language
) -> None:
    functions.create(language.loads, Runtime=language.runtime)
    functions.invoke(qualifier="1")
    functions.invoke(qualifier="1")
    seen = messages(client)
    cold = ["START", "loading", "one", "two", "END", "REPORT"]
    assert [line.split()[0] for line in seen] == [*cold, "START", "one", "two", "END", "REPORT"]
    assert re.fullmatch(f"START RequestId: {UUID} Version: 1\n", seen[0])
    assert re.fullmatch(f"END RequestId: {UUID}\n", seen[4])
    report = rf"REPORT RequestId: {UUID}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
    assert re.fullmatch(report + r"Max Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t\n", seen[5])
    assert re.fullmatch(report + r"Max Memory Used: \d+ MB\t\n", seen[10])


def test_a_worker_has_a_stream_named_by_day_and_version(
    functions: Functions, client: Callable[[str], Any], language: Language
) -> None:
    functions.create(language.stream, Runtime=language.runtime)
    functions.publish(f"{language.stream}\n")
    said = [functions.invoke(qualifier=version)["Payload"] for version in ("1", "2")]
    assert functions.invoke(qualifier="1")["Payload"] == said[0]
    streams = client("logs").describe_log_streams(logGroupName="/aws/lambda/orders")["logStreams"]
    assert {stream["logStreamName"] for stream in streams} == set(said)
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[1\][0-9a-f]{32}", said[0])
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[2\][0-9a-f]{32}", said[1])


def test_an_error_and_its_traceback_are_one_event(functions: Functions, client: Callable[[str], Any]) -> None:
    functions.create("def handler(event, context):\n    raise KeyError('price')\n")
    functions.invoke(qualifier="")
    (error,) = [message for message in messages(client) if message.startswith("[ERROR]")]
    assert error.startswith("[ERROR] KeyError: 'price'\nTraceback (most recent call last):\n")
    assert "raise KeyError('price')" in error


def test_logging_is_written_in_lambdas_format_with_the_request_id(
    functions: Functions, client: Callable[[str], Any]
) -> None:
    functions.create(
        "import logging\ndef handler(event, context):\n"
        "    logging.info('hidden')\n    logging.warning('first\\nsecond')\n    return context.aws_request_id\n"
    )
    request_id = functions.invoke(qualifier="")["Payload"]
    seen = messages(client)
    assert not any("hidden" in message for message in seen)
    pattern = rf"\[WARNING\]\t\d{{4}}-\d\d-\d\dT[\d:]+\.\d{{3}}Z\t{request_id}\tfirst\nsecond\n"
    assert any(re.fullmatch(pattern, message) for message in seen)


def test_what_a_process_wrote_before_it_died_is_kept(
    functions: Functions, client: Callable[[str], Any], language: Language
) -> None:
    functions.create(language.last_words, Runtime=language.runtime, Timeout=1)
    assert functions.invoke(1, qualifier="")["Payload"]["errorMessage"].endswith("signal: SIGABRT")
    functions.invoke(0, qualifier="")
    seen = messages(client)
    assert seen.count("last words\n") == 2
    assert any("Task timed out after 1.00 seconds" in message for message in seen)
    assert [report.split("\t")[-2] for report in seen if report.startswith("REPORT")] == [
        "Error Type: Runtime.ExitError",
        "Status: timeout",
    ]


def test_an_import_that_fails_is_in_the_log(functions: Functions, client: Callable[[str], Any]) -> None:
    functions.create("import nowhere\n")
    functions.invoke(qualifier="")
    assert any(
        message.startswith(
            "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'nowhere'"
        )
        for message in messages(client)
    )


def test_a_function_writes_to_the_group_that_it_is_configured_with(
    functions: Functions, client: Callable[[str], Any]
) -> None:
    client("logs").create_log_group(logGroupName="/shop/orders")
    client("logs").put_retention_policy(logGroupName="/shop/orders", retentionInDays=14)
    functions.create("def handler(event, context):\n    print('here')\n", LoggingConfig={"LogGroup": "/shop/orders"})
    functions.invoke(qualifier="")
    assert "here\n" in messages(client, "/shop/orders")
    (group,) = client("logs").describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/shop/orders", 14)


def test_an_asynchronous_call_writes_its_log_too(functions: Functions, client: Callable[[str], Any]) -> None:
    functions.create("def handler(event, context):\n    print('later', event)\n")
    response = functions.invoke("x", qualifier="", InvocationType="Event")
    assert response["StatusCode"] == 202
    assert until(lambda: client("logs").describe_log_groups()["logGroups"])
    assert until(lambda: "later x\n" in messages(client))


def test_the_function_the_log_and_the_answer_have_one_request_id(
    functions: Functions, client: Any, language: Language
) -> None:
    functions.create(language.request, Runtime=language.runtime)
    for _ in range(2):
        answer = functions.invoke(qualifier="")
        assert answer["Payload"] == answer["ResponseMetadata"]["RequestId"]
    functions.create(language.request_raised, "failing", Runtime=language.runtime)
    client("lambda").put_function_event_invoke_config(FunctionName="failing", MaximumRetryAttempts=1)
    sent = functions.invoke(name="failing", qualifier="", InvocationType="Event")["ResponseMetadata"]["RequestId"]

    def started() -> list[str]:
        events = client("logs").filter_log_events(logGroupName="/aws/lambda/failing")["events"]
        return [event["message"].split()[2] for event in events if event["message"].startswith("START")]

    assert until(lambda: _group(client, "failing") and len(started()) == 2)
    assert set(started()) == {sent}


def _group(client: Any, name: str) -> bool:
    found = client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    return bool(found)
