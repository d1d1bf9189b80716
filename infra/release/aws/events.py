"""Puts the events of a release onto the account's default bus."""

from __future__ import annotations

import json
from collections.abc import Sequence

from infra import git
from infra.release.aws.clients import Clients
from infra.release.aws.errors import aws_call
from infra.release.engine.cloud import AwsError
from infra.release.model.outcome import Outcome
from infra.release.model.spec import Target
from infra.release.reports import event
from infra.release_events import DETAIL_TYPE, SOURCE


def put(clients: Clients, stack: str, target: Target, *, state: str, commit: str, outcomes: Sequence[Outcome]) -> None:
    """Put the event of a release's state. `target`: any of its functions. Raises AwsError.

    PutEvents answers 200 and says what it did not take.
    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
    """
    partition, _, region = target.topic.split(":")[1:4]
    release = event.Release(stack, target.application, partition, region, commit, git.title(commit), clients.by)
    entry = {
        "Source": SOURCE,
        "DetailType": DETAIL_TYPE,
        "Detail": json.dumps(event.detail(release, state, outcomes), ensure_ascii=False),
    }
    with aws_call("events PutEvents"):
        answer = clients.events.put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        [failed] = answer["Entries"]
        raise AwsError(f"events PutEvents took no event: {failed['ErrorCode']}: {failed['ErrorMessage']}")
