"""The runner's `Cloud` on AWS. Thin: one method, a few calls.

Lambda says what is live, CodeDeploy what is and was in flight, CloudWatch what the versions did. What cannot change (a
published version, a deployment's versions) is read once. The clock converts every time that is sent or received.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from infra.codedeploy import ALL_AT_ONCE, ROLLBACK_EVENTS
from infra.release.aws import events, log_errors, metrics, upstream, versions
from infra.release.aws.clients import Clients
from infra.release.aws.deployments import Records, chunks
from infra.release.aws.errors import aws_call
from infra.release.decision import proven
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import NotFoundError, TrafficHistory
from infra.release.model import fingerprint, ledger
from infra.release.model.actions import RevertDeployment, Start
from infra.release.model.attempt import UpstreamReleases
from infra.release.model.observation import Alias, Answer, Deployment, Notes, Observation, Seen, Status, Version
from infra.release.model.outcome import Outcome
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.model.tags import TagRecord
from infra.release.reports.drift import Examination
from infra.release.verdict.judge import ALARM_SETTINGS
from infra.release.verdict.metric_math import MetricQuery, metric_queries, slow_metric_queries
from infra.release.verdict.traffic import WEEK, WEEKS

ANEW = "`pulumi up --refresh` creates it again, and sends its traffic to what the ledger proves"
STALE = timedelta(minutes=1)
"""Cache lifetime of the upstream stack's release records."""
MOST_STREAMS = 100  # that FilterLogEvents takes by name
MOST_EVENTS = 1000
"""Log events that are read: enough to find the most frequent error."""


class Aws:
    """Lambda, CodeDeploy, CloudWatch, its Logs, and STS, in one region."""

    def __init__(self, region: str, clock: ScaledClock) -> None:
        self.clients = Clients(region, clock)
        self.records = Records(self.clients, clock)
        self._clock = clock
        self._upstream: dict[str, tuple[datetime, UpstreamReleases]] = {}  # by deployment group, and when it was read
        self._digests: dict[str, str] = {}  # of what is wanted, by function
        self._configurations: dict[tuple[str, str], Mapping[str, Any]] = {}  # by function and version

    def check_account(self, function: str, topic: str) -> None:
        """Raise AwsError unless the caller is of the function's account, which the topic's ARN says."""
        self.clients.check_account(function, topic)

    def announce(self, stack: str, target: Target, state: str, commit: str, outcomes: Sequence[Outcome]) -> None:
        """Put the event of a release's state, one of whose functions is `target`."""
        events.put(self.clients, stack, target, state=state, commit=commit, outcomes=outcomes)

    def announce_drift(self, stack: str, target: Target, found: Examination) -> None:
        """Put the event of what drifted since it was last announced; `target` as above."""
        events.put_drift(self.clients, stack, target, found)

    # Reads

    def observe(self, wanted: Sequence[Target], notes: Mapping[str, Notes]) -> dict[str, Observation]:
        for target in wanted:
            self.check_account(target.function, target.topic)
        aliases = self._aliases(wanted)
        split = frozenset(name for name, alias in aliases.items() if alias.shifted)
        explained = {name: partial(self._explains, name, alias.version) for name, alias in aliases.items()}
        records = self.records.deployments(wanted, notes, split, explained)
        seen = {
            target.function: self._seen(target, aliases[target.function], records[target.group], notes[target.function])
            for target in wanted
        }
        return self._measured(wanted, seen)

    def _aliases(self, wanted: Sequence[Target]) -> dict[str, Alias]:
        """Return the alias of each function. At first it reads the versions and the tags as well: Lambda and CodeDeploy
        have paces of their own, so a large set waits for the slower one alone."""

        def read() -> dict[str, Alias]:
            found = {target.function: self.alias(target.function, target.alias) for target in wanted}
            for name, alias in found.items():
                self._known(name, alias.version)
            return found

        if not (unread := self.records.untagged(wanted)):
            return read()
        _ = self.clients.functions, self.clients.codedeploy  # botocore makes one client at a time
        with ThreadPoolExecutor(1) as pool:
            tags = pool.submit(lambda: [self.records.tags(each) for each in unread])
            aliases = read()
            tags.result()
        return aliases

    def _seen(self, target: Target, alias: Alias, records: Mapping[str, Deployment], notes: Notes) -> Observation:
        live = self._known(target.function, alias.version) or Version(alias.version, "", "", "")
        seen = Observation(
            alias=alias,
            wanted=self.version(target.function, target.version) if target.version else self._next(target, live),
            live=live,
            shifted=self.version(target.function, alias.shifted) if alias.shifted else None,
            ledger=tuple(sorted(records.values(), key=lambda each: each.created, reverse=True)),
            notes=notes,
        )
        self._digests[target.function] = seen.wanted.digest
        if (going_back := seen.going_back) is not None and self.records.tags(target).stop(going_back.id) is None:
            self.records.forget_tags(target)  # another terminal may have stopped or reverted it, and said why
        return self._proved(target, replace(seen, tags=self.records.tags(target)))

    def _proved(self, target: Target, seen: Observation) -> Observation:
        """Add the version that the ledger proves last, if it still exists. Where AWS does not return the revision, the
        deployment's target gives its number."""
        last = proven.fallback(target, seen)
        if last is not None and not last.number:
            promoted = next(each for each in seen.ledger if each.id == last.deployment)
            named = replace(promoted, canary=self.records.shifting_to(promoted.id))
            seen = replace(seen, ledger=tuple(named if each is promoted else each for each in seen.ledger))
            last = proven.fallback(target, seen)
        good = self._known(target.function, last.number) if last and last.number else None
        origin = self._known(target.function, seen.started_from) if seen.started_from else None
        return replace(seen, good=good, origin=origin)

    def _known(self, function: str, number: str) -> Version | None:
        """Return the version; None if Lambda no longer has it."""
        try:
            return self.version(function, number)
        except NotFoundError:
            return None

    def _measured(self, wanted: Sequence[Target], seen: Seen) -> dict[str, Observation]:
        """Add the versions' counts and the alarms that are red, by a few requests for all functions."""
        now, names = self._clock.now(), set()
        asked = [metrics.wanted(target, seen[target.function], now) for target in wanted]
        counts = metrics.counts(self.clients, self._clock, asked)
        for target in wanted:
            followed = seen[target.function].followed
            if followed is None:
                names |= {target.alarm, target.throttle_alarm, *target.alarms} - {""}
            elif followed.status.ended or counts[target.function].canary.errors:  # else none of them can matter
                names |= set(followed.alarms)
        own = {name for each in wanted if seen[each.function].followed is None for name in each.alarms}
        reasons, unfit = metrics.red(self.clients, names), metrics.unfit(self.clients, own)
        known: dict[str, Any] = {"red": frozenset(reasons), "reasons": reasons, "unfit": unfit}
        return {name: replace(each, **known, **vars(counts[name])) for name, each in seen.items()}

    def alias(self, function: str, name: str) -> Alias:
        """Return the alias as it is now."""
        try:
            with aws_call("lambda GetAlias", f"alias {name} of {function}"):
                found = self.clients.functions.get_alias(FunctionName=function, Name=name)
        except NotFoundError as gone:
            raise NotFoundError(f"alias {name} of {function} is gone ({gone}); {ANEW}") from gone
        weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        shifted, weight = next(iter(weights.items()), (None, 0.0))  # Lambda takes one at most
        return Alias(found["FunctionVersion"], shifted, weight, found["RevisionId"])

    def version(self, function: str, number: str) -> Version:
        """Return a published version, by its number."""
        return fingerprint.version(self._configuration(function, number))

    def _configuration(self, function: str, number: str) -> Mapping[str, Any]:
        if (known := self._configurations.get((function, number))) is None:
            try:
                with aws_call("lambda GetFunctionConfiguration", f"version {number} of {function}"):
                    known = self.clients.functions.get_function_configuration(FunctionName=function, Qualifier=number)
            except NotFoundError as problem:
                raise NotFoundError(
                    f"version {number} of {function} is gone, and the stack wants it: it was deleted outside of Pulumi "
                    f"({problem}); change the function's code or configuration and run `pulumi up`, which publishes "
                    "and releases another version"
                ) from problem
            self._configurations[function, number] = known
        return known

    def _explains(self, function: str, live: str, records: Mapping[str, Deployment]) -> bool:
        """True if the records say how a version came to be live, or reach back to when it was published."""
        moved = [each.entry.fingerprint for each in records.values() if each.entry and each.status is Status.SUCCEEDED]
        if (version := self._known(function, live)) is None:  # it was deleted: what was promoted last then counts
            return bool(moved)
        at = datetime.fromisoformat(self._configuration(function, live)["LastModified"])
        published = self._clock.simulated(at)
        return version.fingerprint in moved or any(each.created < published for each in records.values())

    def _next(self, target: Target, live: Version) -> Version:
        """Return the version that `up` would publish, as far as known: the live one with the declared configuration."""
        if not target.configuration:
            return Version("", "", "", "")
        declared = json.loads(target.configuration)
        return fingerprint.next_version(self._configuration(target.function, live.number), declared)

    def upstream(self, target: Target) -> UpstreamReleases:
        now = self._clock.now()
        known = self._upstream.get(target.proof_group)
        if known is None or now - known[0] > STALE:
            found = upstream.releases(self.clients, self._clock, target, self._digests.get(target.function, ""))
            known = self._upstream[target.proof_group] = now, found
        return known[1]

    def history(self, target: Target) -> TrafficHistory:
        now = self._clock.now()
        since = {"start": self._clock.real(now - WEEKS * WEEK)}
        return TrafficHistory(
            now,
            buckets=metrics.history(self.clients, self._clock, target),
            ledger=tuple(self.records.every(target, createTimeRange=since).values()),
        )

    # Changes

    def probe(self, target: Target, version: str) -> Answer:
        with aws_call("lambda Invoke", f"version {version} of {target.function}"):
            answer = self.clients.functions.invoke(
                FunctionName=target.function, Qualifier=version, Payload=target.probe
            )
            payload = answer["Payload"].read()
        return Answer(version, log_errors.failure(payload, raised="FunctionError" in answer))

    def note(self, target: Target, mark: TagRecord) -> None:
        self.records.note(target, mark)

    def start(self, target: Target, policy: ReleasePolicy, action: Start) -> str:
        stable, canary = action.stable, self.version(target.function, action.canary)
        entry = self._entry(canary, policy, stable, action.at)
        alarm, slow = (name(stable, canary.number, entry.at) for name in (target.verdict_alarm, target.slow_alarm))
        judged = (target.function, target.alias, stable, canary.number, policy.rule, target.minutes)
        alarms = {alarm: metric_queries(*judged, answered=target.answered)}
        if policy.rule.slow_milliseconds is not None:
            alarms[slow] = slow_metric_queries(*judged)
        for name, queries in alarms.items():
            self._put_alarm(target, name, f"Rolls {canary} of {target.function} back to {stable}: {entry}", queries)
        names = [
            *alarms,
            *(name for name in (target.alarm, target.throttle_alarm, *target.alarms) if name not in action.waived),
        ]
        curve = ALL_AT_ONCE if action.all_at_once else target.curve
        created = self._create(target, entry, canary.number, curve, [name for name in names if name])
        self.records.begun(target)
        return created

    def revert(self, target: Target, policy: ReleasePolicy, action: RevertDeployment) -> str:
        stable = self.version(target.function, action.stable)
        entry = self._entry(stable, policy, action.canary, action.at)
        return self._create(target, entry, action.stable, ALL_AT_ONCE, [])

    def _entry(self, canary: Version, policy: ReleasePolicy, stable: str, at: datetime | None) -> ledger.Entry:
        return ledger.Entry(
            fingerprint=canary.fingerprint,
            digest=canary.digest,
            contract=canary.contract,
            commit=ledger.revision(policy.commit),
            at=at or ledger.to_milliseconds(self._clock.real(self._clock.now())),
            stable=stable,
            by=self.clients.by,
        )

    def _put_alarm(self, target: Target, name: str, description: str, queries: Sequence[MetricQuery]) -> None:
        with aws_call("cloudwatch PutMetricAlarm", f"alarm {name}"):
            self.clients.cloudwatch.put_metric_alarm(
                AlarmName=name,
                AlarmDescription=description,
                AlarmActions=[target.topic],
                Metrics=[query.as_api() for query in queries],  # type: ignore[misc]
                **ALARM_SETTINGS,  # type: ignore[arg-type]
            )

    def _create(self, target: Target, entry: ledger.Entry, canary: str, curve: str, alarms: list[str]) -> str:
        with aws_call("codedeploy CreateDeployment", f"{target.function} {entry.stable} -> {canary}"):
            id_ = self.clients.codedeploy_once.create_deployment(
                applicationName=target.application,
                deploymentGroupName=target.group,
                deploymentConfigName=curve,
                description=str(entry),
                revision={
                    "revisionType": "AppSpecContent",
                    "appSpecContent": {"content": _appspec(target, entry.stable, canary, hooks=bool(alarms))},
                },
                autoRollbackConfiguration={"enabled": True, "events": list(ROLLBACK_EVENTS)},
                overrideAlarmConfiguration={
                    "enabled": bool(alarms),
                    "ignorePollAlarmFailure": False,
                    "alarms": [{"name": name} for name in alarms],
                },
            )["deploymentId"]
        self.records.created(id_, canary)
        return id_

    def top_up(self, target: Target, requests: int) -> None:
        with aws_call("lambda Invoke", f"alias {target.alias} of {target.function}"):
            for _ in range(requests):
                self.clients.functions.invoke(
                    FunctionName=target.function, Qualifier=target.alias, Payload=target.probe
                )

    def stop(self, deployment: str) -> None:
        with aws_call(
            "codedeploy StopDeployment", f"deployment {deployment}", fine="DeploymentAlreadyCompletedException"
        ):
            self.clients.codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)

    def point_alias(self, target: Target, seen: Alias, version: str) -> None:
        with aws_call("lambda UpdateAlias", f"alias {target.alias} of {target.function}"):
            self.clients.functions.update_alias(
                FunctionName=target.function,
                Name=target.alias,
                FunctionVersion=version,
                RoutingConfig={"AdditionalVersionWeights": {}},
                RevisionId=seen.revision,
            )

    def cause(self, target: Target, outcome: Outcome, since: datetime) -> str | None:
        start = self._clock.real(since)
        if outcome.reason == "hook":
            return self._said_by_hooks(target, start)
        with aws_call("logs FilterLogEvents", f"log group {target.log_group}"):
            streams = self._streams(target, outcome.to_version, start)
            return (
                log_errors.most_frequent(self._errors(target.log_group, start, logStreamNames=streams))
                if streams
                else None
            )

    def _said_by_hooks(self, target: Target, start: datetime) -> str | None:
        """Return the hooks' most frequent error. A hook always runs its newest code, so all of its log counts."""
        messages: list[str] = []
        for hook in filter(None, (target.before_allow_traffic, target.after_allow_traffic)):
            with aws_call("logs FilterLogEvents", f"log group /aws/lambda/{hook}"):
                messages += self._errors(f"/aws/lambda/{hook}", start)
        of_ours = [message for message in messages if target.function in message]
        return log_errors.most_frequent(of_ours or messages)

    def _errors(self, group: str, start: datetime, **only: Any) -> list[str]:
        """Return the messages since then that look like errors."""
        paginator = self.clients.logs.get_paginator("filter_log_events")  # a page may be empty, and not be the last
        found = (
            paginator.paginate(
                logGroupName=group,
                startTime=int(start.timestamp() * 1000),
                filterPattern=pattern,
                PaginationConfig={"MaxItems": MOST_EVENTS},
                **only,
            )
            for pattern in log_errors.PATTERNS
        )
        return [event["message"] for pages in found for page in pages for event in page["events"]]

    def _streams(self, target: Target, version: str, start: datetime) -> list[str]:
        """Return the streams of a version: Lambda names each by the day it began, the version and an id."""
        days = (self._clock.real(self._clock.now()).date() - start.date()).days + 1
        names = []
        for day in range(days):
            prefix = f"{start + timedelta(days=day):%Y/%m/%d}/[{version}]"
            pages = self.clients.logs.get_paginator("describe_log_streams").paginate(
                logGroupName=target.log_group,
                logStreamNamePrefix=prefix,
                PaginationConfig={"MaxItems": MOST_STREAMS},
            )
            names += [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
        return names[:MOST_STREAMS]

    def states(self, names: Collection[str]) -> Mapping[str, bool]:
        return {
            each["AlarmName"]: each.get("StateValue") == "ALARM"
            for some in chunks(sorted(names), metrics.MOST_NAMES)
            for each in metrics.described(self.clients, some)
        }

    def clear(self, names: Collection[str]) -> None:
        versions.delete_alarms(self.clients, sorted(names))

    def forget(self, target: Target) -> None:
        self.clear(versions.verdict_alarms(self.clients, self._clock, target))


def _appspec(target: Target, stable: str, canary: str, *, hooks: bool) -> str:
    """https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html"""
    properties = {
        "Name": target.function,
        "Alias": target.alias,
        "CurrentVersion": stable,
        "TargetVersion": canary,
    }
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    called = {"BeforeAllowTraffic": target.before_allow_traffic, "AfterAllowTraffic": target.after_allow_traffic}
    specification: dict[str, Any] = {"version": 0.0, "Resources": [{target.function: resource}]}
    if hooks and any(called.values()):
        specification["Hooks"] = [{event: function} for event, function in called.items() if function]
    return json.dumps(specification)
