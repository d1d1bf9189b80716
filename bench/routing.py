"""Measures what an invocation costs: by our weighted alias, and by a direct call on stock ministack, in turns.

The same raw client calls both, so that only the servers differ. It also measures what an exception costs, and checks
that the weights of an alias hold.
"""

import io
import json
import math
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from rich.console import Console
from rich.table import Table

from infra.console import plain_table

ROOT = Path(__file__).resolve().parents[1]
PYTHON = str(ROOT / "local" / ".venv" / "bin" / "python")
RESULT = Path(".bench/routing.json")
ACCOUNT = "123456789012"
REGION = "eu-central-1"
CLIENTS = 8
ROUNDS = 5
SECONDS = 2.5
WARM_SECONDS = 3.0
WEIGHT = 0.1
CALLS = 20_000
CONFIDENCE = 0.999
P50_BAR = 0.5  # times; ours over stock
RATE_BAR = 3.0  # times; ours over stock
RAISING_BAR = 0.5  # times; a handler that raises half of the time over one that does not

SILENT = "def handler(event, context):\n    return {}\n"
RAISING = (
    "import itertools\ncount = itertools.count()\n"
    "def handler(event, context):\n    if next(count) % 2: raise ValueError('half of the time')\n"
)
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class BenchError(Exception):
    """A server did not start, or answered otherwise than expected."""


class Connection:
    """Calls one function repeatedly on one connection, in as little Python as possible, since it shares the machine."""

    def __init__(self, endpoint: str, function: str) -> None:
        address = urlsplit(endpoint)
        self._socket = socket.create_connection((str(address.hostname), int(address.port or 80)), timeout=30)
        signature = f"Credential={ACCOUNT}/20260101/{REGION}/lambda/aws4_request, SignedHeaders=host, Signature=none"
        self._request = (
            f"POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 {signature}\r\nContent-Length: 2\r\n\r\n{{}}"
        ).encode()

    def call(self) -> str:
        """Call once; return the version that ran. Raises BenchError for any status but 200."""
        self._socket.sendall(self._request)
        received = b""
        while (head := received.partition(b"\r\n\r\n"))[1] == b"":
            received += self._receive()
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head[0].split(b"\r\n"))
        }
        missing = int(headers[b"content-length"]) - len(head[2])
        while missing > 0:
            missing -= len(self._receive())
        if not head[0].startswith(b"HTTP/1.1 200"):
            raise BenchError(f"the server answered {head[0].splitlines()[0].decode()}")
        return headers[b"x-amz-executed-version"].decode()

    def _receive(self) -> bytes:
        part = self._socket.recv(65536)
        if not part:
            raise BenchError("the server hung up")
        return part

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


@dataclass
class Taken:
    """What CLIENTS connections measured in some seconds."""

    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)
    failures: list[Exception] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Return the requests per second."""
        return len(self.milliseconds) / self.seconds

    @property
    def p50(self) -> float:
        """Return the milliseconds of the median request."""
        return statistics.median(self.milliseconds)


def drive(endpoint: str, function: str, seconds: float = math.inf, calls: float = math.inf) -> Taken:
    """Call a function from CLIENTS connections at once, until the time or the number of calls is reached.

    Raises BenchError if a call fails.
    """
    taken, begun = Taken(), time.perf_counter()

    def client() -> None:
        connection = Connection(endpoint, function)
        try:
            while (at := time.perf_counter()) - begun < seconds and len(taken.milliseconds) < calls:
                taken.versions[connection.call()] += 1
                taken.milliseconds.append((time.perf_counter() - at) * 1000)
        except Exception as error:
            taken.failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if taken.failures:
        raise BenchError(f"{function} on {endpoint}") from taken.failures[0]
    taken.seconds = time.perf_counter() - begun
    return taken


def archive(source: str, name: str = "app.py") -> bytes:
    """Return a zip with one module."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as contents:
        contents.writestr(name, source)
    return buffer.getvalue()


def create(endpoint: str, functions: Mapping[str, tuple[str, bytes]]) -> Any:
    """Create functions, each of a runtime and an archive; return a client of Lambda."""
    keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "local", "region_name": REGION}
    iam = boto3.client("iam", endpoint_url=endpoint, **keys)  # type: ignore[call-overload]
    client: Any = boto3.client("lambda", endpoint_url=endpoint, **keys)  # type: ignore[call-overload]
    role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    for name, (runtime, code) in functions.items():
        client.create_function(
            FunctionName=name, Runtime=runtime, Handler="app.handler", Role=role, Code={"ZipFile": code}
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name)
    return client


def deploy(endpoint: str) -> None:
    """Create the functions that are called: `silent` with the alias `live` over two versions, and `raising`."""
    sources = {"silent": SILENT, "raising": RAISING}
    functions = create(endpoint, {name: ("python3.11", archive(source)) for name, source in sources.items()})
    first = functions.publish_version(FunctionName="silent")["Version"]
    functions.update_function_code(FunctionName="silent", ZipFile=archive(SILENT + "# 2\n"))
    functions.get_waiter("function_updated_v2").wait(FunctionName="silent")
    second = functions.publish_version(FunctionName="silent")["Version"]
    routing = {"AdditionalVersionWeights": {second: WEIGHT}}
    functions.create_alias(FunctionName="silent", Name="live", FunctionVersion=first, RoutingConfig=routing)


@contextmanager
def server(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server as a process, without the user's settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    process = subprocess.Popen(
        [PYTHON, *command], cwd=ROOT, env={**kept, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def ours(folder: Path) -> Iterator[str]:
    """Run our cloud, and yield its endpoint."""
    ready = folder / "ready.json"
    options = ("--port", "0", "--factor", "60", "--ready-file", str(ready), "--parent", str(os.getpid()))
    with server("-m", "local.cloud", *options) as process:
        wait(process, ready.exists)
        yield str(json.loads(ready.read_text())["endpoint"])


@contextmanager
def stock(folder: Path) -> Iterator[str]:
    """Run stock ministack, and yield its endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    settings = {
        "AUTH": "false",
        "BIND_HOST": "127.0.0.1",
        "DOCKER_HOST": f"unix://{folder}/none",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
        "TMPDIR": str(folder),
    }
    with server("-c", "from ministack.app import main; main()", **settings) as process:
        wait(process, answers)
        yield f"http://127.0.0.1:{port}"


def wait(process: subprocess.Popen[bytes], up: Any) -> None:
    """Wait until a server is up. Raises BenchError if it ends instead, or is not up after a minute."""
    deadline = time.monotonic() + 60
    while not up():
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"the server did not start: {process.args!r}")
        time.sleep(0.05)


def interval(calls: int, share: float, confidence: float) -> tuple[int, int]:
    """Return the binomial interval: the fewest and the most of `calls` that go one way with probability `share`, at
    that confidence, with equal tails."""
    tail, below, low = (1 - confidence) / 2, 0.0, -1
    for count in range(calls + 1):
        ways = math.lgamma(calls + 1) - math.lgamma(count + 1) - math.lgamma(calls - count + 1)
        below += math.exp(ways + count * math.log(share) + (calls - count) * math.log1p(-share))
        if low < 0 and below > tail:
            low = count
        if below >= 1 - tail:
            return low, count
    return low, calls


def measure() -> dict[str, Any]:
    """Measure everything; return the form of the file."""
    pairs: list[tuple[Taken, Taken]] = []
    raising: list[tuple[Taken, Taken]] = []
    split: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, ours(Path(name)) as alias, stock(Path(name)) as plain:
        for endpoint in (alias, plain):
            deploy(endpoint)
            drive(endpoint, "silent", WARM_SECONDS)
        for _ in range(ROUNDS):
            pairs.append((drive(alias, "silent:live", SECONDS), drive(plain, "silent", SECONDS)))
            raising.append((drive(alias, "raising", SECONDS), drive(alias, "silent", SECONDS)))
            split += pairs[-1][0].versions
        split += drive(alias, "silent:live", calls=CALLS - split.total()).versions
    low, high = interval(split.total(), WEIGHT, CONFIDENCE)
    ratios = {
        "p50": statistics.median(a.p50 / b.p50 for a, b in pairs),
        "requests_per_second": statistics.median(a.rate / b.rate for a, b in pairs),
        "raising": statistics.median(a.rate / b.rate for a, b in raising),
    }
    return {
        "clients": CLIENTS,
        "rounds": ROUNDS,
        "weighted_alias": figures([a for a, _ in pairs]),
        "stock_direct": figures([b for _, b in pairs]),
        "raising": figures([a for a, _ in raising]),
        "not_raising": figures([b for _, b in raising]),
        "ratios": {name: round(ratio, 3) for name, ratio in ratios.items()},
        "split": {"calls": split.total(), "weight": WEIGHT, "canary": split["2"], "low": low, "high": high},
        "bars": {"p50": P50_BAR, "requests_per_second": RATE_BAR, "raising": RAISING_BAR, "confidence": CONFIDENCE},
        "reached": {
            "p50": ratios["p50"] <= P50_BAR,
            "requests_per_second": ratios["requests_per_second"] >= RATE_BAR,
            "raising": ratios["raising"] >= RAISING_BAR,
            "split": low <= split["2"] <= high,
        },
    }


def figures(taken: list[Taken]) -> dict[str, Any]:
    """Return the raw numbers of some rounds."""
    return {
        "p50_milliseconds": [round(each.p50, 2) for each in taken],
        "requests_per_second": [round(each.rate, 1) for each in taken],
    }


def table(result: dict[str, Any]) -> Table:
    """Return the table for a person."""
    shown = plain_table()
    shown.add_column(f"{CLIENTS} clients, median of {ROUNDS} rounds")
    shown.add_column("p50", justify="right")
    shown.add_column("requests/s", justify="right")
    titles = {
        "weighted_alias": "weighted alias, silent handler",
        "stock_direct": "stock ministack, direct, silent handler",
        "raising": "handler that raises half of the time",
        "not_raising": "handler that does not",
    }
    for key, title in titles.items():
        p50, rate = (statistics.median(values) for values in result[key].values())
        shown.add_row(title, f"{p50:.1f} ms", f"{rate:.0f}")
    return shown


def main() -> int:
    """Measure, print and write; return 0 if every bar is reached, else 1."""
    console = Console(highlight=False)
    result = measure()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    console.print(table(result))
    ratios, split, reached = result["ratios"], result["split"], result["reached"]
    lines = {
        "p50": f"p50 {ratios['p50']:.2f} times stock, at most {P50_BAR:g}",
        "requests_per_second": f"requests/s {ratios['requests_per_second']:.1f} times stock, at least {RATE_BAR:g}",
        "raising": f"raising keeps {ratios['raising']:.2f} of the rate, at least {RAISING_BAR:g}",
        "split": f"{split['canary']} of {split['calls']} calls at weight {WEIGHT:g}, "
        f"{split['low']} to {split['high']} expected",
    }
    for key, line in lines.items():
        console.print(f"{line}: {'reached' if reached[key] else 'MISSED'}")
    return 0 if all(reached.values()) else 1
