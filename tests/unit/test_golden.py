"""A golden file is compared line by line, and rewritten only where that is asked for."""

from pathlib import Path

import pytest

from tests.golden import compare, listed


def test_a_text_that_differs_fails_with_the_lines_and_is_written_where_asked(tmp_path: Path) -> None:
    file = tmp_path / "golden/words.txt"
    found = listed([("first", ["one"]), ("second", ["two", "three"])])
    with pytest.raises(pytest.fail.Exception, match=r"\+first\n\+    one\n"):
        compare(file, found, update=False)
    compare(file, found, update=True)
    compare(file, found, update=False)
    with pytest.raises(pytest.fail.Exception, match=r"-    two\n\+    2\n     three\n.*--update-golden"):
        compare(file, found.replace("two", "2"), update=False)
    assert file.read_text() == found
