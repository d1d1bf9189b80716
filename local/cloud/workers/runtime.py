"""Runs inside a worker process: imports the handler once, then answers one invocation after another.

It is a script (`python -S -P -u runtime.py SOCKET HANDLER PATH...`) that imports nothing of this project, so that
a handler finds in its process what Lambda would have there, and nothing else. Requests and answers are lines of JSON
on the socket; whatever the handler prints goes to stdout, which the server reads as the function's log.
https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html, python-context.html, python-logging.html
"""

import decimal
import importlib
import json
import logging
import os
import select
import socket
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import Any, NoReturn

_ANSWER_BYTES = 6_291_556  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_GONE = 137


class RuntimeFaultError(Exception):
    """An error of the runtime itself, with the name under which Lambda reports it."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


class Identity:
    """context.identity: Cognito's, empty here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class LambdaContext:
    """The context object that a handler receives."""

    def __init__(self, request_id: str, function_arn: str, deadline: float) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = function_arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = None
        self.identity = Identity()
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation times out; 0 after that."""
        return max(0, int((self._deadline - time.time()) * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


class LogHandler(logging.Handler):
    """The root logger's handler, in Lambda's text format."""

    request_id = ""

    def __init__(self) -> None:
        super().__init__()
        form = logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(request)s\t%(message)s")
        form.datefmt = "%Y-%m-%dT%H:%M:%S"
        form.converter = time.gmtime
        self.setFormatter(form)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as one event."""
        record.request = LogHandler.request_id
        write_event(self.format(record))


def write_event(text: str) -> None:
    """Write text of several lines as one log event: the server turns carriage returns within a line back."""
    sys.stdout.write(text.replace("\n", "\r") + "\n")


def load(handler: str) -> Any:
    """Return the handler `module.function`. Raises RuntimeFaultError, or what the module raises on import."""
    module_name, dot, name = handler.rpartition(".")
    if not dot:
        raise RuntimeFaultError("Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise RuntimeFaultError(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from error
    except SyntaxError as error:
        where = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise RuntimeFaultError("Runtime.UserCodeSyntaxError", message, where) from error
    try:
        return getattr(module, name)
    except AttributeError:
        raise RuntimeFaultError(
            "Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'"
        ) from None


def plain(value: object) -> object:
    """Convert a value that JSON does not have; Lambda's runtime writes decimals as numbers."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def failure(error: BaseException, own_frames: int) -> dict[str, Any]:
    """Return the error document of an exception, without the frames of this file; written to the log as well."""
    if isinstance(error, RuntimeFaultError):
        kind, trace = error.kind, error.trace
    else:
        kind, trace = type(error).__name__, frames(error.__traceback__, own_frames)
    write_event(f"[ERROR] {kind}: {error}\nTraceback (most recent call last):\n{''.join(trace)}".rstrip())
    return {"errorMessage": str(error), "errorType": kind, "requestId": LogHandler.request_id, "stackTrace": trace}


def frames(trace: TracebackType | None, own: int) -> list[str]:
    """Return the traceback, one string a frame, without the first `own` and the import machinery."""
    listed = [
        frame for frame in traceback.extract_tb(trace)[own:] if not frame.filename.startswith("<frozen importlib")
    ]
    return traceback.format_list(listed)


def watch(server: socket.socket) -> None:
    """End when the server ends, even during an invocation: poll without events reports only a hang-up."""
    poll = select.poll()
    poll.register(server.fileno(), 0)
    poll.poll()
    os._exit(_GONE)


def peak_megabytes() -> int:
    """Return the largest resident size so far; 0 if the system does not report it. ru_maxrss would count the
    server's."""
    try:
        with open("/proc/self/status", "rb") as status:  # noqa: PTH123 - pathlib takes longer than most handlers
            text = status.read()
        return int(text.partition(b"VmHWM:")[2].split(maxsplit=1)[0]) >> 10
    except (OSError, ValueError, IndexError):
        return 0


def invoke(handler: Any, request: dict[str, Any]) -> str:
    """Run one invocation; return the answer and its report as JSON text."""
    LogHandler.request_id = request["id"]
    context = LambdaContext(request["id"], request["arn"], time.time() + request["timeout"])
    started = time.perf_counter()
    try:
        result = handler(request["event"], context)
    except Exception as error:
        document, ok = failure(error, own_frames=1), False
    else:
        document, ok = result, True
    elapsed = (time.perf_counter() - started) * 1000
    try:
        text = json.dumps(document, default=plain)
        if len(text) > _ANSWER_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({_ANSWER_BYTES} bytes)."
            raise RuntimeFaultError("Function.ResponseSizeTooLarge", message)
    except (TypeError, ValueError) as error:
        fault = RuntimeFaultError("Runtime.MarshalError", f"Unable to marshal response: {error}")
        text, ok = json.dumps(failure(fault, own_frames=0)), False
    except RuntimeFaultError as error:
        text, ok = json.dumps(failure(error, own_frames=0)), False
    report = json.dumps({"ok": ok, "milliseconds": elapsed, "megabytes": peak_megabytes()})
    return f'{report[:-1]}, "body": {text}}}\n'


def serve(server: socket.socket, handler: Any) -> None:
    """Answer until the server hangs up."""
    requests = server.makefile("rb")
    for line in requests:
        server.sendall(invoke(handler, json.loads(line)).encode())


def main(descriptor: str, handler_name: str, *path: str) -> NoReturn:
    """Import the handler, report the result, and serve."""
    server = socket.socket(fileno=int(descriptor))
    server.set_inheritable(False)
    threading.Thread(target=watch, args=(server,), daemon=True).start()
    sys.argv = [""]
    sys.path[:0] = path
    logging.root.addHandler(LogHandler())
    started = time.perf_counter()
    try:
        handler = load(handler_name)
    except Exception as error:
        document = failure(error, own_frames=2)
        server.sendall((json.dumps({"ok": False, "error": document}) + "\n").encode())
        sys.exit(1)
    milliseconds = (time.perf_counter() - started) * 1000
    server.sendall((json.dumps({"ok": True, "milliseconds": milliseconds}) + "\n").encode())
    serve(server, handler)
    sys.exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
