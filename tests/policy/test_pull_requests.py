"""`make policy`, as a pull request runs it with the real CLI, on the stacks as they are and with typical mistakes."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import yaml  # type: ignore[import-untyped]

from infra.services import NODE, PYTHON, scaffold
from rehearsal.environment.workspace import Edit, git, scrubbed
from rehearsal.policy_preview import Review, Reviews, reviews

STACKS = ["dev", "prod", "staging"]


@dataclass(frozen=True)
class Desk:
    """The place where pull requests are reviewed, and the commit that each starts from."""

    reviews: Reviews
    base: str

    def reset(self) -> None:
        git(self.reviews.scratch.project, "reset", "--quiet", "--hard", self.base)


@pytest.fixture(scope="module")
def prepared() -> Iterator[Desk]:
    """Preview every stack once, as the project is."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(scrubbed(before))
    try:
        if shutil.which("pulumi") is None:
            pytest.fail("there is no `pulumi` on PATH; run `make test`, which finds or builds one", pytrace=False)
        with reviews() as running:
            assert running.stacks() == STACKS
            failed = [review for review in map(running.review, STACKS) if not review.passed]
            assert failed == [], "\n".join(review.summary() for review in failed)
            yield Desk(running, git(running.scratch.project, "rev-parse", "HEAD"))
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def desk(prepared: Desk) -> Iterator[Desk]:
    """Provide the project as it is, for one pull request."""
    yield prepared
    prepared.reset()


PAST_THE_ALIAS = Edit(
    title="Save a hop",
    file="infra/layers/http.py",
    before="integration_uri=function.invoke_arn,",
    after="integration_uri=function.arn,",
)
FEWER_EVENTS = Edit(
    title="Roll back on failures",
    file="infra/codedeploy.py",
    before='("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")',
    after='("DEPLOYMENT_FAILURE",)',
)
ANY_ACTION = Edit(
    title="Unblock the table",
    file="infra/permissions/execution.py",
    before='("dynamodb:GetItem",)',
    after='("*",)',
)
NO_RECOVERY = Edit(
    title="Save the price of recovery",
    file="infra/layers/data.py",
    before="TablePointInTimeRecoveryArgs(enabled=True)",
    after="TablePointInTimeRecoveryArgs(enabled=False)",
)
KEPT_FOR_EVER = Edit(
    title="Keep all logs",
    file="infra/layers/observability.py",
    before="                retention_in_days=config.log_retention_days,\n",
    after="",
)


@pytest.mark.faults
def test_a_new_service_passes_in_production_with_no_edit_outside_its_folder(desk: Desk) -> None:
    project = desk.reviews.scratch.project
    for name, runtime in (("hello", PYTHON), ("goodbye", NODE)):
        scaffold.write(project, name, runtime)
    triggers = "queue: {}\nstream: {filter: {eventName: [INSERT]}}\nevents: {source: [shop]}\nschedule: rate(1 day)\n"
    declaration = project / "app/hello/service.yaml"
    declaration.write_text(declaration.read_text() + triggers)
    desk.reviews.scratch.commit("Write two services")
    review = desk.reviews.review("prod")
    assert review.passed, review.text
    assert "delivery-hello" in review.text
    assert review.count("advisory") == 0, review.policies


BLOCKED = [
    (PAST_THE_ALIAS, 1, "lambda-alias-only", "http-orders-integration must reach the function through its alias: "),
    (FEWER_EVENTS, 2, "codedeploy-rollback", "delivery-orders must roll back by itself: "),
    (ANY_ACTION, 1, "iam-actions", "compute-orders-calls must name the actions that it allows: "),
    (KEPT_FOR_EVER, 2, "cloudwatch-retention", "observability-orders-logs must delete its logs after a time: "),
]
"""A mistake, how many resources it makes wrong, the rule, and how the message begins: golden/rules.txt has the rest."""
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
EXPIRED = f"""
[[prod.exceptions]]
resource = "compute-orders"
rule = "iam-boundary"
reason = "never mended"
expires = {YESTERDAY}
"""


@pytest.fixture(scope="module")
def mistaken(prepared: Desk) -> Review:
    """The review of one pull request with all of these mistakes, and with an exception that has expired."""
    for edit, *_ in BLOCKED:
        prepared.reviews.scratch.apply(edit)
    file = prepared.reviews.scratch.project / "policy/stacks.toml"
    file.write_text(file.read_text() + EXPIRED)
    review = prepared.reviews.review("prod")
    prepared.reset()
    assert review.code == 1, review.text
    return review


@pytest.mark.parametrize(
    ("wrong", "rule", "message"), [each[1:] for each in BLOCKED], ids=[each[2] for each in BLOCKED]
)
def test_a_typical_mistake_blocks_a_pull_request(mistaken: Review, wrong: int, rule: str, message: str) -> None:
    assert mistaken.policies.count(f"[mandatory]  {rule}  ") == wrong
    assert message in mistaken.policies


def test_what_blocks_is_counted(mistaken: Review) -> None:
    of_the_exception = 2  # it has expired, and there is nothing that it excuses
    wrong = sum(number for _, number, *_ in BLOCKED) + of_the_exception
    assert mistaken.summary().startswith(f"prod: blocked by {wrong}\n")


def test_an_expired_exception_blocks_and_excuses_nothing(mistaken: Review) -> None:
    assert "[mandatory]  pack-exceptions" in mistaken.policies
    said = "the exception of compute-orders from iam-boundary must not be older than its last day: expires is"
    assert f"{said} {YESTERDAY}" in mistaken.policies


def test_a_table_without_recovery_blocks_a_pull_request(desk: Desk) -> None:
    own_the_table(desk)
    desk.reviews.scratch.apply(NO_RECOVERY)
    review = desk.reviews.review("prod")
    assert review.code == 1, review.text
    assert "[mandatory]  dynamodb-recovery  " in review.policies
    assert "data-orders must be recoverable to any second of the last 35 days: " in review.policies


def own_the_table(desk: Desk) -> None:
    """Move the data layer from Terraform to Pulumi, as part of the same pull request."""
    file = desk.reviews.scratch.project / "Pulumi.prod.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"]["strata:data"] = {"source": "managed"}
    file.write_text(yaml.safe_dump(content))
    desk.reviews.scratch.commit("Own the table")


def test_the_same_mistake_is_only_reported_in_dev(desk: Desk) -> None:
    desk.reviews.scratch.apply(FEWER_EVENTS)
    review = desk.reviews.review("dev")
    assert review.passed, review.text
    assert "[advisory]  codedeploy-rollback  " in review.summary()


@pytest.mark.faults
def test_a_stack_whose_secret_cannot_be_opened_here_is_judged_with_a_stand_in(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    project = desk.reviews.scratch.project
    content = yaml.safe_load((project / "Pulumi.dev.yaml").read_text())
    content["config"]["strata:secrets"] = {"receiptKey": {"secure": "v1:bm90aGluZw==:bm90aGluZw=="}}
    locked = {"secretsprovider": "awskms://alias/nowhere?region=eu-central-1", "encryptedkey": "AQIDAHi"}
    (project / "Pulumi.fresh.yaml").write_text(yaml.safe_dump({**locked, **content}))
    (project / "policy/levels/fresh.json").write_text('{ "all": "advisory", "pack-exceptions": "mandatory" }')
    desk.reviews.scratch.commit("A stack with a secret")
    assert "fresh" in desk.reviews.stacks()
    review = desk.reviews.review("fresh")
    assert review.passed, review.text
    assert "fresh: a stand-in replaces strata:secrets.receiptKey" in capfd.readouterr().err
