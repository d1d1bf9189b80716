"""The fixtures by which the tests of the local cloud reach it: the session's cloud, an account, clients, functions."""

from local.tests.cloud.conftest import account, client, cloud, functions

__all__ = ["account", "client", "cloud", "functions"]
