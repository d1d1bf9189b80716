"""Gives the stand-ins AWS clients: for one local endpoint, the process's credentials, and each provider's settings."""

import functools
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]

from local.providers.resource import ProviderError
from local.providers.settings import Settings, loopback
from local.providers.wire import Bag


@dataclass(frozen=True)
class Session:
    """The AWS clients of one provider's settings; safe to use from many threads."""

    settings: Settings
    endpoint: str
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def client(self, service: str, region: str) -> Any:
        """Return the boto3 client of `service` in `region`, made once."""
        with self._lock:  # boto3 makes clients from shared state that is not locked
            if (service, region) not in self._clients:
                self._clients[service, region] = boto3.client(
                    service,
                    region_name=region,
                    endpoint_url=dict(self.settings.endpoints).get(service, self.endpoint),
                    config=Config(proxies={}, retries={"total_max_attempts": 2}, connect_timeout=5, read_timeout=120),
                    **dict(self.settings.credentials),
                )
            return self._clients[service, region]

    def at(self, region: str | None = None) -> "Aws":
        """Return AWS in `region`, by default in the provider's own."""
        return Aws(self, region or self.settings.region)

    @functools.cached_property
    def account(self) -> str:
        """Return the account id of the credentials. Raises ProviderError if AWS does not accept them."""
        try:
            return str(self.client("sts", self.settings.region).get_caller_identity()["Account"])
        except Exception as error:
            raise ProviderError(f"unable to validate AWS credentials.\nDetails: {_reason(error)}") from error

    def validate(self) -> None:
        """Check the account of the credentials. Raises ProviderError, in the real provider's words, if it is not
        allowed."""
        settings = self.settings
        if settings.skip_account and not settings.allowed and not settings.forbidden:
            return
        if (settings.allowed and self.account not in settings.allowed) or self.account in settings.forbidden:
            raise ProviderError(
                f"AWS account ID not allowed: {self.account} (allowed: {', '.join(sorted(settings.allowed)) or 'any'}; "
                f"forbidden: {', '.join(sorted(settings.forbidden)) or 'none'}): "
                "check the credentials, or the provider's allowedAccountIds"
            )


def _reason(error: Exception) -> str:
    if type(error).__name__ == "NoCredentialsError":
        return "No valid credential sources found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    return str(error)


@dataclass(frozen=True)
class Aws:
    """AWS in one region, as a resource sees it: `aws("lambda").create_function(...)`."""

    session: Session
    region: str

    def __call__(self, service: str) -> Any:
        return self.session.client(service, self.region)

    @property
    def account(self) -> str:
        """Return the account id of the credentials."""
        return self.session.account

    @property
    def default_tags(self) -> dict[str, str]:
        """Return the provider's `defaultTags`."""
        return dict(self.session.settings.default_tags)


class Sessions:
    """Finds the session of a call.

    All providers of a program attach to this one process and each calls Configure once, on a connection of its own; the
    calls themselves do not say which provider they are for, but they come over the same connection.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._by_settings: dict[Settings, Session] = {}
        self._by_peer: dict[str, Session] = {}
        self._lock = threading.Lock()

    def configure(self, peer: str, bag: Bag) -> Session:
        """Store the settings of the provider at `peer`. Raises ProviderError if they cannot be used."""
        settings = Settings.parse(bag, self._environment)
        endpoint = loopback(self._environment.get("AWS_ENDPOINT_URL", ""), "AWS_ENDPOINT_URL")
        with self._lock:
            session = self._by_settings.setdefault(settings, Session(settings, endpoint))
        session.validate()
        with self._lock:
            self._by_peer[peer] = session
        return session

    def of(self, peer: str) -> Session:
        """Return the session of the provider at `peer`. An unknown connection is accepted only if all settings are the
        same."""
        with self._lock:
            if peer in self._by_peer:
                return self._by_peer[peer]
            sessions = set(self._by_peer.values())
        if len(sessions) != 1:
            raise ProviderError(
                f"a call came over a connection ({peer}) on which no provider was configured, and "
                f"{len(sessions)} configurations are known: run pulumi again"
            )
        return sessions.pop()
