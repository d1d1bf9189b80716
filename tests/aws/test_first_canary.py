"""A bad first canary of a deployment group without a watcher (AWS names no last known good revision for it).

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployments-rollback-and-redeploy.html says that CodeDeploy
deploys "the last known good version"; a group without a successful deployment has none.
"""

from collections.abc import Callable
from typing import Any

from tests.aws import made

BAD = "def handler(event, context):\n    raise RuntimeError('bad')\n"


def test_a_failing_first_canary_is_rolled_back_without_a_watcher(
    session: Any, undo: list[Any], record_property: Callable[[str, object], None]
) -> None:
    """Does CodeDeploy roll the first canary of a group back by itself?"""
    role = made.role(session, undo, "lambda.amazonaws.com")
    name = made.alias(session, made.function(session, undo, role))
    alarm = made.fresh("a")
    cloudwatch, functions = session.client("cloudwatch"), session.client("lambda")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": name}, {"Name": "Resource", "Value": f"{name}:live"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    undo.append(lambda: cloudwatch.delete_alarms(AlarmNames=[alarm]))
    group = made.group(
        session,
        undo,
        "CodeDeployDefault.LambdaCanary10Percent10Minutes",
        alarmConfiguration={"enabled": True, "alarms": [{"name": alarm}]},
    )
    undo.append(lambda: functions.delete_alias(FunctionName=name, Name="live"))
    id_ = made.deployment(session, group, name, made.published(session, name, BAD))

    def stopped() -> Any:
        for _ in range(40):
            functions.invoke(FunctionName=name, Qualifier="live")["Payload"].read()
        return made.record(session, id_)

    info = made.until(stopped, 12, f"deployment {id_} has not ended")
    assert info["status"] == "Stopped", info
    rollback = info.get("rollbackInfo", {}).get("rollbackDeploymentId")
    found = functions.get_alias(FunctionName=name, Name="live")
    weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    record_property(
        "answer",
        f"{info['errorInformation']['code']}; rollback {'started' if rollback else 'did not start'}; alias on "
        f"{found['FunctionVersion']} {weights or ''}".strip(),
    )
    assert rollback, "CodeDeploy starts no rollback for the first canary of a group: only the runner restores the alias"
    assert made.ended(session, rollback, 5)["status"] == "Succeeded"
    found = functions.get_alias(FunctionName=name, Name="live")
    assert (found["FunctionVersion"], found.get("RoutingConfig", {})) == ("1", {})
