"""Decides how a worker runs a function: the interpreter and its script, by Lambda's runtime identifier.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PYTHON = Path(__file__).with_name("runtime.py")
_PYTHON_OPTIONS = ("-S", "-P", "-u", "-X", "utf8")  # -S: this virtual environment holds more than Lambda's runtime does
_NODE = Path(__file__).with_name("runtime.mjs")
_NODE_FEATURES = ("experimental-require-module", "experimental-detect-module")
"""The features that Lambda turns off, unless NODE_OPTIONS turns them on again:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html"""
_NODE_RUNTIME = re.compile(r"nodejs(\d+)\.x")


class LanguageError(Exception):
    """No interpreter runs a function here; the text says which, and how to get it."""


@dataclass(frozen=True)
class Launch:
    """The start of a worker's process."""

    command: Sequence[str]
    """The program, its options and the script; the socket and the handler follow."""
    arguments: Sequence[str]
    """What follows the handler."""
    variables: Mapping[str, str]
    """Variables of Lambda's runtime which the function's own configuration may replace."""


def known(runtime: str) -> bool:
    """Return True if workers run functions of `runtime`, such as `python3.11`; ministack runs all others."""
    return runtime.startswith("python") or _NODE_RUNTIME.fullmatch(runtime) is not None


def launch(runtime: str, code: Path, layers: Sequence[Path], packages: Path, configured: Mapping[str, str]) -> Launch:
    """Return how to run a function. `layers`: their folders, unpacked; `packages`: those of Lambda's Python runtime;
    `configured`: the function's own variables. Raises LanguageError if the interpreter is missing."""
    node = _NODE_RUNTIME.fullmatch(runtime)
    if node is not None:
        return _node(runtime, int(node[1]), code, layers, configured.get("NODE_OPTIONS", ""))
    path = [code, *(layer / "python" for layer in layers), packages]
    return Launch([sys.executable, *_PYTHON_OPTIONS, str(_PYTHON)], [str(folder) for folder in path], {})


def _node(runtime: str, major: int, code: Path, layers: Sequence[Path], options: str) -> Launch:
    program = shutil.which("node")
    if program is None:
        raise LanguageError(
            f"a function of {runtime} needs `node`, and no folder of PATH has it: "
            "install Node.js 20 or later, and start the local cloud again"
        )
    path = [layer / "nodejs" / folder for folder in (f"node{major}/node_modules", "node_modules") for layer in layers]
    off = [f"--no-{feature}" for feature in _NODE_FEATURES if f"--{feature}" not in options.split()]
    return Launch(
        [program, *off, str(_NODE)],
        [str(os.getpid())],
        {"NODE_PATH": os.pathsep.join(str(folder) for folder in (*path, code))},
    )
