"""A value of the wrong type is refused with the CLI's own way to give the right one."""

import pytest

from tests.unit.test_config import mistakes


@pytest.mark.parametrize("value", ["2", "much", "0.2 ", "1e400", [], None, {"a": 1}, "٣"])
def test_where_no_type_would_help_none_is_named(value: object) -> None:
    (line,) = mistakes(observability={"errorShare": value})
    assert "--type" not in line
