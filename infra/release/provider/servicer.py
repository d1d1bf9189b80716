"""Pulumi's resource provider protocol for `strata:release:Release`, thin over the runner.

Source: proto/pulumi/provider.proto of the Pulumi SDK. Messages that reach the user are one line, without a traceback.
"""

from __future__ import annotations

import functools
import json
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc

from infra.release.decision.context import ReleaseContext
from infra.release.engine import runner
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import AwsError, Cloud, NotFoundError
from infra.release.model import serialization
from infra.release.model.observation import Alias, Version
from infra.release.model.outcome import Outcome, Progress
from infra.release.model.spec import RELEASE, ReleaseError, ReleasePolicy, Target
from infra.release.provider import drift
from infra.release.provider.in_flight import InFlightCalls
from infra.release.reports.doctor.facts import Examined
from infra.release.reports.drift import Examination, examined
from infra.release.reports.preview import PLAN_FILE, ReleasePreview, first, forecast
from infra.release_events import READ_ONLY

VERSION = "0.1.0"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's placeholder for a value that a preview cannot know.

https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go
"""
SCHEMA = {"name": "strata", "version": VERSION, "resources": {RELEASE: {}}}
DIFF = provider_pb2.DiffResponse
Functions = Sequence[Mapping[str, str]]  # the fields of infra.release.aws.ahead.Released


def _said_plainly(method: Callable[..., Any]) -> Callable[..., Any]:
    """Give the engine an error as its message alone."""

    @functools.wraps(method)
    def call(self: ReleaseProvider, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except ReleaseError as problem:
            message = str(problem)
        except Exception as problem:
            # A fault of Strata's; the engine shows its trace with --debug.
            self.log(getattr(request, "urn", ""), traceback.format_exc(), engine_pb2.DEBUG)
            message = f"the release provider itself failed: {type(problem).__name__}: {problem}"
        return context.abort(grpc.StatusCode.UNKNOWN, " ".join(message.split()))

    return call


class LiveCloud(Cloud, Protocol):
    """The provider's own calls to AWS, beside the runner's."""

    def alias(self, function: str, name: str) -> Alias:
        """Return where an alias sends its traffic; raises NotFoundError where it is gone."""

    def version(self, function: str, number: str) -> Version: ...

    def check_account(self, function: str, topic: str) -> None:
        """Raises AwsError unless the caller is of the function's account, which the topic's ARN says."""

    def announce(self, stack: str, target: Target, state: str, commit: str, outcomes: Sequence[Outcome]) -> None:
        """Put the event of a release's state, one of whose functions is `target`."""

    def announce_drift(self, stack: str, target: Target, found: Examination) -> None:
        """Put the event of what drifted since it was last announced; `target` as above."""


class ReleaseProvider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider process of one `pulumi` command. `connect` gives a region's AWS, with functions to read ahead."""

    def __init__(self, clock: ScaledClock, connect: Callable[[str, Functions], LiveCloud]) -> None:
        self.in_flight = InFlightCalls()
        self.clock = clock
        self.connect, self.pool = connect, ThreadPoolExecutor(1)
        self.cloud = functools.cache(lambda region: connect(region, ()))
        self.ahead: dict[str, Future[LiveCloud]] = {}  # what a preview reads ahead, by region
        self.engine: engine_pb2_grpc.EngineStub | None = None
        self.surprises: Examination = {}  # what a diff found, until an update overwrites it

    def log(
        self,
        urn: str,
        message: str,
        severity: engine_pb2.LogSeverity.ValueType = engine_pb2.INFO,
        passing: bool = False,
    ) -> None:
        """Show a line at the resource, if the engine still listens; a passing line is not kept."""
        if self.engine is not None:
            try:
                self.engine.Log(engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=passing))
            except grpc.RpcError:
                self.engine = None

    # The plugin

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(request.engine_address))
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.GetSchemaResponse(schema=json.dumps(SCHEMA))

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.clock.interrupt()
        self.in_flight.wait()
        return empty_pb2.Empty()

    @_said_plainly
    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Begin to read what a preview will ask of AWS, and answer at once."""
        asked = _plain(request.args)
        self.ahead[asked["region"]] = self.pool.submit(self.connect, asked["region"], asked["functions"])
        return provider_pb2.InvokeResponse()

    # The resource

    @_said_plainly
    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = provider_pb2.CheckResponse(inputs=request.news)
        news = _plain(request.news)
        if not _unknown(news):
            try:
                targets, policy, _ = _release(news)
                if len(targets) > 1 and not policy.wait:
                    why = f"is false, and releasing a set of {len(targets)} functions requires true"
                    raise serialization.WireError({"policy.wait": f"{why}; set it"})
            except serialization.WireError as mistake:
                for path, what in mistake.mistakes.items():
                    response.failures.add(property=path, reason=f"{path} {what}")
        return response

    @_said_plainly
    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Report inputs that changed, and aliases that are not where the last release left them."""
        state, news = _plain(request.olds), _plain(request.news)
        inputs = set(drift.changed(_plain(request.old_inputs), news))
        outputs = {"outcomes"} if drift.unfinished(state) else set()
        for target in _known_targets(news):
            expected = state["liveVersions"].get(target["function"])
            found = self._alias(news["region"], target["function"], target["alias"], target["topic"])
            if str(found) != expected:
                outputs.add("liveVersions")
            if drift.is_surprise(target, expected, found):
                context = self._case(_foreseen(target), news)
                self.surprises |= self._examined(_foreseen(target), found, context)
                self.log(request.urn, drift.warning(target, expected, found, context), engine_pb2.WARNING)
        response = provider_pb2.DiffResponse(hasDetailedDiff=True, changes=DIFF.DIFF_NONE)
        if inputs | outputs:
            response.changes = DIFF.DIFF_SOME
            response.diffs.extend(sorted({path.split(".")[0].split("[")[0] for path in inputs | outputs}))
        for path in inputs | outputs:
            response.detailedDiff[path].kind = provider_pb2.PropertyDiff.UPDATE
            response.detailedDiff[path].inputDiff = path in inputs
        return response

    @_said_plainly
    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        news = _plain(request.properties)
        state = self._planned(request, news) if request.preview else self._run(request, news)
        return provider_pb2.CreateResponse(id="" if request.preview else request.name, properties=_struct(state))

    @_said_plainly
    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        news, old = _plain(request.news), _plain(request.old_inputs)
        names = [each["function"] for each in news["targets"]] if isinstance(news["targets"], list) else [UNKNOWN]
        kept = set(names)
        if UNKNOWN not in kept:  # else a preview; the update that follows will know
            self._check_removed(old, kept)
        if request.preview:
            state = self._planned(request, news)
        else:
            self._announce_drift(request, news, self.surprises)
            self.surprises = {}
            self._retire(request, old, but=kept)
            state = self._run(request, news)
        return provider_pb2.UpdateResponse(properties=_struct(state))

    @_said_plainly
    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Read which versions are live, and whether they are still the released ones."""
        state, inputs = _plain(request.properties), _plain(request.inputs)
        if not inputs:
            raise ReleaseError(
                f"release {request.id} cannot be imported: AWS keeps no such thing; `pulumi up` creates it"
            )
        drifted: Examination = {}
        for target in _release(inputs)[0]:
            found = self._alias(inputs["region"], target.function, target.alias, target.topic)
            if found is None:
                self._announce_drift(request, inputs, drifted | self._examined(target, None, None))
                return provider_pb2.ReadResponse()  # without its alias there is no release
            state["liveVersions"][target.function] = str(found)
            if self._is_live(inputs["region"], target, found):
                drifted[target.function, "alias"] = None
            else:
                context = self._case(target, inputs)
                detail = f"alias {target.alias} is on {found}, and {target.version} was released"
                detail = (drift.acted(context) if context else None) or detail
                state["outcomes"][target.function] = {"outcome": drift.MOVED, "detail": detail}
                drifted |= self._examined(target, found, context)
        self._announce_drift(request, inputs, drifted)
        return provider_pb2.ReadResponse(id=request.id, properties=_struct(state), inputs=request.inputs)

    @_said_plainly
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._retire(request, _plain(request.old_inputs) or _plain(request.properties), but=set())
        return empty_pb2.Empty()

    # What they share

    def _reading(self, region: str) -> LiveCloud:
        """Return the AWS to observe: of a preview, what it read ahead."""
        return self.ahead[region].result() if region in self.ahead else self.cloud(region)

    def _alias(self, region: str, function: str, alias: str, topic: str) -> Alias | None:
        """Return the alias; None if it is gone. Raises AwsError with credentials of another account."""
        try:
            return self._reading(region).alias(function, alias)
        except NotFoundError:
            self._reading(region).check_account(function, topic)
            return None

    def _case(self, target: Target, inputs: Mapping[str, Any]) -> ReleaseContext | None:
        """Return the context of a function; None if AWS does not answer, since it only serves to explain."""
        policy, now = serialization.policy(inputs["policy"]), self.clock.now()
        try:
            seen = runner.observe([target], policy, self._reading(inputs["region"]))
        except ReleaseError:
            return None
        return ReleaseContext(target, seen[target.function], policy, now)

    def _examined(self, target: Target, found: Alias | None, context: ReleaseContext | None) -> Examination:
        """Return whether an alias that is not as the release left it has drifted; nothing if that is not known."""
        facts = Examined(target, self.clock.now(), found, unavailable_reason=dict.fromkeys(("group", "curve"), ""))
        if context is not None:
            seen = context.seen
            facts = replace(facts, alias=seen.alias, live=seen.live, ledger=seen.ledger, tags=seen.tags)
        return examined([facts]) if context is not None or found is None else {}

    def _announce_drift(self, request: Any, inputs: Mapping[str, Any], found: Examination) -> None:
        """Announce what drifted since it was last announced. An event that AWS does not take hinders nothing."""
        if not found or os.environ.get(READ_ONLY):
            return
        try:
            cloud, targets = self.cloud(inputs["region"]), _release(inputs)[0]
            cloud.announce_drift(_stack(request), targets[0], found)
        except AwsError as problem:
            severity = engine_pb2.INFO if any(found.values()) else engine_pb2.DEBUG
            self.log(request.urn, f"no event says that it has drifted: {problem}", severity)

    def _is_live(self, region: str, target: Target, found: Alias) -> bool:
        """True if all traffic goes to the target's version, or to one of the same release."""
        versions = (self.cloud(region).version(target.function, each) for each in (found.version, target.version))
        return found.shifted is None and len({each.fingerprint for each in versions}) == 1

    def _planned(self, request: Any, news: dict[str, Any]) -> dict[str, Any]:
        """Return the state that a preview can know, and show a line on what would be done."""
        foreseen = self._previews(news) if _known_targets(news) else []
        for each in foreseen:
            self.log(request.urn, each.line())
        if file := os.environ.get(PLAN_FILE):
            Path(file).write_text(json.dumps([each.to_dict() for each in foreseen]))
        return {**news, "liveVersions": UNKNOWN, "outcomes": UNKNOWN}

    def _previews(self, news: Mapping[str, Any]) -> list[ReleasePreview]:
        """Return the previews of the functions of which enough is known; one that does not exist yet would go first."""
        cloud, policy = self._reading(news["region"]), serialization.policy(news["policy"])
        there = targets = [_foreseen(each) for each in _known_targets(news)]
        try:
            seen = runner.observe(targets, policy, cloud)
        except NotFoundError:
            there = [each for each in targets if self._alias(news["region"], each.function, each.alias, each.topic)]
            seen = runner.observe(there, policy, cloud)
        found = {each.function: each for each in forecast(there, seen, policy, self.clock.now())}
        return [found.get(target.function) or first(target) for target in targets]

    def _run(self, request: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        """Release, and return the state; a bad outcome is an error."""
        targets, policy, region = _release(inputs)
        cloud = self.cloud(region)

        def announce(state: str, commit: str, changed: Sequence[Outcome]) -> None:
            cloud.announce(_stack(request), targets[0], state, commit, changed)

        outcomes = runner.run(targets, policy, cloud, self.clock, self._reporter(request), announce=announce)
        if bad := [each.line() for each in outcomes.values() if not each.ending.good]:
            raise ReleaseError("; ".join(bad))
        return {
            **inputs,
            "liveVersions": {each.function: str(cloud.alias(each.function, each.alias)) for each in targets},
            "outcomes": {function: serialization.to_dict(outcome) for function, outcome in outcomes.items()},
        }

    def _check_removed(self, inputs: dict[str, Any], kept: set[str]) -> None:
        """Raise ReleaseError where a function is taken away, or renamed, while a deployment of it runs.

        Pulumi deletes what the program no longer declares after this resource, so nothing has been changed yet.
        """
        targets, policy, region = _release(inputs)
        for target in targets:
            if target.function in kept:
                continue
            try:
                seen = runner.observe([target], policy, self.cloud(region))[target.function]
            except NotFoundError:  # deleted outside of Strata
                continue
            if (running := seen.in_flight) is not None:
                raise ReleaseError(
                    f"{target.function} is no longer declared, but {running.id} is shifting its traffic; declare it "
                    "again until that has ended, or bring the canary back: `python -m infra.release abort --stack "
                    f"STACK --reason WHY --function {target.function}`"
                )

    def _retire(self, request: Any, inputs: dict[str, Any], but: set[str]) -> None:
        """End the release of every function `but` these."""
        targets, policy, region = _release(inputs)
        for target in targets:
            if target.function in but:
                continue
            cloud = self.cloud(region)
            try:
                runner.retire([target], policy, cloud, self.clock, self._reporter(request))
            except NotFoundError as gone:  # deleted outside of Strata
                self.log(request.urn, str(gone), engine_pb2.WARNING)
                cloud.forget(target)

    def _reporter(self, request: Any) -> runner.Report:
        def report(progress: Progress) -> None:
            if not progress.quiet:  # the CLI prints even what is passing where it has no terminal
                self.log(request.urn, progress.line(), passing=progress.repeated)

        return report


def _stack(request: Any) -> str:
    return str(request.urn.split(":")[2])  # urn:pulumi:STACK::PROJECT::TYPE::NAME


def _release(inputs: Mapping[str, Any]) -> tuple[list[Target], ReleasePolicy, str]:
    targets = [serialization.target(each, f"targets[{index}]") for index, each in enumerate(inputs["targets"])]
    return targets, serialization.policy(inputs["policy"]), inputs["region"]


NOT_YET = {"version": "", "configuration": ""}
"""Fields that a preview may not know of a target, and the value that says so."""


def _known_targets(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the targets of which all else is known, so that their alias can be observed."""
    if _unknown(inputs["region"]) or not isinstance(inputs["targets"], list):
        return []
    return [each for each in inputs["targets"] if not _unknown({**each, **NOT_YET})]


def _foreseen(target: Mapping[str, Any]) -> Target:
    return serialization.target({key: NOT_YET[key] if _unknown(value) else value for key, value in target.items()})


def _unknown(value: Any) -> bool:
    """True if a preview does not know all of `value`."""
    if isinstance(value, Mapping):
        return any(map(_unknown, value.values()))
    return any(map(_unknown, value)) if isinstance(value, list) else value == UNKNOWN


def _plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    return dict(json_format.MessageToDict(struct))


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(values, struct_pb2.Struct())
