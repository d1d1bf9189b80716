"""Alarms to begin with: a plain one, and what it takes to make one on metric math."""

from typing import Any

PLAIN: dict[str, Any] = {
    "AlarmName": "errors",
    "Namespace": "Shop",
    "MetricName": "Errors",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 5,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


def math(*expressions: tuple[str, str], period: int = 60, names: tuple[str, ...] = ("Errors", "Calls")) -> list[Any]:
    """Metrics m1, m2 ... by name, then expressions, of which the last is watched."""
    metrics = [
        {
            "Id": f"m{index}",
            "MetricStat": {"Metric": {"Namespace": "Shop", "MetricName": name}, "Period": period, "Stat": "Sum"},
            "ReturnData": False,
        }
        for index, name in enumerate(names, 1)
    ]
    watched = expressions[-1][0] if expressions else ""
    return metrics + [{"Id": i, "Expression": text, "ReturnData": i == watched} for i, text in expressions]


def on_math(metrics: list[Any], **more: Any) -> dict[str, Any]:
    plain = {"Namespace", "MetricName", "Statistic", "Period"}
    return {key: value for key, value in PLAIN.items() if key not in plain} | {"Metrics": metrics, **more}
