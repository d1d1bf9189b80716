"""A receipt is of the bytes that the caller gets, by a key read at run time; no order fails without one."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.parameters import SSMProvider
from botocore.exceptions import ClientError

from app.orders.receipts import FRESH, HEADER, PAUSE, Signer
from tests.unit.orders_kit import AN_ORDER, Answer, Service, event, start

KEY, NEXT = "the-first-key-of-at-least-32-characters", "the-second-key-of-at-least-32-characters"
PARAMETER = "/strata/test/receipt-key"


@dataclass
class Ssm:
    """SSM with one parameter, under Powertools' own provider; a clock that stands still until a test moves it."""

    value: str | None = KEY
    asked: list[dict[str, Any]] = field(default_factory=list)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.provider = SSMProvider(boto3_client=cast("Any", self))

    def ages(self) -> None:
        """The key that is in use is no longer fresh."""
        self.provider.store.clear()

    def get_parameter(self, **given: Any) -> dict[str, Any]:
        self.asked.append(given)
        if self.value is None:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "out of reach"}}, "GetParameter")
        return {"Parameter": {"Value": self.value}}

    def time(self) -> float:
        return self.now


@pytest.fixture
def ssm() -> Ssm:
    return Ssm()


def serve(ssm: Ssm, monkeypatch: pytest.MonkeyPatch) -> Service:
    return start(monkeypatch, Signer(PARAMETER, ssm.provider, ssm.time))


@pytest.fixture
def signing(ssm: Ssm, monkeypatch: pytest.MonkeyPatch) -> Service:
    return serve(ssm, monkeypatch)


def receipt(key: str, answer: Answer) -> str:
    """Return the receipt as a holder of the key computes it, from the bytes alone."""
    return "sha256=" + hmac.new(key.encode(), answer.text.encode(), hashlib.sha256).hexdigest()


def test_an_accepted_order_comes_with_a_receipt_of_its_bytes(signing: Service) -> None:
    answer = signing.post()
    assert answer.status == 201
    assert answer.headers[HEADER] == receipt(KEY, answer)


def test_an_order_that_is_read_again_has_the_same_receipt(signing: Service) -> None:
    placed = signing.post()
    read = signing.get(placed.body["id"])
    assert (read.text, read.headers[HEADER]) == (placed.text, placed.headers[HEADER])


def test_a_fulfilled_order_has_a_receipt_of_the_bytes_that_say_so(signing: Service) -> None:
    placed = signing.post()
    name = f"fulfilment#{placed.body['id']}"
    signing.client.items[name] = {"id": {"S": name}, "fulfilled_at": {"S": "2026-01-31T12:00:00.000+00:00"}}
    read = signing.get(placed.body["id"])
    assert read.body["state"] == "fulfilled"
    assert read.headers[HEADER] == receipt(KEY, read) != placed.headers[HEADER]


def test_a_replayed_order_has_the_same_receipt(signing: Service) -> None:
    assert signing.post().headers[HEADER] == signing.post().headers[HEADER]


def test_refusals_health_and_smoke_orders_have_no_receipt(signing: Service) -> None:
    smoke = {**event("POST", "/orders", json.dumps(AN_ORDER), {"idempotency-key": "k"}), "smoke": True}
    answers = [signing.post({}), signing.get("ord_0"), signing.call(event("GET", "/health")), signing.call(smoke)]
    assert [answer.status for answer in answers] == [400, 404, 200, 201]
    assert [answer for answer in answers if HEADER in answer.headers] == []


def test_without_a_key_configured_there_are_no_receipts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HEADER not in start(monkeypatch).post().headers


def test_the_key_is_read_once_decrypted_and_kept(signing: Service, ssm: Ssm) -> None:
    for number in range(3):
        signing.post(key=f"k-{number}")
    assert ssm.asked == [{"Name": PARAMETER, "WithDecryption": True}]


def test_a_new_key_is_in_use_when_the_old_one_is_no_longer_fresh(signing: Service, ssm: Ssm) -> None:
    signing.post()
    ssm.value = NEXT
    assert signing.post().headers[HEADER] == receipt(KEY, signing.post())
    ssm.ages()
    answer = signing.post()
    assert answer.headers[HEADER] == receipt(NEXT, answer)
    assert FRESH == 300


def test_an_order_is_accepted_without_a_receipt_while_ssm_is_out_of_reach(
    ssm: Ssm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    signing, ssm.value = serve(ssm, monkeypatch), None
    answer = signing.post()
    assert answer.status == 201
    assert HEADER not in answer.headers
    log = capsys.readouterr().out
    assert f"receipts are not signed: {PARAMETER} cannot be read" in log
    assert "ReceiptsUnsigned" in log


def test_the_last_key_signs_while_ssm_is_out_of_reach(
    ssm: Ssm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    signing = serve(ssm, monkeypatch)
    signing.post()
    ssm.value = None
    ssm.ages()
    answer = signing.post()
    assert answer.headers[HEADER] == receipt(KEY, answer)
    assert "signed by the last key" in capsys.readouterr().out


def test_orders_do_not_wait_for_ssm_again_and_again(signing: Service, ssm: Ssm) -> None:
    ssm.value = None
    for number in range(5):
        signing.post(key=f"k-{number}")
    assert len(ssm.asked) == 1
    ssm.now += PAUSE
    ssm.value = KEY
    answer = signing.post()
    assert answer.headers[HEADER] == receipt(KEY, answer)


def test_the_key_is_never_logged(ssm: Ssm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "DEBUG")
    signing = serve(ssm, monkeypatch)
    signing.post()
    ssm.value = None
    ssm.ages()
    signing.post(key="another")
    streams = capsys.readouterr()
    assert "signed by the last key" in streams.out
    assert KEY not in streams.out + streams.err


def test_a_fault_of_the_signing_itself_is_raised_so_that_a_canary_is_judged_by_it(
    signing: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hmac, "new", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        signing.post()
