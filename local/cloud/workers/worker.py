"""The server's side of one execution environment: a process, its socket, and the file with its output."""

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from local.cloud.clock import CLOCK
from local.cloud.workers import processor

_INIT_SECONDS = 10.0
_ANSWER_BYTES = 1 << 25
_OUTPUT_BYTES = 1 << 20


@dataclass(frozen=True)
class Environment:
    """The complete environment of a worker, with nothing of the server's own."""

    version: str
    handler: str
    folder: Path
    """The function's code, unpacked."""
    command: Sequence[str]
    """The interpreter, its options and its script, which takes the socket, the handler and `arguments`."""
    arguments: Sequence[str]
    variables: Mapping[str, str]
    timeout: float
    """Seconds that one invocation may take, not counting those for which it waits for a processor."""


@dataclass(frozen=True)
class Answer:
    """The result of one invocation, and what its process wrote meanwhile."""

    body: Any
    stream: str
    """The worker's log stream."""
    error: str = ""
    """Empty, or the error type."""
    milliseconds: float = 0.0
    """The handler's own time."""
    megabytes: int = 0
    init: float | None = None
    """Milliseconds of the import, on a cold start."""
    output: Sequence[str] = field(default_factory=list)
    started: float = 0.0
    """The start of the invocation in the process, in seconds since the epoch; 0 if it never started."""


class Worker:
    """A process that serves one version of one function, one invocation at a time: first `start`, then `invoke`."""

    def __init__(self, environment: Environment) -> None:
        identity = secrets.token_hex(16)
        self.stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{environment.version}]{identity}"
        self.idle_since = time.monotonic()
        self._environment = environment
        self._init: float | None = None
        self._broken = False
        self._output = _appended_file()
        self._read = 0
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*environment.command, str(theirs.fileno()), environment.handler, *environment.arguments],
                cwd=environment.folder,
                env={**environment.variables, "AWS_LAMBDA_LOG_STREAM_NAME": self.stream},
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C in the terminal is the server's alone
            )

    @property
    def pid(self) -> int:
        """Return the id of its process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Return True if it can take another invocation."""
        return not self._broken and self._process.poll() is None

    async def start(self, request_id: str) -> Answer | None:
        """Wait for the import of the handler. None when it went well, else the answer to the waiting invocation."""
        try:
            self._reader, self._writer = await asyncio.open_connection(sock=self._socket, limit=_ANSWER_BYTES)
            async with processor.timeout(self.pid, _INIT_SECONDS + self._environment.timeout):
                said = json.loads(await self._reader.readuntil())
        except TimeoutError:
            return await self._timed_out(request_id)
        except (OSError, asyncio.IncompleteReadError):
            return await self._exited(request_id)
        if said["ok"]:
            self._init = said["milliseconds"]
            return None
        await self.end()
        document = _with_request_id(said["error"], request_id)
        return Answer(document, self.stream, document["errorType"], output=self._take_output())

    async def invoke(self, request_id: str, function_arn: str, event: Any) -> Answer:
        """Run one invocation. A timeout or an exit ends the process; an exception of the handler does not."""
        started = CLOCK.now()
        return replace(await self._invoke(request_id, function_arn, event), started=started)

    async def _invoke(self, request_id: str, function_arn: str, event: Any) -> Answer:
        timeout = self._environment.timeout
        init, self._init = self._init, None
        request = {"id": request_id, "arn": function_arn, "timeout": timeout, "event": event}
        try:
            async with processor.timeout(self.pid, timeout):
                self._writer.write((json.dumps(request) + "\n").encode())
                await self._writer.drain()
                said = json.loads(await self._reader.readuntil())
        except TimeoutError:
            return await self._timed_out(request_id)
        except (OSError, asyncio.IncompleteReadError):
            return await self._exited(request_id)
        except BaseException:  # after any other error the data on the socket belongs to no call
            self._broken = True
            raise
        body = said["body"]
        error = "" if said["ok"] else body["errorType"]
        output = self._take_output()
        if status := said.get("exits"):  # it answered, and ends by itself: no other call may reach it
            await self.end()
            output += [_exit_event(request_id, f"Runtime exited with error: exit status {status}")]
        return Answer(body, self.stream, error, said["milliseconds"], said["megabytes"], init, output)

    def kill(self) -> None:
        """Kill the process and its descendants without waiting; harmless if it has ended."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def wait(self) -> None:
        """Wait until the process has ended."""
        self._process.wait()

    async def end(self) -> None:
        """Kill the process and wait for it. Its output can still be read."""
        self.kill()
        await asyncio.to_thread(self.wait)
        if hasattr(self, "_writer"):
            self._writer.close()

    async def _timed_out(self, request_id: str) -> Answer:
        await self.end()
        seconds = self._environment.timeout
        reason = f"Task timed out after {seconds:.2f} seconds"
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        output = [*self._take_output(), f"{now} {request_id} {reason}\n\n"]
        document = {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: {reason}"}
        return Answer(document, self.stream, "Sandbox.Timedout", seconds * 1000, output=output)

    async def _exited(self, request_id: str) -> Answer:
        await self.end()
        code = self._process.returncode
        how = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        reason = f"Runtime exited with error: {how}" if code else "Runtime exited without providing a reason"
        output = [*self._take_output(), _exit_event(request_id, reason)]
        document = {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {request_id} Error: {reason}"}
        return Answer(document, self.stream, "Runtime.ExitError", output=output)

    def _take_output(self) -> list[str]:
        """Return the lines written since the last call. A file, unlike a pipe, needs no waiting and survives the
        process."""
        size = os.fstat(self._output.fileno()).st_size
        text = os.pread(self._output.fileno(), size - self._read, self._read).decode(errors="replace")
        self._read = size
        if size > _OUTPUT_BYTES:
            self._output.truncate(0)
            self._read = 0
        return [line.replace("\r", "\n") + "\n" for line in text.split("\n") if line]


def _appended_file() -> IO[bytes]:
    """Return a temporary file that every process appends to: one that is truncated is then written from its beginning.

    TemporaryFile("a+b") appends by Python's own file object alone; the system is not asked for O_APPEND.
    """
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open as long as the process
    fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | os.O_APPEND)
    return file


def renamed(answer: Answer, request_id: str) -> Answer:
    """Return an answer to another request, as it is in a runtime whose errors name the request."""
    return replace(answer, body=_with_request_id(answer.body, request_id))


def _with_request_id(document: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    return {**document, "requestId": request_id} if "requestId" in document else dict(document)


def _exit_event(request_id: str, reason: str) -> str:
    return f"RequestId: {request_id} Error: {reason}\nRuntime.ExitError\n"
