"""The messages layer: when a release has ended, its event becomes a message by e-mail and in chats."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

import pulumi_aws as aws
from pulumi import ComponentResource, Input, Output, ResourceOptions

from infra import permissions
from infra.config import Secret
from infra.layers import dead_letters
from infra.naming import AwsLocation, Names
from infra.release_events import LABELS, SOURCE

ENDED = ("first", "promoted", "rolled_back", "refused", "drifted")
"""The states that people get a message of: one a release, and one a drift. See docs/events.md."""


class Messages(ComponentResource):
    """A rule on the account's own bus, with the alarms' topic and the webhooks of `webhooks` as its targets.

    EventBridge tries each for a day, 185 times, its default; what it could not deliver is a
    dead letter with an alarm. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    """

    def __init__(
        self,
        name: str,
        *,
        names: Names,
        place: AwsLocation,
        webhooks: Mapping[str, Secret],
        topic: Output[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        """Declare the layer. `topic`: the ARN of the alarms' topic. `webhooks`: addresses, by the chat's name."""
        super().__init__("strata:layers:Messages", name, None, opts)
        self._name, self._names, self._place = name, names, place
        self._own = ResourceOptions(parent=self)
        states = {"application": [names.application], "stack": [names.stack], "state": list(ENDED)}
        self._rule = aws.cloudwatch.EventRule(
            f"{name}-rule",
            name=names.messages,
            description=f"Releases of {names.prefix} that have ended, and what drifted",
            event_pattern=json.dumps({"source": [SOURCE], "detail": states}),
            opts=self._own,
        )
        self._dead = self._dead_letters(topic)
        role = aws.iam.Role(
            f"{name}-role",
            name=names.messages,
            assume_role_policy=permissions.document(permissions.trust("events", place)),
            permissions_boundary=permissions.boundary_arn(names, place),
            opts=self._own,
        )
        rights = aws.iam.RolePolicy(
            f"{name}-rights",
            name="messages",
            role=role.name,
            policy=permissions.document(permissions.messages(names, place)),
            opts=self._own,
        )
        self._target = ResourceOptions(parent=self, depends_on=[rights, self._policy()])
        self._role = role
        lines = [json.dumps(f"{label}<{line}>") for line, label in LABELS.items()]
        paths = {line: f"$.detail.message.{line}" for line in LABELS}
        self._send(
            "topic",
            topic,
            input_transformer=aws.cloudwatch.EventTargetInputTransformerArgs(
                input_paths={**paths, "link": "$.detail.link", "command": "$.detail.command"},
                input_template="\n".join([*lines, json.dumps("See: <link>"), json.dumps("Next: <command>")]),
            ),
        )
        for chat, address in webhooks.items():
            self._send(chat, self._webhook(chat, address), input_path=f"$.detail.message.{chat}")
        self.register_outputs({})

    def _send(
        self,
        target: str,
        arn: Input[str],
        *,
        input_path: str | None = None,
        input_transformer: aws.cloudwatch.EventTargetInputTransformerArgs | None = None,
    ) -> None:
        aws.cloudwatch.EventTarget(
            f"{self._name}-to-{target}",
            rule=self._rule.name,
            target_id=target,
            arn=arn,
            role_arn=self._role.arn,
            input_path=input_path,
            input_transformer=input_transformer,
            dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(arn=self._dead.arn),
            opts=self._target,
        )

    def _webhook(self, chat: str, address: Secret) -> Output[str]:
        """Declare the API destination of a chat; return its ARN.

        The parameters of the address, Teams' signature among them, are the connection's secret, which EventBridge keeps
        in Secrets Manager. A connection must have a header besides; and the path of Slack's, which is secret too, has
        no other place than the destination's endpoint, which the deploy role alone may read.
        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection.html
        """
        name, (endpoint, _, query) = self._names.webhook(chat), address.value.partition("?")
        parameters = [
            aws.cloudwatch.EventConnectionAuthParametersInvocationHttpParametersQueryStringArgs(
                key=key, value=Output.secret(value), is_value_secret=True
            )
            for key, value in parse_qsl(query, keep_blank_values=True)
        ]
        sent = aws.cloudwatch.EventConnectionAuthParametersInvocationHttpParametersArgs(query_strings=parameters)
        connection = aws.cloudwatch.EventConnection(
            f"{self._name}-{chat}-connection",
            name=name,
            authorization_type="API_KEY",
            auth_parameters=aws.cloudwatch.EventConnectionAuthParametersArgs(
                api_key=aws.cloudwatch.EventConnectionAuthParametersApiKeyArgs(
                    key="x-strata-stack", value=self._names.stack
                ),
                invocation_http_parameters=sent if parameters else None,
            ),
            opts=ResourceOptions(parent=self, additional_secret_outputs=["authParameters"]),
        )
        destination = aws.cloudwatch.EventApiDestination(
            f"{self._name}-{chat}",
            name=name,
            connection_arn=connection.arn,
            invocation_endpoint=Output.secret(endpoint),
            http_method="POST",
            invocation_rate_limit_per_second=1,  # https://docs.slack.dev/apis/web-api/rate-limits
            opts=ResourceOptions(parent=self, additional_secret_outputs=["invocationEndpoint"]),
        )
        return destination.arn

    def _dead_letters(self, topic: Output[str]) -> aws.sqs.Queue:
        queue = dead_letters.queue(f"{self._name}-dead", name=self._names.messages, parent=self)
        dead_letters.alarm(
            f"{self._name}-dead-letters",
            name=self._names.messages,
            of=queue,
            description=f"There is a message on a release of {self._names.prefix} that could not be delivered",
            topic=topic,
            parent=self,
        )
        return queue

    def _policy(self) -> aws.sqs.QueuePolicy:
        rule = self._place.arn("events", f"rule/{self._names.messages}")
        return dead_letters.policy(f"{self._name}-dead-policy", of=self._dead, rules=[rule], opts=self._own)
