"""The state of a legacy layer gives its contract, or an error that names the layer, the state and the output."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from infra import legacy
from infra.config import LegacyState
from infra.legacy import LegacyError
from infra.naming import AwsLocation

STATE = LegacyState(bucket="acme-state", key="data/terraform.tfstate", region="eu-central-1", workspace="blue")
PLACE = AwsLocation("aws", "eu-central-1", "333333333333")
ARN = "arn:aws:dynamodb:eu-central-1:333333333333:table/orders-prod"
STREAM = f"{ARN}/stream/2026-01-31T12:00:00.000"
WHOLE = {"table_name": "orders-prod", "table_arn": ARN, "table_stream_arn": STREAM}


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], list[dict[str, Any]]]:
    """Return a function that gives the state outputs, or an error to raise, and returns the arguments of each read."""

    def holds(outputs: object) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def read(**arguments: object) -> SimpleNamespace:
            asked.append(arguments)
            if isinstance(outputs, str):
                raise Exception(  # as the SDK does
                    "invoke of terraform:state:getS3Reference failed: invocation of terraform:state:getS3Reference "
                    f"returned an error: {outputs}"
                )
            return SimpleNamespace(outputs=outputs)

        monkeypatch.setattr(legacy, "get_s3_reference", read)
        return asked

    return holds


def failure() -> str:
    with pytest.raises(LegacyError) as caught:
        legacy.data(STATE, PLACE)
    return str(caught.value)


async def value(output: pulumi.Output[str]) -> str | None:
    return await output.future()


def test_the_outputs_of_the_state_become_the_contract_of_the_layer(state: Callable[[object], Any]) -> None:
    state(WHOLE)

    async def contract() -> tuple[str | None, ...]:
        found = legacy.data(STATE, PLACE)
        return await value(found.table_name), await value(found.table_arn), await value(found.stream_arn)

    assert asyncio.run(contract()) == ("orders-prod", ARN, STREAM)


def test_the_state_is_read_from_the_configured_place(state: Callable[[object], Any]) -> None:
    asked = state("")
    failure()
    assert asked == [
        {
            "bucket": "acme-state",
            "key": "data/terraform.tfstate",
            "region": "eu-central-1",
            "workspace": "blue",
            "endpoint": None,
            "force_path_style": False,
        }
    ]


@pytest.mark.parametrize(
    "outputs",
    [
        "remote state not found",
        "Unsupported state file format: The state file uses format version 3",
        "AccessDenied: no",
        {},
        None,
        {"table_name": "orders-prod"},
        {**WHOLE, "table_arn": ["a"]},
        {**WHOLE, "table_name": ""},
        {**WHOLE, "table_arn": ARN.replace("333333333333", "222222222222")},
    ],
)
def test_every_error_names_the_layer_the_state_its_workspace_and_the_outputs(
    state: Callable[[object], Any], outputs: object
) -> None:
    state(outputs)
    said = failure()
    assert said.startswith(
        "layer data is legacy: it takes table_name, table_arn, table_stream_arn from the Terraform state "
        "s3://acme-state/data/terraform.tfstate (workspace blue, region eu-central-1), but "
    )
    assert "\n" not in said


def test_the_remedy_for_a_missing_state_is_its_place(state: Callable[[object], Any]) -> None:
    state("remote state not found")
    assert failure().endswith(
        "it cannot be read (remote state not found); correct bucket, key or workspace of strata:data.legacy"
    )


def test_the_remedy_for_a_state_of_another_version_is_terraforms_version(state: Callable[[object], Any]) -> None:
    state("the state file uses format version 3, which is not supported")
    assert failure().endswith("write it with a version of Terraform whose states Pulumi's terraform provider reads")


def test_the_remedy_for_a_state_that_may_not_be_read_is_credentials(state: Callable[[object], Any]) -> None:
    state("AccessDenied: user is not authorized")
    assert "give credentials that may read it" in failure()


def test_the_providers_own_words_are_kept_in_one_line_and_short(state: Callable[[object], Any]) -> None:
    state("AccessDenied\n\n" + "really " * 5000)
    assert "(AccessDenied really really" in failure()
    assert "really …)" in failure()
    assert len(failure()) < 600


def test_an_empty_state_is_one_without_outputs(state: Callable[[object], Any]) -> None:
    state({})
    assert "but it has no outputs: never applied, destroyed, or of a workspace that does not exist" in failure()


def test_a_missing_output_is_named(state: Callable[[object], Any]) -> None:
    state({"table_name": "orders-prod", "other": "x"})
    assert "but table_arn is missing, not a string; correct terraform-legacy/data/outputs.tf" in failure()


@pytest.mark.parametrize(
    ("value", "kind"), [(["a"], "a list"), (5.0, "a float"), ("", "an empty string"), (None, "missing")]
)
def test_an_output_that_is_no_text_is_reported_with_what_it_is(
    state: Callable[[object], Any], value: object, kind: str
) -> None:
    state({**WHOLE, "table_name": value})
    assert f"but table_name is {kind}, not a string" in failure()


@pytest.mark.parametrize(
    "arn",
    [
        ARN.replace("333333333333", "222222222222"),
        ARN.replace("eu-central-1", "us-east-1"),
        ARN.replace("orders-prod", "orders-staging"),
        "orders-prod",
    ],
)
def test_the_table_of_another_stack_is_not_taken(state: Callable[[object], Any], arn: str) -> None:
    state({**WHOLE, "table_arn": arn})
    assert f"table_arn is {arn!r}, but a table of that name in this stack's account and region is {ARN!r}" in failure()


def test_a_state_from_before_the_stream_is_refused_with_the_remedy(state: Callable[[object], Any]) -> None:
    state({"table_name": "orders-prod", "table_arn": ARN})
    assert "but table_stream_arn is missing, not a string; correct terraform-legacy/data/outputs.tf" in failure()


@pytest.mark.parametrize("arn", [ARN, STREAM.replace("orders-prod", "orders-staging"), "stream"])
def test_a_stream_of_another_table_is_not_taken(state: Callable[[object], Any], arn: str) -> None:
    state({**WHOLE, "table_stream_arn": arn})
    assert f"table_stream_arn is {arn!r}, but a stream of that table is '{ARN}/stream/LABEL'; correct" in failure()


def test_pulumi_shows_the_error_without_a_traceback() -> None:
    assert issubclass(LegacyError, pulumi.RunError)
