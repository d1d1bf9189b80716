"""A rehearsal derives from the record of IAM's decisions: calls by role, denials, and statements without a use."""

from pathlib import Path

from rehearsal.observe import iam_decisions
from rehearsal.observe.iam_decisions import EXCHANGE, Decision

DEPLOY = "arn:aws:iam::333333333333:role/strata-prod-deploy"
HOOK = "arn:aws:iam::333333333333:role/strata-prod-smoke-hook"
ISSUER = "arn:aws:iam::333333333333:oidc-provider/token.actions.githubusercontent.com"
ONE, OTHER = ("functions", "Functions"), ("functions", "Logs")


def decision(
    caller: str, action: str, count: int = 1, *by: tuple[str, str], allowed: bool = True, resource: str = "*"
) -> Decision:
    return Decision(caller, action, resource, allowed, by, "" if allowed else "because so", count)


def test_calls_are_counted_by_role_and_the_most_frequent_comes_first() -> None:
    made = [
        decision(DEPLOY, "lambda:GetAlias", 2),
        decision(DEPLOY, "lambda:GetFunction", 5),
        decision(DEPLOY, "lambda:GetAlias", 4, resource="x"),
        decision(HOOK, "lambda:InvokeFunction", 1),
    ]
    assert list(iam_decisions.calls(made)) == ["strata-prod-deploy", "strata-prod-smoke-hook"]
    assert list(iam_decisions.calls(made)["strata-prod-deploy"].items()) == [
        ("lambda:GetAlias", 6),
        ("lambda:GetFunction", 5),
    ]


def test_an_exchange_of_a_token_counts_for_the_role_that_it_opens() -> None:
    made = [decision(ISSUER, EXCHANGE, 3, resource=DEPLOY)]
    assert iam_decisions.calls(made) == {"strata-prod-deploy": {EXCHANGE: 3}}


def test_services_are_no_roles() -> None:
    assert iam_decisions.calls([decision("apigateway.amazonaws.com", "lambda:InvokeFunction", 9)]) == {}


def test_a_denied_call_is_not_counted_and_has_a_line_of_its_own() -> None:
    made = [decision(DEPLOY, "lambda:DeleteFunction", 2, allowed=False, resource="arn:f")]
    assert iam_decisions.calls(made) == {}
    assert iam_decisions.denied(made) == [
        "strata-prod-deploy was denied lambda:DeleteFunction on arn:f 2 times, because so"
    ]


def test_a_statement_is_idle_unless_some_call_was_allowed_by_it_alone() -> None:
    made = [
        decision(DEPLOY, "lambda:GetAlias", 1, ONE),
        decision(DEPLOY, "logs:FilterLogEvents", 1, ONE, OTHER),
        decision(DEPLOY, "logs:PutLogEvents", 1, allowed=False),
    ]
    assert iam_decisions.idle([ONE, OTHER], made) == [OTHER]
    assert iam_decisions.idle([ONE, OTHER], [*made, decision(DEPLOY, "logs:GetLogEvents", 1, OTHER)]) == []


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = (decision(DEPLOY, "lambda:GetAlias", 2, ONE), decision(HOOK, "a:B", 1, allowed=False))
    iam_decisions.write(made, tmp_path / "deep" / "decisions.json")
    assert iam_decisions.read(tmp_path / "deep" / "decisions.json") == made
