"""What the tests of Node.js functions share: the two generations of Lambda's runtime, archives, and the log."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

OLD, NEW = "nodejs22.x", "nodejs24.x"
BOTH = pytest.mark.parametrize("runtime", [OLD, NEW])
Logs = Callable[[], list[str]]


@pytest.fixture
def logs(client: Callable[[str], Any]) -> Logs:
    """Returns the messages of the function `orders`."""

    def messages() -> list[str]:
        events = client("logs").filter_log_events(logGroupName="/aws/lambda/orders")["events"]
        return [event["message"] for event in events]

    return messages


def zipped(files: dict[str, str]) -> bytes:
    """Return a zip of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as contents:
        for name, text in files.items():
            contents.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()
