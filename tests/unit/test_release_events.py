"""The events of a release: which the runner announces, what they hold, and the messages that people read."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.release.engine.runner import run
from infra.release.model.outcome import Ending, Outcome, Progress
from infra.release.model.spec import ReleasePolicy
from infra.release.reports import event
from infra.release_events import DETAIL_TYPE, SOURCE
from tests.golden import Golden
from tests.schemas import is_valid
from tests.unit.fake_cloud import FakeCloud, cloud, set_of, target, version
from tests.unit.provider_kit import Aborted, Stack, inputs, released

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "release-event.schema.json").read_text())
MOST_BYTES = 256 * 1024
"""Of an entry: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html"""
MOST_OF_TEAMS = 28 * 1024
RELEASE = event.Release(
    stack="prod",
    application="strata-prod",
    partition="aws",
    region="eu-central-1",
    commit="0123456789ab",
    title="Price <!channel> *orders* in `EUR` & [more](https://evil.example) <at>all</at>",
    by="strata-prod-deploy/ci",
)
ROLLED_BACK = Outcome(
    Ending.ROLLED_BACK,
    "strata-prod-orders",
    "verdict",
    "canary 8: 30 errors in 100 requests; one more try by `python -m infra.release allow-retry --stack STACK "
    "--function strata-prod-orders --reason WHY`",
    "7",
    "8",
    "d-ABCDEF123",
    "all traffic is on 7",
    "KeyError: 'price' <@U123>",
)
OTHER = replace(ROLLED_BACK, function="strata-prod-fulfilment", reason="set", detail="orders went back", cause="")
CASES = {
    "started": [Outcome(Ending.STARTED, "orders", "started", "along x", "7", "8", "d-1", "all traffic is on 7")],
    "shifting": [
        Outcome(Ending.STARTED, "orders", "started", "along x", "7", "8", "d-1", "traffic is on 7 with 10% on 8")
    ],
    "first": [Outcome(Ending.FIRST, "orders", "answered", "it answered", None, "1", None, "all traffic is on 1")],
    "promoted": [Outcome(Ending.PROMOTED, "orders", "verdict", "as good", "7", "8", "d-1", "all traffic is on 8")],
    "rolled_back": [ROLLED_BACK, OTHER],
    "refused": [Outcome(Ending.REFUSED, "orders", "rejected", "it failed", "7", "8", None, "all traffic is on 7")],
}


def states(fake: FakeCloud, wanted: int = 2, **policy: Any) -> list[str]:
    goal = target(wanted)
    rules = ReleasePolicy(**{"commit": "abc123", **policy})

    def announce(state: str, commit: str, outcomes: Any) -> None:
        fake.announce("prod", goal, state, commit, outcomes)

    run([goal], rules, fake, fake.clock, lambda _: None, announce=announce)
    return [state for _, state, _, _ in fake.announced]


def test_a_promotion_is_announced_once_in_each_of_its_states() -> None:
    fake = cloud()
    assert states(fake) == ["started", "shifting", "promoted"]
    assert {commit for _, _, commit, _ in fake.announced} == {"abc123"}
    [shifting] = fake.announced[1][3]
    assert shifting.traffic == "traffic is on 1 with 10% on 2"


def test_a_canary_that_goes_back_is_announced_with_its_reason() -> None:
    fake = cloud()
    fake.bad = {version(2).fingerprint}
    assert states(fake) == ["started", "shifting", "rolled_back"]
    assert fake.announced[-1][3][0].reason == "verdict"


def test_nothing_is_announced_where_nothing_changed() -> None:
    assert states(cloud(1, version(1)), wanted=1) == []


def test_a_refusal_is_announced() -> None:
    fake = cloud()
    fake.bad = {version(2).fingerprint}
    states(fake)
    assert states(fake)[3:] == ["refused"]


def test_a_release_that_no_runner_waits_for_is_announced_once_as_started() -> None:
    assert states(cloud(), wait=False) == ["started"]


def test_a_runner_that_joins_announces_the_end_alone_with_the_commit_of_the_deployment() -> None:
    fake = cloud()
    states(fake, wait=False)
    fake.announced.clear()
    assert states(fake, commit="def456") == ["promoted"]
    assert fake.announced[0][2] == "abc123"


def test_the_functions_of_a_set_are_announced_together() -> None:
    fake, announced = set_of("orders", "billing"), list[Any]()
    goals = [target(2, name) for name in ("orders", "billing")]
    run(
        goals,
        ReleasePolicy(commit="abc"),
        fake,
        fake.clock,
        lambda _: None,
        announce=lambda *news: announced.append(news),
    )
    assert [(state, len(outcomes)) for state, _, outcomes in announced] == [
        ("started", 2),
        ("shifting", 2),
        ("promoted", 2),
    ]


def test_an_event_that_is_denied_hinders_no_release_and_is_reported() -> None:
    fake, progress = cloud(), list[Progress]()
    fake.mute = True

    def announce(state: str, commit: str, outcomes: Any) -> None:
        fake.announce("prod", target(), state, commit, outcomes)

    end = run([target()], ReleasePolicy(), fake, fake.clock, progress.append, announce=announce)
    assert end["orders"].ending is Ending.PROMOTED
    said = [each.text for each in progress if "no event" in each.text]
    assert said[-1] == "no event says that it is promoted: events PutEvents is denied"


def test_up_announces_with_the_name_of_the_stack() -> None:
    stack = released()
    stack.fake.announced.clear()
    stack.update(inputs(2))
    assert [(name, state) for name, state, _, _ in stack.fake.announced] == [
        ("prod", "started"),
        ("prod", "shifting"),
        ("prod", "promoted"),
    ]


def test_up_leaves_the_end_that_an_operator_caused_to_the_operators_command() -> None:
    stack = Stack(cloud(1, version(1), version(2)))
    stack.create(inputs(1))
    stack.fake.announced.clear()
    whole = stack.fake.announce

    def aborted(name: str, goal: Any, state: str, commit: str, outcomes: Any) -> None:
        whole(name, goal, state, commit, outcomes)
        if state == "shifting":  # `abort` on another terminal
            [running] = [each for each in stack.fake.deployments.values() if not each.status.ended]
            stack.fake.note(goal, _stopped(running.id))
            stack.fake.stop(running.id)

    stack.fake.announce = aborted  # type: ignore[method-assign, assignment]
    with pytest.raises(Aborted, match="operator"):
        stack.update(inputs(2))
    assert [state for _, state, _, _ in stack.fake.announced] == ["started", "shifting"]


def _stopped(deployment: str) -> Any:
    from infra.release.model.tags import Stopped  # noqa: PLC0415

    return Stopped(deployment, "operator", "ann: no currency")


@pytest.mark.parametrize("state", CASES)
def test_the_detail_keeps_its_schema(state: str) -> None:
    found = event.detail(RELEASE, state, CASES[state])
    assert is_valid(found, SCHEMA)
    assert not is_valid({**found, "more": 1}, SCHEMA)


def test_every_state_of_the_schema_has_words_and_every_state_with_words_is_in_the_schema() -> None:
    states = set(SCHEMA["properties"]["state"]["enum"])
    assert set(event.HEADLINES) | {event.DRIFTED} == states == set(CASES) | {event.DRIFTED}


@pytest.mark.parametrize("letter", ["x", "é", "🙂", '"', "\\", "\n", "\x00", "<"])
def test_the_longest_event_keeps_the_limits_of_eventbridge_slack_and_teams(letter: str) -> None:
    long = letter * 5000
    many = [replace(ROLLED_BACK, function=f"f{n}", detail=long, cause=long, traffic=long) for n in range(300)]
    found = event.detail(replace(RELEASE, title=long), "rolled_back", many)
    entry = json.dumps(found, ensure_ascii=False).encode()
    assert len(entry) + len(SOURCE) + len(DETAIL_TYPE) < MOST_BYTES
    assert (found["count"], len(found["functions"])) == (300, 30)
    assert len(json.dumps(found["message"]["teams"]).encode()) < MOST_OF_TEAMS
    assert all(len(each["text"]["text"]) <= 3000 for each in found["message"]["slack"]["blocks"])
    assert is_valid(found, SCHEMA)


def test_what_slack_would_interpret_stands_in_plain_text_alone() -> None:
    slack = event.detail(RELEASE, "rolled_back", [ROLLED_BACK])["message"]["slack"]
    marked = [each["text"]["text"] for each in slack["blocks"] if each["text"]["type"] == "mrkdwn"]
    assert not any("channel" in each or "U123" in each or "evil" in each for each in marked)
    assert "<" not in slack["text"]


def test_the_message_of_each_state_is_as_written_down(golden: Golden) -> None:
    found = {state: event.detail(RELEASE, state, outcomes) for state, outcomes in CASES.items()}
    golden("release-events", json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def test_unchanged_functions_of_a_set_are_left_out() -> None:
    same = replace(OTHER, ending=Ending.UNCHANGED)
    found = event.detail(RELEASE, "rolled_back", [ROLLED_BACK, same])
    assert [each["function"] for each in found["functions"]] == ["strata-prod-orders"]
    assert event.state([same]) == ""
    assert event.state([replace(OTHER, ending=Ending.PROMOTED), ROLLED_BACK]) == "rolled_back"
