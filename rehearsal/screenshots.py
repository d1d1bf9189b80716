"""`python -m rehearsal captures`: what the operator's commands show, drawn into docs/captures/ from a real release.

Under live traffic a good version is released, a bad one is rolled back, and a third is on its canary while the
commands are typed beside it.
"""

import re
import subprocess
import sys
import threading
import time
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from rehearsal import commits
from rehearsal.environment.sandbox import REPOSITORY, STACK, Sandbox
from rehearsal.observe.traffic import Api, Traffic

FOLDER = Path("docs/captures")
WIDTH = 110
LIVE = {"watch"}  # on a terminal its last line keeps changing, which no picture shows
LONGEST = 30  # lines of a picture; of longer ones the last
FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""They would be fetched from somebody else's machine; any monospaced font does."""


def draw(stage: Sandbox, rate: float) -> None:
    """Write every picture. Raises ScratchError where a step fails."""
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
        up = threading.Thread(target=stage.pulumi, args=("up", "--stack", STACK), daemon=True)
        up.start()
        _wait_for_a_canary(stage)
        _picture("status", stage)
        _picture("watch", stage)
        up.join()
        _picture("history", stage)
        _picture("doctor", stage)
    finally:
        traffic.stop()


def _wait_for_a_canary(stage: Sandbox) -> None:
    target = stage.target()
    for _ in range(600):
        if stage.aws.live(target["function"], target["alias"]) is None:
            return
        time.sleep(0.1)


def _picture(command: str, stage: Sandbox) -> None:
    """Type `python -m infra.release COMMAND` and draw what it answers."""
    typed = f"python -m infra.release {command} --stack {STACK}"
    env = {**stage.env, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    if command not in LIVE:
        env["FORCE_COLOR"] = "1"
    ran = subprocess.run(
        [sys.executable, *typed.split()[1:]],
        cwd=stage.scratch.project,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = ran.stdout.rstrip().splitlines()
    shown = lines if len(lines) <= LONGEST else ["...", *lines[1 - LONGEST :]]
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    for line in shown:
        console.print(Text.from_ansi(line))
    svg = console.export_svg(title=typed, theme=MONOKAI, unique_id=command)
    file = REPOSITORY / FOLDER / f"{command}.svg"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(FONTS.sub("", svg))
    sys.stdout.write(f"$ {typed}\n{ran.stdout}\n")
