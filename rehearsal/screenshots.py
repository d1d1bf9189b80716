"""`python -m rehearsal captures` draws the output of the operator's commands during a real release into docs/captures/.

Under live traffic a good version is released, a bad one is rolled back, and a third is on its canary while the
commands are typed beside it, and Chromium draws the viewer.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

from rehearsal import browser, commits
from rehearsal.environment import viewer
from rehearsal.environment.sandbox import REPOSITORY, STACK, Sandbox
from rehearsal.environment.workspace import ScratchError
from rehearsal.observe.traffic import Api, Traffic
from rehearsal.picture import picture
from rehearsal.terminal import terminal

FOLDER = Path("docs/captures")
WIDTH = 110
HEIGHT = 22
POLLS = 100  # for a canary, each about a second after the last
TYPED, TERM = f"python -m infra.release {{}} --stack {STACK}", "xterm-256color"
SLOW = 5.0  # simulated seconds in a real one, at most, while a canary is drawn: its ten minutes take two
UNDER_WAY = r"text=/\b[3-9]\/10 min/"  # the viewer's line on a canary that has had three minutes
LONGEST = 30  # lines of a picture; of longer ones the last


def draw(stage: Sandbox, rate: float) -> None:
    """Write every picture. Raises ScratchError if a step fails."""
    stage.pulumi("up", "--stack", STACK)
    traffic = Traffic(Api.at(stage.outputs()["api_url"]), rate)
    traffic.start()
    try:
        stage.apply(commits.GOOD)
        stage.pulumi("up", "--stack", STACK)
        stage.apply(commits.BAD)
        _picture("plan", stage)
        stage.pulumi("up", "--stack", STACK)
        stage.apply(commits.BAD.going_back())
        stage.apply(commits.HARMLESS)
        _picture("history", stage)  # before time runs slower, since it counts minutes at one rate
        traffic.rate = rate * min(SLOW / stage.factor, 1)
        _canary(stage.at(min(SLOW, stage.factor)))
        _picture("doctor", stage)
    finally:
        traffic.stop()


def _canary(stage: Sandbox) -> None:
    """Release once more, and draw what shows the canary."""
    folder = REPOSITORY / FOLDER
    with viewer.running(stage) as url, browser.opened() as chromium:
        up = threading.Thread(target=stage.pulumi, args=("up", "--stack", STACK), daemon=True)
        up.start()
        _wait_for_a_canary(stage)
        _picture("status", stage)
        _screen(stage)
        browser.draw(chromium, url, "viewer", folder, shown=UNDER_WAY)
        if not _on_a_canary(stage):
            raise ScratchError("the canary ended before all was drawn; make it longer: make captures FACTOR=2")
        up.join()
        browser.draw_part(chromium, url, folder / "viewer-orders.png", "#orders")


def draw_report(file: Path) -> None:
    """Write the pictures of a rehearsal's page."""
    with browser.opened() as chromium:
        browser.draw(chromium, file.resolve().as_uri(), "report", REPOSITORY / FOLDER, shown="figure svg")


def put(name: str, svg: str) -> None:
    """Write the picture `name` into docs/captures of this repository."""
    file = REPOSITORY / FOLDER / f"{name}.svg"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(svg, encoding="utf-8")


def _wait_for_a_canary(stage: Sandbox) -> None:
    for _ in range(POLLS):
        if _on_a_canary(stage):
            return
        time.sleep(0.1)
    raise ScratchError("no canary began; run `make rehearsal`, which says why")


def _on_a_canary(stage: Sandbox) -> bool:
    target = stage.target()
    return stage.aws.live(target["function"], target["alias"]) is None


def _screen(stage: Sandbox) -> None:
    """Draw the screen of `watch` once it shows the canary's errors, then leave it."""
    typed = TYPED.format("watch")
    env = {name: value for name, value in stage.env.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    command = [sys.executable, *typed.split()[1:]]
    cwd = stage.scratch.project
    with terminal(command, cwd=cwd, env=env | {"TERM": TERM}, columns=WIDTH, lines=HEIGHT) as watching:
        shown = watching.wait(lambda frame: "min left" in frame and "Read at" in frame)
        watching.type("q")
        watching.wait()
    put("watch", picture(shown.splitlines(), title=typed, name="watch", width=WIDTH))
    sys.stdout.write(f"$ {typed}\n{shown}\n")


def _picture(command: str, stage: Sandbox) -> None:
    """Run `python -m infra.release COMMAND` and draw its output."""
    typed = TYPED.format(command)
    env = {**stage.env, "COLUMNS": str(WIDTH), "TERM": TERM, "FORCE_COLOR": "1"}
    ran = subprocess.run(
        [sys.executable, *typed.split()[1:]],
        cwd=stage.scratch.project,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    lines = ran.stdout.rstrip().splitlines()
    shown = lines if len(lines) <= LONGEST else ["...", *lines[1 - LONGEST :]]
    put(command, picture(shown, title=typed, name=command, width=WIDTH))
    sys.stdout.write(f"$ {typed}\n{ran.stdout}\n")
