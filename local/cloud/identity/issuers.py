"""The OpenID Connect issuers that the local cloud stands in for, with real RS256 keys that live as long as it does.

https://docs.github.com/en/actions/reference/security/oidc: the claims, and where the keys are published.
"""

import json
import math
import time
import uuid
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from local.cloud.clock import CLOCK

URLS = ("https://token.actions.githubusercontent.com", "https://api.pulumi.com/oidc")
"""Providers with these URLs are answered by keys of this cloud's own: nothing is fetched from the internet."""
_SECONDS = 300.0
"""The validity of a token, in simulated seconds."""


class Issuer:
    """One issuer: it signs the claims that it is given, as a workflow would request them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.path = url.removeprefix("https://")

    @cached_property
    def _key(self) -> RSAPrivateKey:
        return generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def keys(self) -> dict[str, RSAPublicKey]:
        """Return the published keys by their ids."""
        return {str(uuid.uuid5(uuid.NAMESPACE_URL, self.url)): self._key.public_key()}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a token with `claims`. iss, iat, nbf, exp and jti are added if they are not given, and left out if
        null."""
        now = time.time()
        due = {
            "iss": self.url,
            "iat": math.floor(now),
            "nbf": math.floor(now),
            "exp": now + CLOCK.real(_SECONDS),
            "jti": str(uuid.uuid4()),
        }
        (kid,) = self.keys
        said = {name: value for name, value in {**due, **claims}.items() if value is not None}
        return jwt.encode(said, self._key, algorithm="RS256", headers={"kid": kid})

    def publish(self, path: str, base: str) -> dict[str, Any] | None:
        """Return the document at `path` below the issuer's URL; None if there is none. `base`: this cloud's URL of the
        issuer."""
        if path == ".well-known/openid-configuration":
            return {
                "issuer": self.url,
                "jwks_uri": f"{base}/.well-known/jwks",
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
            }
        if path == ".well-known/jwks":
            return {
                "keys": [
                    json.loads(RSAAlgorithm.to_jwk(key)) | {"kid": kid, "alg": "RS256", "use": "sig"}
                    for kid, key in self.keys.items()
                ]
            }
        return None


ISSUERS = {url: Issuer(url) for url in URLS}
"""The issuers by their URLs."""


def issue(wanted: Any) -> str:
    """Return the token for a JSON object {"issuer": URL, "claims": {...}}. Raises ValueError with what is wrong."""
    if not isinstance(wanted, dict) or wanted.keys() != {"issuer", "claims"} or not isinstance(wanted["claims"], dict):
        raise ValueError(f'the body is {wanted!r}: it must be a JSON object {{"issuer": URL, "claims": {{...}}}}')
    if wanted["issuer"] not in URLS:
        raise ValueError(f"issuer is {wanted['issuer']!r}: it must be one of {', '.join(URLS)}")
    try:
        return ISSUERS[wanted["issuer"]].sign(wanted["claims"])
    except TypeError as error:  # PyJWT knows the types of some claims
        raise ValueError(f"claims is {wanted['claims']!r}: {error}") from error


def published(path: str, endpoint: str) -> dict[str, Any] | None:
    """Return the document at `path`, which is `issuers/`, an issuer's URL without https://, and the document's own
    path."""
    for issuer in ISSUERS.values():
        home = f"issuers/{issuer.path}"
        if path.startswith(f"{home}/"):
            return issuer.publish(path.removeprefix(f"{home}/"), f"{endpoint}/_strata/{home}")
    return None
