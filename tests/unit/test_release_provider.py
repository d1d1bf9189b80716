"""The provider as the engine calls it, with AWS in memory."""

import copy
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import engine_pb2

from infra.release.decision import operator
from infra.release.engine.clock import Interrupted
from infra.release.engine.cloud import AwsError
from infra.release.engine.runner import run
from infra.release.model.observation import Status
from infra.release.model.spec import ReleasePolicy
from infra.release.model.tags import RetryGrant
from infra.release.provider.servicer import UNKNOWN
from tests.unit.fake_cloud import FakeClock, cloud, target, version
from tests.unit.provider_kit import (
    NONE,
    SOME,
    Aborted,
    Context,
    Stack,
    inputs,
    released,
)

# Creating and updating


def test_an_update_promotes_and_the_outputs_say_so() -> None:
    stack = released(1)
    outputs = stack.update(inputs(2))
    assert outputs["liveVersions"] == {"orders": "2"}
    assert outputs["outcomes"]["orders"]["outcome"] == "promoted"
    assert outputs["outcomes"]["orders"]["deployment_id"] == "d-1"
    assert outputs["targets"][0]["version"] == "2"


def test_progress_reaches_the_screen_line_by_line() -> None:
    stack = released(1)
    stack.update(inputs(2))
    said = [line for _, line in stack.engine.lines]
    assert any(line.startswith("orders: canary: 0/10 min · v2 10%: 0/") for line in said)
    assert said[-1].startswith("orders: end: 1 -> 2 promoted (verdict): ")


def test_a_rolled_back_update_is_one_line_without_a_traceback_and_leaves_the_state() -> None:
    stack = released(1)
    stack.fake.bad = {version(2).fingerprint}
    with pytest.raises(Aborted) as problem:
        stack.update(inputs(2))
    said = str(problem.value)
    for part in (
        "orders 1 -> 2 rolled back (verdict): alarm orders-verdict-1-2-",
        "deployment d-1; all traffic is on 1; the canary's most frequent error: ValueError: no",
    ):
        assert part in said
    assert "\n" not in said
    assert "Traceback" not in said
    assert stack.outputs["liveVersions"] == {"orders": "1"}
    assert stack.diff(inputs(2)).changes == SOME


def test_a_refused_first_version_creates_nothing() -> None:
    stack = Stack(cloud(1))
    stack.fake.tags, stack.fake.broken = {}, {"1": "ImportError: no module"}
    with pytest.raises(Aborted, match="ImportError: no module"):
        stack.create(inputs(1))
    assert stack.outputs == {}


def test_creating_again_after_a_kill_resumes_and_starts_nothing_twice() -> None:
    stack = Stack(cloud(1))
    stack.fake.clock.at_sleep = lambda: (_ for _ in ()).throw(SystemExit())
    with pytest.raises(SystemExit):
        stack.create(inputs(2))
    stack.fake.clock.at_sleep = lambda: None
    assert stack.create(inputs(2))["outcomes"]["orders"]["outcome"] == "promoted"
    assert stack.fake.calls.count("start") == 1


def test_a_fault_of_the_provider_itself_is_reported_without_its_traceback() -> None:
    stack = released(1)
    stack.fake.start = None  # type: ignore[assignment, method-assign]
    with pytest.raises(Aborted, match=r"^the release provider itself failed: TypeError: "):
        stack.update(inputs(2))
    assert any(severity == engine_pb2.DEBUG and "Traceback" in line for severity, line in stack.engine.lines)


def test_a_cancelled_update_says_what_goes_on() -> None:
    stack = released(1)

    class Clock(FakeClock):
        cancelled = False

        def interrupt(self) -> None:
            self.cancelled = True

        def sleep(self, duration: Any) -> None:
            if self.cancelled:
                raise Interrupted("the wait was given up")
            super().sleep(duration)

    clock = Clock(stack.fake.clock.now())
    stack.fake.clock = stack.provider.clock = clock  # type: ignore[assignment]
    clock.at_sleep = lambda: stack.provider.Cancel(None, Context()) and None
    with pytest.raises(Aborted, match=r"the wait was given up; d-1 of orders goes on .*run again to resume"):
        stack.update(inputs(2))


# Diff


def test_equal_inputs_and_an_alias_where_it_was_left_are_no_diff() -> None:
    stack = released(1)
    assert stack.diff(inputs(1)).changes == NONE


def test_a_commit_alone_is_no_diff() -> None:
    assert released(1).diff(inputs(1, commit="def")).changes == NONE


def test_a_version_to_be_published_is_a_diff_of_that_input() -> None:
    response = released(1).diff(inputs(UNKNOWN))
    assert response.changes == SOME
    assert response.detailedDiff["targets[0].version"].inputDiff
    assert list(response.diffs) == ["targets"]


def test_an_alias_moved_by_hand_is_a_diff_and_a_warning_even_where_no_input_changed() -> None:
    stack = released(2)
    stack.fake.point("1")
    response = stack.diff(inputs(2))
    assert response.changes == SOME
    assert not response.detailedDiff["liveVersions"].inputDiff
    [warning] = stack.engine.warnings()
    assert "orders: alias live is on version 1, where the last release left it on version 2" in warning
    assert warning.endswith(
        "it was moved outside of Strata (CloudTrail's UpdateAlias says by whom): `pulumi up` releases over it"
    )


def rolled_back() -> Stack:
    """A stack whose version 2 was promoted, and taken back since by an operator's command."""
    stack = released(1)
    stack.update(inputs(2))
    goal, back = target(2), {"orders": stack.fake.deployments["d-1"]}
    decide = operator.revert(back, "customers complain")
    run([goal], ReleasePolicy(), stack.fake, stack.fake.clock, lambda _: None, decide)
    assert stack.fake.live.is_whole_on("1")
    return stack


ANNS = "d-1 was rolled back (operator: user/ann reverted it: customers complain); the next `pulumi up` is refused "


def test_a_preview_knows_an_operators_rollback_and_that_the_next_up_is_refused() -> None:
    stack = rolled_back()
    assert stack.diff(inputs(2)).changes == SOME
    [warning] = stack.engine.warnings()
    assert ANNS in warning
    assert (
        "`python -m infra.release allow-retry --stack STACK --function orders --reason WHY` allows one more try"
        in warning
    )
    assert "outside of Strata" not in warning
    with pytest.raises(Aborted, match="rejected"):
        stack.update(inputs(2))


def test_a_rollback_that_was_forgiven_or_whose_code_has_changed_is_said_to_be_released_next() -> None:
    stack = rolled_back()
    stack.diff(inputs(3))
    assert stack.engine.warnings()[-1].endswith("the next `pulumi up` releases 3")
    stack.fake.note(target(2), RetryGrant(version(2).fingerprint, "d-1", why="the table was slow"))
    stack.diff(inputs(2))
    assert stack.engine.warnings()[-1].endswith("the next `pulumi up` releases 2")


def test_a_refresh_says_of_an_operators_rollback_what_the_ledger_says() -> None:
    stack = rolled_back()
    stack.refresh()
    assert stack.outputs["outcomes"]["orders"]["outcome"] == "moved"
    assert stack.outputs["outcomes"]["orders"]["detail"].startswith(ANNS)


def test_what_another_terminal_has_released_or_is_releasing_is_no_hand_either() -> None:
    stack = released(1)
    run([target(3)], ReleasePolicy(), stack.fake, stack.fake.clock, lambda _: None)
    stack.diff(inputs(2))
    assert "d-1, started by user/ann, released it; the next `pulumi up` releases 2" in stack.engine.warnings()[-1]
    stack.fake.point("1", "3", 0.1)
    stack.fake.deployments["d-1"] = replace(stack.fake.deployments["d-1"], status=Status.IN_PROGRESS, ended=None)
    stack.fake.never_begins = True
    stack.diff(inputs(2))
    assert "d-1, started by user/ann, is in flight; follow it by" in stack.engine.warnings()[-1]


def test_a_look_that_aws_refuses_leaves_the_warning_as_it_would_be_without() -> None:
    stack = rolled_back()
    stack.fake.failures = [AwsError("AccessDeniedException")]
    stack.diff(inputs(2))
    assert "outside of Strata" in stack.engine.warnings()[-1]


def test_an_alias_that_is_gone_is_said_to_be_made_anew_by_an_up_that_refreshes() -> None:
    stack = released(2)
    stack.fake.gone = True
    stack.diff(inputs(2))
    assert stack.engine.warnings()[-1].endswith("`pulumi up --refresh` creates it again")


def test_a_canary_that_a_dead_runner_left_is_no_drift() -> None:
    stack = released(1)
    stack.fake.point("1", "2", 0.1)
    assert stack.diff(inputs(2)).changes == SOME
    assert stack.engine.warnings() == []


def test_a_release_that_was_not_waited_for_stays_a_diff_until_it_is_seen_to_its_end() -> None:
    stack = released(1)
    stack.update(inputs(2, wait=False))
    assert stack.diff(inputs(2, wait=False)).changes == SOME
    stack.update(inputs(2))
    assert stack.diff(inputs(2)).changes == NONE


def test_a_diff_of_what_is_wholly_unknown_asks_nothing_of_aws() -> None:
    stack = released(1)
    stack.fake.gone = True
    assert stack.diff({**inputs(1), "targets": UNKNOWN}).changes == SOME


# Preview


def test_a_preview_changes_nothing_and_says_what_would_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "plan.json"
    monkeypatch.setenv("STRATA_PLAN_FILE", str(file))
    stack = released(1)
    calls = list(stack.fake.calls)
    outputs = stack.update(inputs(UNKNOWN), preview=True)
    assert outputs["liveVersions"] == UNKNOWN
    assert stack.fake.calls == [*calls, "observe"]
    [(_, said)] = stack.engine.lines[-1:]
    assert said.startswith("orders: would release: 1 -> the next version")
    assert (
        "along canary-10-10, judged over 10 minutes; rolls back when the canary's error rate is more than 3.09 "
        "standard errors above stable's by the likelihood ratio, from 3 canary errors on, or more than 22 percentage "
        "points, from 4 on; warns if the canary has had fewer than 20 requests before the shift; no hooks"
    ) in said
    [foreseen] = json.loads(file.read_text())
    assert (foreseen["would"], foreseen["live"], foreseen["next"]) == ("release", "1", "")


def test_a_preview_observes_what_its_program_read_ahead_and_an_update_observes_aws() -> None:
    stack, ahead = released(1), released(2).fake
    stack.read_ahead(ahead)
    assert stack.diff(inputs(1)).changes == SOME  # there version 2 is live
    stack.update(inputs(UNKNOWN), preview=True)
    assert ahead.calls[-1] == "observe"
    assert stack.engine.lines[-1][1].startswith("orders: would release: 2 -> the next version")
    calls = list(ahead.calls)
    assert stack.update(inputs(2))["liveVersions"] == {"orders": "2"}
    assert (stack.fake.live.version, ahead.calls) == ("2", calls)


def test_a_preview_says_what_would_be_refused_and_why() -> None:
    stack = released(1)
    stack.fake.bad = {version(2).fingerprint}
    with pytest.raises(Aborted, match="rolled back"):
        stack.update(inputs(2))
    stack.update(inputs(2), preview=True)
    [(_, said)] = stack.engine.lines[-1:]
    assert said.startswith("orders: would refuse: ")
    assert f"fingerprint {version(2).fingerprint} was rejected by d-1" in said


def test_a_preview_of_the_first_release_needs_no_function() -> None:
    stack = Stack(cloud(1))
    stack.fake.gone = True
    assert stack.create(inputs(UNKNOWN), preview=True)["liveVersions"] == UNKNOWN


# Refresh


def test_a_refresh_of_an_unmoved_release_changes_nothing() -> None:
    stack = released(2)
    before = copy.deepcopy(stack.outputs)
    assert stack.refresh()
    assert stack.outputs == before
    assert stack.diff(inputs(2)).changes == NONE


def test_a_refresh_reports_what_is_live_and_the_next_up_still_releases_over_it() -> None:
    stack = released(2)
    stack.fake.point("1")
    assert stack.refresh()
    assert stack.outputs["liveVersions"] == {"orders": "1"}
    assert stack.outputs["outcomes"]["orders"]["outcome"] == "moved"
    assert stack.diff(inputs(2)).changes == SOME
    stack.fake.point("1")
    assert stack.update(inputs(2))["liveVersions"] == {"orders": "2"}
    assert stack.diff(inputs(2)).changes == NONE


def test_a_refresh_reports_a_split_alias() -> None:
    stack = released(2)
    stack.fake.point("2", "1", 0.25)
    stack.refresh()
    assert stack.outputs["liveVersions"] == {"orders": "2 with 25% on 1"}
    assert stack.diff(inputs(2)).changes == SOME


def test_a_refresh_after_a_revert_takes_an_equal_version_for_what_was_released() -> None:
    stack = Stack(cloud(1, version(1, "good"), version(2, "bad"), version(3, "good")))
    stack.create(inputs(1))
    assert stack.update(inputs(3))["outcomes"]["orders"]["outcome"] == "unchanged"
    stack.refresh()
    assert stack.outputs["outcomes"]["orders"]["outcome"] == "unchanged"
    assert stack.diff(inputs(3)).changes == NONE


def test_a_release_without_its_alias_is_gone() -> None:
    stack = released(1)
    stack.fake.gone = True
    assert not stack.refresh()


def test_credentials_of_another_account_are_reported_and_not_taken_for_an_alias_that_is_gone() -> None:
    stack = released(1)
    stack.fake.gone, stack.fake.account = True, "222222222222"
    with pytest.raises(Aborted, match="the credentials are of account 222222222222"):
        stack.refresh()
    with pytest.raises(Aborted, match="the credentials are of account 222222222222"):
        stack.diff(inputs(2))


def test_an_import_is_refused_with_the_reason() -> None:
    stack = Stack(cloud(1))
    with pytest.raises(Aborted, match="cannot be imported"):
        stack.refresh()


# Deletion


def test_a_deleted_release_brings_its_canary_back_first() -> None:
    stack = released(1)
    stack.update(inputs(2, wait=False))
    stack.delete()
    stack.fake.serve()
    assert stack.fake.live.is_whole_on("1")
    assert stack.fake.deployments["d-1"].status is Status.STOPPED


def test_a_release_whose_function_is_gone_can_be_deleted() -> None:
    stack = released(1)
    stack.fake.gone = True
    stack.delete()
    assert "forget" in stack.fake.calls
    assert len(stack.engine.warnings()) == 1


# Check


def test_good_inputs_pass_the_check() -> None:
    assert released(1).check(inputs(2)) == []


def test_a_check_reports_every_mistake_of_a_target() -> None:
    wrong = inputs(2)
    wrong["targets"][0] |= {"minutes": "ten", "colour": "red"}
    said = released(1).check(wrong)
    assert {line.split()[0] for line in said} == {"targets[0].minutes", "targets[0].colour"}


def test_a_set_needs_a_runner_that_waits() -> None:
    several = [asdict(target(2, name)) for name in ("orders", "billing")]
    [said] = Stack(cloud()).check({**inputs(2, wait=False), "targets": several})
    assert said.startswith("policy.wait is false, and releasing a set of 2 functions requires true; set it")


def test_what_a_preview_does_not_know_is_not_checked() -> None:
    assert released(1).check(inputs(UNKNOWN)) == []
