"""Uses the stack's deploy role for everything beside the rehearsed releases: changes of the configuration, correcting
what was changed by hand, and the operator's commands. It runs only if IAM policies are enforced."""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.console import Exit
from infra.naming import Names
from rehearsal import commits
from rehearsal.console import Narrator
from rehearsal.environment import legacy_state
from rehearsal.environment.oidc import BUILD
from rehearsal.environment.processes import Program
from rehearsal.environment.sandbox import FULFILMENT, STACK, Sandbox
from rehearsal.secrets import known

UP = ("up", "--stack", STACK)
CONCURRENCY = "strata:services.orders.concurrency"
WEBHOOK = "strata:secrets.teamsWebhook"
CHANGE = {
    "strata:compute.memory": "512",
    "strata:delivery.bakeMinutes": "1",
    "strata:delivery.curve.minutes": "5",
    "strata:delivery.curve.percent": "50",
    "strata:observability.notify[0]": "oncall@example.com",
    "strata:release.minimumRequests": "5",  # a call takes real time, and a canary of five minutes is short
    "strata:release.topUp": "true",
    CONCURRENCY: "20",
}
LAST = {
    "strata:release.from": "staging",
    "strata:compute.api.accessLogDays": "0",
    "strata:services.removed[0]": FULFILMENT,
}
BACK = {
    "strata:compute.memory": "1024",
    "strata:delivery.bakeMinutes": "0",
    "strata:delivery.curve.minutes": "10",  # AWS's own: the stack's is deleted
    "strata:delivery.curve.percent": "10",
    "strata:delivery.smoke": "false",
}
BY_HAND = {"Owner": "ann"}  # a tag that the program does not declare
WHY = "rehearsed by hand"
WAIT = 600.0  # seconds until a canary must have traffic, even on a busy machine


@dataclass
class DeployRoleScenario:
    """Runs everything in turn, on the stack as the rehearsed releases leave it. `problems`: what did not end as it
    must, one text each."""

    sandbox: Sandbox
    narrator: Narrator
    problems: list[str] = field(default_factory=list)

    def run(self) -> list[str]:
        """Run all of it; return the problems."""
        self.narrator.chapter(
            "deploy-role: what else the deploy role is for",
            "A change of memory, curve, hooks and addresses; a stack that an administrator changed by hand; the "
            "operator's commands. All with tokens, without keys.",
        )
        for edit in (commits.QUEUED, commits.NOTIFIED):
            self.sandbox.apply(edit)
        self.change(CHANGE)
        self.webhook("one")
        self.up()
        self.dead_letter()
        for command in ("status", "plan", "history", "doctor"):
            self.command(command)
        self.command("rollback", "--reason", WHY)
        for target in self.sandbox.targets().values():  # each was reverted
            self.command("allow-retry", "--function", target["function"], "--reason", WHY)
        self.abort()
        self.unstick()
        self.change_by_hand()
        self.up("--refresh")
        for key in (known.CONFIG_KEY, CONCURRENCY):
            self._type("config", "rm", "--stack", STACK, "--path", key)
        self.sandbox.apply(commits.NOTIFIED.going_back())
        self.change(BACK)
        self.webhook("two")
        self.take_the_bundle()
        self._type("config", "rm", "--stack", STACK, "--path", WEBHOOK)
        self.change(LAST)
        self.up()
        # Staging's account is prepared but has no stack: the role can be assumed, and finds no records.
        self.command("promote", stack="--to", code=Exit.REFUSED)
        self.command("prune", "--keep", "1", "--older-than", "0", "--yes")
        return self.problems

    def change(self, config: dict[str, str]) -> None:
        """Set those keys of the configuration, and commit that."""
        words = [part for key, value in config.items() for part in ("--plaintext", f"{key}={value}")]
        self._type("config", "set-all", "--stack", STACK, "--path", *words)
        self.sandbox.scratch.commit("Change " + ", ".join(key.removeprefix("strata:") for key in config))

    def webhook(self, name: str) -> None:
        """Send messages of releases to a chat of Teams at that address, with that signature."""
        address = f"https://chat.logic.azure.com/workflows/{name}?sig={name}"
        self._type("config", "set", "--stack", STACK, "--secret", "--path", WEBHOOK, address)

    def up(self, *options: str) -> None:
        """Run `pulumi up`."""
        self._type(*UP, *options)

    def dead_letter(self) -> None:
        """Wait until an order that fulfilment cannot read is among its dead letters."""
        client, names = self.sandbox.aws.client, Names("strata", STACK)
        client("dynamodb").put_item(TableName=legacy_state.TABLE, Item={"id": {"S": "ord_unreadable"}})
        queue = client("sqs").get_queue_url(QueueName=names.dead_letters(FULFILMENT))["QueueUrl"]
        deadline, waiting = time.monotonic() + WAIT, "ApproximateNumberOfMessages"
        while time.monotonic() < deadline:
            found = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=[waiting])["Attributes"]
            if found[waiting] != "0":
                self.narrator.say("An order that fulfilment cannot read is among its dead letters.")
                return
            time.sleep(0.1)
        self.problems.append("deploy-role: an order that fulfilment cannot read never came to its dead letters")

    def take_the_bundle(self) -> None:
        """Build and store the commit's bundle as the build job, and deploy it by its digest."""
        builder = self.sandbox.identities[BUILD].env
        self.command("build", module="infra.artifacts", env=builder, stack="")
        self.command("put", module="infra.artifacts", env=builder)
        self.command("get", "--zips", module="infra.artifacts")
        self.command("get", "--commit", "0" * 40, module="infra.artifacts", code=1)
        manifest = {"STRATA_MANIFEST": "dist/manifest.json"}
        self._type(*UP, "--refresh", env=manifest)
        planned = self.command("plan", module="infra.pipeline", env={**self.sandbox.env, **manifest})
        if " unchanged" not in planned or "to update" in planned:
            self.problems.append(f"deploy-role: a plan of what is already deployed shows a change:\n{planned}")

    def command(
        self,
        *words: str,
        module: str = "infra.release",
        stack: str = "--stack",
        code: int = 0,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run one of the operator's commands, which must exit with `code`; return its output."""
        line = ["-m", module, *words, *([stack, STACK] if stack else [])]
        self.narrator.command(f"python {' '.join(line)}")
        said: list[str] = []
        env = env or self.sandbox.env
        with Program([sys.executable, *line], env=env, cwd=self.sandbox.scratch.project) as program:
            ended = program.lines(said.append)
        text = "\n".join(said)
        self._judge(words[0], ended, text, code)
        return text

    def abort(self) -> None:
        """Abort a canary while `pulumi up` waits for it."""
        ended: list[tuple[int, str]] = []
        waiting = threading.Thread(target=lambda: ended.append(self.sandbox.pulumi(*UP)), daemon=True)
        self.narrator.command(f"pulumi {' '.join(UP)}")
        waiting.start()
        deadline = time.monotonic() + WAIT
        while self._whole() and time.monotonic() < deadline and waiting.is_alive():
            time.sleep(0.1)
        self.command("abort", "--reason", WHY)
        waiting.join()
        code, text = ended[0]
        if "rolled back (operator)" not in text:
            self.problems.append(
                f"deploy-role: an aborted `pulumi up` exited {code} without naming the operator:\n{text}"
            )

    def unstick(self) -> None:
        """Restore an alias that was split by hand."""
        target, client = self._target, self.sandbox.aws.client("lambda")
        weights = {"AdditionalVersionWeights": {target["version"]: 0.5}}
        client.update_alias(FunctionName=target["function"], Name=target["alias"], RoutingConfig=weights)
        self.command("unstick", "--yes")

    def change_by_hand(self) -> None:
        """Change, as an administrator, what the program declares."""
        self.narrator.say(
            "An administrator changes tags, policies, a permission and an integration by hand; `up` restores them."
        )
        for change in self._changes():
            change()

    def _changes(self) -> Iterator[Any]:
        client, target = self.sandbox.aws.client, self._target
        function, role = target["function"], f"{target['function']}-execution"
        region, account = self.sandbox.region, self.sandbox.account
        arn = f"arn:aws:lambda:{region}:{account}:function:{function}"
        listed = [{"Key": key, "Value": value} for key, value in BY_HAND.items()]
        yield lambda: client("lambda").tag_resource(Resource=arn, Tags=BY_HAND)
        group = f"arn:aws:logs:{region}:{account}:log-group:{target['log_group']}"
        yield lambda: client("logs").tag_resource(resourceArn=group, tags=BY_HAND)
        names = Names("strata", STACK)
        calls = f"arn:aws:logs:{region}:{account}:log-group:{names.api_log_group}"
        yield lambda: client("logs").tag_resource(resourceArn=calls, tags=BY_HAND)
        key = names.receipt_key
        yield lambda: client("ssm").add_tags_to_resource(ResourceType="Parameter", ResourceId=key, Tags=listed)
        yield lambda: client("iam").tag_role(RoleName=role, Tags=listed)
        application = f"arn:aws:codedeploy:{region}:{account}:application:{target['application']}"
        yield lambda: client("codedeploy").tag_resource(ResourceArn=application, Tags=listed)
        alarm = f"arn:aws:cloudwatch:{region}:{account}:alarm:{target['alarm']}"
        yield lambda: client("cloudwatch").tag_resource(ResourceARN=alarm, Tags=listed)
        yield lambda: client("sns").tag_resource(ResourceArn=target["topic"], Tags=listed)
        yield lambda: client("sns").set_topic_attributes(
            TopicArn=target["topic"], AttributeName="Policy", AttributeValue=_letting_in(target["topic"])
        )
        yield from self._changes_of_the_triggers(names)
        yield from self._changes_of_the_api(client("apigatewayv2"), client("lambda"), target)

    def _changes_of_the_triggers(self, names: Names) -> Iterator[Any]:
        region, account = self.sandbox.region, self.sandbox.account
        queues, events, functions = (self.sandbox.aws.client(each) for each in ("sqs", "events", "lambda"))
        listed = [{"Key": key, "Value": value} for key, value in {**BY_HAND, "ManagedBy": "ann"}.items()]
        queue = queues.get_queue_url(QueueName=names.queue(FULFILMENT))["QueueUrl"]
        yield lambda: queues.tag_queue(QueueUrl=queue, Tags=BY_HAND)
        yield lambda: queues.set_queue_attributes(QueueUrl=queue, Attributes={"MessageRetentionPeriod": "3600"})
        rule, bus = names.rule(FULFILMENT, "events"), names.bus
        for resource in (f"event-bus/{bus}", f"rule/{bus}/{rule}"):
            arn = f"arn:aws:events:{region}:{account}:{resource}"
            yield lambda arn=arn: events.tag_resource(ResourceARN=arn, Tags=listed)
        yield lambda: events.put_rule(
            Name=rule, EventBusName=bus, EventPattern='{"source": ["by-hand"]}', Description="Changed by hand"
        )
        for mapping in functions.list_event_source_mappings(FunctionName=f"{names.function(FULFILMENT)}:live")[
            "EventSourceMappings"
        ]:
            arn = f"arn:aws:lambda:{region}:{account}:event-source-mapping:{mapping['UUID']}"
            yield lambda arn=arn: functions.tag_resource(Resource=arn, Tags={**BY_HAND, "ManagedBy": "ann"})
            yield lambda id_=mapping["UUID"]: functions.update_event_source_mapping(UUID=id_, BatchSize=3)

    def _changes_of_the_api(self, gateway: Any, functions: Any, target: dict[str, str]) -> Iterator[Any]:
        (api,) = (each for each in gateway.get_apis()["Items"] if each["Name"] == target["application"])
        arn = f"arn:aws:apigateway:{self.sandbox.region}::/apis/{api['ApiId']}"
        yield lambda: gateway.tag_resource(ResourceArn=arn, Tags={**BY_HAND, "ManagedBy": "ann"})
        (integration,) = gateway.get_integrations(ApiId=api["ApiId"])["Items"]
        yield lambda: gateway.update_integration(
            ApiId=api["ApiId"], IntegrationId=integration["IntegrationId"], IntegrationType="HTTP_PROXY"
        )
        alias = {"FunctionName": target["function"], "Qualifier": target["alias"]}
        (statement,) = json.loads(functions.get_policy(**alias)["Policy"])["Statement"]
        again = {"StatementId": statement["Sid"], "Action": "lambda:InvokeFunction"}
        yield lambda: functions.remove_permission(**alias, StatementId=statement["Sid"])
        yield lambda: functions.add_permission(
            **alias,
            **again,
            Principal="apigateway.amazonaws.com",
            SourceArn=f"{arn.replace('apigateway', 'execute')}/x",
        )

    @property
    def _target(self) -> dict[str, str]:
        return self.sandbox.target()

    def _whole(self) -> bool:
        """Return True if no canary has traffic."""
        return self.sandbox.aws.live("strata-prod-orders", "live") is not None

    def _type(self, *arguments: str, env: Mapping[str, str | None] | None = None) -> None:
        self.narrator.command(f"pulumi {' '.join(arguments)}")
        code, text = self.sandbox.pulumi(*arguments, env=env)
        self._judge(f"pulumi {arguments[0]}", code, text)

    def _judge(self, name: str, code: int, text: str, wanted: int = 0) -> None:
        if code != wanted:
            self.problems.append(f"deploy-role: {name} exited {code}, not {wanted}:\n{text}")


def _letting_in(topic: str) -> str:
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
        }
    )


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
