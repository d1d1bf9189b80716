"""Log events in the embedded metric format become metrics, and wrong ones do not."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.session import get_session

from local.cloud.metrics import embedded

NOW = 1_786_239_360


def document(**changed: Any) -> dict[str, Any]:
    directive = {
        "Namespace": "Shop",
        "Dimensions": [["Service"], ["Service", "Version"]],
        "Metrics": [{"Name": "Sold"}],
    }
    return {
        "_aws": {"Timestamp": NOW * 1000, "CloudWatchMetrics": [{**directive, **changed}]},
        "Service": "orders",
        "Version": "7",
        "Sold": 3,
        "Times": [1, 2.5],
    }


def read(value: object) -> list[dict[str, Any]]:
    return embedded.requests(json.dumps(value) + "\n")


def test_a_value_is_put_under_each_set_of_dimensions_at_the_events_own_time() -> None:
    service, version = ({"Name": name, "Value": value} for name, value in (("Service", "orders"), ("Version", "7")))
    datum = {"MetricName": "Sold", "Unit": "None", "Values": [3], "StorageResolution": 60, "Timestamp": NOW}
    data = [{**datum, "Dimensions": [service]}, {**datum, "Dimensions": [service, version]}]
    assert read(document()) == [{"Namespace": "Shop", "MetricData": data}]


def test_several_values_a_unit_a_resolution_and_no_dimension_are_read() -> None:
    metric = {"Name": "Times", "Unit": "Milliseconds", "StorageResolution": 1}
    (request,) = read(document(Dimensions=[[]], Metrics=[metric]))
    (bare,) = read(document(Dimensions=[], Metrics=[metric]))
    (datum,) = request["MetricData"]
    assert (datum["Values"], datum["Unit"], datum["StorageResolution"]) == ([1, 2.5], "Milliseconds", 1)
    assert (datum["Dimensions"], bare["MetricData"]) == ([], [])


@pytest.mark.parametrize(
    "event",
    ['{"_aws": broken', '{"level": "INFO"}', '{"_aws": {"Timestamp": 1}}', '{"_aws": 5}', "[1]", 'INFO {"_aws": {}}'],
)
def test_an_event_without_metrics_is_a_log_event_and_nothing_else(event: str) -> None:
    assert embedded.requests(event) == []


def without(name: str) -> Callable[[], dict[str, Any]]:
    return lambda: {key: value for key, value in document().items() if key != name}


@pytest.mark.parametrize(
    "made",
    [
        lambda: document(Namespace=""),
        lambda: document(Namespace="x" * 1025),
        lambda: document(Dimensions="Service"),
        lambda: document(Dimensions=["Service"]),
        lambda: document(Dimensions=[[5]]),
        lambda: document(Dimensions=[["Sold"]]),
        lambda: document(Dimensions=[[f"D{number}" for number in range(31)]]),
        lambda: document(Metrics=[{}]),
        lambda: document(Metrics=[{"Name": "Sold"}] * 101),
        lambda: document(Metrics=[{"Name": "Sold", "Unit": "Pieces"}]),
        lambda: {**document(), "Sold": "3"},
        lambda: {**document(), "Sold": True},
        lambda: {**document(), "Sold": []},
        lambda: {**document(), "Sold": [1] * 101},
        lambda: {**document(), "Service": ""},
        lambda: {**document(), "_aws": {"CloudWatchMetrics": []}},
        lambda: {**document(), "_aws": {"Timestamp": "now", "CloudWatchMetrics": []}},
        lambda: {
            **document(),
            "_aws": {"Timestamp": 1, "CloudWatchMetrics": [document()["_aws"]["CloudWatchMetrics"]]},
        },
        without("Sold"),
        without("Service"),
    ],
)
def test_of_a_wrong_event_nothing_is_read(made: Callable[[], dict[str, Any]]) -> None:
    with pytest.raises(embedded.EmbeddedError):
        read(made())


def test_the_units_are_those_of_cloudwatchs_model() -> None:
    assert set(get_session().get_service_model("cloudwatch").shape_for("StandardUnit").enum) == embedded.UNITS  # type: ignore[attr-defined]
