"""Other endings of a canary on the local cloud: slowness, a lack of evidence, a hook's log; and refused starts."""

import json
from dataclasses import replace
from datetime import timedelta

from infra.release.engine.clock import ScaledClock
from infra.release.engine.runner import run
from infra.release.model.observation import Notes
from infra.release.model.outcome import Ending
from infra.release.model.spec import ReleasePolicy
from infra.release.verdict.rule import Rule
from tests.cloud.test_release_engine import GOOD, OFTEN, POLICY, World, cloud, live, world

__all__ = ["cloud", "live", "world"]  # fixtures

SLOW = """
import time
def handler(event, context):
    time.sleep(0.06)
    return {'statusCode': 200}
"""


def test_a_slow_version_is_rolled_back_by_an_alarm_of_its_own(live: World) -> None:
    version = live.functions.publish(SLOW)
    judged = replace(POLICY, rule=Rule(slow_milliseconds=50))
    with live.traffic():
        end = live.release(version, judged)
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "verdict")
    assert "-slow fired: it answers too slowly" in end.detail
    assert live.alias() == "1"
    assert live.release(version, judged).reason == "rejected"


def test_a_slow_version_is_promoted_where_slowness_is_not_judged(live: World) -> None:
    version = live.functions.publish(SLOW)
    with live.traffic():
        assert live.release(version).ending is Ending.PROMOTED


def test_a_canary_without_requests_is_rolled_back_for_lack_of_evidence_and_is_not_rejected(live: World) -> None:
    version = live.functions.publish(GOOD.replace("VERSION", "2"))
    end = live.release(version, replace(POLICY, evidence="enforce"))
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "evidence")
    assert "0 of the 20 requests that it takes" in end.detail
    assert live.alias() == "1"
    with live.traffic(OFTEN):
        assert live.release(version, replace(POLICY, evidence="enforce")).ending is Ending.PROMOTED


class Absent(ScaledClock):
    """Of a runner that does not look again until a canary of ten minutes is over."""

    def sleep(self, duration: timedelta) -> None:
        super().sleep(max(duration, timedelta(minutes=17)))


def test_a_runner_that_was_away_until_the_shift_takes_a_canary_without_requests_back(live: World) -> None:
    enforced, absent = replace(POLICY, evidence="enforce"), Absent(live.cloud.factor)
    version = live.functions.publish(GOOD.replace("VERSION", "2"))
    end = run([live.target(version)], enforced, live.aws, absent, lambda _: None)["orders"]
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "evidence")
    assert "0 of the 20 requests that it takes have reached the canary before the shift" in end.detail
    assert live.alias() == "1"
    with live.traffic(OFTEN):
        end = run([live.target(version)], enforced, live.aws, absent, lambda _: None)["orders"]
    assert (end.ending, live.alias()) == (Ending.PROMOTED, version)


def test_a_canary_without_requests_is_sent_harmless_ones_through_the_alias(live: World) -> None:
    version = live.functions.publish(GOOD.replace("VERSION", "2"))
    end = live.release(version, ReleasePolicy(evidence="enforce", minimum_requests=5, top_up=True))
    assert end.ending is Ending.PROMOTED
    assert any("top up: " in line for line in live.reported)


def test_an_override_stands_in_a_tag_of_the_group(live: World) -> None:
    live.functions.alias("1", {live.functions.publish(GOOD.replace("VERSION", "2")): 0.3})
    version = live.functions.publish(GOOD.replace("VERSION", "3"))
    assert live.release(version).reason == "split"
    with live.traffic():
        end = live.release(version, replace(POLICY, override="ann: the split was mine"))
    assert (end.ending, end.from_version) == (Ending.PROMOTED, "1")
    noted = live.aws.records.tags(live.target(version)).override
    assert noted is not None
    assert (noted.refusal, noted.text) == ("split", "ann: the split was mine")


def test_the_next_version_is_known_by_its_digest_and_what_is_declared(live: World) -> None:
    declared = {"CodeSha256": "x" * 43 + "=", "MemorySize": 1024}
    target = replace(live.target("1"), version="", configuration=json.dumps(declared))
    seen = live.aws.observe([target], {"orders": Notes()})["orders"]
    assert (seen.wanted.number, seen.wanted.digest) == ("", declared["CodeSha256"])
    assert seen.wanted.published["MemorySize"] == "1024"
    assert seen.wanted.published["Runtime"] == seen.live.published["Runtime"]
