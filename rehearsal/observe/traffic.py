"""Sends live traffic in an open loop, so that slow answers neither delay later requests nor hide failures.

Requests follow the clock at a fixed rate however long the answers take. POSTs place orders in every currency, GETs read
acknowledged orders. Every request is recorded with its result; one that this machine sent late is counted as late, and
every latency counts from when the request was due. At the end each acknowledged order is read back.

`python -m rehearsal.observe.traffic URL` sends it by hand, as docs/tutorial.md does.
"""

import asyncio
import hashlib
import hmac
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import aiohttp
import typer

from infra.console import print_anywhere
from rehearsal.environment.processes import end_on_sigterm

VERSION_HEADER = "X-Served-Version"
RECEIPT_HEADER = "X-Order-Receipt"
CURRENCIES = ("CHF", "EUR", "GBP", "USD")
PRODUCTS = ("KETTLE", "MUG-BLACK", "MUG-WHITE", "POT-GLASS", "TEA.BLACK", "TEA.GREEN", "TEA.OOLONG", "TEA.WHITE")
POSTS = 0.5  # of all requests; the others read
LATE = 0.1  # seconds after it was due, from which a request counts as sent late
MOST_AT_ONCE = 16  # requests in flight at most: a slow machine gets fewer then, and answers each in time
TOO_MANY = 429  # the stage's own throttling: strata:compute.api.throttling
LATER = 0.2  # seconds until a throttled read is repeated
PLACED, FULFILLED = "placed", "fulfilled"  # states of an order
GIVEN_UP = 300.0  # seconds, far more than API Gateway gives an integration: a slow machine does answer, if late
EVERY = 5.0  # seconds between two lines of the command
SHOWN = 120  # bytes of a failed answer that are kept
MOST = 3  # kinds of failures that a summary names


@dataclass(frozen=True, slots=True)
class Sent:
    """One request and its result; times are seconds since the epoch."""

    method: str
    due: float
    sent: float
    answered: float
    status: int | None  # None: no answer
    version: str | None  # of the function, from the answer's header; None if the function did not answer
    fault: str = ""

    @property
    def failed(self) -> bool:
        """True if the caller got no answer, or a status of 400 or more, which no request here deserves."""
        return self.status is None or self.status >= 400


@dataclass(frozen=True)
class Api:
    """An HTTP API, reached on loopback with the API's own name in the Host header."""

    url: str
    headers: Mapping[str, str]

    @classmethod
    def at(cls, api_url: str) -> Self:
        """Return the API at `http://{id}.execute-api.localhost:4566`: 127.0.0.1:4566 with that Host header, so that no
        resolver has to know the name."""
        parts = urlsplit(api_url)
        port = f":{parts.port}" if parts.port else ""
        return cls(f"{parts.scheme}://127.0.0.1{port}{parts.path.rstrip('/')}", {"Host": parts.netloc})


@dataclass(frozen=True)
class Orders:
    """The numbers of acknowledged orders, of those that were read back at the end, of these the fulfilled, and of the
    acknowledged that were fulfilled more than once."""

    acknowledged: int
    readable: int
    fulfilled: int = 0
    twice: int = 0

    @property
    def lost(self) -> int:
        """Return the number of orders that were acknowledged but are not readable."""
        return self.acknowledged - self.readable


@dataclass
class Traffic:
    """Sends traffic to `api` in a thread of its own, between `start` and `stop`. `sent` grows meanwhile, and so does
    `receipts`, the number of orders with a valid receipt by `receipt_key`. While SSM does not answer an order may be
    acknowledged without one (app/orders/receipts.py); the receipt must then come when the order is read back."""

    api: Api
    rate: float  # requests per real second; may be changed meanwhile
    posts: float = POSTS
    seed: int = 7
    receipt_key: str = field(default="", repr=False)
    receipts: int = 0
    sent: list[Sent] = field(default_factory=list)
    acknowledged: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # id -> the order as answered
    held: int = 0  # requests that were not sent, since MOST_AT_ONCE were in flight
    _seen: tuple[int, int] = (0, 0)  # requests sent and held when `kept` was last asked
    _ids: list[str] = field(default_factory=list)
    _unsigned: set[str] = field(default_factory=set)  # ids of orders whose receipt is still to come
    _in_flight: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _paused: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _broken: BaseException | None = None

    def start(self) -> None:
        """Start sending; return at once."""
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sending, and wait for the outstanding answers. Raises the error that ended the traffic early, if any."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        if self._broken is not None:
            raise self._broken

    def pause(self) -> None:
        """Send nothing until `resume`; requests in flight are still answered."""
        self._paused.set()

    def resume(self) -> None:
        """Send again, at the old rate."""
        self._paused.clear()

    def kept(self) -> float:
        """Return the share of the requests due since the last call that could be sent; 1 if none were due."""
        before, self._seen = self._seen, (len(self.sent), self.held)
        sent, held = (now - then for now, then in zip(self._seen, before, strict=True))
        return sent / (sent + held) if held else 1.0

    def read_back(self) -> Orders:
        """Read every acknowledged order through the API, eight at a time; count those that are as acknowledged."""
        return asyncio.run(self._read_all())

    def _run(self) -> None:
        try:
            asyncio.run(self._arrive())
        except BaseException as problem:
            self._broken = problem

    async def _arrive(self) -> None:
        chance = random.Random(self.seed)  # noqa: S311  a mix of requests, not a secret
        async with session() as client, asyncio.TaskGroup() as requests:
            loop, begun, passed = asyncio.get_running_loop(), time.time(), 0.0
            clock = loop.time()
            while not self._over.is_set():
                await asyncio.sleep(max(0.0, clock + passed - loop.time()))
                if not self._paused.is_set():
                    self._send(requests, client, begun + passed, chance)
                passed += 1 / self.rate

    def _send(
        self, requests: asyncio.TaskGroup, client: aiohttp.ClientSession, due: float, chance: random.Random
    ) -> None:
        """A request, unless too many wait for their answers."""
        mix, choice = chance.random(), chance.random()
        if self._in_flight >= MOST_AT_ONCE:
            self.held += 1
            return
        self._in_flight += 1
        requests.create_task(self._request(client, due, mix, choice)).add_done_callback(self._answered)

    def _answered(self, _: asyncio.Task[None]) -> None:
        self._in_flight -= 1

    async def _request(self, client: aiohttp.ClientSession, due: float, mix: float, choice: float) -> None:
        if self._ids and mix >= self.posts:
            order = self._ids[int(choice * len(self._ids))]
            await self._record(client, "GET", f"/orders/{order}", due)
            return
        key = str(uuid.uuid4())
        answer = await self._record(
            client, "POST", "/orders", due, json=new_order(choice), headers={"Idempotency-Key": key}
        )
        if answer is not None:
            self.acknowledged[answer["id"]] = answer
            self._ids.append(answer["id"])

    async def _record(
        self, client: aiohttp.ClientSession, method: str, path: str, due: float, **how: Any
    ) -> dict[str, Any] | None:
        """Send one request and record its result; return the answer's body if it succeeded, else None."""
        how["headers"] = {**self.api.headers, **how.get("headers", {})}
        sent, status, version, fault, body = time.time(), None, None, "", None
        try:
            async with client.request(method, self.api.url + path, **how) as answer:
                status, version = answer.status, answer.headers.get(VERSION_HEADER)
                text = await answer.read()
                if status < 400:
                    body = json.loads(text)
                    if method == "POST":
                        self._verify(body["id"], answer.headers.get(RECEIPT_HEADER), text)
                else:
                    fault = f"{status} {text[:SHOWN].decode(errors='replace')}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            status, fault = None, f"no answer, {type(problem).__name__}: {problem}"
        self.sent.append(Sent(method, due, sent, time.time(), status, version, fault))
        return body

    def _verify(self, order: str, receipt: str | None, text: bytes) -> None:
        """Count a valid receipt; remember an order without any."""
        if receipt is None and self.receipt_key:
            self._unsigned.add(order)
            return
        self._unsigned.discard(order)
        self.receipts += is_receipt(receipt or "", text, self.receipt_key)

    async def _read_all(self) -> Orders:
        waiting = list(self.acknowledged.items())
        readable = fulfilled = 0
        async with session() as client:

            async def reader() -> None:
                nonlocal readable, fulfilled
                while waiting:
                    order, acknowledged = waiting.pop()
                    found = await self._reads(client, order, acknowledged)
                    # In lines of their own: another reader counts while this one waits.
                    readable += found is not None
                    fulfilled += found == FULFILLED

            await asyncio.gather(*(reader() for _ in range(8)))
        return Orders(len(self.acknowledged), readable, fulfilled)

    async def _reads(self, client: aiohttp.ClientSession, order: str, acknowledged: Mapping[str, Any]) -> str | None:
        """Return the state of an order that reads as it was acknowledged, else None.

        A throttled read is repeated until GIVEN_UP, and so is one whose receipt is still to come. An order has a state
        since `orders` shows one, and it may be fulfilled after its acknowledgement, so the state is not compared.
        """
        url, end = f"{self.api.url}/orders/{order}", time.monotonic() + GIVEN_UP
        try:
            while time.monotonic() < end:
                async with client.get(url, headers=self.api.headers) as answer:
                    text = await answer.read()
                    if answer.status == 200 and order in self._unsigned:
                        self._verify(order, answer.headers.get(RECEIPT_HEADER), text)
                    if answer.status != TOO_MANY and (answer.status != 200 or order not in self._unsigned):
                        found = json.loads(text) if answer.status == 200 else {}
                        return found.get("state", PLACED) if lasting(found) == lasting(acknowledged) else None
                await asyncio.sleep(LATER)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        return None


def lasting(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answered order without what may change after it was acknowledged."""
    return {name: value for name, value in order.items() if name not in {"state", "fulfilled_at"}}


def is_receipt(receipt: str, body: bytes, key: str) -> bool:
    """Return True if the receipt is the HMAC-SHA256 of an answer's body by the key, as a client would verify it."""
    return hmac.compare_digest(receipt, "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest())


def session() -> aiohttp.ClientSession:
    """Return a client with a keep-alive connection for each request in flight; it uses no proxy of the environment."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
        timeout=aiohttp.ClientTimeout(total=GIVEN_UP),
    )


def new_order(choice: float) -> dict[str, Any]:
    """Return a valid body of POST /orders; `choice`, between 0 and 1, picks currency, product and quantity."""
    number = int(choice * 1000)
    return {
        "customer_id": f"customer-{number % 50}",
        "currency": CURRENCIES[number % len(CURRENCIES)],
        "items": [{"sku": PRODUCTS[number % len(PRODUCTS)], "quantity": 1 + number % 3}],
    }


def within(sent: Sequence[Sent], start: float, end: float) -> list[Sent]:
    """Return the requests that were sent in [start, end), in the order in which they were sent."""
    return sorted((one for one in sent if start <= one.sent < end), key=lambda one: one.sent)


def late(sent: Sequence[Sent]) -> int:
    """Return how many requests were sent late, because this machine was too busy to keep the rate."""
    return sum(one.sent - one.due > LATE for one in sent)


def share_of(canary: str, sent: Sequence[Sent], *, failing: str) -> float | None:
    """Return the canary's share of the requests while two versions served; None if it never served beside another.

    The split lasts from the canary's first answer until the last answer of any other version (promoted) or of the
    canary (rolled back), whichever is earlier. A failure whose answer names no version counts as that of `failing`, the
    version to which Lambda's Errors by executed version point.
    """
    signed = [one.version or (failing if one.failed else None) for one in sent]
    served = [version for version in signed if version is not None]
    its = [place for place, version in enumerate(served) if version == canary]
    others = [place for place, version in enumerate(served) if version != canary]
    if not its or not others or others[-1] < its[0]:
        return None
    during = served[its[0] : min(its[-1], others[-1]) + 1]
    return during.count(canary) / len(during)


def summary(sent: Sequence[Sent]) -> str:
    """Return one line: how many requests were sent, how many failed and why, and how many each version answered."""
    answered = Counter(one.version for one in sent if one.version)
    parts = [f"{len(sent)} requests, {sum(one.failed for one in sent)} failed"]
    parts += [f"version {version}: {answered[version]}" for version in sorted(answered, key=lambda name: name.zfill(9))]
    return "; ".join([*parts, *faults(sent)])


def faults(sent: Sequence[Sent]) -> list[str]:
    """Return what callers saw of the failed requests, each as a count and the text, the most frequent first."""
    return [f"{count} x {fault}" for fault, count in Counter(one.fault for one in sent if one.failed).most_common(MOST)]


def _local(url: str) -> str:
    if not (urlsplit(url).hostname or "").endswith("localhost"):
        raise typer.BadParameter(
            f"{url!r} is not an API of the local cloud, whose host ends in localhost; "
            "give the `api_url` of a stack in `make sandbox`"
        )
    return url


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def send(
    url: Annotated[str, typer.Argument(callback=_local, help="The API: a stack's output `api_url`.")],
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help="Requests per second.")] = 20.0,
    seconds: Annotated[float, typer.Option(min=0.1, max=86400, help="How long; Ctrl-C ends it early.")] = 60.0,
) -> None:
    """Place and read orders at a fixed rate, and print a summary every five seconds.

    Failed requests do not change the exit code: the command only sends traffic; the release judges the canary.
    """
    traffic = Traffic(Api.at(url), rate)
    end = time.monotonic() + seconds
    traffic.start()
    printed = 0
    try:
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(EVERY, left))
            recent = traffic.sent[printed:]
            printed += len(recent)
            typer.echo(summary(recent))
    except KeyboardInterrupt:
        typer.echo("interrupted; waiting for the last answers")
    finally:
        traffic.stop()
    typer.echo(f"in all: {summary(traffic.sent)}")


if __name__ == "__main__":
    end_on_sigterm()
    print_anywhere()
    app()
