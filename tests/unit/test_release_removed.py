"""A function that the program no longer declares leaves the release, unless its canary runs."""

import pytest

from tests.unit.provider_kit import Aborted, inputs, released


@pytest.mark.parametrize("preview", [True, False])
def test_a_function_is_not_taken_away_or_renamed_while_its_canary_runs(preview: bool) -> None:
    stack = released(1)
    stack.update(inputs(2, wait=False))
    renamed = {**inputs(2)["targets"][0], "function": "renamed"}
    for targets in ([], [renamed]):
        with pytest.raises(Aborted, match="orders is no longer declared, but d-1 is shifting its traffic; declare it"):
            stack.update({**inputs(2), "targets": targets}, preview=preview)
    assert not stack.fake.deployments["d-1"].status.ended


def test_a_function_whose_canary_has_ended_can_be_taken_away() -> None:
    stack = released(1)
    stack.update(inputs(2))
    stack.update({**inputs(2), "targets": []})
    assert stack.outputs["liveVersions"] == {}


def test_a_function_that_was_deleted_outside_can_be_taken_away() -> None:
    stack = released(1)
    stack.fake.gone = True
    stack.update({**inputs(1), "targets": []})
    assert stack.outputs["liveVersions"] == {}
