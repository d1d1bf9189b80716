"""The server lets a connection go when its client does."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

from local.tests.cloud.conftest import Cloud, until


def open_files(cloud: Cloud) -> int:
    return len(list(Path(f"/proc/{cloud.pid}/fd").iterdir()))


def test_a_connection_that_its_client_has_closed_holds_no_socket(cloud: Cloud) -> None:
    address = urlsplit(cloud.endpoint)
    before = open_files(cloud)
    for _ in range(50):
        client = http.client.HTTPConnection(str(address.hostname), address.port)
        client.request("GET", "/_strata/settings")
        client.getresponse().read()
        client.close()
    assert until(lambda: open_files(cloud) < before + 10, seconds=120)
