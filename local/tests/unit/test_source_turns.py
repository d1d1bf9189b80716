"""Sources of events are read in turns, in one thread, and do not wait for calls that run meanwhile."""

import logging
import threading
from types import SimpleNamespace

import pytest

from local.cloud.sources import mappings
from local.cloud.sources.poller import Poller
from local.cloud.sources.runner import Invocation, invoke
from local.cloud.sources.turns import Turns
from local.cloud.timeline import TIMELINE

LONGEST = 60.0  # seconds; far more than any machine takes


def test_deeds_are_done_one_after_the_other_in_one_thread() -> None:
    turns, done, over = Turns(), list[tuple[int, str]](), threading.Event()
    for number in range(50):
        turns.soon(lambda number=number: done.append((number, threading.current_thread().name)))  # type: ignore[misc]
    turns.soon(over.set)
    assert over.wait(LONGEST)
    assert done == [(number, "sources of events") for number in range(50)]


def fail() -> None:
    raise ZeroDivisionError


def test_a_deed_that_fails_is_logged_and_the_next_is_done(caplog: pytest.LogCaptureFixture) -> None:
    turns, over = Turns(), threading.Event()
    with caplog.at_level(logging.ERROR):
        turns.soon(fail)
        turns.soon(over.set)
        assert over.wait(LONGEST)
    assert "ZeroDivisionError" in caplog.text


def test_a_reader_that_is_woken_does_not_wait_for_calls_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing does what is due on the timeline here, as if a call held it back for ever."""
    stepped = threading.Event()
    reader = SimpleNamespace(step=stepped.set)
    monkeypatch.setattr(mappings, "every", lambda: iter([SimpleNamespace(reader=reader, polled=lambda: True)]))
    with TIMELINE.call():
        Poller().wake()
        assert stepped.wait(LONGEST)


def test_nor_does_the_batch_after_one_that_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    over, results = threading.Event(), list[Invocation]()
    monkeypatch.setattr("local.cloud.sources.runner._invoked", lambda *_: Invocation(ran=True))

    def then(result: Invocation) -> None:
        results.append(result)
        over.set()

    with TIMELINE.call():
        invoke(SimpleNamespace(id="1"), [], then)  # type: ignore[arg-type]
        assert over.wait(LONGEST)
    assert results == [Invocation(ran=True)]
