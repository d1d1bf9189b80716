"""strata:compute.api: what the API lets through, logs and asks for."""

from infra import config
from tests.unit.test_config import parse


def test_an_api_is_throttled_and_logged_by_default_and_asks_for_tokens_where_configured() -> None:
    api = parse().compute.api
    assert (api.throttling, api.access_log_days, api.authorizer) == (config.Throttling(200, 400), 30, None)
    given = {
        "throttling": {"rate": 5},
        "accessLogDays": 0,
        "authorizer": {"issuer": "https://i.example/x", "audience": ["a"]},
    }
    assert parse(compute={"api": given}).compute.api == config.ApiConfig(
        config.Throttling(5, 400), 0, config.Authorizer("https://i.example/x", ("a",))
    )
