"""Runs patched ministack in this process, with the services that it lacks, on one port of 127.0.0.1."""

import asyncio
import concurrent.futures
import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from local.cloud.builds import BUILDS
from local.cloud.connections import serve
from local.cloud.control import PREFIX, Control
from local.cloud.faults.door import Door
from local.cloud.identity.decisions import DECISIONS
from local.cloud.metrics.store import STORE
from local.cloud.ministack import install, ministack
from local.cloud.routing.invocation import MODULES, Invoker
from local.cloud.sources.runner import LOOP
from local.cloud.timeline import TIMELINE
from local.cloud.webhooks import WEBHOOKS
from local.cloud.workers.code import runtime_packages
from local.cloud.workers.environment import Surroundings
from local.cloud.workers.pool import Pool

HOST = "127.0.0.1"
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ")
_THREADS = 64
_REAP_SECONDS = 15.0


class ServerError(Exception):
    """The cloud cannot start; the text says why and what to do."""


def listen(port: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1; port 0 is any free one. Raises ServerError if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise ServerError(
            f"port {port} on {HOST} cannot be used ({error.strerror}): "
            "stop what listens there, or choose another with --port (0 is any free one)"
        ) from error
    return listener


def surround(environment: MutableMapping[str, str], port: int, state: Path) -> None:
    """Keep in `environment` only what ministack needs: it reads dozens of variables, and must not read the user's."""
    kept = {name: environment[name] for name in _KEPT_VARIABLES if name in environment}
    environment.clear()
    environment.update(
        kept,
        AUTH="false",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SECRET_ACCESS_KEY="local",  # noqa: S106 - what `execution_credentials` hands to workers
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        DOCKER_HOST=f"unix://{state}/no-docker",
        GATEWAY_PORT=str(port),
        HOME=str(state),
        LAMBDA_ACCOUNT_CONCURRENCY="1000",
        MINISTACK_HOST="localhost",
        PERSIST_STATE="0",
        S3_DATA_DIR=str(state / "s3"),
        STATE_DIR=str(state / "ministack"),
        TMPDIR=str(state),
    )


class Server:
    """The cloud. ministack reads the environment on import, so `surround` comes before it."""

    def __init__(self, listener: socket.socket, state: Path) -> None:
        from local.cloud.alarms import service as alarms  # noqa: PLC0415 - they import ministack
        from local.cloud.codedeploy import service as codedeploy  # noqa: PLC0415
        from local.cloud.identity import guard, sts  # noqa: PLC0415
        from local.cloud.metrics import service as metrics  # noqa: PLC0415
        from local.cloud.patches import (  # noqa: PLC0415
            buckets,
            codebuild,
            event_rules,
            event_targets,
            functions,
            http_api,
            http_api_control,
            http_edge,
            http_stage,
            lambdas,
            managed_keys,
            oidc_providers,
            queues,
            scans,
            streams,
        )
        from local.cloud.sources import poller  # noqa: PLC0415

        self.endpoint = f"http://{HOST}:{listener.getsockname()[1]}"
        self._listener = listener
        self._pool = Pool()
        code = state / "code"
        code.mkdir()
        surroundings = Surroundings(code, runtime_packages(code), self.endpoint)
        self._invoker = Invoker({name: ministack(name) for name in MODULES}, self._pool, surroundings)
        install(
            [
                *functions.patches(self._invoker, self._pool),
                *lambdas.patches(),
                *http_api.patches(self._invoker),
                *http_edge.patches(),
                *http_stage.patches(),
                *http_api_control.patches(),
                *buckets.patches(),
                *managed_keys.patches(),
                *oidc_providers.patches(),
                *queues.patches(),
                *streams.patches(),
                *scans.patches(),
                *event_rules.patches(),
                *event_targets.patches(),
                *codebuild.patches(),
            ],
            [
                need
                for module in (
                    functions,
                    lambdas,
                    http_api_control,
                    http_edge,
                    buckets,
                    managed_keys,
                    oidc_providers,
                    queues,
                    streams,
                    scans,
                    event_rules,
                    event_targets,
                    codebuild,
                )
                for need in module.needs()
            ],
        )
        BUILDS.root, BUILDS.endpoint = state / "builds", self.endpoint
        poller.install()
        self._streams = streams
        for service in (metrics, alarms, codedeploy, sts):
            service.register()
        self._ministack: Any = ministack("app")
        self._door = Door(self._ministack.app, guard.check)
        self._control = Control(self.endpoint, self._door, self._reset, self._retire_workers)

    async def run(self, stop: asyncio.Event, up: Callable[[], None]) -> None:
        """Serve until `stop` is set; `up` is called once requests are answered."""
        self._up = up
        reaper = asyncio.create_task(self._reap())

        def end() -> None:
            BUILDS.close()
            self._pool.close()  # first, so that calls in flight end

        try:
            await serve(self._application, self._listener, stop, end)
        finally:
            reaper.cancel()
            ministack("core.lambda_runtime").reset()  # the workers of other runtimes are ministack's

    async def _application(self, scope: Any, receive: Callable[..., Awaitable[Any]], send: Callable[..., Any]) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._control(scope, receive, send)
        elif scope["type"] == "http":
            await self._door(scope, receive, send)
        else:
            await self._ministack.app(scope, receive, send)

    async def _lifespan(self, receive: Callable[..., Awaitable[Any]], send: Callable[..., Any]) -> None:
        """Run the needed part of ministack's start-up: neither Docker nor SFTP nor MQTT nor start-up scripts."""
        await receive()
        loop = self._invoker.loop = LOOP.running = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(_THREADS))
        self._ministack._MAIN_LOOP = loop
        ministack("services.scheduler").start_scheduler()
        TIMELINE.start()
        self._streams.start()
        await send({"type": "lifespan.startup.complete"})
        loop.call_soon(self._up)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _reset(self) -> None:
        async with self._ministack._get_reset_lock():
            self._retire_workers()
            BUILDS.close()
            self._ministack._reset_all_state()
            STORE.clear()
            self._door.faults.replace([])
            self._door.calls.clear()
            DECISIONS.clear()
            WEBHOOKS.replace({})

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(_REAP_SECONDS)
            self._pool.reap()

    def _retire_workers(self) -> None:
        self._pool.retire(None, None, None, None)
