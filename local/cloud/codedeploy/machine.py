"""One deployment of a Lambda function as a state machine. Pure: standard library only, no clock, no calls.

    state, effects = step(state, seen)

The driver carries out the effects in order before the next step, and reports an error as `Observation.fault`.
Times are real seconds; only the length of a minute is simulated. The timeline, which may be late, decides what is due;
the clock gives the times that are recorded, and from which the next step counts.
https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-lambda.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial

BEFORE, ALLOW, AFTER = EVENTS = ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
HOOK_MINUTES = 60
"""The time that a hook has to answer."""


class Phase(StrEnum):
    """The phase of a deployment."""

    CREATED = "created"  # accepted; nothing has been checked yet
    INSPECTING = "inspecting"  # alias and versions are compared with the revision
    BEFORE_TRAFFIC = "before"  # the BeforeAllowTraffic hook is awaited; traffic is untouched
    SHIFTING = "shifting"  # traffic moves along the curve
    AFTER_TRAFFIC = "after"  # all traffic has moved; the AfterAllowTraffic hook is awaited
    SUCCEEDED = "succeeded"  # ended: all traffic on the target version
    FAILED = "failed"  # ended by a hook, by Lambda or by a wrong revision
    STOPPED = "stopped"  # ended by an alarm or on request


ENDED = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.STOPPED})
STATUS = {Phase.CREATED: "Created", Phase.SUCCEEDED: "Succeeded", Phase.FAILED: "Failed", Phase.STOPPED: "Stopped"}
_EVENT_OF = {
    Phase.INSPECTING: BEFORE,
    Phase.BEFORE_TRAFFIC: BEFORE,
    Phase.SHIFTING: ALLOW,
    Phase.AFTER_TRAFFIC: AFTER,
}


@dataclass(frozen=True)
class Fault:
    """The reason why a deployment failed, as errorInformation shows it."""

    code: str
    message: str


@dataclass(frozen=True)
class Turn:
    """One step of the curve: `minutes` after the step before it, `percent` of the traffic goes to the target."""

    minutes: float
    percent: float


def curve(kind: str, percentage: int = 100, interval: int = 0) -> tuple[Turn, ...]:
    """Return the steps of TimeBasedCanary, TimeBasedLinear or AllAtOnce; the first is at once, the last all traffic."""
    if kind == "AllAtOnce" or percentage >= 100:
        return (Turn(0, 100),)
    if kind == "TimeBasedCanary":
        return (Turn(0, percentage), Turn(interval, 100))
    steps = range(percentage, 100, percentage)
    return (*(Turn(0 if share == percentage else interval, share) for share in steps), Turn(interval, 100))


@dataclass(frozen=True)
class Plan:
    """What a deployment will do; it is fixed when the deployment is created."""

    turns: tuple[Turn, ...]
    hooks: Mapping[str, str] = field(default_factory=dict)
    """Event -> function to invoke."""
    alarms: tuple[str, ...] = ()
    ignore_unreadable_alarms: bool = False
    roll_back_on: frozenset[str] = frozenset()
    """Some of DEPLOYMENT_FAILURE, DEPLOYMENT_STOP_ON_ALARM, DEPLOYMENT_STOP_ON_REQUEST."""


@dataclass(frozen=True)
class Event:
    """A lifecycle event of the target."""

    status: str = "Pending"
    started: float | None = None
    ended: float | None = None
    message: str = ""


@dataclass(frozen=True)
class Stop:
    """A request to stop; roll_back None = as the plan says."""

    roll_back: bool | None = None


@dataclass(frozen=True)
class Observation:
    """The state of everything outside the machine at one moment."""

    now: float
    """The timeline's time."""
    minute: float
    """Real seconds of a simulated minute."""
    alarms: Mapping[str, str | None] = field(default_factory=dict)
    """Alarm -> state; None = it could not be read."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Event -> Succeeded or Failed, as its hook answered."""
    stop: Stop | None = None
    fault: Fault | None = None
    """The error in the effects of the step before."""
    clock: float | None = None
    """The clock's time, if it is not `now`."""

    @property
    def at(self) -> float:
        """Return the time to record for what is done now."""
        return self.now if self.clock is None else self.clock


@dataclass(frozen=True)
class Inspect:
    """Compare alias, versions and service role with the revision."""


@dataclass(frozen=True)
class Invoke:
    """Call the hook of an event."""

    event: str
    function: str


@dataclass(frozen=True)
class Shift:
    """Put `percent` of the traffic on the target version; 100 makes the alias whole on it."""

    percent: float


@dataclass(frozen=True)
class RollBack:
    """Create the rollback."""


@dataclass(frozen=True)
class Announce:
    """Send a notice to EventBridge: START, SUCCESS, FAILURE or STOP."""

    state: str


Effect = Inspect | Invoke | Shift | RollBack | Announce
Step = tuple["Deployment", tuple[Effect, ...]]


@dataclass(frozen=True)
class Deployment:
    """The state of one deployment."""

    plan: Plan
    phase: Phase = Phase.CREATED
    events: Mapping[str, Event] = field(default_factory=lambda: {name: Event() for name in EVENTS})
    percent: float = 0.0
    """The percentage of traffic that this deployment has moved to the target version."""
    turn: int = 0
    """The number of finished steps of the curve."""
    due: float | None = None
    """The time at which the deployment must be stepped without an event: at the next step of the curve, or after a
    hook's hour."""
    started: float | None = None
    ended: float | None = None
    fault: Fault | None = None

    @property
    def over(self) -> bool:
        """Return True if the deployment has ended."""
        return self.phase in ENDED

    @property
    def status(self) -> str:
        """Return the status that GetDeployment shows."""
        return STATUS.get(self.phase, "InProgress")

    def awaits(self, event: str) -> bool:
        """Return True if the hook of the event was called and has not answered."""
        return not self.over and self.events[event].status == "InProgress" and event in self.plan.hooks


def step(deployment: Deployment, seen: Observation) -> Step:
    """Return the next state and its effects. The same state without effects means that nothing is due before `due`.

    What ends the deployment comes first: a fault, then a request to stop, then an alarm.
    """
    if deployment.over:
        return deployment, ()
    if deployment.phase is Phase.CREATED:
        return replace(deployment, phase=Phase.INSPECTING, started=seen.at), (Announce("START"), Inspect())
    if seen.fault is not None:
        touched = deployment.phase is not Phase.INSPECTING
        roll_back = touched and _wants(deployment, "DEPLOYMENT_FAILURE")
        return _end(_unshifted(deployment), seen, Phase.FAILED, seen.fault, roll_back)
    if seen.stop is not None:
        wanted = seen.stop.roll_back
        if wanted is None:
            wanted = _wants(deployment, "DEPLOYMENT_STOP_ON_REQUEST")
        return _end(deployment, seen, Phase.STOPPED, Fault("MANUAL_STOP", _STOPPED_BY_USER), wanted)
    if (alarm := _alarm(deployment.plan, seen)) is not None:
        return _end(deployment, seen, Phase.STOPPED, alarm, _wants(deployment, "DEPLOYMENT_STOP_ON_ALARM"))
    return _PROGRESS[deployment.phase](deployment, seen)


def _unshifted(deployment: Deployment) -> Deployment:
    """Return the deployment without the step of the curve that failed."""
    if deployment.phase is not Phase.SHIFTING:
        return deployment
    done = deployment.turn - 1
    return replace(deployment, turn=done, percent=deployment.plan.turns[done - 1].percent if done else 0.0)


def _inspected(deployment: Deployment, seen: Observation) -> Step:
    return _call_hook(replace(deployment, phase=Phase.BEFORE_TRAFFIC), seen, BEFORE)


def _call_hook(deployment: Deployment, seen: Observation, event: str) -> Step:
    function = deployment.plan.hooks.get(event)
    called = _noted(deployment, event, Event("InProgress", seen.at))
    if function is None:
        return called, ()
    return replace(called, due=seen.at + HOOK_MINUTES * seen.minute), (Invoke(event, function),)


def _await_hook(deployment: Deployment, seen: Observation, event: str) -> Step:
    if event in deployment.plan.hooks:
        answer = seen.answers.get(event)
        if answer is None and deployment.due is not None and seen.now < deployment.due:
            return deployment, ()
        if answer != "Succeeded":
            fault = Fault("HOOK_EXECUTION_FAILURE", _HOOK_FAILED if answer else _HOOK_SILENT)
            return _end(deployment, seen, Phase.FAILED, fault, _wants(deployment, "DEPLOYMENT_FAILURE"))
    done = _noted(deployment, event, replace(deployment.events[event], status="Succeeded", ended=seen.at))
    if event == AFTER:
        return replace(done, phase=Phase.SUCCEEDED, due=None, ended=seen.at), (Announce("SUCCESS"),)
    return _shift(_noted(replace(done, phase=Phase.SHIFTING), ALLOW, Event("InProgress", seen.at)), seen)


def _shift(deployment: Deployment, seen: Observation) -> Step:
    """Take the next step of the curve."""
    turns = deployment.plan.turns
    percent, turn = turns[deployment.turn].percent, deployment.turn + 1
    due = seen.at + turns[turn].minutes * seen.minute if turn < len(turns) else None
    return replace(deployment, percent=percent, turn=turn, due=due), (Shift(percent),)


def _await_turn(deployment: Deployment, seen: Observation) -> Step:
    if deployment.turn < len(deployment.plan.turns):
        late = deployment.due is not None and seen.now >= deployment.due
        return _shift(deployment, seen) if late else (deployment, ())
    shifted = replace(deployment.events[ALLOW], status="Succeeded", ended=seen.at)
    return _call_hook(_noted(replace(deployment, phase=Phase.AFTER_TRAFFIC), ALLOW, shifted), seen, AFTER)


_PROGRESS: dict[Phase, Callable[[Deployment, Observation], Step]] = {
    Phase.INSPECTING: _inspected,
    Phase.BEFORE_TRAFFIC: partial(_await_hook, event=BEFORE),
    Phase.SHIFTING: _await_turn,
    Phase.AFTER_TRAFFIC: partial(_await_hook, event=AFTER),
}


def _alarm(plan: Plan, seen: Observation) -> Fault | None:
    active = sorted(name for name in plan.alarms if seen.alarms.get(name) == "ALARM")
    if active:
        listed = " ".join(f"<{name}>" for name in active)
        return Fault("ALARM_ACTIVE", f"{_ALARMED} Activated alarms: {listed}")
    unread = sorted(name for name in plan.alarms if seen.alarms.get(name) is None)
    if unread and not plan.ignore_unreadable_alarms:
        listed = " ".join(f"<{name}>" for name in unread)
        return Fault("ALARM_ACTIVE", f"{_UNREADABLE} Alarms: {listed}")
    return None


def _wants(deployment: Deployment, event: str) -> bool:
    return event in deployment.plan.roll_back_on


def _noted(deployment: Deployment, event: str, noted: Event) -> Deployment:
    return replace(deployment, events={**deployment.events, event: noted})


def _end(deployment: Deployment, seen: Observation, phase: Phase, fault: Fault, roll_back: bool) -> Step:
    """Mark the current event as failed and those after it as skipped."""
    at_hand = EVENTS.index(_EVENT_OF[deployment.phase])
    events = dict(deployment.events)
    for index, name in enumerate(EVENTS):
        if index == at_hand:
            started = events[name].started or seen.at
            events[name] = Event("Failed", started, seen.at, fault.message)
        elif index > at_hand:
            events[name] = Event("Skipped")
    ended = replace(deployment, phase=phase, events=events, fault=fault, due=None, ended=seen.at)
    announced = Announce("FAILURE" if phase is Phase.FAILED else "STOP")
    return ended, (RollBack(), announced) if roll_back else (announced,)


_ALARMED = (
    "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, "
    "and the affected deployments have been stopped."
)
_UNREADABLE = (
    "The state of one or more alarms could not be retrieved from Amazon CloudWatch, "
    "and the affected deployments have been stopped."
)
_STOPPED_BY_USER = "The deployment was stopped by a user."
_HOOK_FAILED = "The deployment failed because one or more of the lifecycle event validation functions failed."
_HOOK_SILENT = f"{_HOOK_FAILED} A function did not report within one hour."
