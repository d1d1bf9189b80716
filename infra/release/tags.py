"""The tags of the deployment group: what CodeDeploy has no field for, and an operator must be able to see.

    strata:first                 the first version answered its call
    strata:stopped:DEPLOYMENT    that we stopped it or took it back: why (one word), who, when
    strata:why:DEPLOYMENT        the same in words
    strata:forgiven              an operator allows one more try of a rejected fingerprint
    strata:forgiven:why          the same in words
    strata:retried               the stack's configuration does
    strata:override              a refusal was overridden: by whom, why, for which fingerprint
    strata:proved:FINGERPRINT    the stack before this one proved it: by which deployment, whose, when
    strata:set                   the moment of the set that this group's function was last released with

Pure: `parse` reads them all, `written` says what a mark adds. A value has at most 256 letters, digits, spaces and
`+ - = . _ : / @`: https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-groups.html and
https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html#tag-conventions
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

LONGEST_VALUE = 256
MOST_STOPS = 16
"""Of which tags are kept: with two for each, a group stays below the 50 tags that AWS takes of a resource."""
MOST_PROOFS = 6

_FIRST, _SET, _OVERRIDE = "strata:first", "strata:set", "strata:override"
_FORGIVEN, _RETRIED = "strata:forgiven", "strata:retried"
_STOPPED, _WHY = "strata:stopped:", "strata:why:"
_PROVED = "strata:proved:"
_FORGIVEN_WHY = "strata:forgiven:why"
_WORD = re.compile(r"(?P<key>[a-z]+)=(?P<value>\S+)")


@dataclass(frozen=True)
class First:
    """This first version answered its call. `digest` and `contract` are for the stack that comes after this one."""

    version: str
    fingerprint: str
    digest: str = ""
    contract: str = ""


@dataclass(frozen=True)
class Stopped:
    """A deployment that we stop, or take back: `kind` is the reason of the outcome, `why` says it in words."""

    deployment: str
    kind: str
    why: str


@dataclass(frozen=True)
class Pardon:
    """One more try of a fingerprint that `deployment` rejected. `configured`: by `release.retry`, without a `why`."""

    fingerprint: str
    deployment: str
    configured: bool = False
    why: str = ""


@dataclass(frozen=True)
class Overridden:
    """A refusal that `release.override` set aside. `text` is the override's own: who, and why."""

    fingerprint: str
    refusal: str
    text: str


@dataclass(frozen=True)
class Proved:
    """What the stack `source` promoted by `deployment`, at the time `ended` and for `by`, may be released here."""

    fingerprint: str
    source: str
    deployment: str
    by: str
    ended: str


@dataclass(frozen=True)
class Enlisted:
    """The function is about to be released with others, as the set of that moment."""

    at: datetime


Mark = First | Stopped | Pardon | Overridden | Proved | Enlisted


@dataclass(frozen=True)
class Noted:
    """A mark as it is read back: with who made it, and when."""

    mark: Mark
    by: str
    at: str


@dataclass(frozen=True)
class Tags:
    """All marks of one deployment group."""

    first: bool = False
    answered: Noted | None = None  # who found that it did, and when
    stopped: Mapping[str, Noted] = field(default_factory=dict)  # by deployment
    forgiven: Noted | None = None
    retried: Noted | None = None
    overridden: Noted | None = None
    proved: Mapping[str, Noted] = field(default_factory=dict)  # by fingerprint
    enlisted: datetime | None = None

    def stop(self, deployment: str) -> Stopped | None:
        """Why we stopped a deployment, or took it back; None where we did not."""
        noted = self.stopped.get(deployment)
        return noted.mark if noted and isinstance(noted.mark, Stopped) else None

    @property
    def pardons(self) -> tuple[Pardon, ...]:
        """The newest of each kind."""
        noted = (each.mark for each in (self.forgiven, self.retried) if each)
        return tuple(mark for mark in noted if isinstance(mark, Pardon))

    @property
    def override(self) -> Overridden | None:
        return self.overridden.mark if self.overridden and isinstance(self.overridden.mark, Overridden) else None


def written(mark: Mark, by: str, at: datetime) -> dict[str, str]:
    """The tags that a mark adds or changes. `by`: as in the ledger. Raises ValueError where AWS would not take them."""
    said = f"by={_plain(by)} at={_moment(at)}"
    match mark:
        case First(version, fingerprint, digest, contract):
            code = f"digest={digest} contract={contract} " if digest and contract else ""
            tags = {_FIRST: f"version={version} fp={fingerprint} {code}{said}"}
        case Stopped(deployment, kind, why):
            tags = {f"{_STOPPED}{deployment}": f"kind={kind} {said}", f"{_WHY}{deployment}": _plain(why)}
        case Pardon(fingerprint, deployment, configured, why):
            tags = {_RETRIED if configured else _FORGIVEN: f"fp={fingerprint} of={deployment} {said}"}
            tags |= {} if configured else {_FORGIVEN_WHY: _plain(why)}
        case Overridden(fingerprint, refusal, text):
            tags = {_OVERRIDE: f"fp={fingerprint} refusal={refusal} {said} {_plain(text)}"}
        case Proved(fingerprint, source, deployment, released_by, ended):
            what = f"in={source} of={deployment} released={_plain(released_by)} ended={ended}"
            tags = {f"{_PROVED}{fingerprint}": f"{what} {said}"}
        case Enlisted(moment):
            tags = {_SET: _moment(moment)}
    for key, value in tags.items():
        if len(value) > LONGEST_VALUE:
            raise ValueError(
                f"{value!r} has {len(value)} characters, but a tag ({key}) holds {LONGEST_VALUE}: say it shorter"
            )
    return tags


def parse(tags: Mapping[str, str]) -> Tags:
    """What a group's tags say. A tag that is not ours, or that somebody has spoiled, is left out."""
    stopped = {}
    for key, value in tags.items():
        words = dict(_WORD.findall(value))
        if key.startswith(_STOPPED) and {"kind", "by", "at"} <= words.keys():
            deployment = key.removeprefix(_STOPPED)
            mark = Stopped(deployment, words["kind"], tags.get(f"{_WHY}{deployment}", ""))
            stopped[deployment] = Noted(mark, words["by"], words["at"])
    return Tags(
        first=_FIRST in tags,
        answered=_answered(tags.get(_FIRST, "")),
        stopped=stopped,
        forgiven=_pardon(tags.get(_FORGIVEN, ""), tags.get(_FORGIVEN_WHY, "")),
        retried=_pardon(tags.get(_RETRIED, ""), None),
        overridden=_overridden(tags.get(_OVERRIDE, "")),
        proved=_proved(tags),
        enlisted=_time(tags.get(_SET, "")),
    )


def surplus(tags: Mapping[str, str]) -> list[str]:
    """The keys of the oldest stops and proofs, beyond those that are kept."""
    known = parse(tags)
    stops, proofs = (
        sorted((noted.at, name) for name, noted in each.items())[:-most]
        for each, most in ((known.stopped, MOST_STOPS), (known.proved, MOST_PROOFS))
    )
    return [f"{prefix}{deployment}" for _, deployment in stops for prefix in (_STOPPED, _WHY)] + [
        f"{_PROVED}{fingerprint}" for _, fingerprint in proofs
    ]


def _answered(value: str) -> Noted | None:
    words = dict(_WORD.findall(value))
    if not {"version", "fp", "by", "at"} <= words.keys():
        return None
    first = First(words["version"], words["fp"], words.get("digest", ""), words.get("contract", ""))
    return Noted(first, words["by"], words["at"])


def _proved(tags: Mapping[str, str]) -> dict[str, Noted]:
    found = {}
    for key, value in tags.items():
        words = dict(_WORD.findall(value))
        if key.startswith(_PROVED) and {"in", "of", "released", "ended", "by", "at"} <= words.keys():
            fingerprint = key.removeprefix(_PROVED)
            mark = Proved(fingerprint, words["in"], words["of"], words["released"], words["ended"])
            found[fingerprint] = Noted(mark, words["by"], words["at"])
    return found


def _pardon(value: str, why: str | None) -> Noted | None:
    """`why` is None for one that the configuration gives."""
    words = dict(_WORD.findall(value))
    if not {"fp", "of", "by", "at"} <= words.keys():
        return None
    pardon = Pardon(words["fp"], words["of"], configured=why is None, why=why or "")
    return Noted(pardon, words["by"], words["at"])


def _overridden(value: str) -> Noted | None:
    head, _, text = value.partition("Z ")
    words = dict(_WORD.findall(f"{head}Z"))
    if not {"fp", "refusal", "by", "at"} <= words.keys():
        return None
    return Noted(Overridden(words["fp"], words["refusal"], text), words["by"], words["at"])


def _plain(text: str) -> str:
    """`text` with what a tag does not take replaced."""
    return re.sub(r"[^\w\s+\-=.:/@]", "_", " ".join(text.split()).replace("%", " percent"))


def fits(text: str) -> bool:
    """Whether a tag takes `text` just as it is."""
    return bool(text) and text == _plain(text)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        return None
