"""strata:compute.api: what the API lets through, logs and asks for."""

from typing import Any

import pytest

from infra import config
from tests.unit.test_config import CERTIFICATE, mistakes, parse

SHOP = "https://shop.example.com"


def test_an_api_is_throttled_and_logged_by_default_and_asks_for_tokens_where_configured() -> None:
    api = parse().compute.api
    assert (api.throttling, api.access_log_days, api.authorizer) == (config.Throttling(200, 400), 30, None)
    assert (api.cors, api.domain) == (None, None)
    given = {
        "throttling": {"rate": 5},
        "accessLogDays": 0,
        "authorizer": {"issuer": "https://i.example/x", "audience": ["a"]},
    }
    assert parse(compute={"api": given}).compute.api == config.ApiConfig(
        config.Throttling(5, 400), 0, config.Authorizer("https://i.example/x", ("a",))
    )


def cors(**given: object) -> dict[str, Any]:
    return {"compute": {"api": {"cors": {"origins": [SHOP], **given}}}}


def domain(**given: object) -> dict[str, Any]:
    return {"compute": {"api": {"domain": {"name": "api.example.com", "certificateArn": CERTIFICATE, **given}}}}


def test_cors_names_origins_and_has_the_rest_by_default() -> None:
    found = parse(**cors()).compute.api.cors
    assert found == config.Cors((SHOP,))
    assert (found.credentials, found.max_age) == (False, 600)
    given = {"methods": ["GET"], "headers": ["x-a"], "expose": ["x-b"], "credentials": True, "maxAge": 0}
    assert parse(**cors(**given)).compute.api.cors == config.Cors((SHOP,), ("GET",), ("x-a",), ("x-b",), True, 0)


@pytest.mark.parametrize("origin", ["*", "https://*", "http://*"])
def test_an_origin_of_any_page_goes_without_credentials_alone(origin: str) -> None:
    assert parse(**cors(origins=[origin])).compute.api.cors == config.Cors((origin,))
    (line,) = mistakes(**cors(origins=[SHOP, origin], credentials=True))
    assert line.startswith(f'strata:compute.api.cors.origins has "{origin}" beside credentials: true')


def test_every_asterisk_beside_credentials_is_a_mistake_of_its_own() -> None:
    given = cors(origins=["*"], methods=["*"], headers=["*"], expose=["*"], credentials=True)
    assert [line.split(" ")[0].rpartition(".")[2] for line in mistakes(**given)] == [
        "origins",
        "methods",
        "headers",
        "expose",
    ]


def test_a_domain_has_a_certificate_and_may_have_a_zone() -> None:
    assert parse(**domain()).compute.api.domain == config.Domain("api.example.com", CERTIFICATE)
    assert parse(**domain(zoneId="Z0ABC")).compute.api.domain == config.Domain("api.example.com", CERTIFICATE, "Z0ABC")


def test_a_certificate_of_another_region_and_account_is_refused_for_both() -> None:
    arn = CERTIFICATE.replace("eu-central-1", "us-east-1").replace("111111111111", "999999999999")
    region, account = mistakes(**domain(certificateArn=arn))
    assert region.startswith("strata:compute.api.domain.certificateArn is of us-east-1, but the API is in eu-central-1")
    assert account.startswith("strata:compute.api.domain.certificateArn is of account 999999999999")


def test_the_alarms_of_the_api_have_defaults_of_their_own() -> None:
    assert parse().observability.api == config.ApiAlarms(0.05, 3000)
    assert parse(observability={"api": {"p99Milliseconds": 500}}).observability.api == config.ApiAlarms(0.05, 500)
