"""Tags of the deployment group: records that CodeDeploy has no field for, where an operator can see them.

    strata:first           the first version answered its call, or was live when the function was adopted
    strata:up              written by `pulumi up`: when the set started that this group's function was last released
                           with, and the one more try that the configuration grants a rejected fingerprint
    strata:override        a refusal was overridden: by whom, why, for which fingerprint
    strata:proved          the upstream stack proved a fingerprint: by which deployment, whose, when
    strata:forgiven        an operator allows one more try of a rejected fingerprint: which, and why
    strata:stops           the deployments that we stopped or reverted, newest first: see infra.release.model.stops
    strata:said:operator   the last one that an operator stopped or reverted, in words
    strata:said:release    the last one that a release stopped or reverted by itself, in words

There are only these eight keys, so that under any of AWS's limits others can add tags. A release and an operator may
write at the same time; they write different keys, except `strata:stops`, whose loss the words make up for.

Pure: `parse` reads them all, `written` returns the tags that a record adds, `surplus` names the keys of an earlier
format, which are read as well. A value has at most 256 letters, digits, spaces and `+ - = . _ : / @`:
https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-groups.html and
https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html#tag-conventions
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from infra.release.model import ledger, stops
from infra.release.model.stops import LONGEST_VALUE

_FIRST, _UP, _OVERRIDE, _PROVED = "strata:first", "strata:up", "strata:override", "strata:proved"
_FORGIVEN, _STOPS = "strata:forgiven", "strata:stops"
_SAID = {"operator": "strata:said:operator", "release": "strata:said:release"}
KEYS = (_FIRST, _UP, _OVERRIDE, _PROVED, _FORGIVEN, _STOPS, *_SAID.values())
# The earlier format: two tags for each stop, one for each proof, and words apart.
_WAS_SET, _WAS_RETRIED, _WAS_FORGIVEN_WHY = "strata:set", "strata:retried", "strata:forgiven:why"
_WAS_STOPPED, _WAS_WHY, _WAS_PROVED = "strata:stopped:", "strata:why:", "strata:proved:"
_WORD = re.compile(r"(?P<key>[a-z]+)=(?P<value>\S+)")
_UNTIL = re.compile(r"(?:.*? )?at=\S+")
"""The words of a tag, before its text begins."""
LONGEST_REASON = 240
"""Characters of a reason that an operator may give: a tag holds it whole beside the deployment's id."""
GONE = "its words are gone: the tags of the group keep those of the last one only"
"""The detail of a stop of which only the kind is still recorded."""


@dataclass(frozen=True)
class First:
    """This first version answered its call. `digest` and `contract` are for the downstream stack.

    begun: a release has started since, so that an empty ledger means that CodeDeploy has dropped its records.
    adopted: it was live already when the function was imported from Terraform. Strata has neither released nor called
    it, so it proves nothing to the downstream stack.
    """

    version: str
    fingerprint: str
    digest: str = ""
    contract: str = ""
    commit: str = "unknown"
    begun: bool = False
    adopted: bool = False


@dataclass(frozen=True)
class Stopped:
    """A deployment that we stop or revert: `kind` is the reason of the outcome, `why` the detail."""

    deployment: str
    kind: str
    why: str


@dataclass(frozen=True)
class RetryGrant:
    """One more try of a fingerprint that `deployment` rejected. `configured`: by `release.retry`, without a `why`."""

    fingerprint: str
    deployment: str
    configured: bool = False
    why: str = ""


@dataclass(frozen=True)
class Overridden:
    """A refusal that `release.override` covers. `text` is the override's own: who, and why."""

    fingerprint: str
    refusal: str
    text: str


@dataclass(frozen=True)
class Promoted:
    """The stack `source` promoted this code by `deployment`, at `ended` and for `by`, so it may be released here."""

    fingerprint: str
    source: str
    deployment: str
    by: str
    ended: str


@dataclass(frozen=True)
class Enlisted:
    """The function is about to be released with others, in the set that starts at that time."""

    at: datetime


TagRecord = First | Stopped | RetryGrant | Overridden | Promoted | Enlisted


@dataclass(frozen=True)
class RecordedTag:
    """A record as it is read back, with who wrote it and when; empty where that is no longer recorded."""

    mark: TagRecord
    by: str
    at: str


@dataclass(frozen=True)
class Tags:
    """All records in the tags of one deployment group."""

    first: bool = False
    answered: RecordedTag | None = None  # who found that it did, and when
    stopped: Mapping[str, RecordedTag] = field(default_factory=dict)  # by deployment, newest first
    lost: date | None = None  # the day on which a stop was last dropped to make room for newer ones
    granted: RecordedTag | None = None  # one more try, by `allow-retry`
    granted_by_policy: RecordedTag | None = None  # the same, by `release.retry`
    overridden: RecordedTag | None = None
    proved: Mapping[str, RecordedTag] = field(default_factory=dict)  # by fingerprint
    enlisted: datetime | None = None

    def stop(self, deployment: str) -> Stopped | None:
        """Return why we stopped or reverted a deployment; None if we did not."""
        noted = self.stopped.get(deployment)
        return noted.mark if noted and isinstance(noted.mark, Stopped) else None

    def may_have_dropped(self, at: datetime) -> bool:
        """True if a stop of what started then, by the wall clock, may have been dropped."""
        return self.lost is not None and at.date() <= self.lost

    @property
    def retry_grants(self) -> tuple[RetryGrant, ...]:
        """The newest of each kind."""
        noted = (each.mark for each in (self.granted, self.granted_by_policy) if each)
        return tuple(mark for mark in noted if isinstance(mark, RetryGrant))

    @property
    def override(self) -> Overridden | None:
        return self.overridden.mark if self.overridden and isinstance(self.overridden.mark, Overridden) else None


def written(mark: TagRecord, by: str, at: datetime, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the tags that a record adds or changes. `by`: as in the ledger. `known`: the group's tags, just read.

    Raises ValueError if AWS would refuse them.
    """
    known = known or {}
    noted = RecordedTag(mark, _plain(by), _moment(at))
    new = _tags(_with(parse(known), noted))
    if not surplus(known):
        new = {key: value for key, value in new.items() if key in _keys(mark)}
    for key, value in new.items():
        if len(value) > LONGEST_VALUE:
            raise ValueError(
                f"{value!r} has {len(value)} characters, but a tag ({key}) holds {LONGEST_VALUE}: say it shorter"
            )
    return {key: value for key, value in new.items() if known.get(key) != value}


def _keys(mark: TagRecord) -> Collection[str]:
    """Return the keys of the tags that hold a record."""
    match mark:
        case First():
            return (_FIRST,)
        case Overridden():
            return (_OVERRIDE,)
        case Promoted():
            return (_PROVED,)
        case Stopped(_, kind):
            return (_STOPS, _SAID[_who(kind)])
        case RetryGrant(configured=False):
            return (_FORGIVEN,)
    return (_UP,)


def _with(before: Tags, noted: RecordedTag) -> Tags:
    """Add a record; it replaces the older ones of its kind."""
    match noted.mark:
        case First():
            return replace(before, answered=noted)
        case Overridden():
            return replace(before, overridden=noted)
        case Promoted(fingerprint):
            return replace(before, proved={fingerprint: noted})
        case Stopped(deployment):
            others = {id_: each for id_, each in before.stopped.items() if id_ != deployment}
            return replace(before, stopped={deployment: noted} | others)
        case RetryGrant(configured=configured):
            return replace(before, granted_by_policy=noted) if configured else replace(before, granted=noted)
        case Enlisted(set_id):
            return replace(before, enlisted=set_id)


def _tags(marks: Tags) -> dict[str, str]:
    """Return the tags that hold all records. An empty tag of the first version, made by hand, stays as it is."""
    new = dict[str, str]()
    newest = max(marks.proved.values(), key=lambda each: each.at, default=None)
    for noted in (marks.answered, marks.overridden, newest, marks.granted):
        if noted is not None:
            [key] = _keys(noted.mark)
            new[key] = _value(noted)
    up = [f"set={_moment(marks.enlisted)}"] if marks.enlisted else []
    if up := [*up, *([_value(marks.granted_by_policy)] if marks.granted_by_policy else [])]:
        new[_UP] = " ".join(up)
    return new | _stops(marks)


def _value(noted: RecordedTag) -> str:
    """Format a record: its own fields, then who wrote it and when, then its text."""
    said = f"by={noted.by} at={noted.at}"
    match noted.mark:
        case First(version, fingerprint, digest, contract, commit, has_begun, adopted):
            code = f"digest={digest} contract={contract} " if digest and contract else ""
            made_of = f"commit={ledger.revision(commit)} " if commit != ledger.UNKNOWN else ""
            flags = f"{'begun=yes ' if has_begun else ''}{'adopted=yes ' if adopted else ''}"
            return f"version={version} fp={fingerprint} {code}{made_of}{flags}{said}"
        case Overridden(fingerprint, refusal, text):
            return f"fp={fingerprint} refusal={refusal} {said} {_plain(text)}"
        case RetryGrant(fingerprint, deployment, _, why):
            return stops.shortened(f"fp={fingerprint} of={deployment} {said} {_plain(why)}".rstrip())
        case Promoted(fingerprint, source, deployment, by, ended):
            what = f"in={source} of={deployment} released={_plain(by)} ended={ended}"
            return f"fp={fingerprint} {what} at={noted.at}"
    return ""


def _stops(marks: Tags) -> dict[str, str]:
    """Return the tags of all stopped deployments, and of the texts of the last ones."""
    if not marks.stopped:
        return {}
    entries = [
        stops.Entry(each.mark.deployment, each.mark.kind, each.by, each.at)
        for each in marks.stopped.values()
        if isinstance(each.mark, Stopped)
    ]
    new = {_STOPS: stops.packed(entries, marks.lost)}
    for each in reversed(list(marks.stopped.values())):
        if isinstance(mark := each.mark, Stopped) and mark.why != GONE:
            new[_SAID[_who(mark.kind)]] = stops.said(mark.deployment, mark.kind, _plain(mark.why))
    return new


def _who(kind: str) -> str:
    return "operator" if kind == "operator" else "release"


def begun(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the changes to a group's tags when its first release starts; none if they are up to date."""
    noted = _answered(tags.get(_FIRST, ""))
    if noted is None or not isinstance(noted.mark, First) or noted.mark.begun:
        return {}
    return {_FIRST: _value(replace(noted, mark=replace(noted.mark, begun=True)))}


def parse(tags: Mapping[str, str]) -> Tags:
    """Parse a group's tags. It skips a tag that is not Strata's or was altered by hand."""
    stopped, lost = _stopped(tags)
    up = tags.get(_UP, "")
    return Tags(
        first=_FIRST in tags,
        answered=_answered(tags.get(_FIRST, "")),
        stopped=stopped,
        lost=lost,
        granted=_retry_grant(tags.get(_FORGIVEN, ""), tags.get(_WAS_FORGIVEN_WHY, "")),
        granted_by_policy=_retry_grant(up, None) or _retry_grant(tags.get(_WAS_RETRIED, ""), None),
        overridden=_overridden(tags.get(_OVERRIDE, "")),
        proved=_proved(tags),
        enlisted=_time(_words(up).get("set", "")) or _time(tags.get(_WAS_SET, "")),
    )


def surplus(tags: Mapping[str, str]) -> list[str]:
    """Return the keys of the earlier format, which `written` replaces."""
    single = {_WAS_SET, _WAS_RETRIED, _WAS_FORGIVEN_WHY}
    several = (_WAS_STOPPED, _WAS_WHY, _WAS_PROVED)
    return sorted(key for key in tags if key in single or key.startswith(several))


def _stopped(tags: Mapping[str, str]) -> tuple[dict[str, RecordedTag], date | None]:
    """Newest first. Where another writer has overwritten a stop's entry, the words still have it."""
    entries, lost = stops.unpacked(tags.get(_STOPS, ""))
    words = {who: last for who, key in _SAID.items() if (last := stops.unsaid(tags.get(key, "")))}
    listed = {each.deployment for each in entries}
    found = {
        each.deployment: RecordedTag(Stopped(each.deployment, each.kind, each.why), "", "")
        for each in words.values()
        if each.deployment not in listed
    }
    for entry in entries:
        said = words.get(_who(entry.kind))
        why = said.why if said and said.deployment == entry.deployment else GONE
        found[entry.deployment] = RecordedTag(Stopped(entry.deployment, entry.kind, why), entry.by, entry.at)
    return found | _formerly_stopped(tags, found.keys()), lost


def _formerly_stopped(tags: Mapping[str, str], but: Collection[str]) -> dict[str, RecordedTag]:
    found = {}
    for key, value in tags.items():
        words, deployment = _words(value), key.removeprefix(_WAS_STOPPED)
        if key.startswith(_WAS_STOPPED) and deployment not in but and {"kind", "by", "at"} <= words.keys():
            why = tags.get(f"{_WAS_WHY}{deployment}", "")
            found[deployment] = RecordedTag(Stopped(deployment, words["kind"], why), words["by"], words["at"])
    return dict(sorted(found.items(), key=lambda each: each[1].at, reverse=True))


def _answered(value: str) -> RecordedTag | None:
    words = _words(value)
    if not {"version", "fp", "by", "at"} <= words.keys():
        return None
    code = words.get("digest", ""), words.get("contract", "")
    commit = words.get("commit", ledger.UNKNOWN)
    first = First(words["version"], words["fp"], *code, commit, begun="begun" in words, adopted="adopted" in words)
    return RecordedTag(first, words["by"], words["at"])


def _proved(tags: Mapping[str, str]) -> dict[str, RecordedTag]:
    found = {}
    for key, value in tags.items():
        words = _words(value)
        if key.startswith(_WAS_PROVED):
            words = {"fp": key.removeprefix(_WAS_PROVED), **words}
        elif key != _PROVED:
            continue
        if {"fp", "in", "of", "released", "ended", "at"} <= words.keys():
            mark = Promoted(words["fp"], words["in"], words["of"], words["released"], words["ended"])
            found[words["fp"]] = RecordedTag(mark, words.get("by", ""), words["at"])
    return found


def _retry_grant(value: str, why: str | None) -> RecordedTag | None:
    """`why`: as a tag of its own says it; None for one that the configuration gives."""
    words = _words(value)
    if not {"fp", "of", "by", "at"} <= words.keys():
        return None
    text = _text(value) or why or ""
    grant = RetryGrant(words["fp"], words["of"], configured=why is None, why="" if why is None else text)
    return RecordedTag(grant, words["by"], words["at"])


def _overridden(value: str) -> RecordedTag | None:
    words = _words(value)
    if not {"fp", "refusal", "by", "at"} <= words.keys():
        return None
    return RecordedTag(Overridden(words["fp"], words["refusal"], _text(value)), words["by"], words["at"])


def _words(value: str) -> dict[str, str]:
    """Return the fields before the text. Strata fixes their order; the time is the last."""
    head = _UNTIL.match(value)
    return dict(_WORD.findall(head[0] if head else value))


def _text(value: str) -> str:
    head = _UNTIL.match(value)
    return value[head.end() :].strip() if head else ""


def _plain(text: str) -> str:
    """`text` with what a tag does not take replaced."""
    return re.sub(r"[^\w\s+\-=.:/@]", "_", " ".join(text.split()).replace("%", " percent"))


def fits(text: str) -> bool:
    """Return whether a tag can hold `text` unchanged."""
    return bool(text) and text == _plain(text)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        return None
