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


def told(found: list[Finding]) -> str:
    return " | ".join(f"{each.grade.value} {each.about}: {each.said} -> {each.remedy}" for each in found)


def test_a_sound_release_has_nothing_but_good_findings() -> None:
    assert wrong() == []
    assert len(findings(SOUND, [FUNCTION])) == 13


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"skew": timedelta(hours=-1)}, "bad clock: this machine's is 60.0 minutes behind AWS's"),
        ({"skew": timedelta(minutes=2)}, "warning clock: this machine's is 2.0 minutes ahead of AWS's"),
        ({"unavailable_reason": {"caller": "no AWS credentials"}}, "bad credentials: no AWS credentials"),
        ({"account": "2"}, "bad credentials: they are of account 2, and the release is in 1"),
        ({"allowed": {"lambda:UpdateAlias": False}}, "bad rights to write: IAM's simulation denies lambda:UpdateAlias"),
        ({"storage": Storage(70, 75, 900, 1000)}, "warning quota of code: 0.00 of 0.0 GB (93%)"),
        ({"storage": Storage(74, 75, 900, 1000)}, "bad quota of code"),
        ({"storage": Storage(1, 75, 10, 10)}, "warning quota of concurrency: 10 of 10 executions at once"),
        ({"shallow": True}, "warning git: this clone is shallow"),
        ({"shallow": None}, "warning git: there is no git repository"),
        (
            {"shallow": None, "git": "`git rev-parse` says: fatal: dubious"},
            "warning git: `git rev-parse` says: fatal: d",
        ),
    ],
)
def test_what_is_wrong_with_the_account_is_told(values: dict[str, Any], expected: str) -> None:
    assert told(wrong(replace(SOUND, **values))).startswith(expected)


def test_where_the_credentials_do_not_serve_nothing_else_is_asked() -> None:
    assert not [each for each in findings(replace(SOUND, account="2"), []) if "alias" in each.about]


FAILED = seen.deployment(Status.STOPPED, error="ALARM_ACTIVE")
PROMOTED = seen.deployment(Status.SUCCEEDED)
GREEN = {seen.ALARM: alarm(seen.ALARM), **ALARMS}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"alias": None}, "bad alias orders:live: does not exist"),
        ({"alias": Alias("1", "2", 0.1)}, "bad alias orders:live: is on 1 with 10% on 2, split, and no deployment"),
        ({"alias": Alias("1", "2", 0.1), "ledger": (FAILED,), "alarms": GREEN}, "; d-1 is Stopped and left it split"),
        ({"alias": Alias("3")}, "is on 3, and the first version, 1, is the only one released: it was moved by hand"),
        ({"tags": seen.noted()}, "warning alias orders:live: is on 1, and was never released"),
        ({"ledger": (PROMOTED,), "alarms": GREEN}, "the ledger says what d-1 released: it was moved by hand"),
        (
            {"ledger": (FAILED,), "alias": Alias("3"), "alarms": GREEN},
            "the ledger says version 1: it was moved by hand",
        ),
        (
            {"ledger": (seen.deployment(entry=None, status=Status.SUCCEEDED),)},
            "d-1, the last deployment, was started by",
        ),
        (
            {"unavailable_reason": {"alias": "AWS denies lambda GetAlias"}},
            "bad alias of orders: AWS denies lambda GetAlias",
        ),
        (
            {"unavailable_reason": {"trusted": "AWS denies iam GetRole"}},
            "warning trusted of orders: AWS denies iam GetRole",
        ),
    ],
)
def test_where_traffic_should_not_be_is_told(values: dict[str, Any], expected: str) -> None:
    assert expected in told(wrong(**values))


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


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"alarms": {}}, "bad alarm orders-live-errors: does not exist"),
        (changed(acts=False), "bad alarm orders-live-errors: its actions are disabled: nobody is told"),
        (changed(actions=()), f"bad alarm orders-live-errors: it does not notify {ORDERS.topic}"),
        (changed(state="ALARM"), "bad alarm orders-live-errors: is in ALARM"),
        (changed(metrics=frozenset({WRONG, CALLS})), "cannot fire: AWS/Lambda Errors (FunctionName=order) had no data"),
        (
            {"reported": frozenset()},
            "warning alarm orders-live-errors: cannot have fired yet: nobody called alias live",
        ),
        (
            {"leftover": ("orders-verdict-1-2-x",), "verdicts": 3},
            "1 of 3 are of attempts that have ended, or never began",
        ),
        (
            {"ledger": (FAILED,), "alarms": {**GREEN, seen.ALARM: alarm(seen.ALARM, metrics=frozenset({WRONG}))}},
            "in d-1",
        ),
        ({"ledger": (seen.deployment(),)}, "does not exist, and d-1 is in flight"),
    ],
)
def test_an_alarm_that_could_not_fire_is_told(values: dict[str, Any], expected: str) -> None:
    assert expected in told(wrong(**values))


SILENT = Stopped("d-1", "verdict", "the alarm was silent: canary 2 has 21 errors in 80 requests")


def test_an_alarm_that_was_silent_in_one_of_the_last_releases_is_told_of() -> None:
    by_hand = seen.deployment(Status.STOPPED, error="MANUAL_STOP")
    values: dict[str, Any] = {"tags": seen.noted(First("1", seen.OLD.fingerprint), SILENT), "alarms": GREEN}
    said = told(wrong(**values, ledger=(by_hand,)))
    assert said.startswith("warning verdict alarms of orders: did not stop 1 of the last 1 releases, which the runner")
    assert "d-1: the alarm was silent: canary 2 has 21 errors" in said
    assert f"-> see what it did: aws cloudwatch describe-alarm-history --alarm-name {seen.ALARM}" in said
    assert "did not stop" not in told(wrong(**values, ledger=(FAILED,))), "it fired at the same moment"


def hooked(hook: Hook | None, name: str = BAKE.name) -> dict[str, Any]:
    return {"hooks": {name: hook}}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"group": None}, "bad deployment group orders-group: does not exist"),
        (
            {"group": replace(GROUP, events=frozenset())},
            "does not roll back on DEPLOYMENT_FAILURE, DEPLOYMENT_STOP_ON_A",
        ),
        (
            {"group": replace(GROUP, alarms=frozenset(), blind=True)},
            "warning deployment group orders-group: does not heed",
        ),
        ({"trusted": None}, "its service role arn:aws:iam::1:role/codedeploy does not exist"),
        ({"trusted": False}, "does not trust codedeploy.amazonaws.com"),
        ({"curve": None}, "bad curve canary-10-10: does not exist, or is no canary"),
        ({"curve": 5}, "shifts after 5 minutes, and the verdict's window is 10"),
        (hooked(None), "bad hook CodeDeployHook_bake: does not exist"),
        (hooked(BAKE, "bake"), "bad hook bake: is not named CodeDeployHook_..."),
        (hooked(replace(BAKE, answers=False)), "its role may not answer"),
        (hooked(replace(BAKE, timeout=300)), "times out after 300 s and bakes for 300 s: it would never answer"),
    ],
)
def test_a_deployment_that_could_not_go_well_is_told(values: dict[str, Any], expected: str) -> None:
    assert expected in told(wrong(**values))


def test_the_skew_is_taken_from_the_date_of_an_answer() -> None:
    now = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert skew({"date": "Tue, 24 Nov 2026 09:00:00 GMT"}, now) == timedelta(hours=1)
    assert skew({}, now) is None
