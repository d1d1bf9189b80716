"""Verifies that a web identity token is its issuer's, as STS does before it reads any trust policy. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html: the claims that STS requires;
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html: the errors;
https://www.rfc-editor.org/rfc/rfc7515: the form.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from local.cloud.wire import ServiceError

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
_RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)
_REQUIRED = ("iss", "sub", "aud", "exp", "iat")


@dataclass(frozen=True)
class Provider:
    """An identity provider of the account, and the keys that its issuer publishes; None if the issuer does not
    answer."""

    url: str
    audiences: Collection[str]
    keys: Mapping[str, RSAPublicKey] | None


def verify(
    token: str, provider: Callable[[str], Provider | None], now: float, reached: float | None = None
) -> dict[str, Any]:
    """Return the claims of a valid token. `provider` finds the account's provider by its URL, `now` is in epoch
    seconds; `reached` is how far the timeline is, which a token has to outlive, where that is not now.

    Raises ServiceError as STS words it. STS allows for clocks that differ by a little; here there is one clock.
    """
    header, claims, signed, signature = _parsed(token)
    url = claims.get("iss")
    if not isinstance(url, str):
        raise _invalid("Missing a required claim: iss")
    found = provider(url)
    if found is None:
        raise _invalid(f"No OpenIDConnect provider found in your account for {url}")
    if not _RS256.verify(signed, _key(header, found), signature):
        raise _invalid("The signature of the token does not match the key that its issuer publishes")
    _check(claims, found, now, now if reached is None else reached)
    return claims


def _parsed(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Return header, claims, the signed text, and the signature."""
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise _malformed("it is not three parts of base64url")
    header, claims, signature = (_decoded(part) for part in parts.groups())
    return _object(header), _object(claims), token.rpartition(".")[0].encode(), signature


def _decoded(part: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as error:
        raise _malformed("a part is not base64url") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:  # two spellings of one signature
        raise _malformed("a part has bits to spare")
    return raw


def _object(raw: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise _malformed("a name occurs twice")
        return dict(pairs)

    try:
        found = json.loads(raw.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise _malformed("a part is not JSON") from error
    if not isinstance(found, dict):
        raise _malformed("a part is not a JSON object")
    return found


def _key(header: Mapping[str, Any], provider: Provider) -> RSAPublicKey:
    """Return the published key that the header names; a key in the header, or at a URL in it, is never used."""
    if header.get("alg") != "RS256":
        raise _invalid(f"The token is signed by {header.get('alg')}, and the issuer signs by RS256")
    if "crit" in header or "b64" in header:
        raise _malformed("its header has extensions that are not understood")
    keys, kid = provider.keys, header.get("kid")
    if keys is None or not isinstance(kid, str) or kid not in keys:
        raise _invalid(
            "Couldn't retrieve verification key from your identity provider, please reference "
            "AssumeRoleWithWebIdentity documentation for requirements"
        )
    return keys[kid]


def _check(claims: Mapping[str, Any], provider: Provider, now: float, reached: float) -> None:
    for name in _REQUIRED:
        if name not in claims:
            raise _invalid(f"Missing a required claim: {name}")
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise ServiceError("IDPRejectedClaim", "The claim sub must be a string that is not empty", 403)
    times = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    for name, value in times.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
            raise ServiceError("IDPRejectedClaim", f"The claim {name} must be a number of seconds", 403)
    if not isinstance(claims["aud"], str) or claims["aud"] not in provider.audiences:
        raise _invalid("Incorrect token audience")
    if reached >= times["exp"]:
        raise ServiceError(
            "ExpiredTokenException",
            f"Token expired: current date/time {int(now)} must be before the expiration date/time {int(times['exp'])}",
        )
    for name in ("nbf", "iat"):
        if times.get(name, now) > now:
            raise ServiceError("IDPRejectedClaim", f"The claim {name} lies in the future: {times[name]}", 403)


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidIdentityToken", message)


def _malformed(why: str) -> ServiceError:
    return _invalid(
        f"The ID Token provided is not a valid JWT: {why}. (You may see this error if you sent an Access Token)"
    )
