"""Secrets in the configuration: kept as such, refused in plain text, and never shown by a mistake."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import config
from infra.config import ConfigError, Secret, StackConfig
from infra.identity import config as identity

ACCOUNT = {"region": "eu-central-1", "allowedAccountIds": ["111111111111"]}
KEY = "Zm9yIHRlc3RzIG9ubHksIG5ldmVyIHVzZWQgZWxzZXdoZXJlISE+/_-="


def parse(secret: tuple[str, ...] = ("strata:secrets",), /, **sections: object) -> StackConfig:
    raw = {f"strata:{section}": json.dumps(value) for section, value in {"account": ACCOUNT, **sections}.items()}
    return config.parse(raw, "dev", secret=frozenset(secret))


def mistakes(secret: tuple[str, ...] = ("strata:secrets",), /, **sections: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(secret, **sections)
    return caught.value.mistakes


def test_a_key_that_was_set_as_a_secret_is_taken() -> None:
    assert parse(secrets={"receiptKey": KEY}).secrets.receipt_key == Secret(KEY)


def test_a_stack_needs_no_secret() -> None:
    assert parse(()).secrets.receipt_key is None
    assert parse((), secrets={}).secrets.receipt_key is None


SLACK = "https://hooks.slack.com/services/T012/B345/abcDEF678"
TEAMS = "https://prod-12.westeurope.logic.azure.com:443/workflows/1a/triggers/manual/paths/invoke?api-version=1&sig=x"


def test_the_webhooks_of_slack_and_teams_are_secrets() -> None:
    found = parse(secrets={"slackWebhook": SLACK, "teamsWebhook": TEAMS}).secrets
    assert found.webhooks == {"slack": Secret(SLACK), "teams": Secret(TEAMS)}
    assert parse(()).secrets.webhooks == {}


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("slackWebhook", TEAMS),
        ("slackWebhook", SLACK.replace("https", "http")),
        ("slackWebhook", SLACK.replace("hooks.slack.com", "hooks.slack.com.evil.example")),
        ("slackWebhook", f"{SLACK}/*"),
        ("teamsWebhook", SLACK),
        ("teamsWebhook", TEAMS.partition("?")[0]),
        ("teamsWebhook", f"{TEAMS}{'x' * 2048}"),
    ],
)
def test_an_address_that_is_no_webhook_of_that_chat_is_refused_and_not_shown(key: str, address: str) -> None:
    (line,) = mistakes(secrets={key: address})
    assert line.startswith(f'strata:secrets.{key} is "[secret]", no such address; give ')
    assert address not in line


def test_nothing_that_holds_a_secret_shows_it() -> None:
    stack = parse(secrets={"receiptKey": KEY})
    assert KEY not in f"{stack} {stack!r} {stack.secrets.receipt_key}"


def test_a_secret_in_plain_text_is_refused_with_the_remedy() -> None:
    (line,) = mistakes((), secrets={"receiptKey": KEY})
    assert line == (
        "strata:secrets.receiptKey is in plain text, so every reader of Pulumi.dev.yaml knows it; take a new value, "
        "and give it by `pulumi config set --secret --path strata:secrets.receiptKey`, which asks for it"
    )


@pytest.mark.parametrize(("key", "wrong"), [("k" * 31, "of 31 characters"), ("k" * 513, "of 513 characters")])
def test_a_key_is_neither_too_short_nor_too_long(key: str, wrong: str) -> None:
    (line,) = mistakes(secrets={"receiptKey": key})
    assert line.startswith(f'strata:secrets.receiptKey is "[secret]", {wrong}; give 32 to 512 letters, digits')


@pytest.mark.parametrize("key", ["k" * 32, "k" * 512])
def test_the_bounds_themselves_are_taken(key: str) -> None:
    assert parse(secrets={"receiptKey": key}).secrets.receipt_key == Secret(key)


def test_a_key_has_no_character_that_a_shell_or_a_url_would_change() -> None:
    (line,) = mistakes(secrets={"receiptKey": f"{KEY} {KEY}"})
    assert "with other characters in it" in line


SHAPES = st.sampled_from([{"recieptKey": KEY}, KEY, [KEY], {"receiptKey": [KEY]}, {"receiptKey": {KEY[:9]: KEY}}])


@given(shape=SHAPES | st.just(5), text=st.sampled_from(["", "{", "[", KEY]))
def test_no_mistake_shows_a_secret_whatever_is_wrong_with_it(shape: object, text: str) -> None:
    raw = {"strata:account": json.dumps(ACCOUNT), "strata:secrets": json.dumps(shape) + text}
    for secret in (frozenset[str](), frozenset({"strata:secrets"})):
        with pytest.raises(ConfigError) as caught:
            config.parse(raw, "dev", secret=secret)
        assert KEY[:20] not in str(caught.value)


def test_a_secret_where_nothing_reads_one_is_not_shown() -> None:
    (line,) = mistakes(("strata:secret",), secret={"receiptKey": KEY})
    assert line == 'strata:secret is "[secret]", but there is no such key; did you mean "secrets"?'
    raw = {"strata:account": json.dumps(ACCOUNT), "aws:secretKey": KEY}
    with pytest.raises(ConfigError) as caught:
        config.parse(raw, "dev", secret=frozenset({"aws:secretKey"}))
    assert caught.value.mistakes[0].startswith('aws:secretKey is "[secret]", without effect')


def test_a_secret_in_a_section_that_would_not_keep_it_is_refused() -> None:
    (line,) = mistakes(("strata:observability",), observability={"notify": [KEY]})
    assert line.startswith("strata:observability holds a value that was set with --secret")
    assert KEY not in line


def test_an_account_has_no_secret_either() -> None:
    with pytest.raises(ConfigError) as caught:
        identity.parse({"strata-bootstrap:identity": KEY}, "dev", secret=frozenset({"strata-bootstrap:identity"}))
    assert "strata-bootstrap:identity holds a value that was set with --secret" in str(caught.value)
    assert KEY not in str(caught.value)
