"""Alarms, dashboards and log groups:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""

from typing import Any

from local.providers.resource import (
    Aws,
    Field,
    Live,
    Resource,
    from_api,
    json_text,
    pairs,
    pascal,
    props,
    same,
    to_api,
    unpaired,
    unset,
)
from local.providers.wire import Bag


class LogGroup(Resource):
    """A log group. Its id is its name."""

    kind = "aws:cloudwatch/logGroup:LogGroup"
    service = "logs"
    label = "CloudWatch Logs Log Group"
    tagged = True
    fields = props(
        name=Field(replaces=True, api="logGroupName"),
        kmsKeyId=Field(zero=""),
        logGroupClass=Field(computed=True, replaces=True),
        retentionInDays=Field(zero=0),
        skipDestroy=Field(default=False, unread=True),
    )
    outputs = ("arn",)
    also = unset(namePrefix="")

    def create(self, aws: Aws, new: Bag) -> str:
        own = {name: self.fields[name] for name in ("name", "kmsKeyId", "logGroupClass")}
        aws("logs").create_log_group(**to_api(own, new, same), tags=new["tagsAll"])
        return str(new["name"])

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        if new.get("retentionInDays"):
            aws("logs").put_retention_policy(logGroupName=identity, retentionInDays=new["retentionInDays"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        groups = aws("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=identity)
        group = next((one for page in groups for one in page["logGroups"] if one["logGroupName"] == identity), None)
        if group is None:
            return None
        arn = group["arn"].removesuffix(":*")
        tags = aws("logs").list_tags_for_resource(resourceArn=arn).get("tags", {})
        return Live(identity, {**from_api(self.own, group, same), "arn": arn, "tags": tags})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        if "retentionInDays" in changed and new.get("retentionInDays"):
            self.settle(aws, identity, new)
        elif "retentionInDays" in changed:
            aws("logs").delete_retention_policy(logGroupName=identity)
        if "kmsKeyId" in changed and new.get("kmsKeyId"):
            aws("logs").associate_kms_key(logGroupName=identity, kmsKeyId=new["kmsKeyId"])
        elif "kmsKeyId" in changed:
            aws("logs").disassociate_kms_key(logGroupName=identity)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        if not state.get("skipDestroy"):
            aws("logs").delete_log_group(logGroupName=identity)


_METRIC = props(metricName=Field(required=True), namespace=Field(), dimensions=Field())
_STATISTIC = props(period=Field(required=True), stat=Field(required=True), unit=Field(zero=""))
_QUERY = props(
    accountId=Field(zero=""),
    expression=Field(zero=""),
    id=Field(required=True),
    label=Field(zero=""),
    period=Field(),
)


class MetricAlarm(Resource):
    """An alarm on one metric, or on metric math over several. Its id is its name."""

    kind = "aws:cloudwatch/metricAlarm:MetricAlarm"
    service = "cloudwatch"
    label = "CloudWatch Metric Alarm"
    tagged = True
    fields = props(
        name=Field(replaces=True, api="AlarmName"),
        actionsEnabled=Field(default=True),
        alarmActions=Field(unordered=True),
        alarmDescription=Field(zero=""),
        comparisonOperator=Field(),
        datapointsToAlarm=Field(zero=0),
        dimensions=Field(),
        evaluateLowSampleCountPercentiles=Field(computed=True, zero="", api="EvaluateLowSampleCountPercentile"),
        evaluationPeriods=Field(),
        extendedStatistic=Field(zero=""),
        insufficientDataActions=Field(unordered=True),
        metricName=Field(zero=""),
        metricQueries=Field(
            unordered=True,
            api="Metrics",
            of=props(**_QUERY, returnData=Field(default=False), metric=Field(of=props(**_METRIC, **_STATISTIC))),
        ),
        namespace=Field(zero=""),
        okActions=Field(unordered=True, api="OKActions"),
        period=Field(zero=0),
        statistic=Field(zero=""),
        threshold=Field(form=float, default=0.0, implied=True),
        thresholdMetricId=Field(zero=""),
        treatMissingData=Field(default="missing"),
        unit=Field(zero=""),
    )
    outputs = ("arn",)

    def create(self, aws: Aws, new: Bag) -> str:
        self._put(aws, new, Tags=pairs(new["tagsAll"]))
        return str(new["name"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        found = aws("cloudwatch").describe_alarms(AlarmNames=[identity], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
        if not found:
            return None
        alarm = found[0]
        tags = unpaired(aws("cloudwatch").list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"])
        bag = from_api({name: spec for name, spec in self.own.items() if name != "metricQueries"}, alarm, pascal)
        own = {
            "dimensions": unpaired(alarm.get("Dimensions"), "Name"),
            "metricQueries": [_query_bag(query) for query in alarm.get("Metrics", ())],
            "arn": alarm["AlarmArn"],
            "tags": tags,
        }
        return Live(identity, {**bag, **own})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        self._put(aws, new)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("cloudwatch").delete_alarms(AlarmNames=[identity])

    def _put(self, aws: Aws, new: Bag, **more: Any) -> None:
        """Put the whole alarm: CloudWatch resets what is left out."""
        plain = {name: spec for name, spec in self.own.items() if name not in ("dimensions", "metricQueries")}
        request = to_api(plain, new, pascal)
        if "dimensions" in new:
            request["Dimensions"] = pairs(new["dimensions"], "Name")
        if new.get("metricQueries"):
            request["Metrics"] = [_query(query) for query in new["metricQueries"]]
        aws("cloudwatch").put_metric_alarm(**request, **more)


def _query(bag: Bag) -> dict[str, Any]:
    query = {**to_api(_QUERY, bag, pascal), "ReturnData": bag.get("returnData", False)}
    if "metric" in bag:
        metric = to_api(_METRIC, bag["metric"], pascal)
        metric["Dimensions"] = pairs(bag["metric"].get("dimensions") or {}, "Name")
        query["MetricStat"] = {"Metric": metric, **to_api(_STATISTIC, bag["metric"], pascal)}
    return query


def _query_bag(query: dict[str, Any]) -> Bag:
    bag = {**from_api(_QUERY, query, pascal), "returnData": query.get("ReturnData", True)}
    if "MetricStat" in query:
        statistic = query["MetricStat"]
        metric = {**from_api(_METRIC, statistic["Metric"], pascal), **from_api(_STATISTIC, statistic, pascal)}
        bag["metric"] = {**metric, "dimensions": unpaired(statistic["Metric"].get("Dimensions"), "Name")}
    return bag


class Dashboard(Resource):
    """A dashboard. Its id is its name."""

    kind = "aws:cloudwatch/dashboard:Dashboard"
    service = "cloudwatch"
    label = "CloudWatch Dashboard"
    name = "dashboardName"
    fields = props(
        dashboardName=Field(required=True, replaces=True),
        dashboardBody=Field(required=True, form=json_text),
    )
    outputs = ("dashboardArn",)

    def create(self, aws: Aws, new: Bag) -> str:
        aws("cloudwatch").put_dashboard(DashboardName=new["dashboardName"], DashboardBody=new["dashboardBody"])
        return str(new["dashboardName"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        answer = aws("cloudwatch").get_dashboard(DashboardName=identity)
        bag = {"dashboardName": identity, "dashboardBody": answer["DashboardBody"]}
        return Live(identity, {**bag, "dashboardArn": answer["DashboardArn"]})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("cloudwatch").delete_dashboards(DashboardNames=[identity])
