"""Which event of the upstream stack starts a release of this one."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from infra.release.decision.by_event import DAYS, Freeze, Leave, Promote, Switch, Upstream, Window, decide
from infra.release.model.attempt import Attempt, UpstreamReleases
from infra.release.model.outcome import Ending

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday
BEFORE = NOW - timedelta(hours=1)
STAGING = Upstream(
    account="222222222222",
    region="eu-central-1",
    application="strata-staging",
    groups={"strata-staging-orders": "orders", "strata-staging-fulfilment": "fulfilment"},
    release="prod",
)
EVENT: dict[str, Any] = {  # as AWS's page has it
    "version": "0",
    "source": "aws.codedeploy",
    "detail-type": "CodeDeploy Deployment State-change Notification",
    "account": "222222222222",
    "region": "eu-central-1",
    "detail": {
        "application": "strata-staging",
        "deploymentGroup": "strata-staging-orders",
        "deploymentId": "d-2",
        "state": "SUCCESS",
    },
}
OPEN = Window(DAYS[:5], time(9), time(16))


def attempt(deployment: str, function: str = "orders", **more: Any) -> Attempt:
    number = deployment.partition("-")[2][:1]
    known: dict[str, Any] = {
        "function": function,
        "deployment": deployment,
        "started": BEFORE,
        "ending": Ending.PROMOTED,
        "reason": "verdict",
        "why": "as good as stable",
        "stable": "1",
        "version": number,
        "fingerprint": number * 16,
        "digest": f"{function}{number}",
        "contract": "c" * 16,
        "commit": f"commit{number}",
        "by": "ci",
        "ended": BEFORE,
        "set_id": BEFORE + timedelta(minutes=int(number)),
    }
    return Attempt(**{**known, **more})


ONE = {"orders": (attempt("d-1"),), "fulfilment": (attempt("d-1f", "fulfilment"),)}
TWO = {
    "orders": (attempt("d-2"), *ONE["orders"]),
    "fulfilment": (attempt("d-2f", "fulfilment"), *ONE["fulfilment"]),
}
LIVE = {"orders": "orders1", "fulfilment": "fulfilment1"}


def decided(
    event: dict[str, Any] = EVENT,
    records: Mapping[str, tuple[Attempt, ...]] = TWO,
    live: dict[str, str] = LIVE,
    switch: Switch = Switch(),  # noqa: B008 - frozen
    now: datetime = NOW,
) -> Promote | Leave:
    known = {name: UpstreamReleases(attempts) for name, attempts in records.items()}
    return decide(event, STAGING, switch, known, live, 14, now)


def left(**given: Any) -> str:
    found = decided(**given)
    assert isinstance(found, Leave), found
    return found.reason


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the event with another value at a path; without it where the value is None."""
    event = copy.deepcopy(EVENT)
    *parents, last = path.split(".")
    inner = event
    for each in parents:
        inner = inner[each]
    inner.pop(last)
    return event if value is None else {**event, **_put(event, parents, inner, last, value)}


def _put(event: dict[str, Any], parents: list[str], inner: dict[str, Any], last: str, value: object) -> dict[str, Any]:
    inner[last] = value
    return event if parents else {last: value}


def test_the_stack_whose_events_count_is_that_of_the_deployment_groups_that_must_prove() -> None:
    arn = "arn:aws:codedeploy:eu-central-1:222222222222:deploymentgroup:strata-staging/strata-staging-{}"
    assert Upstream.of({each: arn.format(each) for each in ("orders", "fulfilment")}, "prod") == STAGING


def test_a_success_starts_the_release_of_that_commit_and_of_the_digests_that_are_proved() -> None:
    assert decided() == Promote("d-2", "commit2", {"orders": "orders2", "fulfilment": "fulfilment2"})


def test_the_event_of_any_function_of_the_set_starts_it() -> None:
    event = changed("detail.deploymentId", "d-2f")
    event["detail"]["deploymentGroup"] = "strata-staging-fulfilment"
    assert isinstance(decided(event), Promote)


def test_a_second_event_finds_the_release_live() -> None:
    assert left(live={"orders": "orders2", "fulfilment": "fulfilment2"}) == "unchanged"


def test_a_release_of_which_one_function_is_live_is_finished() -> None:
    assert isinstance(decided(live={"orders": "orders2", "fulfilment": "fulfilment1"}), Promote)


def test_an_event_that_comes_after_that_of_a_newer_release_starts_nothing() -> None:
    assert left(event=changed("detail.deploymentId", "d-1")) == "superseded"


def test_the_first_event_of_a_set_waits_for_the_others() -> None:
    flying = {**TWO, "fulfilment": (replace(TWO["fulfilment"][0], ending=None), *ONE["fulfilment"])}
    assert left(records=flying) == "incomplete"


def test_a_set_of_which_one_function_went_back_is_not_promoted() -> None:
    back = {**TWO, "fulfilment": (replace(TWO["fulfilment"][0], ending=Ending.ROLLED_BACK), *ONE["fulfilment"])}
    assert left(records=back) == "unproven"


def test_a_function_that_the_release_left_alone_keeps_its_proof() -> None:
    found = decided(records={**TWO, "fulfilment": ONE["fulfilment"]})
    assert found == Promote("d-2", "commit2", {"orders": "orders2", "fulfilment": "fulfilment1"})


def test_a_proof_that_is_too_old_starts_nothing() -> None:
    assert left(now=NOW + timedelta(days=15)) == "unproven"


def test_records_that_cannot_be_read_start_nothing() -> None:
    known = {"orders": UpstreamReleases(TWO["orders"]), "fulfilment": UpstreamReleases(unavailable_reason="denied")}
    found = decide(EVENT, STAGING, Switch(), known, LIVE, 14, NOW)
    assert found == Leave("unreadable", "the records of fulfilment cannot be read: denied")


@pytest.mark.parametrize("deployment", ["d-9", "d-hand"])
def test_a_deployment_that_strata_did_not_start_starts_nothing(deployment: str) -> None:
    by_hand = {**ONE, "orders": (*ONE["orders"], replace(attempt("d-1"), deployment="d-hand", set_id=None))}
    assert left(event=changed("detail.deploymentId", deployment), records=by_hand) == "unknown"


@pytest.mark.parametrize("value", [None, "other", 7])
@pytest.mark.parametrize(
    "path",
    [
        "source",
        "detail-type",
        "account",
        "region",
        "detail",
        "detail.application",
        "detail.deploymentGroup",
        "detail.deploymentId",
        "detail.state",
    ],
)
def test_an_event_that_is_forged_foreign_or_lacks_a_field_starts_nothing(path: str, value: object) -> None:
    found = decided(event=changed(path, value))
    assert isinstance(found, Leave)
    assert found.reason == "foreign"
    assert f"{path}" in found.why


def test_all_that_is_wrong_with_an_event_is_said_at_once() -> None:
    found = decided(event={})
    assert isinstance(found, Leave)
    assert found.why.count(" is None, not ") == 8


def test_an_event_of_our_own_is_none_of_codedeploys() -> None:
    assert left(event={**EVENT, "source": "strata.release"}) == "foreign"


def test_a_frozen_promotion_says_who_froze_it_and_why() -> None:
    found = decided(switch=Switch(Freeze("ann", "inventory")))
    assert isinstance(found, Leave)
    assert found.reason == "frozen"
    assert found.why == "promotion is frozen (ann: inventory); `make deploy STACK=prod` by hand once it is not"


@pytest.mark.parametrize(
    ("now", "starts"),
    [
        (NOW.replace(hour=8, minute=59), False),
        (NOW.replace(hour=9), True),
        (NOW.replace(hour=15, minute=59), True),
        (NOW.replace(hour=16), False),
        (NOW.replace(day=28), False),  # a Saturday
    ],
)
def test_outside_of_the_windows_nothing_starts(now: datetime, starts: bool) -> None:
    found = decided(now=now, switch=Switch(windows=(OPEN,)))
    assert isinstance(found, Promote) is starts
    assert starts or isinstance(found, Leave)
    if isinstance(found, Leave):
        assert found.reason == "closed"


def test_a_window_is_open_for_a_minute_at_least() -> None:
    assert Window(DAYS, time(9), time(9, 1)).is_open(datetime(2026, 12, 1, 9, tzinfo=UTC))
    with pytest.raises(ValueError, match="from 09:00 until 09:00, so it never opens"):
        Window(DAYS, time(9), time(9))
