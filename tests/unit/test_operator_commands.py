"""What the acting commands say and refuse, before and after they ask AWS."""

import os
import shutil
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from infra.console import Exit, RefusedError, UsageError
from infra.release.cli import abort, allow_retry, rollback, state_lock, unstick
from infra.release.cli.reason import checked
from infra.release.cli.session import Session
from infra.release.decision.operator import rejections
from infra.release.decision.recovery import Finding
from infra.release.engine.clock import ScaledClock
from infra.release.model.commands import ROLLBACK, UNSTICK
from infra.release.model.observation import Status
from infra.release.model.outcome import Ending, Outcome
from infra.release.model.tags import Stopped, parse, written
from tests.unit import seen as what
from tests.unit.fake_cloud import target, version
from tests.unit.seen import NEW, NOW, POLICY, SPLIT, TARGET, WHOLE, deployment, entry, noted, seen, stopped

RELEASE = Session("prod", "eu-west-1", (TARGET, target(function="payments")), POLICY, ScaledClock())
FLYING = seen(deployment(), alias=SPLIT, shifted=NEW)
PROMOTED = seen(deployment(Status.SUCCEEDED), **WHOLE)
HOLDER = "created by ann@{} (pid {}) at 2026-11-24T20:45:08Z"
LOCKED = (
    "error: the stack is currently locked by 1 lock(s).\n  file:///state/.pulumi/locks/x.json?no_tmp_dir=true: "
    + HOLDER
)


# The reason


def test_a_reason_is_kept_as_it_is_but_for_its_white_space() -> None:
    assert checked("  orders without  a currency: see INC-12 ") == "orders without a currency: see INC-12"
    longest = "x" * 240
    mark = Stopped("d-1", "operator", checked(longest))
    assert parse(written(mark, "user/ann", NOW)).stop("d-1") == mark


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("", "--reason is ''"),
        (" \n", "say in a few words why"),
        ("x" * 241, "has 241 characters: the tag that keeps it holds 240"),
        ("angry, customers!", "holds ',!', which AWS does not allow in a tag"),
    ],
)
def test_a_reason_that_a_tag_cannot_hold_is_reported_with_the_remedy(reason: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked(reason)
    assert said in str(caught.value)


# Which function


def test_a_function_that_is_not_there_is_reported_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"'order' is not in the release of stack prod: it has orders, payments"):
        RELEASE.one("order")
    assert RELEASE.one("") is RELEASE
    assert [each.function for each in RELEASE.one("payments").targets] == ["payments"]


# Abort


def test_one_deployment_may_be_named() -> None:
    flying = {"orders": FLYING, "payments": seen()}
    assert abort.chosen(flying, "") == abort.chosen(flying, "d-1") == {"orders": FLYING.in_flight}
    with pytest.raises(UsageError, match=r"d-9 is not one of orders, payments; in flight: d-1 of orders"):
        abort.chosen(flying, "d-9")
    with pytest.raises(RefusedError, match=r"d-1 of orders has ended: .* by `python -m infra.release rollback"):
        abort.chosen({"orders": PROMOTED}, "d-1")


def test_what_goes_back_already_is_not_stopped_again() -> None:
    back = seen(what.rollback(Status.IN_PROGRESS), stopped(), alias=SPLIT, shifted=NEW)
    assert abort.stoppable({"orders": back}, abort.chosen({"orders": back}, "")) == {"orders": "d-1"}
    revert = replace(deployment(ago=0.1, entry=entry(version(1).fingerprint, "2")), id="d-2")
    taking = seen(revert, deployment(Status.SUCCEEDED), **WHOLE)
    assert abort.stoppable({"orders": taking}, abort.chosen({"orders": taking}, "")) == {}


def test_a_deployment_that_is_none_of_ours_is_left_to_unstick() -> None:
    stray = seen(deployment(entry=None), alias=SPLIT, shifted=NEW)
    with pytest.raises(
        RefusedError,
        match=r"d-1 of orders was not started by this release: .* `python -m infra.release unstick --stack STACK`",
    ):
        abort.stoppable({"orders": stray}, abort.chosen({"orders": stray}, ""))


def test_where_nothing_is_in_flight_it_says_where_the_alias_is() -> None:
    [whole] = abort.idle({"orders": PROMOTED})
    assert whole.startswith("orders: nothing is in flight, so nothing was stopped; the alias is on 2; ")
    assert whole.endswith("the last deployment, d-1, is Succeeded")
    [split] = abort.idle({"orders": seen(alias=SPLIT, shifted=NEW)})
    assert f"run {UNSTICK}, which shows the remedy" in split


def test_an_abort_that_came_too_late_says_so() -> None:
    promoted = Outcome(Ending.PROMOTED, "orders", "verdict", "no alarm fired", "1", "2", "d-1")
    [line] = abort.outcome_lines({"orders": promoted})
    assert line == (
        f"orders: too late: d-1 had shifted all traffic to 2 before it could be stopped; revert it by {ROLLBACK}"
    )


# Roll back


def test_a_rollback_is_refused_while_something_is_in_flight_or_split() -> None:
    with pytest.raises(RefusedError, match=r"d-1 of orders is in flight; stop it by `python -m infra.release abort"):
        rollback.to_revert({"orders": FLYING})
    with pytest.raises(RefusedError, match=r"alias of orders is on 1 with 10% on 2, though nothing is in flight"):
        rollback.to_revert({"orders": seen(alias=SPLIT, shifted=NEW)})


def test_a_rollback_is_refused_where_there_is_nothing_to_go_back_to() -> None:
    with pytest.raises(RefusedError, match=r"no deployment to revert: orders is on 1, which no deployment"):
        rollback.to_revert({"orders": seen()})


def test_a_function_that_stays_is_reported_with_the_reason() -> None:
    assert rollback.to_revert({"orders": PROMOTED}) == {"orders": deployment(Status.SUCCEEDED)}
    promotion = {"orders": deployment(Status.SUCCEEDED)}
    [of_the_set] = rollback.remarks({"orders": PROMOTED, "payments": PROMOTED}, promotion)
    assert of_the_set == "payments: stays on 2, though it was promoted together with orders"
    [other] = rollback.remarks({"orders": PROMOTED, "payments": seen()}, promotion)
    assert other == "payments: stays on 1, which no deployment by Strata promoted"


# Forgive


def test_the_rejection_is_the_newest_or_the_one_that_is_named() -> None:
    found = rejections(TARGET, seen(stopped()))
    assert (
        allow_retry.selected("orders", found, "") == allow_retry.selected("orders", found, NEW.fingerprint) == found[0]
    )
    with pytest.raises(UsageError, match=rf"fingerprint beef of orders is not rejected; .* {NEW.fingerprint}"):
        allow_retry.selected("orders", found, "beef")
    with pytest.raises(RefusedError, match=r"no version of orders is rejected"):
        allow_retry.selected("orders", rejections(TARGET, seen(tags=noted())), "")


# Unstick


def test_a_lock_is_lost_where_its_process_has_ended_and_nobody_has_asked_how(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.symlink_to(shutil.which("sleep") or "sleep")
    with subprocess.Popen([program, "60"]) as process:
        [holder] = state_lock.holders(LOCKED.format(socket.gethostname(), process.pid))
        assert state_lock.is_lost(holder) is False
        process.kill()
        while "Z" not in Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2]:
            time.sleep(0.01)
        assert state_lock.is_lost(holder) is True


def test_a_lock_is_lost_where_its_process_is_gone() -> None:
    here = socket.gethostname()
    [gone] = state_lock.holders(LOCKED.format(here, 99999999))
    [elsewhere] = state_lock.holders(LOCKED.format("build-7", 99))
    [reused] = state_lock.holders(LOCKED.format(here, os.getpid()))
    assert str(gone) == f"ann@{here} (pid 99999999) since 2026-11-24T20:45:08Z"
    assert [state_lock.is_lost(each) for each in (gone, elsewhere, reused)] == [True, None, True]
    [finding] = unstick.lost_locks("prod", [gone])
    assert finding.act == "runs `pulumi cancel`"
    [finding] = unstick.lost_locks("prod", [gone, elsewhere])
    assert (finding.act, "build-7" in finding.what) == ("", True)
    assert unstick.lost_locks("prod", []) == []


def test_a_lock_that_a_running_pulumi_holds_is_as_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_lock, "is_lost", lambda _: False)
    assert unstick.lost_locks("prod", state_lock.holders(LOCKED.format("build-7", 99))) == []
    assert state_lock.holders("error: a stack named prod already exists") == []


def test_only_a_version_that_could_be_right_may_be_named() -> None:
    split = {"orders": seen(alias=SPLIT, shifted=NEW)}
    found = [Finding("split", "orders", "alias live is on 1 with 10% on 2", remedy="say which")]
    [settled] = unstick.with_operators_choice(RELEASE, found, split, "2")
    assert (settled.act, settled.remedy, settled.version) == ("sends all traffic to 2", "", "2")
    with pytest.raises(UsageError, match=r"--to is 9: orders can go to .* 1, 2; release any other by `pulumi up`"):
        unstick.with_operators_choice(RELEASE, found, split, "9")
    with pytest.raises(
        UsageError, match=r"--to 2 is for exactly one split alias that no deployment explains, but these are: none"
    ):
        unstick.with_operators_choice(RELEASE, [], split, "2")


def test_the_exit_code_says_whether_anything_is_left() -> None:
    safe, unsafe = Finding("left", "orders", "x", act="y"), Finding("split", "orders", "x", remedy="y")
    assert unstick.exit_code([], [], done=False) is Exit.OK
    assert unstick.exit_code([safe], [], done=True) is Exit.OK
    assert unstick.exit_code([safe], [safe], done=False) is Exit.FAILED
    assert unstick.exit_code([safe, unsafe], [unsafe], done=True) is Exit.FAILED
    assert unstick.exit_code([unsafe], [unsafe], done=False) is Exit.REFUSED
    assert "an operator must decide: y" in unstick.described(unsafe)
    assert unstick.last_line([safe, unsafe], [unsafe], done=True, dry_run=False).startswith("Left:\norders: split")
