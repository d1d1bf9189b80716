"""The observability layer: log groups with a retention, alarms on whole aliases, their topic, and a dashboard."""

import json
from collections.abc import Collection, Mapping, Sequence

import pulumi_aws as aws
from pulumi import ComponentResource, Input, Output, ResourceOptions

from infra import codedeploy, permissions
from infra.answered import METRIC, NAMESPACE
from infra.config import ApiAlarms, ObservabilityConfig
from infra.contracts import ApiOutputs, FunctionOutputs, ObservabilityOutputs
from infra.naming import LIVE, AwsLocation, Names

MINUTES = 3  # in a row above the limit before an alarm fires
FEWEST = 4  # errors or throttles a minute; fewer are noise at one request a second
FEWEST_TIMED = 20  # requests a minute, below which a single slow one is the p99


class Observability(ComponentResource):
    """For each function a log group and two alarms on its alias; two alarms on the API; one topic and one dashboard.

    These alarms live as long as the stack and do not distinguish versions. The verdict alarm on a canary is not among
    them: each release creates its own.
    """

    outputs: ObservabilityOutputs

    def __init__(
        self,
        name: str,
        *,
        names: Names,
        place: AwsLocation,
        config: ObservabilityConfig,
        functions: Mapping[str, FunctionOutputs],
        answered: Collection[str] = (),
        api: ApiOutputs | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        """Declare the layer. `answered`: the services whose answered faults count as errors."""
        super().__init__("strata:layers:Observability", name, None, opts)
        self._name = name
        self._names = names
        topic = self._topic(place, config.notify)
        error_alarms, throttle_alarms = {}, {}
        for service, function in functions.items():
            aws.cloudwatch.LogGroup(
                f"{name}-{service}-logs",
                name=function.log_group,
                retention_in_days=config.log_retention_days,
                opts=ResourceOptions(parent=self),
            )
            counts = service in answered
            errors = self._alarm(service, function, topic, "errors", config.error_share, answered=counts)
            throttles = self._alarm(service, function, topic, "throttles", config.throttle_share)
            error_alarms[service], throttle_alarms[service] = errors.name, throttles.name
        if api is not None:
            self._api_alarms(api, topic, config.api)
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=names.dashboard,
            dashboard_body=json.dumps(dashboard_body(names, place, tuple(functions), answered, api=api is not None)),
            opts=ResourceOptions(parent=self),
        )
        self.outputs = ObservabilityOutputs(
            topic_arn=topic.arn,
            error_alarms=error_alarms,
            throttle_alarms=throttle_alarms,
            dashboard=dashboard.dashboard_name,
        )
        self.register_outputs({"topic_arn": topic.arn, "dashboard": dashboard.dashboard_name})

    def _topic(self, place: AwsLocation, notify: tuple[str, ...]) -> aws.sns.Topic:
        """Declare the topic, encrypted by the stack's key from `bootstrap/`: CloudWatch may not use AWS's own key."""
        arn = place.arn("sns", self._names.topic)
        topic = aws.sns.Topic(
            f"{self._name}-topic",
            name=self._names.topic,
            kms_master_key_id=self._names.topic_key,
            policy=permissions.document(permissions.alarm_topic(arn, place.account)),
            opts=ResourceOptions(parent=self),
        )
        for address in notify:
            aws.sns.TopicSubscription(
                f"{self._name}-{address}",
                topic=topic.arn,
                protocol="email",
                endpoint=address,
                opts=ResourceOptions(parent=self),
            )
        return topic

    def _alarm(
        self,
        service: str,
        function: FunctionOutputs,
        topic: aws.sns.Topic,
        kind: str,
        limit: float,
        *,
        answered: bool = False,
    ) -> aws.cloudwatch.MetricAlarm:
        return alias_alarm(
            f"{self._name}-{service}-{kind}",
            name=self._names.alias_alarm(service, kind),
            function=function.name,
            alias=LIVE,
            kind=kind,
            limit=limit,
            topic=topic.arn,
            answered=answered,
            opts=ResourceOptions(parent=self),
        )

    def _api_alarms(self, api: ApiOutputs, topic: aws.sns.Topic, config: ApiAlarms) -> None:
        """Declare the alarms on what callers see of the API, whichever function or part of it is the cause.

        They notify the topic and stop no canary, and no deployment group has them: the API's metrics do not distinguish
        versions, nor services, so such an alarm would roll back a good version for another one's errors.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
        """
        dimensions = {"ApiId": api.id, "Stage": api.stage}
        count = _query("count", "AWS/ApiGateway", "Count", dimensions, "SampleCount")
        errors = _query("errors", "AWS/ApiGateway", "5xx", dimensions, "Sum")
        latency = _query("latency", "AWS/ApiGateway", "Latency", dimensions, "p99")
        opts = ResourceOptions(parent=self)
        _math_alarm(
            f"{self._name}-api-5xx",
            self._names.api_alarm("5xx"),
            [count, errors, _fires(api_errors(config.error_share), "too many 5xx")],
            description=f"5xx answers of the API {self._names.api}: more than {config.error_share:.4g} of all",
            topic=topic.arn,
            opts=opts,
        )
        _math_alarm(
            f"{self._name}-api-latency",
            self._names.api_alarm("latency"),
            [count, latency, _fires(api_latency(config.p99_milliseconds), "too slow")],
            description=f"p99 latency of the API {self._names.api}: more than {config.p99_milliseconds} ms",
            topic=topic.arn,
            opts=opts,
        )


def alias_alarm(
    resource: str,
    *,
    name: Input[str],
    function: Input[str],
    alias: str,
    kind: str,
    limit: float,
    topic: Input[str],
    answered: bool = False,
    opts: ResourceOptions,
) -> aws.cloudwatch.MetricAlarm:
    """Declare an alarm that fires when an alias has had more than `limit` of a kind for MINUTES in a row.

    `kind`: errors or throttles. `limit`: a fraction of the alias's requests. `topic`: an ARN. `answered`: count the
    answered faults among the errors (`infra.answered`). CloudWatch evaluates the alarm minute by minute.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    counted = kind.capitalize()
    dimensions = {"FunctionName": function, "Resource": Output.concat(function, ":", alias)}
    metrics = [_query(metric.lower(), "AWS/Lambda", metric, dimensions, "Sum") for metric in ("Invocations", counted)]
    if answered:
        metrics.append(_query("answered", NAMESPACE, METRIC, dimensions, "Sum"))
    return _math_alarm(
        resource,
        name,
        [*metrics, _fires(share(counted, limit, answered=answered), f"too many {kind}")],
        description=Output.concat(f"{counted} of ", function, f":{alias}, all versions together"),
        topic=topic,
        opts=opts,
    )


def _math_alarm(
    resource: str,
    name: Input[str],
    queries: list[aws.cloudwatch.MetricAlarmMetricQueryArgs],
    *,
    description: Input[str],
    topic: Input[str],
    opts: ResourceOptions,
) -> aws.cloudwatch.MetricAlarm:
    """Declare an alarm that fires when the expression among `queries` has been 1 for MINUTES in a row."""
    return aws.cloudwatch.MetricAlarm(
        resource,
        name=name,
        alarm_description=description,
        metric_queries=queries,
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=1,
        evaluation_periods=MINUTES,
        datapoints_to_alarm=MINUTES,
        treat_missing_data="notBreaching",
        alarm_actions=[topic],
        ok_actions=[topic],
        opts=opts,
    )


def _query(
    id_: str, namespace: str, metric: str, dimensions: Mapping[str, Input[str]], stat: str
) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
    return aws.cloudwatch.MetricAlarmMetricQueryArgs(
        id=id_,
        metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
            namespace=namespace, metric_name=metric, dimensions=dimensions, period=60, stat=stat
        ),
    )


def _fires(expression: str, label: str) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
    return aws.cloudwatch.MetricAlarmMetricQueryArgs(id="fires", expression=expression, label=label, return_data=True)


def api_errors(limit: float) -> str:
    """Return metric math: 1 where at least FEWEST answers, and more than the fraction `limit`, are 5xx, else 0."""
    return f"IF(FILL(errors, 0) >= {FEWEST} AND FILL(errors, 0) > {limit} * FILL(count, 0), 1, 0)"


def api_latency(limit: int) -> str:
    """Return metric math: 1 where FEWEST_TIMED requests or more have a p99 above `limit` milliseconds, else 0."""
    return f"IF(FILL(count, 0) >= {FEWEST_TIMED} AND FILL(latency, 0) > {limit}, 1, 0)"


def share(metric: str, limit: float, *, answered: bool = False) -> str:
    """Return metric math: 1 where `metric` is above the fraction `limit` of all requests and at least FEWEST, else 0.

    `answered`: add the answered faults, which Lambda counts among the Invocations and not among the Errors.
    It has no division, so that a minute without requests is 0. Lambda does not count a throttled request among the
    Invocations. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    count, all_ = f"FILL({metric.lower()}, 0)", "FILL(invocations, 0)"
    if answered:
        count = f"({count} + FILL(answered, 0))"
    if metric == "Throttles":
        all_ = f"({all_} + {count})"
    return f"IF({count} >= {FEWEST} AND {count} > {limit} * {all_}, 1, 0)"


def dashboard_body(
    names: Names, place: AwsLocation, services: tuple[str, ...], answered: Collection[str] = (), *, api: bool = False
) -> dict[str, object]:
    """Return the dashboard's body: for each function a row of graphs by executed version, its alarms, and links; above
    them the alarms of the API, if there is one.

    The graph of errors of the services `answered` has their answered faults too.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    of_api = [names.api_alarm(kind) for kind in permissions.API_ALARMS]
    widgets = [_alarms(place, "Alarms of the API", of_api)] if api else []
    for service in services:
        alarms = [names.alias_alarm(service, kind) for kind in permissions.ALARMS]
        widgets += [
            {"type": "text", "width": 24, "height": 3, "properties": {"markdown": _links(names, place, service)}},
            _graph(names, place, service, "Invocations", "Sum"),
            _graph(names, place, service, "Errors", "Sum", answered=service in answered),
            _graph(names, place, service, "Duration", "p95"),
            _alarms(place, "Alarms", alarms),
        ]
    return {"widgets": widgets}


def _alarms(place: AwsLocation, title: str, names: Sequence[str]) -> dict[str, object]:
    arns = [place.arn("cloudwatch", f"alarm:{name}") for name in names]
    return {"type": "alarm", "width": 24, "height": 2, "properties": {"title": title, "alarms": arns}}


def _graph(
    names: Names, place: AwsLocation, service: str, metric: str, stat: str, *, answered: bool = False
) -> dict[str, object]:
    """Return a graph with a line for each version, and one for the alias as a whole.

    Future versions are unknown, so CloudWatch searches for them. Lambda may report none while the alias has no weights.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
    """
    function = names.function(service)
    alias = f"{function}:{LIVE}"

    def by_version(namespace: str, name: str, label: str) -> list[object]:
        schema = f"{{{namespace},ExecutedVersion,FunctionName,Resource}}"
        search = f'{schema} FunctionName="{function}" Resource="{alias}" MetricName="{name}"'
        return [{"expression": f"SEARCH('{search}', '{stat}', 60)", "label": label}]

    version = "version ${PROP('Dim.ExecutedVersion')}"
    lines = [by_version("AWS/Lambda", metric, version)]
    if answered:
        lines.append(by_version(NAMESPACE, METRIC, f"{version}, answered"))
    total = ["AWS/Lambda", metric, "FunctionName", function, "Resource", alias, {"label": "all", "color": "#999999"}]
    properties = {
        "title": f"{metric} of {alias} by version ({stat})",
        "region": place.region,
        "metrics": [*lines, total],
        "stat": stat,
        "period": 60,
        "view": "timeSeries",
    }
    return {"type": "metric", "width": 8, "height": 6, "properties": properties}


def _links(names: Names, place: AwsLocation, service: str) -> str:
    console = codedeploy.console(place.partition, place.region)
    function, group = names.function(service), names.deployment_group(service)
    logs = names.log_group(service).replace("/", "$252F")  # the console decodes it twice
    deployments = f"codesuite/codedeploy/applications/{names.application}/deployment-groups/{group}"
    return (
        f"## {function}\n"
        f"[Deployments]({console}/{deployments}?region={place.region}) · "
        f"[Versions]({console}/lambda/home?region={place.region}#/functions/{function}/aliases/{LIVE}) · "
        f"[Logs]({console}/cloudwatch/home?region={place.region}#logsV2:log-groups/log-group/{logs})"
    )
