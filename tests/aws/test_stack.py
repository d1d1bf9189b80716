"""A whole stack with a secret, brought up by its deploy role and no other right: what IAM really asks for.

In doubt are the tags of an HTTP API and its parts, `kms:Decrypt` behind SSM and DynamoDB under the boundary, and what
the provider reads at a refresh.
"""

import json
import secrets
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.environment.sandbox import REPOSITORY
from tests.aws.stack import STACK, Stack, brought_up

Answer = Callable[[str, object], None]
DENIED = ("AccessDenied", "not authorized", "UnauthorizedOperation")


@pytest.fixture(scope="module")
def stack(session: Any) -> Iterator[Stack]:
    """The stack, for every test of this module."""
    with brought_up(session) as ready:
        yield ready


def denials(text: str) -> str:
    """The lines in which AWS refuses something, as one."""
    return "; ".join(line.strip() for line in text.splitlines() if any(word in line for word in DENIED))


def test_the_deploy_role_brings_the_stack_up(stack: Stack, record_property: Answer) -> None:
    """May the deploy role make all that a stack holds?"""
    key = f"{stack.project}:secrets.receiptKey"
    set_ = ("config", "set", "--secret", "--path", key, "--stack", STACK)
    assert (said := stack.pulumi(*set_, stdin=secrets.token_urlsafe(48))).code == 0, said.text
    said = stack.pulumi("up", "--yes", "--stack", STACK)
    record_property("answer", denials(said.text) or ("yes" if said.code == 0 else said.text.strip().splitlines()[-1]))
    assert said.code == 0, said.text


def test_an_order_has_a_receipt(stack: Stack, record_property: Answer) -> None:
    """May a function under the boundary decrypt its parameter and use its table?"""
    event = json.loads((REPOSITORY / "app/orders/smoke/create-order.json").read_text())["event"]
    headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(8)}
    base, host = stack.outputs()["api_url"].rstrip("/"), ""
    if (parts := base.partition(".localhost"))[1]:  # a local cloud's address, which no resolver knows
        host = base.partition("://")[2]
        base = f"http://127.0.0.1{parts[2]}"
    request = urllib.request.Request(f"{base}/orders", event["body"].encode(), headers)  # noqa: S310  https, or loopback
    if host:
        request.add_header("Host", host)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  the same
        receipt = answer.headers.get("X-Order-Receipt")
        record_property("answer", f"{answer.status}, {'with' if receipt else 'without'} a receipt")
    assert receipt


def test_a_refresh_finds_nothing_to_change(stack: Stack, record_property: Answer) -> None:
    """Does a refresh by the deploy role find the stack as it was made?"""
    said = stack.drift()
    record_property("answer", " / ".join(said.text.strip().splitlines()))
    assert said.code == 0, said.text


def test_a_second_up_changes_nothing(stack: Stack, record_property: Answer) -> None:
    """Is the program at rest after its first `pulumi up`?"""
    said = stack.pulumi("preview", "--expect-no-changes", "--stack", STACK)
    record_property("answer", "yes" if said.code == 0 else denials(said.text) or "no")
    assert said.code == 0, said.text
