"""strata:compute.api: what the API lets through, logs and asks for."""

import pytest

from infra import config
from tests.unit.test_config import mistakes, parse


def test_an_api_is_throttled_and_logged_unless_told_otherwise_and_asks_for_tokens_where_told() -> None:
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


@pytest.mark.parametrize(
    ("api", "mistake"),
    [
        ({"throttling": {"rate": 0}}, "strata:compute.api.throttling.rate is 0, out of bounds"),
        ({"throttling": {"burst": True}}, "strata:compute.api.throttling.burst is true, not a whole number"),
        ({"throttling": False}, "strata:compute.api.throttling is false, not an object"),
        ({"accessLogDays": 2}, "strata:compute.api.accessLogDays is 2, not supported"),
        ({"accessLogDays": False}, "strata:compute.api.accessLogDays is false, not supported"),
        ({"authorizer": {"issuer": "https://i.example"}}, "strata:compute.api.authorizer.audience is missing"),
        ({"authorizer": {"issuer": "http://i.example", "audience": ["a"]}}, "strata:compute.api.authorizer.issuer is"),
        (
            {"authorizer": {"issuer": "https://i.example", "audience": []}},
            "strata:compute.api.authorizer.audience is []",
        ),
        (
            {"authorizer": {"issuer": "https://i.example", "audience": "a"}},
            'strata:compute.api.authorizer.audience is "a"',
        ),
        ({"throttle": {}}, 'strata:compute.api.throttle is {}, but there is no such key; did you mean "throttling"?'),
    ],
)
def test_what_an_api_cannot_be_is_a_mistake(api: object, mistake: str) -> None:
    (line,) = mistakes(compute={"api": api})
    assert line.startswith(mistake)
