"""An outage on the local cloud: what is live raises, its alarm is red, and the fix must get through."""

from dataclasses import replace

import pytest

from infra.release.aws import Aws
from infra.release.decision import proven
from infra.release.engine.cloud import AwsError, NotFoundError
from infra.release.model.observation import Notes
from infra.release.model.outcome import Ending
from local.tests.cloud.conftest import REGION, until
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


def test_an_alias_made_anew_on_an_untried_version_goes_to_the_last_good_one_and_is_released_from_there(
    live: World,
) -> None:
    live.release(live.functions.publish(GOOD.replace("VERSION", "2")))
    third = live.functions.publish(GOOD.replace("VERSION", "3"))
    live.client("lambda").delete_alias(FunctionName="orders", Name="live")
    with pytest.raises(NotFoundError, match=r"alias live of orders is gone .*`pulumi up --refresh` creates it again"):
        live.release(third)
    live.functions.alias(third)  # as Pulumi does, after a refresh
    end = live.release(third)
    assert (end.ending, end.from_version, end.to_version) == (Ending.PROMOTED, "2", "3")
    moved = "version 3 is live, and no release by Strata has promoted it: sending all traffic to 2"
    assert any(moved in line for line in live.reported)


def test_where_the_last_good_version_is_gone_it_is_refused_and_an_override_takes_what_is_live(live: World) -> None:
    second = live.functions.publish(GOOD.replace("VERSION", "2"))
    live.functions.alias(second)
    live.client("lambda").delete_function(FunctionName="orders", Qualifier="1")
    live.aws = Aws(REGION, live.clock)  # another process, which has not seen version 1
    refused = live.release(second)
    assert (refused.ending, refused.reason) == (Ending.REFUSED, "untried")
    assert "version 1, it went first and answered, which is gone from Lambda" in refused.detail
    end = live.release(second, replace(POLICY, override="ann: it serves well"))
    assert (end.ending, live.alias()) == (Ending.UNCHANGED, "2")
    assert live.release(second).ending is Ending.UNCHANGED


def test_a_release_that_could_not_be_created_leaves_the_first_version_proved(live: World) -> None:
    """Its tag says that a release has started only once one has: else an untried version could stay live."""
    live.cloud.control("POST", "faults", [{"kind": "denied", "service": "codedeploy", "action": "CreateDeployment"}])
    second = live.functions.publish(GOOD.replace("VERSION", "2"))
    with pytest.raises(AwsError, match="CreateDeployment"):
        live.release(second)
    live.cloud.control("POST", "faults", [])
    live.functions.alias(second)  # by hand, all of the traffic
    seen = Aws(REGION, live.clock).observe([live.target(second)], {"orders": Notes()})["orders"]
    assert seen.good is not None
    assert seen.good.number == "1"
    assert not proven.stands(live.target(second), seen)
