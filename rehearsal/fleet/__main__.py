"""One set of functions, as many as there are folders in `app`, composed and released as the product's own program is.

A rehearsal writes `app/NAME/` into its copy of the project (see rehearsal/fleet/members.py). None has a route, so there
is no API.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the repository

from infra import config, stack

HERE = Path(__file__).resolve().parent

stack.declare(config.load(), HERE, os.environ)
