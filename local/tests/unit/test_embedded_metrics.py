"""Log events in the embedded metric format become metrics, and wrong ones do not."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.cloud.clock import CLOCK
from local.cloud.metrics import embedded
from local.cloud.metrics.store import STORE, Metric

HOME = ("111111111111", "eu-central-1")
NOW = 1_786_239_360.0


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(CLOCK, "now", lambda: NOW)
    STORE.clear()
    yield
    STORE.clear()


def document(**changed: Any) -> dict[str, Any]:
    directive = {
        "Namespace": "Shop",
        "Dimensions": [["Service"], ["Service", "Version"]],
        "Metrics": [{"Name": "Sold"}],
    }
    return {
        "_aws": {"Timestamp": round(NOW * 1000), "CloudWatchMetrics": [{**directive, **changed}]},
        "Service": "orders",
        "Version": "7",
        "Sold": 3,
        "Times": [1, 2.5],
    }


def record(*events: object) -> None:
    embedded.record((each if isinstance(each, str) else json.dumps(each) + "\n" for each in events), *HOME, "/logs")


def total(namespace: str, name: str, **dimensions: str) -> float | None:
    key = Metric(*HOME, namespace, name, tuple(sorted(dimensions.items())))
    (found,) = STORE.windows(key, "Sum", [NOW - 60], 120)
    return found


def test_a_value_is_recorded_under_each_set_of_dimensions() -> None:
    record("START RequestId: 1\n", document(), document())
    assert total("Shop", "Sold", Service="orders") == 6
    assert total("Shop", "Sold", Service="orders", Version="7") == 6
    assert total("Shop", "Sold", Version="7") is None


def test_several_values_a_unit_and_no_dimension_are_recorded() -> None:
    record(document(Dimensions=[[]], Metrics=[{"Name": "Times", "Unit": "Milliseconds", "StorageResolution": 60}]))
    assert total("Shop", "Times") == 3.5
    assert STORE.units(Metric(*HOME, "Shop", "Times", ())) == ["Milliseconds"]


@pytest.mark.parametrize(
    "event", ['{"_aws": broken', '{"level": "INFO"}', '{"_aws": {"Timestamp": 1}}', "[1]", 'INFO {"_aws": {}}']
)
def test_an_event_without_metrics_is_a_log_event_and_nothing_else(event: str) -> None:
    record(event)
    assert STORE.metrics(*HOME) == []


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
        lambda: document(Metrics=[{"Name": "Sold", "StorageResolution": 5}]),
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
        lambda: {**document(), "_aws": {**document()["_aws"], "Timestamp": round((NOW - 15 * 86400) * 1000)}},
        without("Sold"),
        without("Service"),
    ],
)
def test_a_wrong_event_makes_no_metric_and_is_counted(made: Callable[[], dict[str, Any]]) -> None:
    record(made())
    assert [key.name for key in STORE.metrics(*HOME)] == ["EMFValidationErrors"]
    assert total("AWS/Logs", "EMFValidationErrors", LogGroupName="/logs") == 1


def test_the_units_are_those_of_cloudwatchs_model() -> None:
    import botocore.session  # noqa: PLC0415

    model = botocore.session.get_session().get_service_model("cloudwatch")
    assert set(model.shape_for("StandardUnit").enum) == embedded.UNITS  # type: ignore[attr-defined]
