"""An outage on the local cloud: what is live raises, its alarm is red, and the fix must get through."""

from dataclasses import replace

from infra.release.outcome import Ending
from tests.cloud.conftest import until
from tests.cloud.test_release_engine import BAD, GOOD, POLICY, World, cloud, live, world

__all__ = ["cloud", "live", "world"]  # fixtures

WATCHED = "orders-live-errors"


def test_the_fix_of_an_outage_gets_through_its_own_red_alarm_by_an_override(live: World) -> None:
    live.cloudwatch.put_metric_alarm(
        AlarmName=WATCHED,
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": "orders"}, {"Name": "Resource", "Value": "orders:live"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    live.functions.alias(live.functions.publish(BAD))
    live.codedeploy.tag_resource(  # as if it had been well on the day that it went first
        ResourceArn=live.group,
        Tags=[{"Key": "strata:first", "Value": _first(live, "2")}],
    )
    fix = live.functions.publish(GOOD.replace("VERSION", "3"))
    with live.traffic():
        assert until(lambda: live.is_red(WATCHED))
        refused = live.release(fix)
        assert (refused.ending, refused.reason) == (Ending.REFUSED, "alarm")
        end = live.release(fix, replace(POLICY, override="ann: orders fail"))
    assert (end.ending, end.reason, end.from_version) == (Ending.PROMOTED, "verdict", "2")
    [verdict] = live.deployment(end.deployment_id)["overrideAlarmConfiguration"]["alarms"]
    assert verdict["name"].startswith("orders-verdict-")
    noted = live.aws.records.tags(live.target(fix)).override
    assert noted is not None
    assert noted.refusal == "alarm"


def _first(live: World, number: str) -> str:
    fingerprint = live.aws.version("orders", number).fingerprint
    return f"version={number} fp={fingerprint} by=user/ann at=2026-11-24T10:00:00.000Z"
