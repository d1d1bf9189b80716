"""The stand-in terraform plugin reading states from the local cloud's S3, and from files."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from local.tests.cloud.conftest import REGION, Cloud
from local.tests.cloud.providers.conftest import Engine

KEY = "prod/data.tfstate"
STATE = {
    "version": 4,
    "terraform_version": "1.5.7",
    "serial": 1,
    "lineage": "l",
    "outputs": {
        "table_name": {"value": "orders", "type": "string"},
        "secret": {"value": "s", "type": "string", "sensitive": True},
        "limits": {"value": {"rows": [1, 2.5]}, "type": ["object", {}]},
    },
    "resources": [],
}


@pytest.fixture
def bucket(account: str) -> str:
    """A unique bucket name: all accounts share the names."""
    return f"strata-state-{account}"


@pytest.fixture
def read(attached: str, cloud: Cloud, account: str, bucket: str) -> Iterator[Callable[..., dict[str, Any]]]:
    """`getS3Reference` in a fresh account."""
    engine = Engine(attached, "terraform")
    where = {"bucket": bucket, "key": KEY, "region": REGION, "endpoint": cloud.endpoint, "forcePathStyle": True}

    def call(**changed: Any) -> dict[str, Any]:
        arguments = {**where, "accessKey": account, "secretKey": "local", **changed}
        answer = engine.invoke("terraform:state:getS3Reference", **arguments)
        return dict(answer["outputs"])

    yield call
    engine.close()


@pytest.fixture
def put(client: Callable[[str], Any], bucket: str) -> Callable[[str, str], None]:
    """Puts a state into the bucket of the fresh account."""
    s3 = client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return lambda key, text: s3.put_object(Bucket=bucket, Key=key, Body=text.encode())


def refused(call: Callable[[], object]) -> str:
    """Return the user's error message when `call` is refused."""
    with pytest.raises(grpc.RpcError) as failed:
        call()
    return str(failed.value.details())


def test_the_root_outputs_of_a_state_are_read_sensitive_ones_too(read: Any, put: Any) -> None:
    put(KEY, json.dumps(STATE))
    assert read() == {"table_name": "orders", "secret": "s", "limits": {"rows": [1, 2.5]}}


def test_a_workspace_has_a_state_of_its_own(read: Any, put: Any) -> None:
    put(f"env:/staging/{KEY}", json.dumps(STATE))
    put(f"spaces/other/{KEY}", json.dumps({**STATE, "outputs": {}}))
    assert read(workspace="staging")["table_name"] == "orders"
    assert read(workspace="other", workspaceKeyPrefix="spaces") == {}
    assert refused(read) == "remote state not found"


def test_a_workspace_that_is_not_there_is_found_empty_as_terraform_makes_it(read: Any, put: Any) -> None:
    put(KEY, json.dumps(STATE))
    assert read(workspace="nowhere") == {}


def test_a_state_that_is_missing_or_empty_is_not_found(read: Any, put: Any) -> None:
    assert refused(read) == "remote state not found"
    put(KEY, "")
    assert refused(read) == "remote state not found"


def test_a_bucket_that_is_missing_is_named(read: Any, bucket: str) -> None:
    assert f"S3 bucket {bucket!r} does not exist" in refused(read)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "could not be parsed as JSON"),
        ("{}", 'does not have a "version" attribute'),
        (json.dumps({**STATE, "version": 5}), "uses format version 5, which is not supported by Terraform 1.5.7"),
        (json.dumps({**STATE, "version": 3}), "reads version 4 only"),
    ],
)
def test_a_state_of_another_format_is_refused(read: Any, put: Any, text: str, reason: str) -> None:
    put(KEY, text)
    message = refused(read)
    assert message.startswith("error refreshing Terraform state: Unsupported state file format: ")
    assert reason in message


def test_what_the_backend_needs_is_asked_for(read: Any) -> None:
    assert 'The "bucket" attribute value must not be empty' in refused(lambda: read(bucket=""))
    assert "no argument 'roleArn'" in refused(lambda: read(roleArn="arn"))


def test_an_endpoint_off_loopback_is_refused(read: Any) -> None:
    message = refused(lambda: read(endpoint="https://s3.eu-central-1.amazonaws.com"))
    assert "the state's endpoint is 'https://s3.eu-central-1.amazonaws.com'" in message
    assert "loopback" in message


def test_a_local_state_is_read_from_its_file(attached: str, tmp_path: Path) -> None:
    engine = Engine(attached, "terraform")
    state = tmp_path / "terraform.tfstate"
    token = "terraform:state:getLocalReference"
    assert refused(lambda: engine.invoke(token, path=str(state))) == "remote state not found"
    state.write_text(json.dumps(STATE))
    assert engine.invoke(token, path=str(state))["outputs"]["table_name"] == "orders"
    engine.close()
