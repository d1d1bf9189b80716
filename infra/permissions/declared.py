"""The ARNs of a stack's resources, as policies name them."""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.naming import HOOKS, AwsLocation, Names

ALARMS = ("errors", "throttles")  # kinds of the long-lived ones on an alias
API_ALARMS = ("5xx", "latency")  # on the API


@dataclass(frozen=True)
class Resources:
    """The ARNs of one stack's resources; those of its functions are patterns where it has many: Names.patterns."""

    names: Names
    place: AwsLocation

    @property
    def services(self) -> list[str]:
        return [self.place.arn("lambda", f"function:{self.names.function(each)}") for each in self.names.patterns]

    @property
    def hooks(self) -> list[str]:
        return [self.place.arn("lambda", f"function:{self.names.hook(each)}") for each in HOOKS]

    @property
    def logs(self) -> list[str]:
        return [self.place.arn("logs", f"log-group:{self.names.log_group(each)}") for each in self.names.patterns]

    @property
    def hook_logs(self) -> list[str]:
        return [self.place.arn("logs", f"log-group:{self.names.hook_log_group(each)}") for each in HOOKS]

    @property
    def groups(self) -> list[str]:
        group = f"deploymentgroup:{self.names.application}"
        return [
            self.place.arn("codedeploy", f"{group}/{self.names.deployment_group(each)}") for each in self.names.patterns
        ]

    @property
    def consumed(self) -> list[str]:
        """Return the queues of the functions, without their dead letters."""
        return [self.place.arn("sqs", self.names.queue(each)) for each in self.names.patterns]

    @property
    def queues(self) -> tuple[str, ...]:
        """Return all queues; the dead letters of many functions are among their pattern."""
        dead = [self.place.arn("sqs", self.names.dead_letters(each)) for each in self.names.patterns if each != "*"]
        return (*self.consumed, *dead)

    @property
    def bus(self) -> str:
        return self.place.arn("events", f"event-bus/{self.names.bus}")

    @property
    def rules(self) -> Iterator[str]:
        """Yield the rules: a pattern's is on the stack's bus, a schedule's on the account's.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
        """
        for each in self.names.patterns:
            yield self.place.arn("events", f"rule/{self.names.bus}/{self.names.rule(each, 'events')}")
            yield self.place.arn("events", f"rule/{self.names.rule(each, 'schedule')}")

    def roles(self, *found: str) -> tuple[str, ...]:
        return tuple(self.place.global_arn("iam", f"role/{name}") for name in found)

    @property
    def function_roles(self) -> tuple[str, ...]:
        execution = [self.names.execution_role(each) for each in self.names.patterns]
        return self.roles(*execution, *(self.names.hook_role(each) for each in HOOKS))

    @property
    def curves(self) -> Iterator[str]:
        """Yield a pattern for each number of digits, since a curve's name ends in its percent and minutes."""
        for percent in ("?", "??"):
            for minutes in ("?", "??", "???", "????"):
                name = f"{self.names.prefix}-canary-{percent}-{minutes}"
                yield self.place.arn("codedeploy", f"deploymentconfig:{name}")

    @property
    def alarms(self) -> Iterator[str]:
        """Yield the long-lived alarms, and a pattern for the verdict alarms, of which each release creates its own."""
        for kind in API_ALARMS:
            yield self.place.arn("cloudwatch", f"alarm:{self.names.api_alarm(kind)}")
        yield self.place.arn("cloudwatch", f"alarm:{self.names.messages}")
        for service in self.names.patterns:
            for kind in ALARMS:
                yield self.place.arn("cloudwatch", f"alarm:{self.names.alias_alarm(service, kind)}")
            yield self.place.arn("cloudwatch", f"alarm:{self.names.dead_letters(service)}")
            yield self.place.arn("cloudwatch", f"alarm:{self.names.function(service)}-verdict-*")
