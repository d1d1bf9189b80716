"""The alarms and the dashboard of the legacy layer observability, as Terraform would have left them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rehearsal.environment.legacy_state import TAGS
from rehearsal.observe.aws_records import AwsRecords

PREFIX, FUNCTION, ALIAS = "strata-prod", "strata-prod-orders", "strata-prod-orders:live"
ERRORS, THROTTLES = f"{FUNCTION}-live-errors", f"{FUNCTION}-live-throttles"
TEMPLATE = Path(__file__).resolve().parents[2] / "terraform-legacy/observability/dashboard.json.tftpl"
SETTINGS: Mapping[str, Any] = {
    "comparison_operator": "GreaterThanOrEqualToThreshold",
    "threshold": 1,
    "evaluation_periods": 3,
    "datapoints_to_alarm": 3,
    "treat_missing_data": "notBreaching",
}
FAULTS = "(FILL(errors, 0) + FILL(answered, 0))"
Query = tuple[str, str, str, str]  # id, namespace, metric, statistic


def create(aws: AwsRecords, topic: str, api: str) -> dict[str, dict[str, Any]]:
    """Make the alarms; return their attributes by the name of the resource in Terraform."""
    calls = ("invocations", "AWS/Lambda", "Invocations", "Sum")
    function = {"FunctionName": FUNCTION, "Resource": ALIAS}
    counted = ("count", "AWS/ApiGateway", "Count", "SampleCount")
    stage = {"ApiId": api, "Stage": "$default"}
    found = {
        "errors": _alarm(
            ERRORS,
            f"Errors of {ALIAS}, all versions together",
            _queries(
                function,
                [
                    calls,
                    ("errors", "AWS/Lambda", "Errors", "Sum"),
                    ("answered", "Strata", "AnsweredFaults", "Sum"),
                ],
                f"IF({FAULTS} >= 4 AND {FAULTS} > 0.25 * FILL(invocations, 0), 1, 0)",
                "too many errors",
            ),
            topic,
        ),
        "throttles": _alarm(
            THROTTLES,
            f"Throttles of {ALIAS}, all versions together",
            _queries(
                function,
                [calls, ("throttles", "AWS/Lambda", "Throttles", "Sum")],
                "IF(FILL(throttles, 0) >= 4 AND FILL(throttles, 0) > "
                "0.05 * (FILL(invocations, 0) + FILL(throttles, 0)), 1, 0)",
                "too many throttles",
            ),
            topic,
        ),
        "api_5xx": _alarm(
            f"{PREFIX}-api-5xx",
            f"5xx answers of the API {PREFIX}: more than 0.05 of all",
            _queries(
                stage,
                [counted, ("errors", "AWS/ApiGateway", "5xx", "Sum")],
                "IF(FILL(errors, 0) >= 4 AND FILL(errors, 0) > 0.05 * FILL(count, 0), 1, 0)",
                "too many 5xx",
            ),
            topic,
        ),
        "api_latency": _alarm(
            f"{PREFIX}-api-latency",
            f"p99 latency of the API {PREFIX}: more than 3000 ms",
            _queries(
                stage,
                [counted, ("latency", "AWS/ApiGateway", "Latency", "p99")],
                "IF(FILL(count, 0) >= 20 AND FILL(latency, 0) > 3000, 1, 0)",
                "too slow",
            ),
            topic,
        ),
    }
    for each in found.values():
        _put(aws, each)
        each["arn"] = f"arn:aws:cloudwatch:{aws.region}:{aws.account}:alarm:{each['alarm_name']}"
        each["id"] = each["alarm_name"]
    return found


def create_dashboard(aws: AwsRecords) -> str:
    """Make the dashboard; return its body."""
    body = TEMPLATE.read_text()
    for name, value in {"account_id": aws.account, "region": aws.region, "prefix": PREFIX}.items():
        body = body.replace(f"${{{name}}}", value)
    body = body.replace("$${", "${")
    aws.client("cloudwatch").put_dashboard(DashboardName=PREFIX, DashboardBody=body)
    return body


def _queries(
    dimensions: Mapping[str, str], queries: Sequence[Query], expression: str, label: str
) -> list[dict[str, Any]]:
    """Return the metrics and the expression of an alarm, as Terraform's state has them."""
    plain = {"account_id": "", "expression": "", "label": "", "period": 0, "return_data": False}
    found = [
        {
            **plain,
            "id": id_,
            "metric": [
                {
                    "namespace": namespace,
                    "metric_name": metric,
                    "period": 60,
                    "stat": stat,
                    "unit": "",
                    "dimensions": dict(dimensions),
                }
            ],
        }
        for id_, namespace, metric, stat in queries
    ]
    return [
        *found,
        {**plain, "id": "fires", "expression": expression, "label": label, "return_data": True, "metric": []},
    ]


def _alarm(name: str, description: str, queries: list[dict[str, Any]], topic: str) -> dict[str, Any]:
    return {
        "alarm_name": name,
        "alarm_description": description,
        **SETTINGS,
        "metric_query": queries,
        "alarm_actions": [topic],
        "ok_actions": [topic],
        "insufficient_data_actions": [],
        "actions_enabled": True,
        "dimensions": {},
        "tags": None,
        "tags_all": TAGS,
    }


def _put(aws: AwsRecords, alarm: Mapping[str, Any]) -> None:
    """Make an alarm. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm["alarm_name"],
        AlarmDescription=alarm["alarm_description"],
        ComparisonOperator=alarm["comparison_operator"],
        Threshold=alarm["threshold"],
        EvaluationPeriods=alarm["evaluation_periods"],
        DatapointsToAlarm=alarm["datapoints_to_alarm"],
        TreatMissingData=alarm["treat_missing_data"],
        AlarmActions=alarm["alarm_actions"],
        OKActions=alarm["ok_actions"],
        Metrics=[_metric(each) for each in alarm["metric_query"]],
        Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()],
    )


def _metric(query: Mapping[str, Any]) -> dict[str, Any]:
    if not query["metric"]:
        named = {"Id": query["id"], "Expression": query["expression"], "Label": query["label"]}
        return {**named, "ReturnData": query["return_data"]}
    (metric,) = query["metric"]
    dimensions = [{"Name": name, "Value": value} for name, value in metric["dimensions"].items()]
    stat = {
        "Metric": {"Namespace": metric["namespace"], "MetricName": metric["metric_name"], "Dimensions": dimensions},
        "Period": metric["period"],
        "Stat": metric["stat"],
    }
    return {"Id": query["id"], "MetricStat": stat, "ReturnData": False}
