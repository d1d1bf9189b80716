"""PutDashboard takes a body that is built as AWS's page says, and refuses any other with the place of each mistake."""

import json
from typing import Any

import pytest

LINE = ["AWS/Lambda", "Errors", "FunctionName", "orders", {"stat": "Sum", "label": "all"}]
SEARCH = [
    {"expression": "SEARCH('{AWS/Lambda,FunctionName} MetricName=\"Errors\"', 'p95', 60)", "label": "by function"}
]
MATH = [{"expression": "RUNNING_SUM(FILL(m1, 0))", "id": "e1", "yAxis": "right"}]
ALARM = "arn:aws:cloudwatch:eu-central-1:111111111111:alarm:orders-errors"


def graph(*lines: Any, **more: Any) -> dict[str, Any]:
    return {"type": "metric", "properties": {"region": "eu-central-1", "metrics": list(lines), **more}}


WHOLE = {
    "start": "-PT6H",
    "periodOverride": "inherit",
    "widgets": [
        {"type": "text", "width": 24, "height": 2, "properties": {"markdown": "# Orders"}},
        {**graph(LINE, SEARCH), "x": 0, "y": 2},
        graph(
            [*LINE[:4], {"id": "m1", "visible": False, "period": 60}],
            MATH,
            view="timeSeries",
            yAxis={"right": {"min": 0, "max": 1, "showUnits": False}},
            annotations={
                "horizontal": [{"value": 2.88, "label": "limit", "yAxis": "right", "color": "#d13212"}],
                "vertical": [{"value": "2026-11-24T09:00:00Z", "label": "release"}],
            },
        ),
        {"type": "metric", "properties": {"region": "eu-central-1", "annotations": {"alarms": [ALARM]}}},
        {"type": "alarm", "properties": {"alarms": [ALARM], "title": "Alarms"}},
    ],
}
WRONG = {
    "no JSON": ("{", "it is no JSON"),
    "no widgets": ({}, "/widgets: should be an array"),
    "unknown key": ({"widgets": [], "begin": "-PT6H"}, "/begin: is not known"),
    "too many widgets": ({"widgets": [graph(LINE)] * 501}, "/widgets: has 501, more than 500"),
    "no type": ({"widgets": [{"properties": {}}]}, "/widgets/0/type: is required"),
    "unknown type": ({"widgets": [{"type": "chart!", "properties": {}}]}, "/widgets/0/type: cannot be 'chart!'"),
    "too wide": ({"widgets": [{**graph(LINE), "width": 25}]}, "/widgets/0/width: cannot be 25"),
    "no region": (
        {"widgets": [{"type": "metric", "properties": {"metrics": [LINE]}}]},
        "properties/region: is required",
    ),
    "no metric": ({"widgets": [graph()]}, "properties/metrics: is required, unless an annotation is an alarm"),
    "half a dimension": ({"widgets": [graph(LINE[:3])]}, "metrics/0: should be a namespace, a name, and pairs"),
    "both": ({"widgets": [graph([*LINE[:2], {"expression": "m1", "id": "e1"}])]}, "either a metric or an expression"),
    "colour": ({"widgets": [graph([*LINE[:4], {"color": "red"}])]}, "metrics/0/color: cannot be 'red'"),
    "period": ({"widgets": [graph(LINE, period=61)]}, "properties/period: cannot be 61"),
    "statistic": ({"widgets": [graph([*LINE[:4], {"stat": "p"}])]}, "metrics/0: statistic 'p' is not imitated"),
    "unknown id": ({"widgets": [graph(MATH)]}, "Metric or expression 'm1' not found"),
    "twice": ({"widgets": [graph([*LINE[:4], {"id": "m1"}], [*LINE[:4], {"id": "m1"}])]}, "the id m1 is used twice"),
    "no id": ({"widgets": [graph([{"expression": "1 + 1"}])]}, "needs an id"),
    "limit": ({"widgets": [graph(LINE, annotations={"horizontal": [{}]})]}, "horizontal/0/value: is required"),
    "time": ({"widgets": [graph(LINE, annotations={"vertical": [{"value": 3}]})]}, "vertical/0/value: cannot be 3"),
    "axis": ({"widgets": [graph(LINE, yAxis={"top": {}})]}, "yAxis/top: is not known"),
    "no alarm": ({"widgets": [{"type": "alarm", "properties": {"alarms": []}}]}, "properties/alarms: cannot be []"),
}


def test_a_body_that_is_well_built_is_stored_as_it_is(cloudwatch: Any) -> None:
    text = json.dumps(WHOLE)
    answer = cloudwatch.put_dashboard(DashboardName="shop", DashboardBody=text)
    assert answer.get("DashboardValidationMessages", []) == []
    assert cloudwatch.get_dashboard(DashboardName="shop")["DashboardBody"] == text


@pytest.mark.parametrize("name", WRONG)
def test_another_is_refused_with_the_place_of_its_mistake(cloudwatch: Any, name: str) -> None:
    body, message = WRONG[name]
    with pytest.raises(cloudwatch.exceptions.ClientError) as caught:
        cloudwatch.put_dashboard(
            DashboardName="shop", DashboardBody=body if isinstance(body, str) else json.dumps(body)
        )
    assert caught.value.response["Error"]["Code"] == "InvalidParameterInput"
    assert message in caught.value.response["Error"]["Message"]


def test_all_mistakes_of_a_body_are_reported_at_once(cloudwatch: Any) -> None:
    body = {"widgets": [{**graph(LINE), "width": 25}, graph()], "begin": 1}
    with pytest.raises(cloudwatch.exceptions.ClientError, match="3 problems"):
        cloudwatch.put_dashboard(DashboardName="shop", DashboardBody=json.dumps(body))
