"""`throttleShare` does what Pulumi.yaml says: its alarm refuses a start, and takes a release back as a fault."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml  # type: ignore[import-untyped]

from infra.release.aws.cloud import Aws
from infra.release.decision import next_action
from infra.release.decision.failure import REJECTING, failure_reason
from infra.release.model.actions import Start
from infra.release.model.observation import Status
from infra.release.model.outcome import Ending
from infra.release.model.tags import Tags
from tests.unit.fake_cloud import FakeClock
from tests.unit.seen import NEW, NOW, POLICY, TARGET, deployment, outcome, seen

THROTTLED = replace(TARGET, throttle_alarm="orders-live-throttles")
PROJECT = Path(__file__).resolve().parents[2] / "Pulumi.yaml"


def test_the_description_says_so() -> None:
    said = yaml.safe_load(PROJECT.read_text(encoding="utf-8"))["config"]["strata:observability"]["description"]
    assert "While either alarm is red no release starts, and one that is under way is rolled back as a fault" in said


def test_no_release_starts_while_it_is_red() -> None:
    what = seen(red=frozenset({THROTTLED.throttle_alarm}))
    end = outcome(next_action.decide([THROTTLED], {THROTTLED.function: what}, POLICY, NOW)[THROTTLED.function])
    assert (end.ending, end.reason) == (Ending.REFUSED, "alarm")
    assert THROTTLED.throttle_alarm in end.detail


def test_a_deployment_of_ours_watches_it() -> None:
    aws, created = Aws.__new__(Aws), dict[str, Any]()

    def create(**given: Any) -> Mapping[str, str]:
        created.update(given)
        return {"deploymentId": "d-1"}

    aws.clients = SimpleNamespace(  # type: ignore[assignment]
        by="user/ann",
        cloudwatch=SimpleNamespace(put_metric_alarm=lambda **_: None),
        codedeploy_once=SimpleNamespace(create_deployment=create),
    )
    aws.records = SimpleNamespace(created=lambda *_: None, begun=lambda *_: None)  # type: ignore[assignment]
    aws._clock = SimpleNamespace(now=FakeClock().now, real=lambda at: at)  # type: ignore[assignment]
    configuration = {"Version": "2", "CodeSha256": NEW.digest, "Runtime": "python3.11", "Handler": "a.b", "Role": "r"}
    aws._configurations = {(THROTTLED.function, "2"): configuration}
    aws.start(THROTTLED, POLICY, Start("1", "2"))
    named = [each["name"] for each in created["overrideAlarmConfiguration"]["alarms"]]
    assert named[1:] == [THROTTLED.alarm, THROTTLED.throttle_alarm]


def test_a_release_that_it_stopped_was_a_fault_and_rejects_nothing() -> None:
    alarms = (THROTTLED.alarm, THROTTLED.throttle_alarm)
    stopped = deployment(Status.STOPPED, error="ALARM_ACTIVE", message=THROTTLED.throttle_alarm, alarms=alarms)
    reason, detail = failure_reason(stopped, THROTTLED, Tags())
    assert (reason, detail) == ("fault", f"alarm {THROTTLED.throttle_alarm} fired")
    assert reason not in REJECTING
