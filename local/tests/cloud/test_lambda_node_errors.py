"""Errors of Node.js functions: of an import, of a handler, of a promise or an exception that no code handles.

Names, texts and order are those of AWS's runtime interface client and of answers that its users recorded:
https://github.com/aws/aws-lambda-nodejs-runtime-interface-client,
https://github.com/aws/aws-lambda-base-images/issues/392 (promises that nothing handles, of nodejs22.x and nodejs24.x),
https://github.com/aws-samples/s3-to-lambda-patterns/issues/40 (an import that fails)
"""

import json
import re

import pytest

from local.tests.cloud.conftest import Functions
from local.tests.cloud.node import BOTH, NEW, OLD, Logs, logs, zipped

__all__ = ["logs"]  # a fixture

NEVER_SETTLED = "The Lambda runtime client detected an unexpected Node.js exit code."
ERRORS = [
    ("app.handler", "require('nowhere');", "Runtime.ImportModuleError", "Error: Cannot find module 'nowhere'\nRequire"),
    ("other.handler", "", "Runtime.ImportModuleError", "Error: Cannot find module 'other'\nRequire stack:\n- "),
    ("app.handler", "exports.handler = (", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected "),
    (
        "app.handler",
        "import 'node:fs';",
        "Runtime.UserCodeSyntaxError",
        "SyntaxError: Cannot use import statement outs",
    ),
    ("app.handler", "", "Runtime.HandlerNotFound", "app.handler is undefined or not exported"),
    ("app.handler", "exports.handler = 5;", "Runtime.HandlerNotFound", "app.handler is not a function"),
    ("app", "", "Runtime.MalformedHandlerName", "Bad handler"),
    (
        "../app.handler",
        "",
        "Runtime.MalformedHandlerName",
        "'../app.handler' is not a valid handler name. Use absolute",
    ),
    ("app.handler", "throw new RangeError('too far');", "RangeError", "too far"),
    ("app.handler", "throw 'text';", "string", "text"),
]


@BOTH
@pytest.mark.parametrize(("handler", "source", "kind", "message"), ERRORS)
def test_a_module_that_cannot_be_imported_is_an_error_of_each_call(
    functions: Functions, logs: Logs, *, runtime: str, handler: str, source: str, kind: str, message: str
) -> None:
    functions.create(zipped({"app.js": source}), Runtime=runtime, Handler=handler)
    for _ in range(2):
        failed = functions.invoke(qualifier="")
        assert failed["FunctionError"] == "Unhandled"
        assert failed["Payload"].keys() == {"errorType", "errorMessage", "trace"}
        assert failed["Payload"]["errorType"] == kind
        assert failed["Payload"]["errorMessage"].startswith(message)
    start = "undefined\tERROR\tUncaught Exception \t" if runtime == OLD else "-\tERROR\tInit Error \t"
    line = next(message for message in logs() if start in message)
    logged = json.loads(line.partition(start)[2])
    if kind != "string":  # what is no error becomes one in the log
        assert (logged["errorType"], logged["errorMessage"][: len(message)]) == (kind, message)
    assert logged["stack"]


def test_a_package_that_a_module_imports_is_not_provided(functions: Functions) -> None:
    functions.create("import '@aws-sdk/client-dynamodb';\n", Runtime=OLD)
    failed = functions.invoke(qualifier="")["Payload"]
    assert failed["errorType"] == "Error"
    assert failed["errorMessage"].startswith("Cannot find package '@aws-sdk/client-dynamodb' imported from ")
    assert failed["trace"][0].startswith("Error [ERR_MODULE_NOT_FOUND]: ")


@BOTH
def test_an_error_of_a_handler_is_its_answer_and_one_event_of_the_log(
    functions: Functions, logs: Logs, runtime: str
) -> None:
    functions.create(
        "class PaymentError extends Error { name = 'PaymentError'; code = 'E_CARD'; }\n"
        "export const handler = async () => { throw new PaymentError('declined', { cause: 5 }); };\n",
        Runtime=runtime,
    )
    failed = functions.invoke(qualifier="")["Payload"]
    assert (failed["errorType"], failed["errorMessage"]) == ("PaymentError", "declined")
    assert failed["trace"][1].lstrip().startswith("at ")
    (line,) = [message for message in logs() if "Invoke Error" in message]
    prefix, _, text = line.partition("\tERROR\tInvoke Error \t")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z\t[0-9a-f-]{36}", prefix)
    logged = json.loads(text)
    assert list(logged)[:3] == ["errorType", "errorMessage", "code"]
    assert (logged["errorType"], logged["code"], logged["stack"]) == ("PaymentError", "E_CARD", failed["trace"])


@BOTH
@pytest.mark.parametrize(
    ("thrown", "kind", "message"),
    [
        ("'text'", "string", "text"),
        ("5", "number", "5"),
        ("{ toString() { throw 1; } }", "handled", "callback called with Error argument, but there was a problem"),
    ],
)
def test_what_is_thrown_need_not_be_an_error(
    functions: Functions, runtime: str, thrown: str, kind: str, message: str
) -> None:
    functions.create(f"export const handler = async () => {{ throw {thrown}; }};\n", Runtime=runtime)
    failed = functions.invoke(qualifier="")["Payload"]
    assert (failed["errorType"], failed["errorMessage"][: len(message)]) == (kind, message)


CIRCLE = "export const handler = async () => { const one = {}; one.self = one; return one; };\n"


@pytest.mark.parametrize(("runtime", "kind"), [(OLD, "Error"), (NEW, "Runtime.JSONStringifyError")])
def test_an_answer_that_json_cannot_express_is_an_error_of_the_call(
    functions: Functions, runtime: str, kind: str
) -> None:
    functions.create(CIRCLE, Runtime=runtime)
    failed = functions.invoke(qualifier="")["Payload"]
    assert (failed["errorType"], failed["errorMessage"]) == (kind, "Unable to stringify response body")


@BOTH
def test_an_answer_over_the_limit_is_logged_as_lambdas_client_does(
    functions: Functions, logs: Logs, runtime: str
) -> None:
    functions.create("export const handler = async () => 'ä'.repeat(3_200_000);\n", Runtime=runtime)
    failed = functions.invoke(qualifier="")["Payload"]
    size = "maximum allowed payload size (6291556 bytes)"
    assert failed == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": f"Response payload size exceeded {size}.",
    }
    assert any("LAMBDA_RUNTIME Failed to post handler success response. Http response code: 413." in e for e in logs())


LOST = (
    "const fails = async () => { throw new Error('lost'); };\n"
    "export const handler = async (event) => {\n  fails();\n"
    "  if (event) await new Promise((resolve) => setTimeout(resolve, 60_000));\n  return process.pid;\n};\n"
)


def test_before_24_a_promise_that_nothing_handles_ends_the_process_after_the_answer(
    functions: Functions, logs: Logs
) -> None:
    functions.create(LOST, Runtime=OLD, Timeout=100)
    first, second = functions.invoke(qualifier=""), functions.invoke(qualifier="")
    assert not {"FunctionError"} & (first.keys() | second.keys())
    assert first["Payload"] != second["Payload"], "the process answered, and ended"
    request = first["ResponseMetadata"]["RequestId"]
    line = next(message for message in logs() if f"\t{request}\tERROR\tUnhandled Promise Rejection \t" in message)
    logged = json.loads(line.rpartition("\t")[2])
    assert (logged["errorType"], logged["errorMessage"]) == ("Runtime.UnhandledPromiseRejection", "Error: lost")
    assert (logged["reason"]["errorMessage"], logged["promise"]) == ("lost", {})
    exit_event = f"RequestId: {request} Error: Runtime exited with error: exit status 128\nRuntime.ExitError\n"
    assert exit_event in logs()


def test_before_24_a_promise_that_nothing_handles_is_the_error_of_a_call_under_way(functions: Functions) -> None:
    functions.create(LOST, Runtime=OLD, Timeout=100)
    failed = functions.invoke(1, qualifier="")["Payload"]
    assert (failed["errorType"], failed["errorMessage"]) == ("Runtime.UnhandledPromiseRejection", "Error: lost")
    assert "Error: lost" in failed["trace"][0]


@pytest.mark.parametrize(("runtime", "kind"), [(OLD, "Runtime.UnhandledPromiseRejection"), (NEW, "Runtime.ExitError")])
def test_a_promise_that_a_module_leaves_unhandled_fails_its_import(
    functions: Functions, logs: Logs, runtime: str, kind: str
) -> None:
    functions.create("Promise.reject(new Error('left'));\nexport const handler = async () => 5;\n", Runtime=runtime)
    for _ in range(2):
        assert functions.invoke(qualifier="")["Payload"]["errorType"] == kind
    assert any("Error: left" in line for line in logs())
    assert not any("Init Duration" in line for line in logs()), "no environment was ever ready"


def test_since_24_a_promise_that_nothing_handles_ends_the_process_before_the_answer(
    functions: Functions, logs: Logs
) -> None:
    functions.create(LOST, Runtime=NEW)
    failed = functions.invoke(qualifier="")["Payload"]
    assert failed["errorType"] == "Runtime.ExitError"
    assert failed["errorMessage"].endswith("Runtime exited with error: exit status 1")
    assert "Runtime.UnhandledPromiseRejection: Error: lost\n" in logs(), "as Node prints it: without time and request"


UNCAUGHT = (
    "export const handler = async (event) => {\n  if (event) setTimeout(() => { throw new RangeError('late'); });\n"
    "  await new Promise((resolve) => setTimeout(resolve, event ? 60_000 : 0));\n  return 'well';\n};\n"
)


@pytest.mark.parametrize(
    ("runtime", "kind", "message", "logged", "status"),
    [
        (OLD, "RangeError", "late", "\tERROR\tUncaught Exception \t", 129),
        (NEW, "Runtime.ExitError", "exit status 1", "RangeError: late\n", 1),
    ],
)
def test_an_exception_that_nothing_catches_ends_the_process_and_no_other_call(
    functions: Functions, logs: Logs, *, runtime: str, kind: str, message: str, logged: str, status: int
) -> None:
    functions.create(UNCAUGHT, Runtime=runtime, Timeout=100)
    for _ in range(3):
        failed = functions.invoke(1, qualifier="")["Payload"]
        assert (failed["errorType"], failed["errorMessage"][-len(message) :]) == (kind, message)
        assert functions.invoke(0, qualifier="")["Payload"] == "well"
    assert any(logged in line for line in logs())
    assert sum(f"Runtime exited with error: exit status {status}\n" in line for line in logs()) == 3


NEVER = "export const handler = async () => { await new Promise(() => {}); };\n"


@pytest.mark.parametrize(
    ("runtime", "kind", "message"),
    [(OLD, "Runtime.NodeJsExit", NEVER_SETTLED), (NEW, "Runtime.ExitError", "RequestId: ")],
)
def test_a_promise_that_nothing_will_settle_ends_the_call_at_once(
    functions: Functions, runtime: str, kind: str, message: str
) -> None:
    functions.create(NEVER, Runtime=runtime, Timeout=600)
    failed = functions.invoke(qualifier="")["Payload"]
    assert failed["errorType"] == kind
    assert failed["errorMessage"].startswith(message)
    if runtime == NEW:
        assert failed["errorMessage"].endswith("Error: Runtime exited with error: exit status 13")
