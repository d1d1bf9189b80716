"""The body of a stack's CloudWatch dashboard: what each service does by version, beside its verdict and its alarms.

A body is written before a release, and CloudWatch's vertical annotations are fixed times in it, so they cannot mark a
release. What marks one is metric math instead: 1 in each minute in which both versions had traffic.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra import codedeploy, permissions
from infra.answered import ANSWERED, METRIC, NAMESPACE
from infra.naming import LIVE, AwsLocation, Names
from infra.release.verdict.metric_math import MetricQuery, deployment_queries, statistic_queries
from infra.release.verdict.rule import Rule
from infra.services import Service, ServiceError

# Of a dashboard: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
MOST_WIDGETS = 500

Line = list[Any]
"""A metric or an expression, as the body has it."""
Widget = dict[str, Any]


def body(
    names: Names,
    place: AwsLocation,
    services: Sequence[Service],
    *,
    rules: Mapping[str, Rule],
    versions: Mapping[str, str],
    api: bool = False,
) -> dict[str, Any]:
    """Return the body: the alarms of the API, if there is one, and for each service its links, graphs and alarms.

    versions: the versions that the stack wants live, by service: the canaries of its next or last release. Every graph
    keeps to its minutes however long a time it shows, since the verdict's statistic is made of them.
    """
    of_api = [names.api_alarm(kind) for kind in permissions.API_ALARMS]
    widgets = [_alarms(place, "Alarms of the API", of_api)] if api else []
    for service in services:
        graphs = _Graphs(names, place, service, rules[service.name], versions[service.name])
        widgets += [_links(names, place, service.name), *graphs.drawn()]
        alarms = [names.alias_alarm(service.name, kind) for kind in permissions.ALARMS]
        if service.has_dead_letters:
            alarms.append(names.dead_letters(service.name))
        widgets.append(_alarms(place, "Alarms", alarms))
    return {"periodOverride": "inherit", "widgets": widgets}


def require_room(names: Names, services: Sequence[Service], *, api: bool) -> None:
    """Raise ServiceError if the services' dashboard would have more widgets than CloudWatch takes."""
    nowhere, listed = AwsLocation("", "", ""), [each.name for each in services]
    rules, versions = dict.fromkeys(listed, Rule()), dict.fromkeys(listed, "1")
    widgets = len(body(names, nowhere, services, rules=rules, versions=versions, api=api)["widgets"])
    if widgets > MOST_WIDGETS:
        raise ServiceError(
            [
                f"app/ has {len(services)} services, whose dashboard would have {widgets} widgets, and CloudWatch "
                f"takes {MOST_WIDGETS}; move some into a project of their own"
            ]
        )


class _Graphs:
    """The graphs of one service's alias."""

    def __init__(self, names: Names, place: AwsLocation, service: Service, rule: Rule, canary: str) -> None:
        self.names, self.place, self.service, self.rule, self.canary = names, place, service, rule, canary
        self.function = names.function(service.name)
        self.alias = f"{self.function}:{LIVE}"
        self.answered = service.errors == ANSWERED

    def drawn(self) -> Iterator[Widget]:
        yield self.traffic()
        yield self.errors()
        yield self.graph(
            "Duration, milliseconds",
            [self.total("Duration", stat) for stat in ("p50", "p95", "p99")],
            self.by_version("AWS/Lambda", "Duration", "p95", "version ${PROP('Dim.ExecutedVersion')}, p95"),
        )
        yield self.graph("Throttles", [self.total("Throttles", "Sum")])
        if self.answered:
            faults = self.by_version(NAMESPACE, METRIC, "Sum")
            yield self.graph("Answered faults by version", [self.total(METRIC, "Sum", NAMESPACE)], faults)
        if self.service.stream:
            yield self.graph("Stream lag, milliseconds", [self.total("IteratorAge", "Maximum")])
        if self.service.has_dead_letters:
            queue = self.names.dead_letters(self.service.name)
            options = {"label": "dead letters", "stat": "Maximum"}
            line = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, options]
            yield self.graph("Dead letters", [line])

    def traffic(self) -> Widget:
        """Draw the requests of each version, and the minutes of the release's shift on an axis of their own."""
        shift = [_line(each) for each in deployment_queries(self.function, LIVE, self.canary)]
        drawn = self.graph(
            "Requests by version",
            [self.total("Invocations", "Sum")],
            self.by_version("AWS/Lambda", "Invocations", "Sum"),
            shift,
        )
        drawn["properties"]["yAxis"] = {"right": {"min": 0, "max": 1, "showUnits": False}}
        return drawn

    def errors(self) -> Widget:
        """Draw the errors of each version, and the verdict's statistic beside its limit on an axis of its own."""
        queries = statistic_queries(self.function, LIVE, self.canary, self.rule, answered=self.answered)
        drawn = self.graph(
            "Errors by version, and the verdict",
            [self.total("Errors", "Sum")],
            self.by_version("AWS/Lambda", "Errors", "Sum"),
            [_line(each) for each in queries],
        )
        limit = {"value": self.rule.z, "label": f"limit of z, {self.rule.z:g}", "yAxis": "right", "color": "#d13212"}
        drawn["properties"]["annotations"] = {"horizontal": [limit]}
        return drawn

    def graph(self, title: str, *lines: list[Line]) -> Widget:
        properties = {
            "title": f"{title}: {self.alias}",
            "region": self.place.region,
            "metrics": [line for some in lines for line in some],
            "period": 60,
            "view": "timeSeries",
        }
        return {"type": "metric", "width": 8, "height": 6, "properties": properties}

    def total(self, metric: str, stat: str, namespace: str = "AWS/Lambda") -> Line:
        """Return the line of the alias as a whole."""
        label = stat if stat.startswith("p") else "all"
        dimensions = ["FunctionName", self.function, "Resource", self.alias]
        return [namespace, metric, *dimensions, {"label": label, "stat": stat}]

    def by_version(self, namespace: str, metric: str, stat: str, label: str = "") -> list[Line]:
        """Return the lines of the versions. Future ones are unknown, so CloudWatch searches for them.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
        """
        schema = f"{{{namespace},ExecutedVersion,FunctionName,Resource}}"
        search = f'{schema} FunctionName="{self.function}" Resource="{self.alias}" MetricName="{metric}"'
        shown = label or "version ${PROP('Dim.ExecutedVersion')}"
        return [[{"expression": f"SEARCH('{search}', '{stat}', 60)", "label": shown}]]


def _line(query: MetricQuery) -> Line:
    """Return a query as a line on the right axis; only what it returns is visible."""
    options: dict[str, Any] = {"id": query.id, "visible": query.returned, "yAxis": "right"}
    if query.label:
        options["label"] = query.label
    if query.expression is not None:
        return [{"expression": query.expression, **options}]
    dimensions = [part for pair in query.dimensions for part in pair]
    return [query.namespace, query.metric, *dimensions, {"period": query.period, "stat": query.statistic, **options}]


def _alarms(place: AwsLocation, title: str, names: Sequence[str]) -> Widget:
    arns = [place.arn("cloudwatch", f"alarm:{name}") for name in names]
    return {"type": "alarm", "width": 24, "height": 2, "properties": {"title": title, "alarms": arns}}


def _links(names: Names, place: AwsLocation, service: str) -> Widget:
    console = codedeploy.console(place.partition, place.region)
    function, group = names.function(service), names.deployment_group(service)
    logs = names.log_group(service).replace("/", "$252F")  # the console decodes it twice
    deployments = f"codesuite/codedeploy/applications/{names.application}/deployment-groups/{group}"
    markdown = (
        f"## {function}\n"
        f"[Deployments]({console}/{deployments}?region={place.region}) · "
        f"[Versions]({console}/lambda/home?region={place.region}#/functions/{function}/aliases/{LIVE}) · "
        f"[Logs]({console}/cloudwatch/home?region={place.region}#logsV2:log-groups/log-group/{logs})"
    )
    return {"type": "text", "width": 24, "height": 3, "properties": {"markdown": markdown}}
