"""Puts the events of a release onto the account's default bus."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from infra import git
from infra.release.aws.clients import Clients
from infra.release.aws.deployments import application_arn, tags_of
from infra.release.aws.errors import aws_call
from infra.release.engine.cloud import AwsError
from infra.release.model.outcome import Outcome
from infra.release.model.spec import Target
from infra.release.reports import drift, event
from infra.release.reports.drift import Examination
from infra.release_events import DETAIL_TYPE, SOURCE


def put(clients: Clients, stack: str, target: Target, *, state: str, commit: str, outcomes: Sequence[Outcome]) -> None:
    """Put the event of a release's state. `target`: any of its functions. Raises AwsError."""
    _put(clients, event.detail(_release(clients, stack, target, commit), state, outcomes))


def put_drift(clients: Clients, stack: str, target: Target, found: Examination) -> None:
    """Put the event of what drifted and was not announced yet, then mark it as announced. `target` as above.

    Raises AwsError. Where the mark cannot be written the event comes again: at least once, like every event.
    """
    application = application_arn(target)
    known = tags_of(clients, application).get(drift.TAG, "")
    news, tag = drift.unannounced(found, known)
    if news:
        _put(clients, event.drifted(_release(clients, stack, target, news[0].commit), news))
    if tag and tag != known:
        with aws_call("codedeploy TagResource", f"application {target.application}"):
            clients.codedeploy.tag_resource(ResourceArn=application, Tags=[{"Key": drift.TAG, "Value": tag}])
    elif known and not tag:
        with aws_call("codedeploy UntagResource", f"application {target.application}"):
            clients.codedeploy.untag_resource(ResourceArn=application, TagKeys=[drift.TAG])


def _release(clients: Clients, stack: str, target: Target, commit: str) -> event.Release:
    partition, _, region = target.topic.split(":")[1:4]
    return event.Release(stack, target.application, partition, region, commit, git.title(commit), clients.by)


def _put(clients: Clients, detail: dict[str, Any]) -> None:
    """PutEvents answers 200 and says what it did not take.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
    """
    entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps(detail, ensure_ascii=False)}
    with aws_call("events PutEvents"):
        answer = clients.events.put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        [failed] = answer["Entries"]
        raise AwsError(f"events PutEvents took no event: {failed['ErrorCode']}: {failed['ErrorMessage']}")
