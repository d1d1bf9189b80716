"""The settings of an `aws.Provider`, and the endpoints that a stand-in may reach. Standard library only."""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from local.providers.resource import ProviderError
from local.providers.wire import Bag

SETTINGS = frozenset(
    {
        "accessKey",
        "allowedAccountIds",
        "defaultTags",
        "endpoints",
        "forbiddenAccountIds",
        "region",
        "s3UsePathStyle",
        "secretKey",
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "skipRequestingAccountId",
        "token",
    }
)
"""The settings of `aws.Provider` that are supported here, by their names on the wire."""


def loopback(url: str, source: str) -> str:
    """Return `url` if it is on this machine. Raises ProviderError, which names `source`, if it is empty or
    elsewhere."""
    try:
        host = urlsplit(url).hostname
        here = host is not None and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        here = False
    if not here:
        given = f"is {url!r}" if url else "is not set"
        raise ProviderError(
            f"{source} {given}, but a stand-in provider may only reach an AWS on loopback: "
            "set it to the local cloud, such as http://127.0.0.1:4566 (`make cloud` prints the line)"
        )
    return url


@dataclass(frozen=True)
class Settings:
    """The settings of one `aws.Provider`, explicit or default. Two providers with equal settings share one session."""

    region: str
    credentials: tuple[tuple[str, str], ...] = ()
    default_tags: tuple[tuple[str, str], ...] = ()
    allowed: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    endpoints: tuple[tuple[str, str], ...] = ()
    skip_account: bool = False

    @classmethod
    def parse(cls, bag: Bag, environment: Mapping[str, str]) -> "Settings":
        """Parse settings from the wire, where lists and objects may be JSON text. Raises ProviderError without a
        region."""
        known = {key: _opened(value) for key, value in bag.items()}
        region = known.get("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
        if not region:
            raise ProviderError("missing region configuration: set aws:region, the provider's region or AWS_REGION")
        names = {"accessKey": "aws_access_key_id", "secretKey": "aws_secret_access_key", "token": "aws_session_token"}
        urls = [pair for entry in known.get("endpoints") or () for pair in entry.items()]
        return cls(
            region=region,
            credentials=tuple((names[key], known[key]) for key in names if known.get(key)),
            default_tags=tuple(sorted((known.get("defaultTags") or {}).get("tags", {}).items())),
            allowed=frozenset(known.get("allowedAccountIds") or ()),
            forbidden=frozenset(known.get("forbiddenAccountIds") or ()),
            endpoints=tuple((name, loopback(url, f"the provider's endpoint of {name}")) for name, url in urls),
            skip_account=bool(known.get("skipRequestingAccountId")) and bool(known.get("skipCredentialsValidation")),
        )


def _opened(value: Any) -> Any:
    if isinstance(value, str) and (value[:1] in ("[", "{") or value in ("true", "false")):
        return json.loads(value)
    return value
