"""A local cloud for the session, reached as any user would: by boto3 over HTTP."""

import contextlib
import http.client
import io
import itertools
import json
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / "local" / ".venv" / "bin" / "python"
REGION = "eu-central-1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
_accounts = itertools.count(444_400_000_000)


@dataclass(frozen=True)
class Cloud:
    """A running local cloud."""

    endpoint: str
    pid: int
    factor: float

    @property
    def minute(self) -> float:
        """Real seconds of one simulated minute."""
        return 60 / self.factor

    def client(
        self,
        service: str,
        account: str,
        region: str = REGION,
        *,
        signed: bool = True,
        keys: Mapping[str, str] | None = None,
    ) -> Any:
        """Return a boto3 client that neither validates nor retries, so that a test sees the service's own answer.

        One that does not sign sends exactly what it is given, as an attacker would. `keys`: credentials
        other than the account's own, by the names that boto3 has for them.
        """
        make: Callable[..., Any] = boto3.client  # which service is known only when a test runs
        config = Config(retries={"total_max_attempts": 1}, read_timeout=600, parameter_validation=False)
        return make(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            **{"aws_access_key_id": account, "aws_secret_access_key": "local", **(keys or {})},
            config=config if signed else config.merge(Config(signature_version=UNSIGNED, parameter_validation=False)),
        )

    def control(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """Status and answer of the control plane."""
        status, text = self.http(method, f"/_strata/{path}", None if body is None else json.dumps(body))
        return status, json.loads(text)

    def http(self, method: str, path: str, body: str | None = None, host: str | None = None) -> tuple[int, str]:
        """Status and body of a request without credentials, with the Host header `host` where it is given."""
        address = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(address.netloc, timeout=300)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, body, {**headers, "Host": host} if host else headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


def start_cloud(folder: Path, *options: str, factor: float = 60) -> tuple[subprocess.Popen[str], Cloud]:
    """Start a cloud on a free port; its output is in `folder`/cloud.txt. Stop it with `stop_cloud`."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [str(PYTHON), "-m", "local.cloud", "--port", "0", "--factor", str(factor), "--ready-file", str(ready)]
    with (folder / "cloud.txt").open("w") as output:
        process = subprocess.Popen(
            [*command, "--parent", str(os.getpid()), *options],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    until(lambda: ready.exists() or process.poll() is not None)
    if not ready.exists():
        pytest.fail(f"the local cloud did not start:\n{(folder / 'cloud.txt').read_text()}")
    return process, Cloud(**json.loads(ready.read_text()))


def stop_cloud(process: subprocess.Popen[str]) -> None:
    """End a cloud as Ctrl-C does."""
    process.send_signal(signal.SIGINT)
    process.wait(timeout=600)


def until(condition: Callable[[], Any], seconds: float = 600.0) -> Any:
    """Return the first true result of `condition`, or its last one when the time is over, which is long: a busy machine
    is no fault of what is tested."""
    deadline = time.monotonic() + seconds
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return result


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The session's cloud: a simulated minute takes a second. Tests share it, each with an account of its own."""
    process, running = start_cloud(tmp_path_factory.mktemp("cloud"))
    yield running
    stop_cloud(process)


@pytest.fixture
def account() -> str:
    """A fresh account id."""
    return f"{next(_accounts):012d}"


@pytest.fixture
def client(cloud: Cloud, account: str) -> Callable[[str], Any]:
    """Makes boto3 clients of the fresh account: `client("lambda")`."""
    return lambda service: cloud.client(service, account)


def file_of(runtime: str) -> str:
    """Return the file of the module `app` in the language of a runtime."""
    return "app.mjs" if runtime.startswith("nodejs") else "app.py"


def archive(source: str, name: str = "app.py") -> bytes:
    """Return a zip that holds one module: the same bytes for the same source, whenever it is made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as contents:
        contents.writestr(zipfile.ZipInfo(name), source)
    return buffer.getvalue()


class Functions:
    """Makes functions whose code is one module `app` with a `handler`."""

    def __init__(self, client: Callable[[str], Any], account: str) -> None:
        self.client = client("lambda")
        self._iam = client("iam")
        self._account = account
        self._files: dict[str, str] = {}

    def role(self, name: str = "execution") -> str:
        """Return the ARN of an execution role, made on first use."""
        with contextlib.suppress(self._iam.exceptions.EntityAlreadyExistsException):
            self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        return f"arn:aws:iam::{self._account}:role/{name}"

    def create(self, source: str | bytes, name: str = "orders", **config: Any) -> str:
        """Create a function of a module or an archive, in Python unless `Runtime` says otherwise, and publish it.
        Return the version."""
        config = {"Role": config.pop("Role", None) or self.role(), "Timeout": 10, "Runtime": "python3.11", **config}
        self._files[name] = file_of(config["Runtime"])
        made = self.client.create_function(
            FunctionName=name,
            Handler=config.pop("Handler", "app.handler"),
            Code={"ZipFile": source if isinstance(source, bytes) else archive(source, self._files[name])},
            Publish=True,
            **config,
        )
        self._wait(name)
        return str(made["Version"])

    def publish(self, source: str, name: str = "orders") -> str:
        """Publish other code; return the version."""
        made = self.client.update_function_code(
            FunctionName=name, ZipFile=archive(source, self._files[name]), Publish=True
        )
        self._wait(name)
        return str(made["Version"])

    def alias(self, version: str, weights: dict[str, float] | None = None, name: str = "orders") -> str:
        """Create or move the alias `live`; return its ARN."""
        call = self.client.create_alias
        if any(alias["Name"] == "live" for alias in self.client.list_aliases(FunctionName=name)["Aliases"]):
            call = self.client.update_alias
        routing = {"AdditionalVersionWeights": weights or {}}
        made = call(FunctionName=name, Name="live", FunctionVersion=version, RoutingConfig=routing)
        return str(made["AliasArn"])

    def invoke(self, event: Any = None, name: str = "orders", qualifier: str = "live", **options: Any) -> Any:
        """Invoke a function; return the response with its payload read."""
        options = {"Qualifier": qualifier, **options} if qualifier else options
        response = self.client.invoke(FunctionName=name, Payload=json.dumps(event), **options)
        payload = response["Payload"].read()
        return {**response, "Payload": json.loads(payload) if payload else None}

    def reconfigure(self, name: str = "orders", **config: Any) -> None:
        """Change the configuration and wait for it."""
        self.client.update_function_configuration(FunctionName=name, **config)
        self._wait(name)

    def _wait(self, name: str) -> None:
        """Wait like the waiter `function_updated_v2`, which polls only once a second."""

        def updated() -> bool:
            config = self.client.get_function_configuration(FunctionName=name)
            return bool(config["State"] == "Active" and config.get("LastUpdateStatus") == "Successful")

        assert until(updated), f"function {name} does not become active"


@pytest.fixture
def cloudwatch(client: Callable[[str], Any]) -> Any:
    return client("cloudwatch")


@pytest.fixture
def functions(client: Callable[[str], Any], account: str) -> Functions:
    """Makes Lambda functions in the fresh account."""
    return Functions(client, account)
