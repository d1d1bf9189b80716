"""The event that a release puts on EventBridge when its state changes, with the messages that people read of it. Pure.

docs/events.md describes it, and docs/release-event.schema.json is its schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra import codedeploy
from infra.release.model.commands import ROLLBACK, STATUS, WATCH
from infra.release.model.outcome import Ending, Outcome
from infra.release.reports.drift import Drift
from infra.release.reports.drift import command as remedy
from infra.release_events import LABELS

VERSION = 1
SHIFTING = "shifting"
DRIFTED = "drifted"
"""The state of what was changed outside of Strata."""
HEADLINES: Mapping[str, str] = {
    Ending.STARTED: "has started",
    SHIFTING: "has its first traffic",
    Ending.FIRST: "is live, the first version",
    Ending.PROMOTED: "is promoted",
    Ending.ROLLED_BACK: "is rolled back",
    Ending.REFUSED: "is refused",
}
"""What a state says of the version, by state."""
COMMANDS: Mapping[str, str] = {Ending.STARTED: WATCH, SHIFTING: WATCH, Ending.FIRST: STATUS, Ending.PROMOTED: ROLLBACK}
"""The command that an operator may want next; STATUS in every other state."""
_MOST_URGENT = (Ending.ROLLED_BACK, Ending.REFUSED, Ending.PROMOTED, Ending.FIRST, Ending.STARTED)

# EventBridge takes an entry below 256 KB, and Teams a message of 28 KB; a text of Slack's block holds 3,000 characters.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
# https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
# https://docs.slack.dev/reference/block-kit/composition-objects/text-object
MOST_FUNCTIONS = 30
LONGEST = 500
"""Characters of a text in the event."""


@dataclass(frozen=True)
class Release:
    """What the functions of a release share. `title`: the first line of the commit's message, "" where unknown."""

    stack: str
    application: str
    partition: str
    region: str
    commit: str
    title: str
    by: str


def state(outcomes: Sequence[Outcome]) -> str:
    """Return the state of a release whose functions have all ended; "" where nothing changed."""
    found = {each.ending for each in outcomes}
    return next((each.value for each in _MOST_URGENT if each in found), "")


def detail(release: Release, state: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the event's detail. It has at most MOST_FUNCTIONS functions; `count` is the number of all."""
    changed = [each for each in outcomes if each.ending is not Ending.UNCHANGED]
    command = COMMANDS.get(state, STATUS).strip("`").replace("STACK", release.stack)
    lines, link = _lines(release, state, changed), _link(release, changed)
    return _detail(release, state, [_function(each) for each in changed], lines, link, command)


def drifted(release: Release, drifts: Sequence[Drift]) -> dict[str, Any]:
    """Return the detail of an event on what was changed outside of Strata. `release.by` is who found it."""
    functions = [
        {
            "function": each.function,
            "from": each.from_version,
            "to": each.to_version,
            "outcome": DRIFTED,
            "reason": each.part,
            "detail": _clean(each.said),
            "cause": "",
            "deployment": None,
            "traffic": _clean(each.traffic),
        }
        for each in drifts
    ]
    traffic = dict.fromkeys(f"{each.function}: {each.traffic}" for each in drifts)
    why = "; ".join(f"{each.said}; {each.remedy}" for each in drifts)
    lines = {
        "what": f"{release.stack}: {', '.join(each.about for each in drifts)}: changed outside of Strata",
        "commit": _of_commit(release, "found by"),
        "traffic": "; ".join(traffic),
        "why": why.replace("--stack STACK", f"--stack {release.stack}"),
    }
    link, command = _link(release, ()), remedy(release.stack, drifts)
    return _detail(release, DRIFTED, functions, _plain(lines), link, command)


def _detail(  # noqa: PLR0917
    release: Release, state: str, functions: list[dict[str, Any]], lines: dict[str, str], link: str, command: str
) -> dict[str, Any]:
    return {
        "version": VERSION,
        "stack": release.stack,
        "application": release.application,
        "state": state,
        "commit": release.commit,
        "title": _clean(release.title),
        "by": release.by,
        "count": len(functions),
        "functions": functions[:MOST_FUNCTIONS],
        "link": link,
        "command": command,
        "message": {**lines, "slack": _slack(lines, link, command), "teams": _teams(lines, link, command)},
    }


def _function(each: Outcome) -> dict[str, Any]:
    return {
        "function": each.function,
        "from": each.from_version,
        "to": each.to_version,
        "outcome": each.ending.value,
        "reason": each.reason,
        "detail": _clean(each.detail),
        "cause": _clean(each.cause),
        "deployment": each.deployment_id,
        "traffic": _clean(each.traffic),
    }


def _lines(release: Release, state: str, outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Return what happened, of which commit, where the traffic is, and why: one line of plain text each.

    An input transformer may put a line between quotes, and escapes nothing, so a line has neither `"` nor a backslash.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    of = ", ".join(f"{each.function} {_versions(each)}" for each in outcomes)
    traffic = "; ".join(f"{each.function}: {each.traffic}" for each in outcomes)
    reasons = dict.fromkeys(
        f"{each.reason}: {each.detail}{f'; most frequent error: {each.cause}' if each.cause else ''}"
        for each in outcomes
    )
    lines = {
        "what": f"{release.stack}: {of} {HEADLINES[state]}",
        "commit": _of_commit(release, "by"),
        "traffic": traffic,
        "why": "; ".join(reasons).replace("--stack STACK", f"--stack {release.stack}"),
    }
    return _plain(lines)


def _plain(lines: dict[str, str]) -> dict[str, str]:
    return {name: _clean(line).replace('"', "'").replace("\\", "/") for name, line in lines.items()}


def _of_commit(release: Release, by: str) -> str:
    title = f" '{release.title}'" if release.title else ""
    return f"{release.commit}{title}, {by} {release.by}"


def _versions(each: Outcome) -> str:
    same = each.from_version in {None, each.to_version}
    return each.to_version if same else f"{each.from_version} -> {each.to_version}"


def _link(release: Release, outcomes: Sequence[Outcome]) -> str:
    """Return the console's page of the first deployment, or of the application where there is none."""
    console = f"{codedeploy.console(release.partition, release.region)}/codesuite/codedeploy"
    found = next((f"deployments/{each.deployment_id}" for each in outcomes if each.deployment_id), None)
    return f"{console}/{found or f'applications/{release.application}'}?region={release.region}"


def _clean(text: str) -> str:
    """Return one line of printable characters that is not too long."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _slack(lines: dict[str, str], link: str, command: str) -> dict[str, Any]:
    """Return a message for an incoming webhook of Slack.

    Texts that others wrote are `plain_text`, in which Slack interprets neither its markup nor mentions. The text of the
    notification has no such form, so what Slack's markup begins with is escaped there.
    https://docs.slack.dev/messaging/formatting-message-text
    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    """
    escaped = lines["what"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = {"type": "plain_text", "text": _text(lines), "emoji": False}
    ours = {"type": "mrkdwn", "text": f"<{link}|Open in the console>   `{command}`"}
    return {
        "text": escaped,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [{"type": "section", "text": plain}, {"type": "section", "text": ours}],
    }


def _teams(lines: dict[str, str], link: str, command: str) -> dict[str, Any]:
    """Return a message for the webhook of a Teams workflow: an adaptive card.

    A TextRun shows its text as it is; a TextBlock would interpret Markdown. A card mentions only those that it lists.
    https://adaptivecards.io/explorer/TextRun.html
    https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook
    """

    def block(text: str, **run: object) -> dict[str, Any]:
        return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **run}]}

    first, *others = _text(lines).splitlines()
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            block(first, weight="Bolder"),
            *(block(each) for each in others),
            block(command, fontType="Monospace"),
        ],
        "actions": [{"type": "Action.OpenUrl", "title": "Open in the console", "url": link}],
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [content]}


def _text(lines: dict[str, str]) -> str:
    return "\n".join(f"{label}{lines[name]}" for name, label in LABELS.items())
