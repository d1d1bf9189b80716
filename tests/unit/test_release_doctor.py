"""Every finding names what is wrong and its remedy; a sound release has none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.release.aws.diagnostics import skew
from infra.release.model.observation import Alias, Status
from infra.release.model.tags import First, Stopped
from infra.release.reports.doctor.facts import Account, Alarm, Examined, Finding, Grade, Group, Hook, Metric, Storage
from infra.release.reports.doctor.findings import findings
from tests.golden import Golden, listed
from tests.unit import seen
from tests.unit.fake_cloud import target

ORDERS = replace(target(), throttle_alarm="orders-live-throttles", after_allow_traffic="CodeDeployHook_bake")
OF_ALIAS = frozenset({("FunctionName", "orders"), ("Resource", "orders:live")})
ERRORS, CALLS = (Metric("AWS/Lambda", name, OF_ALIAS) for name in ("Errors", "Invocations"))
WRONG = Metric("AWS/Lambda", "Errors", frozenset({("FunctionName", "order")}))
SOUND = Account(
    wanted="1",
    account="1",
    caller="arn:aws:sts::1:assumed-role/deploy/ann",
    skew=timedelta(seconds=2),
    storage=Storage(10**9, 75 * 10**9, 900, 1000),
    allowed={"lambda:UpdateAlias": True},
    shallow=False,
)


def alarm(name: str, **values: Any) -> Alarm:
    return Alarm(
        name, **{"acts": True, "actions": (ORDERS.topic,), "state": "OK", "metrics": frozenset({ERRORS}), **values}
    )


ALARMS = {name: alarm(name) for name in (ORDERS.alarm, ORDERS.throttle_alarm)}
GROUP = Group(
    frozenset({"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"}),
    frozenset({ORDERS.alarm}),
    blind=False,
    role="arn:aws:iam::1:role/codedeploy",
)
BAKE = Hook("CodeDeployHook_bake", 360, {"BAKE_MINUTES": "5"}, answers=True)
FUNCTION = Examined(
    target=ORDERS,
    now=seen.NOW,
    alias=Alias("1"),
    live=seen.OLD,
    tags=seen.noted(First("1", seen.OLD.fingerprint)),
    group=GROUP,
    trusted=True,
    curve=10,
    alarms=ALARMS,
    reported=frozenset({ERRORS, CALLS}),
    hooks={BAKE.name: BAKE},
)


def wrong(account: Account = SOUND, **values: Any) -> list[Finding]:
    return [each for each in findings(account, [replace(FUNCTION, **values)]) if each.grade is not Grade.OK]


def lines(found: list[Finding]) -> list[str]:
    return [f"{each.grade.value} {each.about}: {each.said} -> {each.remedy}" for each in found]


def test_a_sound_release_has_nothing_but_good_findings() -> None:
    assert wrong() == []
    assert len(findings(SOUND, [FUNCTION])) == 13


ACCOUNTS: list[dict[str, Any]] = [
    {"skew": timedelta(hours=-1)},
    {"skew": timedelta(minutes=2)},
    {"unavailable_reason": {"caller": "no AWS credentials"}},
    {"account": "2"},
    {"allowed": {"lambda:UpdateAlias": False}},
    {"storage": Storage(70, 75, 900, 1000)},
    {"storage": Storage(74, 75, 900, 1000)},
    {"storage": Storage(1, 75, 10, 10)},
    {"shallow": True},
    {"shallow": None},
    {"shallow": None, "git": "`git rev-parse` says: fatal: dubious"},
]
"""What may be wrong with the account and this machine."""


def test_where_the_credentials_do_not_serve_nothing_else_is_asked() -> None:
    assert not [each for each in findings(replace(SOUND, account="2"), []) if "alias" in each.about]


FAILED = seen.deployment(Status.STOPPED, error="ALARM_ACTIVE")
PROMOTED = seen.deployment(Status.SUCCEEDED)
GREEN = {seen.ALARM: alarm(seen.ALARM), **ALARMS}


TRAFFIC: list[dict[str, Any]] = [
    {"alias": None},
    {"alias": Alias("1", "2", 0.1)},
    {"alias": Alias("1", "2", 0.1), "ledger": (FAILED,), "alarms": GREEN},
    {"alias": Alias("3")},
    {"tags": seen.noted()},
    {"ledger": (PROMOTED,), "alarms": GREEN},
    {"ledger": (FAILED,), "alias": Alias("3"), "alarms": GREEN},
    {"ledger": (seen.deployment(entry=None, status=Status.SUCCEEDED),)},
    {"unavailable_reason": {"alias": "AWS denies lambda GetAlias"}},
    {"unavailable_reason": {"trusted": "AWS denies iam GetRole"}},
]
"""Where traffic should not be."""


@pytest.mark.parametrize(
    "values",
    [
        {"ledger": (FAILED,), "alarms": GREEN},
        {"ledger": (PROMOTED,), "alarms": GREEN, "alias": Alias("2"), "live": seen.NEW},
        {"ledger": (seen.deployment(),), "alarms": GREEN, "alias": Alias("1", "2", 0.1)},
        {
            "ledger": (
                seen.deployment(Status.SUCCEEDED, entry=seen.entry(seen.OLD.fingerprint, "2"), alarms=()),
                PROMOTED,
            ),
            "tags": seen.noted(Stopped("d-1", "operator", "no")),
            "alarms": GREEN,
        },
    ],
)
def test_traffic_that_is_where_the_ledger_says_is_well(values: dict[str, Any]) -> None:
    assert wrong(**values) == []


def changed(**values: Any) -> dict[str, Any]:
    return {"alarms": {**ALARMS, ORDERS.alarm: alarm(ORDERS.alarm, **values)}}


def hooked(hook: Hook | None, name: str = BAKE.name) -> dict[str, Any]:
    return {"hooks": {name: hook}}


UNFIT: list[dict[str, Any]] = [
    {"alarms": {}},
    changed(acts=False),
    changed(actions=()),
    changed(state="ALARM"),
    changed(metrics=frozenset({WRONG, CALLS})),
    {"reported": frozenset()},
    {"reported": frozenset({ERRORS, CALLS, Metric("Strata", "AnsweredFaults", OF_ALIAS)})},
    {"leftover": ("orders-verdict-1-2-x",), "verdicts": 3},
    {"ledger": (FAILED,), "alarms": {**GREEN, seen.ALARM: alarm(seen.ALARM, metrics=frozenset({WRONG}))}},
    {"ledger": (seen.deployment(),)},
    {"group": None},
    {"group": replace(GROUP, events=frozenset())},
    {"group": replace(GROUP, alarms=frozenset(), blind=True)},
    {"trusted": None},
    {"trusted": False},
    {"curve": None},
    {"curve": 5},
    hooked(None),
    hooked(BAKE, "bake"),
    hooked(replace(BAKE, answers=False)),
    hooked(replace(BAKE, timeout=300)),
]
"""Alarms that could not fire, and deployments that could not go well."""


def test_what_is_wrong_is_reported_with_its_remedy(golden: Golden) -> None:
    reported = [(", ".join(each), lines(wrong(replace(SOUND, **each)))) for each in ACCOUNTS]
    reported += [(", ".join(each), lines(wrong(**each))) for each in TRAFFIC + UNFIT]
    assert all(said for _, said in reported)
    golden("doctor", listed(reported))


SILENT = Stopped("d-1", "verdict", "the alarm was silent: canary 2 has 21 errors in 80 requests")


def test_an_alarm_that_was_silent_in_one_of_the_last_releases_is_reported() -> None:
    by_hand = seen.deployment(Status.STOPPED, error="MANUAL_STOP")
    values: dict[str, Any] = {"tags": seen.noted(First("1", seen.OLD.fingerprint), SILENT), "alarms": GREEN}
    [said] = lines(wrong(**values, ledger=(by_hand,)))
    assert said.startswith("warning verdict alarms of orders: did not stop 1 of the last 1 releases, which the runner")
    assert "d-1: the alarm was silent: canary 2 has 21 errors" in said
    assert f"-> see what it did: aws cloudwatch describe-alarm-history --alarm-name {seen.ALARM}" in said
    assert wrong(**values, ledger=(FAILED,)) == [], "it fired at the same moment"


def test_the_skew_is_taken_from_the_date_of_an_answer() -> None:
    now = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert skew({"date": "Tue, 24 Nov 2026 09:00:00 GMT"}, now) == timedelta(hours=1)
    assert skew({}, now) is None
