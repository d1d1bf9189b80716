"""`watch` on a terminal: a thread follows the release, another reads what is shown, and this one draws and takes keys.

Keys come one by one, without an echo, in the terminal's cbreak mode:
https://docs.python.org/3/library/tty.html#tty.setcbreak
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import tty
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from rich.console import Console
from rich.layout import Layout
from rich.live import Live

from infra.console import CommandError
from infra.release.cli.abort import Aborted, aborted
from infra.release.cli.following import reported
from infra.release.cli.progress import Kept
from infra.release.cli.reader import Feed, Reader
from infra.release.cli.screen import Event, Keys, screen
from infra.release.cli.session import Session
from infra.release.decision import next_action
from infra.release.decision.context import Decide
from infra.release.engine.clock import Interrupted
from infra.release.model.outcome import Outcome, Phase, Progress
from infra.release.model.spec import ReleaseError

EVENTS = 100  # that are kept for the screen
TICK = 0.25  # seconds between two pictures, unless a key is pressed

Found = Mapping[str, Outcome] | Aborted


def possible() -> bool:
    """True where a person can see a screen and press keys: on a terminal, in its foreground."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or Console().is_dumb_terminal:
        return False
    return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


def watched(release: Session) -> Found:
    """Follow the release on the screen until it has ended, or until it was aborted there; then print what happened.

    Raises Interrupted if the operator leaves, and what following raises.
    """
    console = Console(markup=False, highlight=False)
    watching = _Watching(release)
    try:
        if watching.begun():
            watching.show(console, sys.stdin.fileno())
        return watching.work.result()
    finally:
        watching.feed.stop()
        for line in watching.log:
            console.print(line, soft_wrap=True)


class _Watching:
    """The state of a screen. log: the lines that a terminal without a screen would have. aborting: why, once asked."""

    def __init__(self, release: Session) -> None:
        self.release = release
        self.reader = Reader(release.stack, "", lambda *_: replace(release))
        self.feed = Feed(self.reader)
        self.log: list[str] = []
        self.kept = Kept()
        self.events: deque[Event] = deque(maxlen=EVENTS)
        self.keys, self.aborting = Keys(), ""
        self.news = threading.Event()
        self.work = self.started(partial(self.follow, release))

    def started(self, work: Callable[[], Found]) -> Future[Found]:
        """Do the work in a thread, which does not keep the process alive."""
        future: Future[Found] = Future()
        future.add_done_callback(lambda _: self.news.set())

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as problem:
                future.set_exception(problem)

        threading.Thread(target=run, name="runner", daemon=True).start()
        return future

    def follow(self, release: Session, *, decide: Decide = next_action.watch) -> Mapping[str, Outcome]:
        return reported(release, self.report, decide)

    def report(self, progress: Progress) -> None:
        """Keep what a log keeps; the canary's counts are drawn, and are no event."""
        if self.kept.new(progress):
            self.log.append(progress.line())
            if not (progress.repeated and progress.phase is Phase.CANARY):
                self.events.append(Event(datetime.now(UTC), progress.line()))
        if progress.phase is not Phase.END:
            self.news.set()

    def say(self, text: str, *, bad: bool = False) -> None:
        self.log.append(text)
        self.events.append(Event(datetime.now(UTC), text, bad))

    def begun(self) -> bool:
        """Wait until there is something to watch; False if all has ended before."""
        try:
            self.news.wait()
        except KeyboardInterrupt:
            self.leave()
        return not (self.work.done() or self.keys.left)

    def show(self, console: Console, keyboard: int) -> None:
        """Draw until the work has ended, and obey the keys."""
        self.feed.start()
        with self.feed, _taken(keyboard) as keys, Live(console=console, screen=True, auto_refresh=False) as live:
            while self.goes_on():
                try:
                    live.update(self.picture(console), refresh=True)
                    self.obey(keys())
                except KeyboardInterrupt:
                    if self.keys.left:
                        raise
                    self.leave()

    def picture(self, console: Console) -> Layout:
        doing = "Leaving. " if self.keys.left else "Aborting. " if self.aborting else ""
        width, height = console.size
        return screen(self.reader.last, tuple(self.events), self.keys, doing, width=width, height=height)

    def obey(self, keys: str) -> None:
        self.keys = self.keys.press(keys) if keys else self.keys
        if self.keys.left:
            self.leave()
        elif self.keys.reason and not self.aborting:
            self.aborting = self.keys.reason
            self.say(f"abort: {self.aborting}")
            self.release.clock.interrupt()
        self.keys = replace(self.keys, reason="")

    def leave(self) -> None:
        """End the work after its present step."""
        self.keys = Keys(left=True)
        self.release.clock.interrupt()

    def goes_on(self) -> bool:
        """True while there is work. Once the runner has stopped for an abort, the abort is the next; where it was
        refused, the watching is."""
        if not self.work.done():
            return True
        problem = self.work.exception()
        if self.keys.left or not self.aborting or not isinstance(problem, CommandError | ReleaseError):
            return False
        if isinstance(problem, Interrupted):
            work: Callable[[], Found] = partial(aborted, self.release, self.aborting, self.follow)
        else:
            self.say(f"not aborted: {problem}", bad=True)
            self.aborting, work = "", partial(self.follow, self.release)
        self.release.clock.resume()
        self.work = self.started(work)
        return True


@contextmanager
def _taken(keyboard: int) -> Iterator[Callable[[], str]]:
    """Yield what waits for keys and returns them. In the end the terminal is as it was, also after SIGTERM."""
    decoder = getincrementaldecoder("utf-8")("ignore")

    def keys() -> str:
        ready, _, _ = select.select([keyboard], [], [], TICK)
        return decoder.decode(os.read(keyboard, 1024)) if ready else ""

    before = termios.tcgetattr(keyboard)
    handlers = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)),
        signal.SIGTSTP: signal.signal(signal.SIGTSTP, signal.SIG_IGN),  # a shell would prompt amid the screen
    }
    try:
        tty.setcbreak(keyboard)
        yield keys
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
