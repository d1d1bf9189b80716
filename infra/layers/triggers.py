"""The triggers layer: what calls a function's alias beside the API: a queue, a stream, events, a schedule."""

import json
from collections.abc import Mapping, Sequence

import pulumi_aws as aws
from pulumi import ComponentResource, Output, Resource, ResourceOptions

from infra.contracts import DataOutputs, FunctionOutputs, TriggerOutputs
from infra.layers import dead_letters
from infra.naming import AwsLocation, Names
from infra.services import Service

# SQS hides a received message until its function must have ended, tries included; AWS asks for six times the timeout.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-queueconfig
VISIBLE_AFTER = 6
# The longest that EventBridge and Lambda take, and EventBridge's own default: seconds, and tries.
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html
# https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
DELIVERED_WITHIN, DELIVERIES = 24 * 3600, 185
INVOKED_WITHIN, RETRIES = 6 * 3600, 2
# https://docs.aws.amazon.com/lambda/latest/dg/example_serverless_DynamoDB_Lambda_batch_item_failures_section.html
PARTIAL = ["ReportBatchItemFailures"]


class Triggers(ComponentResource):
    """Queues with their dead letters, and the stack's bus. Nothing calls a function until `connect` is called.

    A queue is protected from deletion, since messages would go with it, until strata:services.removed names its
    service. Then nothing calls the function any more either.
    """

    outputs: TriggerOutputs

    def __init__(
        self,
        name: str,
        *,
        names: Names,
        place: AwsLocation,
        services: Sequence[Service],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("strata:layers:Triggers", name, None, opts)
        self._name, self._names, self._place, self._services = name, names, place, services
        self._dead = {
            each.name: dead_letters.queue(
                f"{name}-{each.name}-dead",
                name=names.dead_letters(each.name),
                parent=self,
                protect=not each.removed,
            )
            for each in services
            if each.has_dead_letters
        }
        self._queues = {each.name: self._queue(each) for each in services if each.queue}
        self._bus = self._own_bus() if any(each.events or each.uses("bus") for each in services) else None
        self.outputs = TriggerOutputs(
            queue_urls={service: queue.url for service, queue in self._queues.items()},
            dead_letter_urls={each.name: self._dead[each.name].url for each in services if each.stream},
            bus=self._bus.name if self._bus else None,
        )
        self.register_outputs({})

    def connect(
        self,
        *,
        functions: Mapping[str, FunctionOutputs],
        data: DataOutputs,
        topic: Output[str],
        after: Sequence[Resource],
    ) -> None:
        """Watch the dead letters, and let the triggers call the aliases after `after`.

        Like the API's routes they wait for the release, so that a first version that cannot answer gets no events.
        `topic` is the ARN of the alarms' topic.
        """
        for service in self._services:
            if queue := self._dead.get(service.name):
                dead_letters.alarm(
                    f"{self._name}-{service.name}-dead-letters",
                    name=self._names.dead_letters(service.name),
                    of=queue,
                    description=f"There is something that {self._names.function(service.name)} could not do",
                    topic=topic,
                    parent=self,
                )
            if service.removed:
                continue
            alias, opts = functions[service.name], ResourceOptions(parent=self, depends_on=list(after))
            if service.queue:
                self._poll_queue(service, alias, opts)
            if service.stream:
                self._poll_stream(service, alias, data.stream_arn, opts)
            if service.has_events:
                opts = ResourceOptions.merge(opts, ResourceOptions(depends_on=self._keep_events(service, alias, opts)))
            if service.events and self._bus:
                self._rule(service.name, "events", alias, opts, bus=self._bus, pattern=json.dumps(service.events))
            if service.schedule:
                self._rule(service.name, "schedule", alias, opts, schedule=service.schedule)

    def _queue(self, service: Service) -> aws.sqs.Queue:
        assert service.queue  # noqa: S101 - for the types; only services with a queue come here
        attempts = service.queue.attempts
        redrive = self._dead[service.name].arn.apply(
            lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": attempts})
        )
        return aws.sqs.Queue(
            f"{self._name}-{service.name}-queue",
            name=self._names.queue(service.name),
            visibility_timeout_seconds=VISIBLE_AFTER * (service.timeout or 1),
            message_retention_seconds=dead_letters.KEPT,
            sqs_managed_sse_enabled=True,
            redrive_policy=redrive,
            opts=ResourceOptions(parent=self, protect=not service.removed),
        )

    def _own_bus(self) -> aws.cloudwatch.EventBus:
        return aws.cloudwatch.EventBus(f"{self._name}-bus", name=self._names.bus, opts=ResourceOptions(parent=self))

    def _poll_queue(self, service: Service, function: FunctionOutputs, opts: ResourceOptions) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
        assert service.queue  # noqa: S101 - for the types
        aws.lambda_.EventSourceMapping(
            f"{self._name}-{service.name}-queue-calls",
            event_source_arn=self._queues[service.name].arn,
            function_name=function.alias_arn,
            batch_size=service.queue.batch,
            function_response_types=PARTIAL,
            opts=opts,
        )

    def _poll_stream(
        self, service: Service, function: FunctionOutputs, stream: Output[str], opts: ResourceOptions
    ) -> None:
        """Read from the oldest record on, so that none is lost between the table's first record and the first release.

        https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
        """
        assert service.stream  # noqa: S101 - for the types
        declared, filters = service.stream, None
        if declared.filter is not None:
            pattern = aws.lambda_.EventSourceMappingFilterCriteriaFilterArgs(pattern=json.dumps(declared.filter))
            filters = aws.lambda_.EventSourceMappingFilterCriteriaArgs(filters=[pattern])
        failed = aws.lambda_.EventSourceMappingDestinationConfigOnFailureArgs(
            destination_arn=self._dead[service.name].arn
        )
        aws.lambda_.EventSourceMapping(
            f"{self._name}-{service.name}-stream-calls",
            event_source_arn=stream,
            function_name=function.alias_arn,
            starting_position="TRIM_HORIZON",
            batch_size=declared.batch,
            maximum_retry_attempts=declared.attempts,
            bisect_batch_on_function_error=declared.bisect,
            destination_config=aws.lambda_.EventSourceMappingDestinationConfigArgs(on_failure=failed),
            filter_criteria=filters,
            function_response_types=PARTIAL,
            opts=opts,
        )

    def _keep_events(self, service: Service, function: FunctionOutputs, opts: ResourceOptions) -> Sequence[Resource]:
        """Let events that fail become dead letters: those that EventBridge cannot deliver, and those that the function
        raises on, since EventBridge calls it asynchronously and learns nothing of that.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/rule-dlq.html
        https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
        """
        name, dead = f"{self._name}-{service.name}", self._dead[service.name]
        rules = [
            self._place.arn("events", f"rule/{on}{self._names.rule(service.name, kind)}")
            for kind, on, given in (
                ("events", f"{self._names.bus}/", service.events),
                ("schedule", "", service.schedule),
            )
            if given
        ]
        policy = dead_letters.policy(f"{name}-dead-policy", of=dead, rules=rules, opts=opts)
        failed = aws.lambda_.FunctionEventInvokeConfigDestinationConfigOnFailureArgs(destination=dead.arn)
        config = aws.lambda_.FunctionEventInvokeConfig(
            f"{name}-events-failed",
            function_name=function.name,
            qualifier=function.alias,
            maximum_event_age_in_seconds=INVOKED_WITHIN,
            maximum_retry_attempts=RETRIES,
            destination_config=aws.lambda_.FunctionEventInvokeConfigDestinationConfigArgs(on_failure=failed),
            opts=opts,
        )
        return [policy, config]

    def _rule(
        self,
        service: str,
        kind: str,
        function: FunctionOutputs,
        opts: ResourceOptions,
        *,
        bus: aws.cloudwatch.EventBus | None = None,
        pattern: str | None = None,
        schedule: str | None = None,
    ) -> None:
        """Declare a rule, and let it call the alias. A schedule's is on the account's own bus: no other has schedules.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-lambda-permissions
        """
        name = f"{self._name}-{service}-{kind}"
        rule = aws.cloudwatch.EventRule(
            name,
            name=self._names.rule(service, kind),
            description=f"Calls {self._names.function(service)}",
            event_bus_name=bus.name if bus else None,
            event_pattern=pattern,
            schedule_expression=schedule,
            opts=opts,
        )
        permission = aws.lambda_.Permission(
            f"{name}-invoke",
            action="lambda:InvokeFunction",
            function=function.name,
            qualifier=function.alias,
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            opts=opts,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=rule.name,
            event_bus_name=bus.name if bus else None,
            target_id="live",
            arn=function.alias_arn,
            retry_policy=aws.cloudwatch.EventTargetRetryPolicyArgs(
                maximum_event_age_in_seconds=DELIVERED_WITHIN, maximum_retry_attempts=DELIVERIES
            ),
            dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(arn=self._dead[service].arn),
            opts=ResourceOptions.merge(opts, ResourceOptions(depends_on=[permission])),
        )
