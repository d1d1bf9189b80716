"""One set of functions, as many as there are folders in `app`, composed and released as the product's own program is.

A rehearsal writes `app/NAME/` into its copy of the project (see rehearsal/fleet/members.py); one of them is `orders`,
which the API of the compute layer stands before. The API reaches none of them: its routes are left out.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the repository

from infra import config, stack

HERE = Path(__file__).resolve().parent

services = sorted(main.parent.name for main in HERE.glob("app/*/main.py"))
stack.declare(config.load(), services, HERE, os.environ, routes=False)
