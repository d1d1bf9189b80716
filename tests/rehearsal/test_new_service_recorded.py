"""The recorded sessions of a new service have the lines that docs/services.md has a reader type, drawn as recorded."""

import re

import pytest

from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.session import NAMES, picture_of, session_svg, shortened, text_of, typed
from tests.rehearsal.test_new_service import ENTER, MOST_TYPED, documented

RECORDED = {runtime: (REPOSITORY / text_of(runtime)).read_text() for runtime in NAMES}
of_each_runtime = pytest.mark.parametrize("runtime", NAMES)


@of_each_runtime
def test_what_was_typed_is_what_the_page_says_and_the_test_types(runtime: str) -> None:
    service, sandbox, *lines = documented(runtime)
    assert typed(RECORDED[runtime]) == [service, sandbox, ENTER, *lines]
    assert len(typed(RECORDED[runtime])) <= MOST_TYPED


@of_each_runtime
def test_the_picture_is_drawn_from_the_record(runtime: str) -> None:
    assert (REPOSITORY / picture_of(runtime)).read_text() == session_svg(runtime, RECORDED[runtime])


@of_each_runtime
def test_the_picture_shows_the_release_of_the_new_service_and_no_rows_of_resources(runtime: str) -> None:
    lines = list(shortened(RECORDED[runtime]))
    assert len([line for line in lines if "strata-prod-hello: canary: " in line]) == 2
    assert any(re.search(r"strata-prod-hello: end: 1 -> 2 promoted \(verdict\)", line) for line in lines)
    assert not any("aws:" in line for line in lines)
