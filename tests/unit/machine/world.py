"""Functions with their versions, aliases, metrics and alarms, at one clock. CodeDeploy's part stands in `codedeploy`.

Traffic is a rate, so what a version did within a window follows from where its alias pointed meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from infra.release.model.observation import Alias, Version
from infra.release.model.spec import Target
from infra.release.verdict.judge import Counts, judge
from infra.release.verdict.rule import Rule

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICK = timedelta(seconds=10)


class BrokenError(AssertionError):
    """The engine has done, or said, what it must not."""


@dataclass(frozen=True)
class Code:
    """What a version is made of, and how it behaves. before, after: what its hooks answer; never, where empty."""

    name: str
    errors: float = 0.0
    before: str = "Succeeded"
    after: str = "Succeeded"
    role: str = "role/one"
    answers: bool = True  # the probe

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()[:16]

    def published(self, number: str) -> Version:
        digest = f"{self.fingerprint:A>43}="
        return Version(number, self.fingerprint, digest, self.fingerprint, {"Role": self.role})


@dataclass(frozen=True)
class Move:
    """From `at` on the alias was so, with so many requests a minute. by: a deployment, a runner, or "hand"."""

    at: datetime
    alias: Alias
    rate: int
    by: str


@dataclass
class Alarm:
    """judged: the versions that it compares, over so many minutes; None where a test alone turns it red."""

    red: bool = False
    judged: tuple[str, str, Rule, int] | None = None


@dataclass
class Function:
    """One function behind one alias, of which version 1 has been published and nothing released."""

    target: Target
    codes: dict[str, Code]  # by version
    moves: list[Move]
    tags: dict[str, str] = field(default_factory=dict)  # of its deployment group
    alarms: dict[str, Alarm] = field(default_factory=dict)
    late: timedelta = timedelta(0)  # of its metrics
    deaf: bool = False  # CloudWatch evaluates none of its alarms
    sent: list[tuple[datetime, str, int]] = field(default_factory=list)  # requests of runners: when, to whom, how many

    @property
    def name(self) -> str:
        return self.target.function

    @property
    def alias(self) -> Alias:
        return self.moves[-1].alias

    def version(self, number: str) -> Version:
        return self.codes[number].published(number)

    def fingerprint(self, number: str) -> str:
        return self.codes[number].fingerprint

    def publish(self, code: Code) -> str:
        """As PublishVersion, which publishes nothing where nothing has changed since the last version."""
        last = max(self.codes, key=int)
        if self.codes[last] == code:
            return last
        self.codes[number := str(int(last) + 1)] = code
        return number

    def point(self, now: datetime, by: str, where: Alias) -> None:
        """Lambda's UpdateAlias. Raises ValueError where Lambda refuses."""
        alias = replace(where, revision=f"r{len(self.moves)}")
        if alias.shifted is not None and self.codes[alias.version].role != self.codes[alias.shifted].role:
            raise ValueError("InvalidParameterValueException: the versions have different roles")
        self.moves.append(replace(self.moves[-1], at=now, alias=alias, by=by))

    def attract(self, now: datetime, rate: int) -> None:
        """So many requests a minute from now on."""
        self.moves.append(replace(self.moves[-1], at=now, rate=rate))

    def counts(self, number: str, since: datetime, until: datetime) -> Counts:
        """What a version did on the alias, as far as CloudWatch knows by `until`."""
        seen = sum(_share(move.alias, number) * calls for move, calls in self._spans(since, until - self.late))
        seen += sum(calls for at, to, calls in self.sent if to == number and since <= at <= until - self.late)
        invocations = round(seen)
        return Counts(invocations, round(invocations * self.codes[number].errors))

    def traffic(self, since: datetime, until: datetime) -> int:
        return round(sum(calls for _, calls in self._spans(since, until - self.late)))

    def _spans(self, since: datetime, until: datetime) -> Iterator[tuple[Move, float]]:
        """Each move with the requests that came while it held."""
        for move in reversed(self.moves):
            start = max(move.at, since)
            if until > start:
                yield move, (until - start) / MINUTE * move.rate
            until = min(until, move.at)
            if until <= since:
                return

    def evaluate(self, now: datetime) -> None:
        """CloudWatch looks at the verdict alarms."""
        for alarm in self.alarms.values():
            if alarm.judged is not None and not self.deaf:
                stable, canary, rule, minutes = alarm.judged
                window = (now - minutes * MINUTE, now)
                alarm.red = judge(self.counts(stable, *window), self.counts(canary, *window), rule).fired


def _share(alias: Alias, number: str) -> float:
    return (number == alias.version) * (1 - alias.weight) + (number == alias.shifted) * alias.weight


def function(name: str, minutes: int, before: str, after: str) -> Function:
    target = Target(
        function=name,
        alias="live",
        version="1",
        application="app",
        group=f"{name}-group",
        curve=f"canary-{minutes}",
        minutes=minutes,
        alarm=f"{name}-live-errors",
        topic="arn:aws:sns:eu-west-1:111111111111:alarms",
        log_group=f"/aws/lambda/{name}",
        throttle_alarm=f"{name}-live-throttles",
        before_allow_traffic=before,
        after_allow_traffic=after,
        probe='{"path": "/health"}',
    )
    alarms = {target.alarm: Alarm(), target.throttle_alarm: Alarm()}
    whole = Move(START, Alias("1", revision="r0"), 0, "pulumi")
    return Function(target, {"1": Code(f"{name}-0")}, [whole], alarms=alarms)
