"""Forged tokens: whatever is wrong with one, it is refused, and for that."""

import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jwt
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from local.tests.cloud.conftest import Cloud
from local.tests.cloud.tokens import (
    GITHUB,
    NAMED,
    NUMBERED,
    PULUMI,
    REF,
    STACK,
    STS_AUDIENCE,
    Federation,
    claims_of,
    resigned,
    spelled,
    unpublished_key,
)

Forger = Callable[[Federation], str]
INVALID = "InvalidIdentityToken"
NOT_A_TOKEN = "The ID Token provided is not a valid JWT"
NO_KEY = "Couldn't retrieve verification key from your identity provider"
BAD_SIGNATURE = "The signature of the token does not match the key that its issuer publishes"
NOT_TRUSTED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


class Forgery(NamedTuple):
    """One kind of forged token, and how it is refused."""

    kind: str
    token: Forger
    code: str
    message: str


def claiming(issuer: str = GITHUB, **claims: Any) -> Forger:
    """Return a token with the issuer's own signature and other claims; a claim that is None is missing."""
    return lambda federation: federation.issued(issuer, **claims)


def signed(algorithm: str = "RS256", key: Any = None, **header: Any) -> Forger:
    """Return the right claims under another signature or header."""
    return lambda federation: resigned(federation.issued(), key, algorithm, **header)


def unsigned(federation: Federation) -> str:
    _, claims, _ = federation.issued().split(".")
    return f"{spelled({'alg': 'none', 'typ': 'JWT'})}.{claims}."


def secret_is_the_public_key(federation: Federation) -> str:
    public = jwt.PyJWK(federation.published()).key
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = federation.issued()
    header = {"alg": "HS256", "typ": "JWT", "kid": jwt.get_unverified_header(token)["kid"]}
    signing = f"{spelled(header)}.{spelled(claims_of(token))}"
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    return f"{signing}.{spelled(algorithm.sign(signing.encode(), pem))}"


def swapped(change: Callable[[list[str]], str]) -> Forger:
    """Return a token whose three parts are put together otherwise."""
    return lambda federation: change(federation.issued().split("."))


def claims_replaced(parts: list[str]) -> str:
    claims = claims_of(".".join(parts)) | {"sub": "repo:acme/shop:environment:staging"}
    return f"{parts[0]}.{spelled(claims)}.{parts[2]}"


def twice(parts: list[str]) -> str:
    text = json.dumps(claims_of(".".join(parts)))
    claims = '{"sub": "repo:evil/shop:environment:prod", ' + text[1:]
    return f"{parts[0]}.{spelled(claims.encode())}.{parts[2]}"


def other_spelling(parts: list[str]) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(parts[2][-1]) ^ 1]  # 256 bytes leave bits of the last letter unused
    return f"{parts[0]}.{parts[1]}.{parts[2][:-1]}{last}"


def own_key(_: Federation) -> dict[str, Any]:
    return dict(json.loads(RSAAlgorithm.to_jwk(unpublished_key().public_key())))


def subject(text: str) -> tuple[Forger, str, str]:
    return claiming(sub=text), "AccessDenied", NOT_TRUSTED


NOW = int(time.time())
FORGERIES = [
    Forgery("another key", signed(), INVALID, BAD_SIGNATURE),
    Forgery("no signature", unsigned, INVALID, "signed by none"),
    Forgery("no signature, in capitals", swapped(lambda p: f"{spelled({'alg': 'NONE'})}.{p[1]}."), INVALID, "by NONE"),
    Forgery("the signature cut off", swapped(lambda p: f"{p[0]}.{p[1]}."), INVALID, BAD_SIGNATURE),
    Forgery("HS256 with the public key as its secret", secret_is_the_public_key, INVALID, "signed by HS256"),
    Forgery("RS512", signed("RS512"), INVALID, "signed by RS512"),
    Forgery("PS256", signed("PS256"), INVALID, "signed by PS256"),
    Forgery("no algorithm", swapped(lambda p: f"{spelled({'typ': 'JWT'})}.{p[1]}.{p[2]}"), INVALID, "signed by None"),
    Forgery("key id that is unknown", signed(kid="key-1"), INVALID, NO_KEY),
    Forgery("key id that is a path", signed(kid="../../../../dev/null"), INVALID, NO_KEY),
    Forgery("key id that is a query", signed(kid="' UNION SELECT 'key"), INVALID, NO_KEY),
    Forgery("no key id", swapped(lambda p: f"{spelled({'alg': 'RS256'})}.{p[1]}.{p[2]}"), INVALID, NO_KEY),
    Forgery(
        "key id of the other issuer", lambda f: resigned(f.issued(), kid=f.published(PULUMI)["kid"]), INVALID, NO_KEY
    ),
    Forgery("its own key in the header", lambda f: resigned(f.issued(), jwk=own_key(f)), INVALID, BAD_SIGNATURE),
    Forgery("the address of its key", signed(jku="https://evil.example/jwks", kid="evil"), INVALID, NO_KEY),
    Forgery("the address of its certificate", signed(x5u="https://evil.example/cert"), INVALID, BAD_SIGNATURE),
    Forgery("its own certificate", signed(x5c=["MIIB"]), INVALID, BAD_SIGNATURE),
    Forgery(
        "an extension that must be understood", signed(crit=["exp"]), INVALID, "extensions that are not understood"
    ),
    Forgery("claims exchanged below a right signature", swapped(claims_replaced), INVALID, BAD_SIGNATURE),
    Forgery("header exchanged", swapped(lambda p: f"{p[0][:-4]}.{p[1]}.{p[2]}"), INVALID, NOT_A_TOKEN),
    Forgery("an issuer without a provider", claiming(iss="https://evil.example"), INVALID, "No OpenIDConnect provider"),
    Forgery("the issuer with a slash", claiming(iss=f"{GITHUB}/"), INVALID, "No OpenIDConnect provider"),
    Forgery("the issuer by http", claiming(iss=GITHUB.replace("s:", ":", 1)), INVALID, "No OpenIDConnect provider"),
    Forgery("the issuer without a scheme", claiming(iss=GITHUB[8:]), INVALID, "No OpenIDConnect provider"),
    Forgery("the issuer in capitals", claiming(iss=GITHUB.upper()), INVALID, "No OpenIDConnect provider"),
    Forgery("an enterprise's issuer", claiming(iss=f"{GITHUB}/evil"), INVALID, "No OpenIDConnect provider"),
    Forgery("one issuer's token as the other's", claiming(PULUMI, iss=GITHUB), INVALID, NO_KEY),
    Forgery("the other issuer's own token", claiming(PULUMI, aud="acme", sub=STACK), "AccessDenied", NOT_TRUSTED),
    Forgery("another audience", claiming(aud="https://github.com/acme"), INVALID, "Incorrect token audience"),
    Forgery("the audience in capitals", claiming(aud=STS_AUDIENCE.upper()), INVALID, "Incorrect token audience"),
    Forgery("a part of the audience", claiming(aud="amazonaws.com"), INVALID, "Incorrect token audience"),
    Forgery("an empty audience", claiming(aud=""), INVALID, "Incorrect token audience"),
    Forgery("audiences in a list", claiming(aud=["evil", STS_AUDIENCE]), INVALID, "Incorrect token audience"),
    Forgery("the audience in a list", claiming(aud=[STS_AUDIENCE]), INVALID, "Incorrect token audience"),
    Forgery("expired", claiming(exp=NOW - 1), "ExpiredTokenException", "must be before the expiration date/time"),
    Forgery("expired in 1970", claiming(exp=0), "ExpiredTokenException", "before the expiration date/time 0"),
    Forgery("not yet valid", claiming(nbf=NOW + 86_400), "IDPRejectedClaim", "The claim nbf lies in the future"),
    Forgery("issued tomorrow", claiming(iat=NOW + 86_400), "IDPRejectedClaim", "The claim iat lies in the future"),
    Forgery("an expiry in words", claiming(exp="never"), "IDPRejectedClaim", "exp must be a number of seconds"),
    Forgery("an expiry that is true", claiming(exp=True), "IDPRejectedClaim", "exp must be a number of seconds"),
    Forgery("no iss", claiming(iss=None), INVALID, "Missing a required claim: iss"),
    Forgery("no sub", claiming(sub=None), INVALID, "Missing a required claim: sub"),
    Forgery("no aud", claiming(aud=None), INVALID, "Missing a required claim: aud"),
    Forgery("no exp", claiming(exp=None), INVALID, "Missing a required claim: exp"),
    Forgery("no iat", claiming(iat=None), INVALID, "Missing a required claim: iat"),
    Forgery("an empty subject", claiming(sub=""), "IDPRejectedClaim", "sub must be a string that is not empty"),
    Forgery("another environment", *subject("repo:acme/shop:environment:staging")),
    Forgery("an environment that begins alike", *subject("repo:acme/shop:environment:production")),
    Forgery("an environment in capitals", *subject("repo:acme/shop:environment:PROD")),
    Forgery("an environment with a blank", *subject("repo:acme/shop:environment:prod ")),
    Forgery("a pull request", *subject("repo:acme/shop:pull_request")),
    Forgery("a branch", *subject("repo:acme/shop:ref:refs/heads/main")),
    Forgery("a branch named after the environment", *subject("repo:acme/shop:ref:refs/heads/environment:prod")),
    Forgery("another owner", *subject("repo:evil/shop:environment:prod")),
    Forgery("an owner with a prefix", *subject("repo:not-acme/shop:environment:prod")),
    Forgery("a repository with a suffix", *subject("repo:acme/shop-evil:environment:prod")),
    Forgery("a repository with a similar name", *subject("repo:acme/sh0p:environment:prod")),
    Forgery("a repository in capitals", *subject("repo:Acme/Shop:environment:prod")),
    Forgery("a Cyrillic letter", *subject("repo:\u0430cme/shop:environment:prod")),
    Forgery("a letter of no width", *subject("repo:acme/shop\u200b:environment:prod")),
    Forgery("wide letters", *subject("repo:\uff41cme/shop:environment:prod")),
    Forgery("immutable ids where names are trusted", *subject(NUMBERED)),
    Forgery("hyphens before ids, which GitHub never sent", *subject("repo:acme-1234/shop-5678:environment:prod")),
    Forgery("only the owner's id", *subject("repo:acme@1234/shop:environment:prod")),
    Forgery("a wildcard for the repository", *subject("repo:acme/*:environment:prod")),
    Forgery("a wildcard for everything", *subject("*")),
    Forgery("a wildcard for a letter", *subject("repo:acme/sho?:environment:prod")),
    Forgery("a variable of policies", *subject("${aws:userid}")),
    Forgery(
        "the right subject in another claim", claiming(sub="repo:evil/a:x", repo_sub=NAMED), "AccessDenied", NOT_TRUSTED
    ),
    Forgery("a claim twice", swapped(twice), INVALID, "a name occurs twice"),
    Forgery(
        "claims that are a list", swapped(lambda p: f"{p[0]}.{spelled(b'[1]')}.{p[2]}"), INVALID, "not a JSON object"
    ),
    Forgery("claims that are no JSON", swapped(lambda p: f"{p[0]}.{spelled(b'sub=x')}.{p[2]}"), INVALID, "not JSON"),
    Forgery("claims in Latin-1", swapped(lambda p: f"{p[0]}.{spelled(bytes([123, 255]))}.{p[2]}"), INVALID, "not JSON"),
    Forgery(
        "claims nested without end", swapped(lambda p: f"{p[0]}.{spelled(b'[' * 9000)}.{p[2]}"), INVALID, "not JSON"
    ),
    Forgery("two parts", swapped(lambda p: f"{p[0]}.{p[1]}"), INVALID, NOT_A_TOKEN),
    Forgery("four parts", swapped(lambda p: ".".join([*p, p[2]])), INVALID, NOT_A_TOKEN),
    Forgery("five parts, as if encrypted", swapped(lambda p: ".".join([*p, "", ""])), INVALID, NOT_A_TOKEN),
    Forgery("bad base64", swapped(lambda p: f"{p[0]}.{p[1][:-2]}!!.{p[2]}"), INVALID, NOT_A_TOKEN),
    Forgery(
        "base64 of a URL's other alphabet", swapped(lambda p: f"{p[0]}.{p[1]}.{p[2][:-2]}+/"), INVALID, NOT_A_TOKEN
    ),
    Forgery("padding", swapped(lambda p: f"{p[0]}.{p[1]}.{p[2]}=="), INVALID, NOT_A_TOKEN),
    Forgery("another spelling of the signature", swapped(other_spelling), INVALID, "has bits to spare"),
    Forgery("a line after the end", swapped(lambda p: f"{'.'.join(p)}\n"), INVALID, NOT_A_TOKEN),
    Forgery("a word after the end", swapped(lambda p: f"{'.'.join(p)} x"), INVALID, NOT_A_TOKEN),
    Forgery("Bearer before it", swapped(lambda p: f"Bearer {'.'.join(p)}"), INVALID, NOT_A_TOKEN),
    Forgery("no token at all", lambda _: "ghp_0123456789", INVALID, NOT_A_TOKEN),
    Forgery("a huge one", claiming(pad="x" * 20_000), "ValidationError", "length less than or equal to 20000"),
]


@pytest.mark.parametrize("forgery", FORGERIES, ids=[forgery.kind for forgery in FORGERIES])
def test_a_forged_token_is_refused_for_what_is_wrong_with_it(cloud: Cloud, account: str, forgery: Forgery) -> None:
    federation = Federation(cloud, account)
    role = federation.role("deploy", GITHUB, STS_AUDIENCE, NAMED)
    with pytest.raises(ClientError) as refusal:
        federation.assume(role, forgery.token(federation))
    error = refusal.value.response["Error"]
    assert (error["Code"], forgery.message in error["Message"]) == (forgery.code, True), error


@pytest.mark.parametrize(
    "sub",
    [
        "repo:acme@1235/shop@5678:environment:prod",
        "repo:acme@1234/shop@9999:environment:prod",
        "repo:acme@5678/shop@1234:environment:prod",
        "repo:acme@01234/shop@5678:environment:prod",
        "repo:acme@1234/shop@56789:environment:prod",
        "repo:acme@1234@1234/shop@5678:environment:prod",
        "repo:acme@/shop@:environment:prod",
        "repo:acme@1234/shop:environment:prod",
        "repo:acme/shop@5678:environment:prod",
        "repo:@1234/@5678:environment:prod",
        "repo:renamed@1234/shop@5678:environment:prod",
        "repo:acme-1234/shop-5678:environment:prod",
        "repo:acme@1234/shop@5678:environment:staging",
        "repo:acme@1234/shop@5678:ref:refs/heads/main",
        NAMED,
    ],
    ids=[
        "another owner's id",
        "another repository's id",
        "the ids exchanged",
        "a nought before an id",
        "an id that begins alike",
        "an id twice",
        "no number after the signs",
        "the owner's id alone",
        "the repository's id alone",
        "ids without names",
        "an owner that was renamed",
        "hyphens",
        "another environment",
        "a branch",
        "names alone",
    ],
)
def test_where_immutable_ids_are_trusted_nothing_but_they_will_do(cloud: Cloud, account: str, sub: str) -> None:
    federation = Federation(cloud, account)
    role = federation.role("deploy", GITHUB, STS_AUDIENCE, NUMBERED)
    with pytest.raises(ClientError, match=NOT_TRUSTED):
        federation.assume(role, federation.issued(sub=sub))


@pytest.mark.parametrize("operation", ["preview", "refresh", "destroy"])
def test_the_role_of_one_operation_of_pulumi_is_not_to_be_had_by_another(
    cloud: Cloud, account: str, operation: str
) -> None:
    federation = Federation(cloud, account)
    role = federation.role("update", PULUMI, "acme", STACK)
    token = federation.issued(PULUMI, aud="acme", sub=STACK.replace("update", operation))
    with pytest.raises(ClientError, match=NOT_TRUSTED):
        federation.assume(role, token)


@pytest.mark.parametrize("arn", ["arn:aws:iam::{}:role/other", "arn:aws:iam::{}:role/path/deploy"])
def test_a_role_that_does_not_exist_is_refused_as_one_that_does_not_trust(cloud: Cloud, account: str, arn: str) -> None:
    federation = Federation(cloud, account)
    federation.role("deploy", GITHUB, STS_AUDIENCE, NAMED)
    with pytest.raises(ClientError, match=NOT_TRUSTED):
        federation.assume(arn.format(account), federation.issued())


def test_a_provider_whose_issuer_does_not_answer_gives_no_key(cloud: Cloud, account: str) -> None:
    federation = Federation(cloud, account)
    federation.iam.create_open_id_connect_provider(Url="https://idp.example", ClientIDList=[STS_AUDIENCE])
    role = federation.role("deploy", "https://idp.example", STS_AUDIENCE, NAMED)
    with pytest.raises(ClientError, match=NO_KEY):
        federation.assume(role, federation.issued(iss="https://idp.example"))


CLAIMS = {"ref": REF, "repository_id": "5678"}
WRONG: dict[str, dict[str, Any]] = {
    "another branch": {"ref": "refs/heads/evil"},
    "a branch that begins alike": {"ref": "refs/heads/main-2"},
    "a branch in capitals": {"ref": "refs/heads/MAIN"},
    "a branch's short name": {"ref": "main"},
    "a tag named after the branch": {"ref": "refs/tags/main"},
    "a pull request's merge": {"ref": "refs/pull/7/merge"},
    "a wildcard for the branch": {"ref": "refs/heads/*"},
    "a blank after the branch": {"ref": f"{REF} "},
    "branches in a list": {"ref": ["refs/heads/evil", REF]},
    "no branch": {"ref": None},
    "the branch as a pull request's base": {"ref": "refs/pull/7/merge", "base_ref": "main"},
    "the branch in another claim": {"ref": "refs/heads/evil", "head_ref": REF},
    "another repository's id": {"repository_id": "9999"},
    "the owner's id for the repository's": {"repository_id": "1234"},
    "an id that is a number": {"repository_id": 5678},
    "an id with a nought before it": {"repository_id": "05678"},
    "no repository's id": {"repository_id": None},
    "a repository of the name that was deleted and made anew": {"repository_id": "9001", "repository": "acme/shop"},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("sub", [NAMED, NUMBERED], ids=["names", "ids"])
def test_the_right_subject_is_not_enough_where_branch_and_repository_are_asked_for(
    cloud: Cloud, account: str, sub: str, claims: dict[str, Any]
) -> None:
    federation = Federation(cloud, account)
    role = federation.role("deploy", GITHUB, STS_AUDIENCE, sub, CLAIMS)
    with pytest.raises(ClientError, match=NOT_TRUSTED):
        federation.assume(role, federation.issued(sub=sub, **claims))
    assert federation.assume(role, federation.issued(sub=sub))["Credentials"]


def test_pulumis_issuer_has_none_of_githubs_claims(cloud: Cloud, account: str) -> None:
    federation = Federation(cloud, account)
    role = federation.role("update", PULUMI, "acme", STACK, {"ref": REF})
    with pytest.raises(ClientError, match=NOT_TRUSTED):
        federation.assume(role, federation.issued(PULUMI, aud="acme", sub=STACK, ref=REF))
