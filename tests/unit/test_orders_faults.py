"""A failure of the table, the code or the invocation is raised, never answered, and makes no second order."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyPersistenceLayerError
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from app.orders import orders
from tests.unit.orders_kit import AN_ORDER, Context, Service, named, start, undisturbed

ENDPOINT = "https://dynamodb.example"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Service:
    return start(monkeypatch)


def away() -> Exception:
    return EndpointConnectionError(endpoint_url=ENDPOINT)


class Killed(BaseException):
    """The invocation ends here, as by a timeout or a crash: no code of it runs any more."""


def fail(api: Service, operation: str, error: BaseException, *, of: str, done: bool = False) -> None:
    """Raise at the operation on the order, its claim or its record: before the table has done it, or after."""
    begins = {"order": "ord_", "claim": "claim#", "record": "idempotency#"}[of]

    def maybe(called: str, parameters: dict[str, Any]) -> None:
        key = named(parameters)
        if called == operation and key.startswith(begins):
            raise error

    if done:
        api.client.after = maybe
    else:
        api.client.before = maybe


def heal(api: Service) -> None:
    api.client.before = api.client.after = undisturbed


def lapse(api: Service, attribute: str) -> None:
    """Let the record's lock (in_progress_expiration) or the record itself (expiration) be past."""
    (record,) = api.client.records
    record[attribute] = {"N": "1"}


@pytest.mark.parametrize("kind", [EndpointConnectionError, ReadTimeoutError])
@pytest.mark.parametrize(
    ("operation", "of"),
    [("PutItem", "record"), ("PutItem", "claim"), ("PutItem", "order"), ("UpdateItem", "record")],
    ids=str,
)
def test_a_table_out_of_reach_is_raised_by_a_post(
    api: Service, operation: str, of: str, kind: type[EndpointConnectionError | ReadTimeoutError]
) -> None:
    error = kind(endpoint_url=ENDPOINT)
    fail(api, operation, error, of=of)
    with pytest.raises((IdempotencyPersistenceLayerError, kind)) as raised:
        api.post()
    assert error in (raised.value, raised.value.__cause__)


def test_a_table_out_of_reach_is_raised_by_a_get(api: Service) -> None:
    fail(api, "GetItem", away(), of="order")
    with pytest.raises(EndpointConnectionError):
        api.get("ord_" + "0" * 32)


def test_a_state_that_cannot_be_read_is_raised_and_not_guessed(api: Service) -> None:
    made = api.post()

    def away_for_fulfilments(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "GetItem" and named(parameters).startswith("fulfilment#"):
            raise away()

    api.client.before = away_for_fulfilments
    with pytest.raises(EndpointConnectionError):
        api.get(made.body["id"])


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException", "ThrottlingException"])
def test_a_table_that_refuses_is_raised(api: Service, code: str) -> None:
    refusal = ClientError({"Error": {"Code": code, "Message": "no"}}, "PutItem")
    fail(api, "PutItem", refusal, of="order")
    with pytest.raises(ClientError):
        api.post()


@pytest.mark.filterwarnings("ignore:POWERTOOLS_D")
@pytest.mark.parametrize("variable", ["POWERTOOLS_DEV", "POWERTOOLS_DEBUG"])
def test_a_fault_is_raised_in_powertools_debug_modes_too(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "true")
    api = start(monkeypatch)
    fail(api, "GetItem", away(), of="order")
    with pytest.raises(EndpointConnectionError):
        api.get("ord_" + "0" * 32)


def test_a_bug_is_raised_and_the_key_is_free_again(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as bug:
        bug.setattr(orders, "place", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            api.post()
    assert api.client.items == {}
    assert api.post().status == 201


def test_a_fault_is_logged_with_order_version_and_the_callers_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = start(monkeypatch)
    fail(api, "PutItem", away(), of="order")
    with pytest.raises(EndpointConnectionError):
        api.post(context=Context(function_version="8"))
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert line["level"] == "ERROR"
    assert line["message"] == f"EndpointConnectionError: {away()}"
    (claim,) = api.client.claims
    order_id = claim["order"]["M"]["id"]["S"]
    assert (line["order_id"], line["version"], line["correlation_id"]) == (order_id, "8", "JKJaXmPLvHcESHA=")


def test_an_event_of_another_kind_is_a_fault_and_its_log_line_names_no_earlier_order(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = start(monkeypatch)
    api.post()
    capsys.readouterr()
    with pytest.raises(KeyError):
        api.call({"detail-type": "Scheduled Event"})
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert line["version"] == "7"
    assert "order_id" not in line


def test_a_request_in_progress_is_a_conflict_until_it_is_done(api: Service) -> None:
    meanwhile: list[int] = []

    def ask_again(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "PutItem" and parameters["Item"]["id"]["S"].startswith("ord_"):
            meanwhile.append(api.post().status)
            meanwhile.append(api.post({**AN_ORDER, "currency": "USD"}).status)

    api.client.before = ask_again
    assert api.post().status == 201
    heal(api)
    assert meanwhile == [409, 422]
    assert api.post().status == 201
    assert len(api.client.orders) == 1


def test_a_lock_lasts_as_long_as_its_invocation_may(api: Service) -> None:
    fail(api, "PutItem", Killed(), of="order")
    with pytest.raises(Killed):
        api.post(context=Context(remaining_ms=9_000))
    (record,) = api.client.records
    left = int(record["in_progress_expiration"]["N"]) - 1000 * (int(record["expiration"]["N"]) - 24 * 60 * 60)
    assert 9_000 <= left < 11_000  # `expiration` is in whole seconds
    assert api.post().status == 409


def test_after_a_crash_between_order_and_record_the_retry_gives_the_order_that_was_written(api: Service) -> None:
    fail(api, "PutItem", Killed(), of="order", done=True)
    with pytest.raises(Killed):
        api.post()
    heal(api)
    assert api.post().status == 409
    lapse(api, "in_progress_expiration")
    retry = api.post()
    assert retry.status == 201
    assert retry.text == api.get(retry.body["id"]).text
    assert len(api.client.orders) == 1


def test_after_a_crash_between_claim_and_order_the_retry_writes_the_order_that_was_claimed(api: Service) -> None:
    fail(api, "PutItem", Killed(), of="claim", done=True)
    with pytest.raises(Killed):
        api.post()
    heal(api)
    assert api.client.orders == []
    lapse(api, "in_progress_expiration")
    assert api.post({**AN_ORDER, "currency": "USD"}).status == 422
    retry = api.post()
    assert retry.status == 201
    assert api.client.claims[0]["order"]["M"] == api.client.orders[0]
    assert retry.text == api.get(retry.body["id"]).text


def test_after_a_crash_before_the_order_the_retry_writes_it(api: Service) -> None:
    fail(api, "PutItem", Killed(), of="order")
    with pytest.raises(Killed):
        api.post()
    heal(api)
    lapse(api, "in_progress_expiration")
    assert api.post().status == 201
    assert len(api.client.orders) == 1


def test_after_a_crash_the_key_stays_with_the_order_that_was_written(api: Service) -> None:
    fail(api, "PutItem", Killed(), of="order", done=True)
    with pytest.raises(Killed):
        api.post()
    heal(api)
    other = {**AN_ORDER, "currency": "USD"}
    assert api.post(other).status == 422
    lapse(api, "in_progress_expiration")
    assert api.post(other).status == 422
    assert api.post().status == 201
    assert [item["currency"] for item in api.client.orders] == [{"S": "EUR"}]


def test_a_record_that_could_not_be_completed_does_not_cost_a_second_order(api: Service) -> None:
    fail(api, "UpdateItem", away(), of="record")
    with pytest.raises(IdempotencyPersistenceLayerError):
        api.post()
    heal(api)
    lapse(api, "in_progress_expiration")
    assert api.post().body["id"] == api.client.orders[0]["id"]["S"]
    assert len(api.client.orders) == 1


def test_a_key_never_places_a_second_order_even_after_its_record_expired(api: Service) -> None:
    first = api.post()
    lapse(api, "expiration")
    assert api.post({**AN_ORDER, "customer_id": "another"}).status == 422
    again = api.post()
    assert (again.status, again.text) == (201, first.text)
    api.client.items.pop(api.client.records[0]["id"]["S"])  # as DynamoDB's TTL does in the end
    assert api.post().text == first.text
    assert len(api.client.orders) == 1


def test_a_write_that_the_sdk_repeats_after_a_lost_answer_is_still_one_new_order(api: Service) -> None:
    """botocore tries again when the answer is lost; the second try meets what the first one wrote."""
    repeated: set[str] = set()

    def again(operation: str, parameters: dict[str, Any]) -> None:
        kind = named(parameters)[:4]
        if operation == "PutItem" and kind in ("ord_", "clai") and kind not in repeated:
            repeated.add(kind)
            api.client.put_item(**parameters)

    api.client.after = again
    answer = api.post()
    assert answer.status == 201
    assert len(api.client.orders) == 1
