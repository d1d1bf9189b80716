"""The fixtures by which the tests of the local cloud reach it: the session's cloud, an account, clients, functions."""

from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest
from botocore.loaders import create_loader

from local.tests.cloud.conftest import account, client, cloud, functions

__all__ = ["account", "client", "cloud", "functions"]


@pytest.fixture(scope="session", autouse=True)
def _services_read_once() -> Iterator[None]:
    """Let botocore's sessions share what they have read of AWS's services: each test has a release engine of its own,
    whose clients would read a quarter of a second of it again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(create_loader))
        yield
