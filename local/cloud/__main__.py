"""`python -m local.cloud`: AWS on this machine, in the foreground, on 127.0.0.1 only."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import resource
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import uvloop

from local.cloud import settings
from local.cloud.builds import BUILDS
from local.cloud.ministack import PatchError
from local.cloud.server import Server, ServerError, listen, surround

_PARENT_SECONDS = 0.25


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m local.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="0 is any free one (default: %(default)s)")
    parser.add_argument("--factor", type=float, default=1.0, help="simulated seconds per real second (default: 1)")
    parser.add_argument("--lateness", type=float, default=0.0, metavar="MINUTES", help="how late metrics arrive")
    parser.add_argument(
        "--executed-version-always", action="store_true", help="report ExecutedVersion for an alias without weights too"
    )
    parser.add_argument("--enforce", action="store_true", help="ask IAM's policies before each call")
    parser.add_argument(
        "--build-tools", type=Path, metavar="FOLDER", help="commands that CodeBuild's builds find before this machine's"
    )
    parser.add_argument("--account", default="111111111111", help="the account in the lines to export")
    parser.add_argument("--region", default="eu-central-1", help="the region in the lines to export")
    parser.add_argument("--ready-file", type=Path, help="written when up: endpoint, pid and factor as JSON")
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process is gone")
    parser.add_argument("--log-file", type=Path, help="write ministack's log there")
    parser.add_argument("-v", "--verbose", action="store_true", help="show ministack's log")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Serve until a signal, or until the parent is gone. The exit code is 1 where it could not start."""
    options = arguments().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the loop runs, both end it alike
    state: Path | None = None
    try:
        if options.ready_file is not None:
            options.ready_file.unlink(missing_ok=True)
        settings.change(
            {
                "factor": options.factor,
                "lateness_minutes": options.lateness,
                "executed_version_always": options.executed_version_always,
                "enforce": options.enforce,
            }
        )
        _log_to(options)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a burst of connections must not meet 1,024
        listener = listen(options.port)
        state = _state_folder()
        surround(os.environ, listener.getsockname()[1], state)
        BUILDS.tools = options.build_tools and options.build_tools.resolve()
        tempfile.tempdir = str(state)  # it was set by an earlier search for a folder
        uvloop.new_event_loop().run_until_complete(_serve(Server(listener, state), options))
    except (ServerError, PatchError, settings.SettingsError) as error:
        sys.stderr.write(f"local cloud: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        if state is not None:
            shutil.rmtree(state, ignore_errors=True)
        if options.ready_file is not None:
            options.ready_file.unlink(missing_ok=True)
    return 0


async def _serve(server: Server, options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    watcher = None if options.parent is None else loop.create_task(_watch(options.parent, stop))
    await server.run(stop, up=lambda: _announce(server.endpoint, options))
    if watcher is not None:
        watcher.cancel()
    _say("# Stopped.")


def _announce(endpoint: str, options: argparse.Namespace) -> None:
    minute = 60 / options.factor
    _say(f"# AWS on this machine is up; a simulated minute takes {minute:g} s. Ctrl-C ends it and forgets everything.")
    _say("# The access key is the account id: 111111111111 is dev, 222222222222 staging, 333333333333 prod.")
    _say(f"export AWS_ENDPOINT_URL={endpoint}")
    _say(f"export AWS_ACCESS_KEY_ID={options.account}")
    _say("export AWS_SECRET_ACCESS_KEY=local")
    _say(f"export AWS_REGION={options.region}")
    _say(f"export AWS_DEFAULT_REGION={options.region}")
    _say(f"export STRATA_CLOCK_RATE={options.factor:g}")
    if options.ready_file is not None:
        ready = {"endpoint": endpoint, "pid": os.getpid(), "factor": options.factor}
        part = options.ready_file.with_name(f"{options.ready_file.name}.{os.getpid()}")
        part.write_text(json.dumps(ready) + "\n")
        part.replace(options.ready_file)


async def _watch(parent: int, stop: asyncio.Event) -> None:
    """Set `stop` when the process `parent` is gone."""
    while _alive(parent):
        await asyncio.sleep(_PARENT_SECONDS)
    stop.set()


def _alive(pid: int) -> bool:
    """Return True if a process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError, IndexError):  # Linux shows zombies in /proc; elsewhere signal 0 must be enough
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def _state_folder() -> Path:
    """A temporary folder of this process; those of dead ones are removed, since `kill -9` leaves them behind."""
    prefix = "strata-cloud-"
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        pid = folder.name.removeprefix(prefix).split("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-"))


def _log_to(options: argparse.Namespace) -> None:
    """Send ministack's log to the chosen file or, if --verbose, to stderr; else log only its errors."""
    wanted = options.verbose or options.log_file is not None
    handler = logging.FileHandler(options.log_file) if options.log_file else logging.StreamHandler()
    logging.basicConfig(
        level=logging.INFO if wanted else logging.ERROR,
        handlers=[handler],
        format="%(asctime)s %(levelname)s [%(name)s] %(message)s",
    )


def _say(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # threads of ministack may still wait for something
