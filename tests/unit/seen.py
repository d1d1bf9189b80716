"""What one look may find, for the tests of deciding: version 2 is wanted, and 1 is live."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from infra.release.decision import next_action, proven
from infra.release.model.actions import Action, Finish, PointAlias, Wait, WriteTag
from infra.release.model.ledger import Entry
from infra.release.model.observation import Alias, Deployment, Notes, Observation, Status
from infra.release.model.outcome import Outcome, Phase
from infra.release.model.spec import ReleasePolicy
from infra.release.model.tags import TagRecord, Tags, parse, written
from tests.unit.fake_cloud import START, target, version

OLD, NEW = version(1), version(2)
TARGET = target(2)
POLICY = ReleasePolicy(commit="abc123")
NOW = START + timedelta(hours=1)
ALARM = TARGET.verdict_alarm("1", "2", NOW)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def entry(released: str = NEW.fingerprint, stable: str = "1") -> Entry:
    return Entry(released, NEW.digest, NEW.contract, "abc123", NOW, stable, "user/ann")


def deployment(status: Status = Status.IN_PROGRESS, ago: float = 3, **values: Any) -> Deployment:
    """One of version 2, created `ago` minutes ago, and ended a second ago where it has ended."""
    usual: dict[str, Any] = {
        "created": NOW - minutes(ago),
        "started": NOW - minutes(ago) if status.begun else None,
        "ended": NOW - timedelta(seconds=1) if status.ended else None,
        "entry": entry(),
        "alarms": (ALARM, TARGET.alarm),
        "canary": "2",
    }
    return Deployment("d-1", status, **{**usual, **values})


def seen(*ledger: Deployment, following: str | None = None, **values: Any) -> Observation:
    """Alias whole on 1, version 2 wanted, a first version recorded."""
    usual: dict[str, Any] = {"alias": Alias("1"), "wanted": NEW, "live": OLD, "tags": Tags(first=True)}
    found = Observation(**{**usual, **values}, ledger=ledger, notes=Notes(following))
    last = proven.fallback(TARGET, found)
    good = version(int(last.number)) if last and last.number.isdigit() else None
    return found if "good" in values else replace(found, good=good)


def decide(what: Observation, policy: ReleasePolicy = POLICY) -> Action:
    return next_action.decide([TARGET], {TARGET.function: what}, policy, NOW)[TARGET.function]


def outcome(action: Action) -> Outcome:
    assert isinstance(action, Finish), action
    return action.outcome


def waits(action: Action) -> Phase:
    """The phase of a wait."""
    assert isinstance(action, Wait), action
    return action.phase


def restores(action: Action) -> str:
    """The version to which the runner points the alias."""
    assert isinstance(action, PointAlias), action
    return action.version


def notes(action: Action) -> WriteTag:
    """The tag that is written before anything else is done."""
    assert isinstance(action, WriteTag), action
    return action


SPLIT = Alias("1", "2", 0.1)
WHOLE: dict[str, Any] = {"alias": Alias("2"), "live": NEW}


def stopped(**values: Any) -> Deployment:
    return deployment(Status.STOPPED, error="ALARM_ACTIVE", rollback="d-2", **values)


def rollback(status: Status, ago: float = 0.5) -> Deployment:
    return Deployment("d-2", status, NOW - minutes(ago), rolls_back="d-1")


def noted(*marks: TagRecord) -> Tags:
    """A first version recorded, and these marks."""
    tags = {"strata:first": ""}
    for mark in marks:
        tags |= written(mark, "user/ann", NOW, tags)
    return parse(tags)
