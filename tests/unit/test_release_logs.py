"""The most frequent error, out of what Lambda, logging and Powertools write."""

import json

import pytest

from infra.release.aws.log_errors import failure, last_line, most_frequent

TRACE = (
    'Traceback (most recent call last):\n  File "/var/task/app.py", line 3, in handler\n    raise ValueError("no")\n'
)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (f"[ERROR] ValueError: no\n{TRACE}", "ValueError: no"),
        (f"[ERROR] ValueError: no {TRACE}", "ValueError: no"),
        (
            "[ERROR] Runtime.ImportModuleError: Unable to import module 'app.orders.main': No module named 'foo'\n",
            "Runtime.ImportModuleError: Unable to import module 'app.orders.main': No module named 'foo'",
        ),
        (f"[ERROR]\t2026-11-24T17:20:50.123Z\t0a1b-2c\tit broke\n{TRACE}ValueError: no\n", "ValueError: no"),
        ("[CRITICAL]\t2026-11-24T17:20:50.123Z\t\tit broke\n", "it broke"),
        ("2026-11-24T17:20:50.123Z 0a1b Task timed out after 3.00 seconds\n", "Task timed out after 3.00 seconds"),
        (
            "RequestId: 0a1b Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
            "Runtime exited with error: signal: killed",
        ),
        (
            json.dumps({"level": "ERROR", "message": "it broke", "exception": f"{TRACE}ValueError: no"}),
            "ValueError: no",
        ),
        (json.dumps({"level": "ERROR", "message": "it broke"}), "it broke"),
        (json.dumps({"log_level": "ERROR", "errorType": "ValueError", "errorMessage": "no"}), "ValueError: no"),
        (json.dumps({"errorMessage": "no"}), "no"),
        (json.dumps({"level": "INFO", "message": "[ERROR] quoted"}), None),
        (json.dumps({"level": "WARNING", "message": "ERROR"}), None),
        (
            '2026-11-24T17:20:50.123Z\t0a1b-2c\tERROR\tInvoke Error \t{"errorType":"TypeError","errorMessage":"no",'
            '"stack":["TypeError: no","    at handler (file:///var/task/main.mjs:3:9)"]}\n',
            "TypeError: no",
        ),
        (
            "2026-11-24T17:20:50.123Z\t0a1b-2c\tERROR\tTypeError: no\n    at handler (file:///var/task/main.mjs:3:9)\n",
            "TypeError: no",
        ),
        ("2026-11-24T17:20:50.123Z\t0a1b-2c\tINFO\tno ERROR here\n", None),
        ("START RequestId: 0a1b Version: 3\n", None),
        ("an order about an ERROR\n", None),
        ("{no json", None),
        ("", None),
    ],
)
def test_an_error_is_its_last_line_and_anything_else_is_none(message: str, line: str | None) -> None:
    assert last_line(message) == line


def test_the_error_that_most_messages_report_wins() -> None:
    messages = ["[ERROR] KeyError: 'a'", "[ERROR] ValueError: no", "START", "[ERROR] ValueError: no"]
    assert most_frequent(messages) == "ValueError: no"


def test_errors_that_differ_in_numbers_and_identifiers_are_one() -> None:
    orders = [f"[ERROR] KeyError: order {number} at 0x{number:08x}" for number in (1234, 99)]
    assert most_frequent(["[ERROR] TypeError: a", *orders]) == "KeyError: order 1234 at 0x000004d2"


def test_without_errors_there_is_nothing_to_report() -> None:
    assert most_frequent(["START", json.dumps({"level": "INFO"})]) is None


def test_a_long_error_is_cut_and_shows_it() -> None:
    line = last_line("[ERROR] ValueError: " + "x" * 1000)
    assert line is not None
    assert len(line) == 300
    assert line.endswith("...")


@pytest.mark.parametrize(
    ("payload", "raised", "error"),
    [
        (b'{"errorMessage": "no", "errorType": "ValueError", "stackTrace": []}', True, "ValueError: no"),
        (b'{"errorMessage": "RequestId: 0a1b Error: Task timed out"}', True, "RequestId: 0a1b Error: Task timed out"),
        (b"", True, "no answer"),
        (b"not json", True, "not json"),
        (b'{"statusCode": 200, "body": "ok"}', False, None),
        (b'{"statusCode": 503, "body": "away"}', False, "it answered 503: away"),
        (b'{"statusCode": 404}', False, "it answered 404: "),
        (b'"anything"', False, None),
        (b"null", False, None),
    ],
)
def test_a_probe_fails_by_raising_or_by_an_answer_that_is_no_success(
    payload: bytes, raised: bool, error: str | None
) -> None:
    assert failure(payload, raised=raised) == error
