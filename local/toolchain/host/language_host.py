"""A Python language host for the Pulumi CLI, used only where the official `pulumi-language-python` is absent.

The CLI starts it, reads a port from its first line, and asks it over gRPC to run the program and the plugins that are
written in Python. It knows the `pip` and `uv` toolchains' `virtualenv` option and nothing else. It runs in a virtual
environment of its own, which holds the Pulumi SDK, and imports nothing of Strata.

Source: proto/pulumi/language.proto of the Pulumi SDK.
"""

import importlib.util
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Iterable, Iterator, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2

# Of the SDK a host needs only the generated protocol. Its packages are entered without running their __init__, which
# would load the whole SDK, and the CLI starts a host for the program and another for each plugin in Python.
for package in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
    if package not in sys.modules and (spec := importlib.util.find_spec(package)):
        sys.modules[package] = types.ModuleType(package)
        sys.modules[package].__path__ = list(spec.submodule_search_locations or [])

from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2  # noqa: E402

MESSAGE_SHOWN = 32  # the program's exit code if the user has already seen the reason
LARGEST_MESSAGE = 400 * 1024 * 1024  # bytes; the official host's limit


def virtual_environment(root: str, options: Mapping[str, Any]) -> Path | None:
    """Return the folder that the runtime options of Pulumi.yaml name, or None for the Python on PATH."""
    name = options.get("virtualenv") or (".venv" if options.get("toolchain") == "uv" else "")
    return Path(os.path.normpath(Path(root) / str(name))) if name else None


def python_of(root: str, options: Mapping[str, Any]) -> str:
    """Return the interpreter that the options name.

    Raises FileNotFoundError, with the remedy, if the virtual environment does not exist.
    """
    environment = virtual_environment(root, options)
    if environment is None:
        return "python3"
    python = environment / "bin/python"
    if not python.exists():
        message = f"virtualenv is set to {environment}, which holds no bin/python; run `make venvs` or `pulumi install`"
        raise FileNotFoundError(message)
    return str(python)


def surroundings(root: str, options: Mapping[str, Any], extra: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with the virtual environment activated, overridden by `extra`."""
    environment = virtual_environment(root, options)
    result = {**os.environ, **extra}
    result.pop("PYTHONHOME", None)
    if environment is not None:
        result["VIRTUAL_ENV"] = str(environment)
        result["PATH"] = f"{environment / 'bin'}{os.pathsep}{result.get('PATH', '')}"
    return result


class Children:
    """The running child processes; all are ended with the host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def start(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        with self._lock:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
            self._running.add(child)
        return child

    def ended(self, child: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.discard(child)

    def end(self, child: subprocess.Popen[bytes], patience: float = 5.0) -> None:
        """Send SIGTERM, wait, then send SIGKILL."""
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(patience)
            except subprocess.TimeoutExpired:
                child.kill()
        self.ended(child)

    def end_all(self) -> None:
        for child in list(self._running):
            self.end(child, patience=1.0)


def streamed(child: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield the child's output as it comes: ("stdout" | "stderr", bytes)."""
    chunks: queue.Queue[tuple[str, bytes] | None] = queue.Queue()

    def pump(name: str, pipe: Any) -> None:
        while chunk := os.read(pipe.fileno(), 65536):
            chunks.put((name, chunk))
        chunks.put(None)

    for name, pipe in (("stdout", child.stdout), ("stderr", child.stderr)):
        threading.Thread(target=pump, args=(name, pipe), daemon=True).start()
    open_pipes = 2
    while open_pipes:
        chunk = chunks.get()
        if chunk is None:
            open_pipes -= 1
        else:
            yield chunk


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """Implements LanguageRuntime for Python; names and shapes are the protocol's."""

    def __init__(self, engine: str, exec_script: Path) -> None:
        self.engine = engine
        self.exec_script = exec_script
        self.children = Children()

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.engine = request.engine_address or self.engine
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version="3.259.0")

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.GetRequiredPluginsResponse()

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.GetProgramDependenciesResponse()

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.children.end_all()
        return empty_pb2.Empty()

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        options = dict(request.info.options)
        root = request.info.root_directory
        try:
            python = python_of(root, options)
        except FileNotFoundError as problem:
            return language_pb2.RunResponse(error=str(problem))
        flags = {
            "monitor": request.monitor_address,
            "engine": self.engine,
            "project": request.project,
            "root_directory": root,
            "stack": request.stack,
            "pwd": request.pwd,
            "parallel": str(request.parallel),
            "dry_run": str(request.dryRun).lower(),
            "organization": request.organization,
        }
        command = [python, "-u", str(self.exec_script)]
        command += [part for name, value in flags.items() if value for part in (f"--{name}", value)]
        command += [request.info.entry_point or request.program, *request.args]
        config = {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        child = self.children.start(command, cwd=request.pwd, env=surroundings(root, options, config))
        context.add_callback(lambda: self.children.end(child))
        code = child.wait()
        self.children.ended(child)
        if code == 0:
            return language_pb2.RunResponse()
        if code == MESSAGE_SHOWN:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"the program ended with exit code {code}")

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        options = dict(request.info.options)
        root = request.info.root_directory
        try:
            python = python_of(root, options)
        except FileNotFoundError as problem:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(problem))
        module = ["-m", "pulumi.policy", *request.args] if request.kind == "analyzer" else []
        rest = [] if module else list(request.args)
        command = [python, "-u", *module, request.info.program_directory, *rest]
        given = dict(entry.split("=", 1) for entry in request.env)
        child = self.children.start(
            command,
            cwd=request.pwd,
            env=surroundings(root, options, given),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        context.add_callback(lambda: self.children.end(child))
        for name, chunk in streamed(child):
            stdout = name == "stdout"
            yield (
                language_pb2.RunPluginResponse(stdout=chunk) if stdout else language_pb2.RunPluginResponse(stderr=chunk)
            )
        code = child.wait()
        self.children.ended(child)
        yield language_pb2.RunPluginResponse(exitcode=code)

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        environment = virtual_environment(request.info.root_directory, dict(request.info.options))
        if environment is None:
            return
        steps: Iterable[list[str]] = (
            ["python3", "-m", "venv", str(environment)],
            [str(environment / "bin/python"), "-m", "pip", "install", "-r", "requirements.txt"],
        )
        for step in steps:
            child = self.children.start(
                step, cwd=request.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)
            )
            for name, chunk in streamed(child):
                yield language_pb2.InstallDependenciesResponse(**{name: chunk})
            self.children.ended(child)
            if child.wait() != 0:
                context.abort(grpc.StatusCode.UNKNOWN, f"`{' '.join(step)}` failed with exit code {child.returncode}")


def engine_address(arguments: list[str]) -> str:
    """Return the last plain argument; flags of the official host, such as -tracing, are accepted and ignored."""
    plain = [argument for argument in arguments if not argument.startswith("-")]
    return plain[-1] if plain else ""


def main() -> None:
    host = Host(engine_address(sys.argv[1:]), Path(__file__).with_name("pulumi-language-python-exec"))
    limits = [("grpc.max_receive_message_length", LARGEST_MESSAGE), ("grpc.max_send_message_length", LARGEST_MESSAGE)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=limits)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # A signal writes a byte here at once. To wait for an event in its stead would miss a signal that comes just before
    # the wait begins: Python runs handlers between two of its own instructions alone.
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)

    def watch_cli() -> None:
        """End with the CLI: it holds the other end of standard input, which closes when the CLI ends, also by `kill
        -9`."""
        while os.read(0, 4096):
            pass
        os.close(writer)

    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    threading.Thread(target=watch_cli, daemon=True).start()
    os.read(reader, 1)
    host.children.end_all()
    server.stop(0)
    os._exit(0)


if __name__ == "__main__":
    main()
