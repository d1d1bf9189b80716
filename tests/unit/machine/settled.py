"""What must hold of every function once nothing moves any more."""

from __future__ import annotations

from infra.release.model.observation import Notes
from infra.release.model.stops import LEAST
from tests.unit.machine.client import Client
from tests.unit.machine.codedeploy import CodeDeploy, Record
from tests.unit.machine.truth import Truth

OURS = {"promotion", "back"}


def check(truth: Truth, *, by_hand: bool = False) -> None:
    """by_hand: whether an alias may be split, if only a hand explains it."""
    for group in truth.cloud.groups.values():
        _at_rest(truth, group, by_hand=by_hand)
        _ledger(truth, group)
    _sets(truth)


def check_always(truth: Truth) -> None:
    """What holds at every moment."""
    for group in truth.cloud.groups.values():
        if sum(not each.over for each in group.records) > 1:
            truth.broken(f"two deployments of {group.function.name} at once")


def proved(truth: Truth) -> None:
    """After an `up` that has ended well: no version without proof keeps the traffic, where any is proved."""
    for group in truth.cloud.groups.values():
        if truth.proves(group) and not truth.proved(group, group.function.alias.version):
            truth.broken(f"{group.function.name} is left on {group.function.alias}, which nothing proves")


def unexplained(truth: Truth, group: CodeDeploy) -> None:
    """A split alias may be refused only where no record of ours explains it."""
    by, records = group.function.moves[-1].by, group.records
    if by == "hand":
        return
    since = records[records.index(group.find(by)) :]
    if all(each.role != "foreign" for each in since):
        truth.broken(f"{group.function.name} is left split, and {by} has split it")


def _at_rest(truth: Truth, group: CodeDeploy, *, by_hand: bool) -> None:
    function = group.function
    if group.running is not None:
        truth.broken(f"{group.running.id} is still running")
    if function.alias.shifted is not None and by_hand:
        unexplained(truth, group)
    elif function.alias.shifted is not None:
        truth.broken(f"the alias of {function.name} is on {function.alias}")
    live = function.fingerprint(function.alias.version)
    rejected = truth.rejection(group, live)
    excused = truth.by_hand[function.name] | (truth.anew[function.name] if by_hand else set())
    if rejected is not None and live not in excused and not _foreign(group, live):
        truth.broken(f"{function.name} is live on {function.alias}, which {rejected.id} rejected")


def _foreign(group: CodeDeploy, fingerprint: str) -> bool:
    """Whether CodeDeploy's rollback of an operator's own deployment has put that code live."""
    back = [each for each in group.records if each.rolls_back is not None and each.rolls_back.role == "foreign"]
    return fingerprint in {group.function.fingerprint(each.target) for each in back}


def _sets(truth: Truth) -> None:
    """What was promoted with one that failed is live no longer, unless something has brought it back since."""
    tried = [
        (group, record)
        for group in truth.cloud.groups.values()
        for record in group.records
        if record.role == "promotion"
    ]
    failed = {truth.set_id(record): record for _, record in tried if record.failed}
    for group, record in tried:
        culprit = failed.get(truth.set_id(record))
        if culprit is None or not record.succeeded or _again(truth, group, record):
            continue
        if group.function.alias.version == record.target:
            truth.broken(f"{record.id} is live, and {culprit.id}, of the same set, has failed")


def _again(truth: Truth, group: CodeDeploy, record: Record) -> bool:
    later = group.records[group.records.index(record) + 1 :]
    fingerprint = group.function.fingerprint(record.target)
    again = any(each.role in {"promotion", "foreign"} and each.succeeded for each in later)
    return again or fingerprint in truth.by_hand[group.function.name]


def _ledger(truth: Truth, group: CodeDeploy) -> None:
    """What a look reads back is what has happened."""
    function, target = group.function, group.function.target
    client = Client(truth.cloud, "user/reader")
    seen = client.observe([target], {target.function: Notes()})[target.function]
    for read, record in zip(seen.ledger, reversed(group.records), strict=True):
        said = (read.id, read.status.value, read.created, read.ended, read.entry is not None)
        if said != (record.id, record.machine.status, record.created, record.ended, record.role in OURS):
            truth.broken(f"{record.id} is read back as {read}")
        if read.entry and (read.entry.fingerprint, read.entry.stable, read.entry.by, read.entry.at) != (
            function.fingerprint(record.target),
            record.current,
            record.by,
            truth.set_id(record),
        ):
            truth.broken(f"{record.id} is read back as {read.entry}")
    stopped = [each for each in group.records if each.stopped_by.startswith("run/") and _by_request(each)]
    for record in stopped[-LEAST // 2 :]:
        kind, by, why = truth.notes[record.id][-1]
        noted = seen.tags.stopped.get(record.id)
        if noted is None or noted.by != by or (stop := seen.tags.stop(record.id)) is None or stop.kind != kind:
            truth.broken(f"the stop of {record.id} by {by} ({kind}: {why}) is read back as {noted}")


def _by_request(record: Record) -> bool:
    return record.machine.fault is not None and record.machine.fault.code == "MANUAL_STOP"
