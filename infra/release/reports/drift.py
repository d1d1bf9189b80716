"""What drifted: the findings of `doctor` on what was changed outside of Strata, each of which is announced once. Pure.

A tag of CodeDeploy's application has a mark of each drift that was announced, so that another terminal and the next
night know it: eight characters, of which the first four say what drifted, the others how it is now.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.release.decision import proven
from infra.release.model.ledger import UNKNOWN
from infra.release.model.observation import Alias, Observation, Status
from infra.release.model.stops import LONGEST_VALUE
from infra.release.model.tags import First
from infra.release.reports.doctor import alias, codedeploy
from infra.release.reports.doctor.alias import FIRST_CANARY
from infra.release.reports.doctor.facts import Examined, Finding

TAG = "strata:drift"
HALF = 4
"""Characters of each half of a mark."""
_READ_FOR_ALIAS, _READ_FOR_GROUP = ("alias", "live", "ledger", "tags"), ("group", "curve")


@dataclass(frozen=True)
class Drift:
    """What drifted of one function. `part`: alias or group. `looks`: differs where it drifted anew.

    from_version: the one that the ledger proves last; None where that is live. `remedy` names a command.
    """

    function: str
    part: str
    about: str
    said: str
    remedy: str
    looks: str
    from_version: str | None
    to_version: str
    traffic: str
    commit: str


Examination = dict[tuple[str, str], Drift | None]
"""By function and part: its drift, None where there is none. What could not be examined is not in it."""


def examined(facts: Iterable[Examined]) -> Examination:
    """Return what drifted of those functions."""
    found: Examination = {}
    for each in facts:
        if each.knows(*_READ_FOR_ALIAS):
            looks = f"{each.alias} {each.alias.revision}" if each.alias else "gone"
            about = f"alias {each.target.function}:{each.target.alias}"
            found[each.target.function, "alias"] = _drift(each, about, looks, alias.findings(each))
        if each.knows(*_READ_FOR_GROUP):
            about = f"deployment group {each.target.group}"
            found[each.target.function, "group"] = _drift(each, about, "", codedeploy.of_group(each))
    return found


def _drift(facts: Examined, about: str, looks: str, findings: Iterable[Finding]) -> Drift | None:
    drifted = [each for each in findings if each.drift]
    if not drifted:
        return None
    said = [_sentence(each).replace(f"; {FIRST_CANARY}", "") for each in drifted]
    expected, commit = _released(facts)
    now = facts.alias.version if facts.alias else expected or ""
    return Drift(
        function=facts.target.function,
        part="alias" if looks else "group",
        about=about,
        said="; ".join(said),
        remedy=drifted[0].remedy,
        looks=looks or "; ".join(said),
        from_version=None if expected == now else expected,
        to_version=now,
        traffic=_traffic(facts.target.alias, facts.alias) if facts.knows("alias") else "not known",
        commit=commit,
    )


def _sentence(finding: Finding) -> str:
    return finding.said if finding.said.startswith(finding.about) else f"{finding.about} {finding.said}"


def _released(facts: Examined) -> tuple[str | None, str]:
    """Return the version that the ledger proves last, and the commit of what was promoted last."""
    first = facts.tags.answered.mark if facts.tags.answered else None
    promoted = (each.entry.commit for each in facts.ledger if each.entry and each.status is Status.SUCCEEDED)
    commit = next(promoted, first.commit if isinstance(first, First) else UNKNOWN)
    if facts.alias is None or facts.live is None:
        return None, commit
    seen = Observation(facts.alias, facts.live, facts.live, ledger=facts.ledger, tags=facts.tags)
    last = proven.last(facts.target, seen)
    return (last.number or None) if last else None, commit


def _traffic(name: str, found: Alias | None) -> str:
    if found is None:
        return f"alias {name} is gone, so no request is served"
    return f"all traffic is on {found}" if found.shifted is None else f"traffic is on {found}"


def unannounced(found: Examination, tag: str) -> tuple[list[Drift], str]:
    """Return the drifts that are news, and the tag once they are announced. `tag`: its value now, "" for none.

    What no longer drifts loses its mark, so it is news if it drifts again. A full tag keeps the newest marks.
    """
    size = 2 * HALF
    marks = [tag[start : start + size] for start in range(0, len(tag), size)]
    looked = {_short(" ".join(key)) for key in found}
    drifts = {f"{_short(' '.join(key))}{_short(each.looks)}": each for key, each in found.items() if each is not None}
    kept = [each for each in marks if each[:HALF] not in looked or each in drifts]
    news = {mark: each for mark, each in drifts.items() if mark not in kept}
    return list(news.values()), "".join([*news, *kept][: LONGEST_VALUE // size])


def _short(text: str) -> str:
    """Return characters that a tag takes.

    https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html#tag-conventions
    """
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())[:HALF].decode()


def command(stack: str, drifts: Sequence[Drift]) -> str:
    """Return the command that puts all of them right, or `doctor`, which names one for each."""
    named = {each.remedy.partition("`")[2].partition("`")[0] for each in drifts}
    if len(named) != 1:
        return f"python -m infra.release doctor --stack {stack}"
    [only] = named
    return only.replace("STACK", stack) if "STACK" in only else f"{only} --stack {stack}"
