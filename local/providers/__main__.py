"""`python -m local.providers`: serve the stand-in aws and terraform plugins until a signal.

Prints the line that makes Pulumi attach to them. Ends on SIGTERM, SIGINT, or with the process that started it.
"""

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from local.providers import STARTED_BY
from local.providers.assets import Assets
from local.providers.aws import FUNCTIONS, resources
from local.providers.resource import ProviderError
from local.providers.server import AwsPlugin, serving
from local.providers.session import Sessions
from local.providers.settings import loopback
from local.providers.terraform import TerraformPlugin


def main() -> int:
    """Serve until a signal; return 1 if the endpoint is not on this machine."""
    parser = argparse.ArgumentParser(prog="python -m local.providers", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--ready-file", type=Path, help="written once both plugins answer: their line and the process id"
    )
    parser.add_argument(
        "--parent", type=int, default=STARTED_BY, help="end when this process does (default: the caller)"
    )
    parser.add_argument(
        "--project", type=Path, default=Path.cwd(), help="where relative archive paths start (default: here)"
    )
    options = parser.parse_args()
    try:
        loopback(os.environ.get("AWS_ENDPOINT_URL", ""), "AWS_ENDPOINT_URL")
    except ProviderError as error:
        sys.stderr.write(f"local.providers: {error}\n")
        return 1
    # Only the environment counts: neither a user's profile nor a metadata service may provide credentials.
    os.environ.update(
        AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_EC2_METADATA_DISABLED="true"
    )
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    aws = AwsPlugin(resources(Assets(options.project)), FUNCTIONS, Sessions())
    with serving(aws, TerraformPlugin(options.project)) as ports:
        line = ",".join(f"{name}:{port}" for name, port in zip(("aws", "terraform"), ports, strict=True))
        print(f"export PULUMI_DEBUG_PROVIDERS={line}", flush=True)
        if options.ready_file:
            ready = {"PULUMI_DEBUG_PROVIDERS": line, "pid": os.getpid()}
            written = options.ready_file.with_suffix(f".{os.getpid()}")
            written.write_text(json.dumps(ready))
            written.replace(options.ready_file)
        while not over.wait(0.5) and _alive(options.parent):
            pass
    return 0


def _alive(parent: int) -> bool:
    """Return True if `parent` still runs. Even if it is a zombie, its child has a new parent."""
    if parent == STARTED_BY:
        return os.getppid() == parent
    try:
        os.kill(parent, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


if __name__ == "__main__":
    sys.exit(main())
