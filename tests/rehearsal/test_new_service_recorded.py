"""The recorded session of a new service has the lines that docs/services.md has a reader type, drawn as recorded."""

import re

from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.session import PICTURE, TEXT, session_svg, shortened, typed
from tests.rehearsal.test_new_service import ENTER, MOST_TYPED, documented

RECORDED = (REPOSITORY / TEXT).read_text()


def test_what_was_typed_is_what_the_page_says_and_the_test_types() -> None:
    service, sandbox, *lines = documented()
    assert typed(RECORDED) == [service, sandbox, ENTER, *lines]
    assert len(typed(RECORDED)) <= MOST_TYPED


def test_the_picture_is_drawn_from_the_record() -> None:
    assert (REPOSITORY / PICTURE).read_text() == session_svg(RECORDED)


def test_the_picture_shows_the_release_of_the_new_service_and_no_rows_of_resources() -> None:
    lines = list(shortened(RECORDED))
    assert len([line for line in lines if "strata-prod-hello: canary: " in line]) == 2
    assert any(re.search(r"strata-prod-hello: end: 1 -> 2 promoted \(verdict\)", line) for line in lines)
    assert not any("aws:" in line for line in lines)
