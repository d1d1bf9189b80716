"""`make rehearsal-promotion ENFORCE=1` runs main.yml in three accounts, once for all tests."""

from typing import Any

import pytest

from rehearsal.promotion.report import EXPECTED
from rehearsal.promotion.stage import STACKS
from tests.rehearsal.conftest import rehearse_promotion

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return rehearse_promotion(tmp_path_factory.mktemp("promotion") / "promotion.json", "--enforce")


def test_one_digest_goes_through_all_stacks_in_order_each_by_a_canary(report: dict[str, Any]) -> None:
    promoted = report["promoted"]
    assert tuple(one["stack"] for one in promoted) == STACKS
    assert len({one["digest"] for one in promoted}) == 1
    assert {one["outcome"] for one in promoted} == {"promoted"}
    assert len({one["deployment_id"] for one in promoted}) == len(STACKS)


def test_what_a_lost_runner_left_in_staging_is_adopted_by_the_next_run_and_prod_waits_for_it(
    report: dict[str, Any],
) -> None:
    staging, prod = report["adopted"]
    assert (staging["stack"], prod["stack"]) == ("staging", "prod")
    assert staging["digest"] == prod["digest"] != report["promoted"][0]["digest"]
    assert (staging["outcome"], prod["outcome"]) == ("promoted", "promoted")


def test_prod_refuses_what_staging_has_not_promoted_and_changes_nothing(report: dict[str, Any]) -> None:
    assert [(one["name"], one["reason"]) for one in report["refused"]] == [
        (name, reason) for name, reason, _ in EXPECTED
    ]
    assert {one["calls"] for one in report["refused"]} == {0}
