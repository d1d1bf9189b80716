"""A value of the wrong type is refused with the CLI's own way to give the right one."""

from typing import Any

import pytest

from tests.unit.test_config import ACCOUNT, mistakes

SET = "`pulumi config set --path --type"


@pytest.mark.parametrize(
    ("room", "key", "value", "remedy"),
    [
        ("observability", "errorShare", "0.2", f"{SET} float strata:observability.errorShare 0.2`"),
        ("observability", "logRetentionDays", "30", f"{SET} int strata:observability.logRetentionDays 30`"),
        ("compute", "memory", "512", f"{SET} int strata:compute.memory 512`"),
        ("delivery", "smoke", "false", f"{SET} bool strata:delivery.smoke false`"),
        ("release", "wait", "true", f"{SET} bool strata:release.wait true`"),
    ],
)
def test_the_flag_that_gives_the_type_is_named(room: str, key: str, value: object, remedy: str) -> None:
    given: dict[str, Any] = {room: {key: value}}
    (line,) = mistakes(**given)
    assert f"`, then {remedy} it is)" in line


def test_so_it_is_in_a_list_and_in_the_rule() -> None:
    (line,) = mistakes(account={**ACCOUNT, "allowedAccountIds": [111111111111]})
    assert f"`, then {SET} string 'strata:account.allowedAccountIds[0]' 111111111111` it is)" in line
    (line,) = mistakes(release={"rule": {"z": "3.15"}})
    assert f"`, then {SET} float strata:release.rule.z 3.15` it is)" in line


@pytest.mark.parametrize("value", ["2", "much", "0.2 ", "1e400", [], None, {"a": 1}, "٣"])
def test_where_no_type_would_help_none_is_named(value: object) -> None:
    (line,) = mistakes(observability={"errorShare": value})
    assert "--type" not in line
