"""A stack's roles read Terraform's states and change none, with policies enforced by the local cloud."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.permissions.state import legacy_state
from local.tests.cloud.enforced import Account, cloud, own
from tests.unit.grants_kit import PLACE

__all__ = ["cloud", "own"]  # fixtures

BUCKET = "acme-terraform-state"
LAYERS = ("compute", "observability", "delivery")
STATES = [(BUCKET, f"{layer}/terraform.tfstate") for layer in LAYERS]


@pytest.fixture
def s3(own: Account) -> Any:
    """A role's client, where the bucket has a state for each layer and a lock."""
    admin = own.admin("s3")
    admin.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": PLACE.region})
    for layer in (*LAYERS, "identity"):
        admin.put_object(Bucket=BUCKET, Key=f"{layer}/terraform.tfstate", Body=layer.encode())
    admin.put_object(Bucket=BUCKET, Key="compute/terraform.tfstate.tflock", Body=b"{}")
    grant = legacy_state(PLACE, *STATES, kind="LegacyFunctions")
    return own.session(*(each.as_json() for each in grant.only_reads()))("s3")


def denied(call: Any, **given: Any) -> bool:
    with pytest.raises(ClientError) as refused:
        call(Bucket=BUCKET, **given)
    return str(refused.value.response["Error"]["Code"]) == "AccessDenied"


def test_each_state_of_the_layers_is_read_and_nothing_beside_them(s3: Any) -> None:
    for bucket, key in STATES:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.partition("/")[0].encode()
        assert denied(s3.put_object, Key=key, Body=b"")
        assert denied(s3.delete_object, Key=key)
    for key in ("identity/terraform.tfstate", "compute/terraform.tfstate.tflock"):
        assert denied(s3.get_object, Key=key)
    assert denied(s3.list_objects_v2)
